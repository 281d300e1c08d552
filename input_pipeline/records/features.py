"""The clip record as TFDS stores it; clip_record.py describes its fields."""

import tensorflow as tf
import tensorflow_datasets as tfds


def record_features(actions: int) -> tfds.features.FeaturesDict:
    """The fields of a record with `actions` action classes, the background included."""
    number, text = tf.int64, tf.string
    return tfds.features.FeaturesDict(
        {
            "video": tfds.features.Tensor(shape=(), dtype=text),
            "first_frame": tfds.features.Tensor(shape=(), dtype=number),
            "frames": tfds.features.Tensor(shape=(None,), dtype=text),
            "flow": tfds.features.Tensor(shape=(None,), dtype=text),
            "label_position": tfds.features.Tensor(shape=(None,), dtype=number),
            "label_frame": tfds.features.Tensor(shape=(None,), dtype=number),
            "label_size": tfds.features.Tensor(shape=(2,), dtype=number),
            "regions": tfds.features.Tensor(shape=(None,), dtype=text),
            "region_count": tfds.features.Tensor(shape=(None,), dtype=number),
            "region_actor": tfds.features.Tensor(shape=(None,), dtype=number),
            "region_actions": tfds.features.Tensor(shape=(None, actions), dtype=tf.bool),
            "region_ignore": tfds.features.Tensor(shape=(None,), dtype=tf.bool),
        }
    )
