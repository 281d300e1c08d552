"""The linear probe finds what an endpoint knows, and nothing in noise."""

import numpy as np

from ssa2d_jax.data.batch import Source
from tools import probe_endpoints

SIZE = (32, 48)


def _batches(split):
    """Clips with a block of foreground each, two labelled frames in each, the second of them padding in some."""
    assert split == "train"
    random = np.random.default_rng(0)
    for clip in range(12):
        actor = np.zeros((1, 2, *SIZE), np.uint8)
        top, left = random.integers(0, 3) * 8, random.integers(0, 4) * 8
        actor[0, :, top : top + 16, left : left + 16] = 3
        actor[0, :, :4, :4] = 255
        yield {
            "video": np.repeat(actor[:, :1, ..., None], 3, axis=-1).repeat(8, axis=1),
            "label_time": np.array([[1, 6]], np.int32),
            "label_valid": np.array([[True, clip % 2 == 0]]),
            "label_size": np.array([SIZE], np.int32),
            "actor": actor,
            "clip_id": [f"clip{clip}:1,6"],
        }


def _encoder(weights):
    """Endpoints: the foreground itself among noise, at a quarter of the cells' size and later; and noise alone."""
    random = np.random.default_rng(1)

    def encode(video):
        foreground = (video[:, ::4, ::8, ::8, :1] == 3).astype(np.float32)
        noise = lambda channels: random.standard_normal((*foreground.shape[:4], channels), np.float32)
        return {
            "Mixed_3c": noise(5),
            "Mixed_4f": np.concatenate([noise(3), 2 * foreground - 0.3], -1),
            "Mixed_5c": noise(4)[:, :, ::2, ::2],
        }

    return encode


def test_it_finds_the_endpoint_that_knows_where_the_foreground_is(monkeypatch):
    monkeypatch.setattr(probe_endpoints, "make_encoder", _encoder)
    source = Source(
        train_clips=12, label_frames={"train": 18}, left_out={"train": 0}, identity="blocks",
        train_batches=lambda step: iter(()), eval_batches=_batches,
    )  # fmt: skip
    scores = probe_endpoints.probe(source, "none", SIZE)
    assert list(scores) == ["Mixed_3c", "Mixed_4f", "Mixed_5c", "Mixed_3c and Mixed_4f"]
    assert scores["Mixed_4f"] > 0.95 and scores["Mixed_3c and Mixed_4f"] > 0.9
    assert scores["Mixed_3c"] < 0.4 and scores["Mixed_5c"] < 0.4


def test_a_videos_frames_are_never_on_both_sides(monkeypatch):
    truth, videos = np.zeros((6, 4), np.float32), ["b", "a", "b", "c", "a", "c"]
    monkeypatch.setattr(probe_endpoints, "_read", lambda *_: ({"Mixed_3c": truth, "Mixed_4f": truth}, truth, videos))
    monkeypatch.setattr(probe_endpoints, "make_encoder", lambda weights: None)
    folds = []
    monkeypatch.setattr(probe_endpoints, "_score", lambda x, truth, fold: folds.append(fold) or 0.0)
    probe_endpoints.probe(None, "none", SIZE)
    assert all(list(fold) == [1, 0, 1, 2, 0, 2] for fold in folds) and folds
