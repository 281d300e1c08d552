"""From a config to the options of the shards."""

import json

from configs import default
from input_pipeline.records.options import RegionOptions, VidorOptions
from input_pipeline.source import open_batches, record_options
from ssa2d_jax.data.label_space import A2D
from tests.fixtures import a2d_release


def test_every_option_of_the_shards_is_read_from_the_config():
    data = default.get_config().data
    assert record_options(RegionOptions, data).shards_name("1") == "t16x1_span13_h0_q95_1"
    data.flow, data.spatial = "dis", True
    assert record_options(VidorOptions, data).shards_name("1") == "t16_l4_c8_h0_q95_dis224_spatial_1"
    data.flow_height = 64
    assert record_options(RegionOptions, data).shards_name("1") == "t16x1_span13_h0_q95_dis64_1"


def test_the_shards_say_which_pairs_the_training_clips_show(tmp_path):
    root = tmp_path / "Release"
    for name in ("train", "test"):
        a2d_release.write_video(root, name)
    a2d_release.write_videoset(root, {"train": 0, "test": 1})
    config = default.get_config()
    config.data.root, config.data.shards_dir, config.data.processes = str(root), str(tmp_path / "shards"), 1
    source = open_batches(config)
    expected = tuple(sorted(divmod(code, 10) for code in a2d_release.CODES if divmod(code, 10) in A2D.pairs))
    assert source.space.learned == expected and source.space.has_classes_of(A2D)
    metadata = next((tmp_path / "shards").rglob("metadata.json"))
    values = json.loads(metadata.read_text())
    values.pop("pairs")  # as in shards of earlier versions
    metadata.write_text(json.dumps(values))
    assert open_batches(config).space is A2D
