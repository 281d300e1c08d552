"""VidOR from its raw files to a score and to labels."""

import json

import numpy as np

from ssa2d_jax.evaluation.metrics import SCORES
from tests.fixtures.main_process import run


def test_vidor_from_raw_json_and_mp4_to_a_score_and_labels(tmp_path, run_here):
    flags = (
        "--config=configs/vidor.py:sprites",
        f"--workdir={tmp_path / 'run'}",
        f"--config.data.root={tmp_path / 'Release'}",
        f"--config.data.shards_dir={tmp_path / 'prepared'}",
        "--config.data.sprites.train_clips=10",
        "--config.data.sprites.test_clips=3",
        "--config.data.sprites.frames=16",
        "--config.data.sprites.size=(48, 64)",
        "--config.data.size=(32, 32)",
        "--config.data.clip_frames=4",
        "--config.data.label_span=4",
        "--config.data.clips_per_video=2",
        "--config.predict.overlap=2",
        "--config.model.encoder=pooled",
        "--config.model.encoder_width=0.0625",
        "--config.model.decoder_width=0.0625",
        "--config.train.batch_size=4",
        "--config.train.lr_phases=((0.7, 1e-3, 1e-3),)",
        "--config.train.image_clips=1",
        "--config.eval.batch_size=4",
    )
    code, _, said = run(*flags)
    assert code == 0, said
    result = json.loads((tmp_path / "run/metrics/test.json").read_text())
    assert result["frames"] == 3 * 2 * 2  # videos, clips, labels
    for part in (result, result["frequent"], result["background_baseline"]):
        assert all(0 <= part[kind][score] <= 100 for kind in ("actor", "action", "joint") for score in SCORES)
    assert 0 <= result["mean_average_precision"]["action"] <= 100
    assert "its most frequent classes" in said and "VidOR test" not in said
    (video,) = list(tmp_path.glob("Release/video/0000/*0.mp4"))[:1]
    out = tmp_path / "out"
    code, _, said = run_here(*flags, "--mode=predict", f"--input={video}", f"--output={out}")
    assert code == 0, said
    with np.load(out / "labels.npz") as labels:
        assert {name: labels[name].shape for name in labels} == {
            "actor": (16, 48, 64), "action": (16, 48, 64), "actions": (16, 48, 64, 6),
        }  # fmt: skip
        chosen = np.unpackbits(labels["actions"], axis=-1, count=42).any(-1)
        np.testing.assert_array_equal(labels["action"] > 0, chosen)
    assert (out / "overlay.mp4").stat().st_size > 0
    # Another number of actions is another network.
    code, _, said = run_here(*flags, "--mode=eval", "--config.data.spatial=True")
    assert code == 2 and "data.spatial" in said
