"""Does a trained run read motion? Scores it on test clips as they are, and frozen at the frame that is scored.

python tools/motion_control.py --config=configs/sprites.py --workdir=runs/demo

Both rows count only the middle labelled frame of every clip. A frozen clip shows that frame at all times, which
training never did, so what the second row lacks is motion and the habit of it, not motion alone.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax  # noqa: E402
import numpy as np  # noqa: E402
from absl import app  # noqa: E402

import main as command  # noqa: E402
from ssa2d_jax import metrics, parallel, restore  # noqa: E402
from ssa2d_jax.label_space import A2D  # noqa: E402


def main(_: list[str]) -> None:
    config, workdir = command._config(), Path(command._WORKDIR.value)
    run = restore.load_run(workdir, config)
    restore.check_space(workdir, run.space, A2D)
    source = command._source(config)
    eval_step, variables = parallel.pmap_eval_step(run.model, A2D), parallel.replicate(run.variables)
    for name, change in (("as they are", _middle), ("frozen", _frozen)):
        counts = metrics.Confusions.empty(A2D)
        for batch in source.eval_batches("test"):
            counts.add(jax.device_get(eval_step(variables, parallel.shard(change(batch)))[0]))
        result = counts.report(run.step)
        scores = ", ".join(f"{kind} {result[kind]['miou']:.1f}" for kind in metrics.KINDS)
        print(f"{name} ({result['frames']} frames): mIoU {scores}")


def _middle(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of several labels a clip, the middle one alone."""
    number = batch["label_valid"].sum(1, keepdims=True) // 2
    return batch | {"label_valid": batch["label_valid"] & (np.arange(batch["label_valid"].shape[1]) == number)}


def _frozen(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    batch = _middle(batch)
    clips, video = np.arange(len(batch["video"])), batch["video"]
    shown = video[clips, batch["label_time"][clips, batch["label_valid"].argmax(1)]]
    return batch | {"video": np.repeat(shown[:, None], video.shape[1], axis=1)}


if __name__ == "__main__":
    app.run(main, flags_parser=command._parse)
