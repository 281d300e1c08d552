import json

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.evaluation import metrics
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.steps.eval_step import ConfusionCounts

# truth 0: 6 right, 2 as class 1; truth 1: 1 as 0, 3 right; class 2 absent from the truth, predicted once.
MATRIX = np.array([[5, 2, 1, 0], [1, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_scores_by_hand():
    result = metrics.scores(MATRIX)
    assert result["glo"] == pytest.approx(100 * 8 / 12)
    assert result["ave"] == pytest.approx(100 * (5 / 8 + 3 / 4) / 2)
    # Class 2 was predicted, so it is in the mean with IoU 0; class 3 is nowhere and is left out.
    assert result["miou"] == pytest.approx(100 * (5 / 9 + 3 / 6 + 0) / 3)


def test_a_perfect_answer_scores_100_and_nothing_scores_0():
    assert metrics.scores(np.diag([3, 0, 2])) == {"glo": 100.0, "ave": 100.0, "miou": 100.0}
    assert metrics.scores(np.zeros((3, 3), int)) == {"glo": 0.0, "ave": 0.0, "miou": 0.0}


def test_background_baseline_by_hand():
    result = metrics.scores(metrics.all_background(MATRIX))
    assert result["glo"] == pytest.approx(100 * 8 / 12)
    assert result["ave"] == pytest.approx(100 * (1 + 0) / 2)
    assert result["miou"] == pytest.approx(100 * (8 / 12) / 2)


def test_counts_pass_two_to_the_31():
    counts = {kind: np.zeros((n, n), np.int32) for kind, n in (("actor", 8), ("action", 10), ("joint", 44))}
    counts["actor"][1, 1] = 2**31 - 1
    total = metrics.ConfusionTotals.empty(A2D)
    for _ in range(3):
        total.add(ConfusionCounts(**counts, frames=np.int32(2)))
    assert total.matrices["actor"][1, 1] == 3 * (2**31 - 1)
    assert total.frames == 6


def test_report_files(tmp_path):
    confusions = metrics.ConfusionTotals.empty(A2D)
    confusions.matrices["actor"][:2, :2] = [[6, 2], [1, 3]]
    confusions.frames = 1
    result = confusions.to_result(step=12)
    metrics.write_scores(Workdir(tmp_path), "test", result, confusions.per_class(), A2D)
    saved = json.loads((tmp_path / "metrics/test.json").read_text())
    assert saved == result and saved["step"] == 12 and saved["frames"] == 1
    assert saved["background_baseline"]["actor"]["miou"] == pytest.approx(100 * (8 / 12) / 2)
    lines = (tmp_path / "metrics/test_per_class.csv").read_text().splitlines()
    assert lines[0] == "kind,class,accuracy,iou,truth_pixels"
    assert "actor,background,75.00,66.67,8" in lines and "actor,dog,,,0" in lines
    assert len(lines) == 1 + 8 + 10 + 44


def test_table_puts_the_published_rows_beside_ours():
    result = metrics.ConfusionTotals.empty(A2D).to_result(step=0)
    assert "SSA2D (RGB), A2D test" not in metrics.table(result, published=False)
    text = metrics.table(result, published=True)
    assert "96.1/79.4/66.8" in text and "all background" in text
