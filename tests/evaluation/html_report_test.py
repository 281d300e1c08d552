"""The page of runs: its content comes from their files, and it fetches nothing."""

import html
import json
import re

import cv2
import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, VIDOR
from ssa2d_jax.evaluation import html_report, metrics, scored_run
from ssa2d_jax.evaluation.metrics import ConfusionTotals, write_scores
from ssa2d_jax.evaluation.multilabel_metrics import MultilabelTotals
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.steps.eval_step import ConfusionCounts
from ssa2d_jax.steps.multilabel_counts import PixelCounts, SetCounts
from ssa2d_jax.utils.errors import InputError


def make_run(workdir, space=A2D, seed=0, published=True, layout=None):
    """A workdir with random scores, a picture and a time."""
    rng = np.random.default_rng(seed)
    if space.multilabel:
        counts = MultilabelTotals.empty(space)
        overlap = rng.integers(0, 9, (44, 87))
        sets = []
        for rows in (1, 81):  # actions, joint; no more hits than there are pixels
            _, truth, prediction = rng.integers(1, 9, (3, rows, 43))
            sets.append(SetCounts(np.ones_like(truth), truth, prediction, overlap, overlap))
        actor, precision = rng.integers(1, 9, (81, 81)), rng.integers(1, 9, (2, 42, 4))
        counts.add(PixelCounts(actor, *sets, precision, np.array(3)))
    else:
        counts = ConfusionTotals.empty(space)
        matrices = {kind: rng.integers(1, 99, matrix.shape) for kind, matrix in counts.matrices.items()}
        counts.add(ConfusionCounts(**matrices, frames=np.array(3)))
    (workdir / "pictures").mkdir(parents=True)
    cv2.imwrite(str(workdir / "pictures/test_clip_0.png"), np.zeros((4, 16, 3), np.uint8))
    result = counts.to_result(step=5)
    write_scores(Workdir(workdir), "test", result, counts.per_class(), space)
    layout = layout or ("vidor" if space.multilabel else "a2d")
    config = {"data": {"layout": layout}, "model": {}, "train": {}, "eval": {"published": published}}
    (workdir / "config.json").write_text(json.dumps(config))
    (workdir / "speed.json").write_text(json.dumps({"milliseconds_a_frame": 7.5}))
    return result


def test_the_page_gathers_all_runs(tmp_path):
    results = {name: make_run(tmp_path / name, space, seed)
               for seed, (name, space) in enumerate({"rgb": A2D, "a<b": A2D, "many": VIDOR}.items())}  # fmt: skip
    (tmp_path / "ablation.md").write_text("mIoU.\n\n|  | actor |\n| --- | --- |\n| no atrous | 62.0 (-5.5) |\n")
    text = html_report.write_report(tmp_path, "test").read_text()
    for name, result in results.items():
        row = re.search(rf"<td>{name.replace('<', '&lt;')}</td>(.*?)</tr>", text).group(1)
        found = [float(value) for value in re.findall(r"<td>([\d.]+)</td>", row)]
        assert found == [round(value, 1) for three in metrics.paper_row(result) for value in three], name
    assert "<td>SSA2D (RGB), A2D test, published</td><td>96.1</td>" in text
    assert "<td>SSA2D, VidOR test, published</td><td>72.2</td>" in text
    assert "<td>no atrous</td><td>62.0 (-5.5)</td>" in text
    assert text.count("data:image/svg+xml") == 3 + 3 + 1  # class by class for A2D and for VidOR, time and score
    assert text.count("data:image/png") == 3
    # Nothing is fetched: no address but those of data and of the page's own sections, and no script.
    assert not re.findall(r"(?:src|href)=['\"](?!data:|#)", text) and "<script" not in text
    links = re.findall(r"<a href='#(\w+)'>(.*?)</a>", text)
    assert links == re.findall(r"<h2 id=(\w+)>(.*?)</h2>", text) and len(links) == 2 + 2 + 1 + 1 + 3


def test_curves_of_training_are_drawn_where_there_are_any(tmp_path, monkeypatch):
    for name in ("one", "two"):
        make_run(tmp_path / name)
    folder = tmp_path / "one" / "metrics"
    (folder / "training.csv").write_text("step,loss\n50,7.5\n100,3.25\n")
    (folder / "scores.csv").write_text("update,split,joint_miou\n50,test,1.5\n50,train,9\n100,test,4\n")
    (tmp_path / "two/metrics/scores.csv").write_text("update,split,joint_miou\n100,test,4\n")  # once is no curve
    cv2.imwrite(str(tmp_path / "two/pictures/test_worst_0.png"), np.zeros((4, 16, 3), np.uint8))
    drawn = {}
    curves = html_report.charts.curves
    monkeypatch.setattr(
        html_report.charts, "curves", lambda runs, label: drawn.update({label: runs}) or curves(runs, label)
    )
    text = html_report.write_report(tmp_path, "test").read_text()
    assert drawn == {
        "loss": {"one": ([50.0, 100.0], [7.5, 3.25])},
        "joint mIoU, percent": {"one": ([50.0, 100.0], [1.5, 4.0])},
    }
    assert text.count("data:image/svg+xml") == 3 + 2 + 1 and "Training loss." in text
    captions = re.findall(r"<figcaption>([^<]*)</figcaption></figure>", text)[-3:]
    assert captions == ["First clips of the split: 1 of 1"] * 2 + ["Clips with the worst labels: 1 of 1"]
    assert text.count("data:image/png") == 3 and text.count("<h3>Clips with the worst labels</h3>") == 1


def _predicted(joint, flicker, left_out=(), step=5):
    """What tools/real.py writes into a run's folder."""
    miou = {"actor": {"miou": 40.0}, "action": {"miou": 42.0}, "joint": {"miou": joint}}
    boundary = {"actor": 13.0, "action": 21.0, "joint": 15.0}
    return json.dumps(
        miou | {"step": step, "boundary": boundary, "flicker": flicker, "frames": 117, "left_out": list(left_out)}
    )


def test_scores_of_whole_videos_are_shown_with_their_mean(tmp_path, capsys):
    for name in ("seed_1", "seed_2", "other", "old"):
        make_run(tmp_path / name)
    (tmp_path / "seed_1/predicted_scores.json").write_text(_predicted(30.0, 0.25))
    (tmp_path / "seed_2/predicted_scores.json").write_text(_predicted(34.0, 0.35, ["x.mp4: it is broken"]))
    (tmp_path / "other/predicted_scores.json").write_text(_predicted(50.0, 0.5))
    (tmp_path / "old/predicted_scores.json").write_text(_predicted(50.0, 0.5, step=4))
    text = html_report.write_report(tmp_path, "test").read_text()
    rows = re.findall(r"<tr[^>]*><td>([^<]*)</td>((?:<td>[^<]*</td>){7})</tr>", text)
    cells = {name: re.findall(r"<td>([^<]*)</td>", values) for name, values in rows}
    assert cells == {
        "seed_1": ["40.0", "42.0", "30.0", "13.0", "21.0", "15.0", "0.25"],
        "seed_2": ["40.0", "42.0", "34.0", "13.0", "21.0", "15.0", "0.35"],
        "other": ["40.0", "42.0", "50.0", "13.0", "21.0", "15.0", "0.50"],
        "mean ± deviation": [
            "40.0 ± 0.0", "42.0 ± 0.0", "32.0 ± 2.8", "13.0 ± 0.0", "21.0 ± 0.0", "15.0 ± 0.0", "0.30 ± 0.07",
        ],
    }  # fmt: skip
    assert "seed_1: 117 labelled frames; seed_2: 117 labelled frames, 1 video left out." in text
    assert "old/predicted_scores.json is of step 4, the other scores of step 5" in capsys.readouterr().err
    alone = html_report.write_report(tmp_path / "seed_1", "test").read_text()
    assert "Whole videos" in alone and "mean ± deviation" not in alone
    assert "Whole videos" not in html_report.write_report(tmp_path / "old", "test").read_text()


@pytest.mark.parametrize(
    "text", ['{"step": 5, "joint": 3}', "[" * 99999, _predicted(30, 0).replace("117", "1e999"), "{"]
)
def test_a_damaged_file_of_whole_videos_is_named_and_the_run_stays(tmp_path, capsys, text):
    make_run(tmp_path / "run")
    (tmp_path / "run/predicted_scores.json").write_text(text)
    page = html_report.write_report(tmp_path, "test").read_text()
    assert "<td>run</td>" in page and "Whole videos" not in page
    assert f"left out: {tmp_path / 'run/predicted_scores.json'} can't be read" in capsys.readouterr().err


def test_papers_scores_stand_beside_runs_on_their_data_alone(tmp_path):
    make_run(tmp_path / "sprites", published=False)
    text = html_report.write_report(tmp_path, "test").read_text()
    assert "<td>sprites</td>" in text and "<td>all background</td>" in text and "SSA2D (RGB)" not in text


def test_a_run_by_itself_and_one_that_is_damaged(tmp_path, capsys):
    make_run(tmp_path / "good")
    make_run(tmp_path / "bad")
    (tmp_path / "bad/metrics/test.json").write_text("{}")
    text = html_report.write_report(tmp_path, "test").read_text()
    assert (
        "1 run, scored on the split test" in text
        and f"<li>left out: {tmp_path / 'bad'} (" in text
        and "left out" in capsys.readouterr().err
    )
    assert "<td>good</td>" in html_report.write_report(tmp_path / "good", "test").read_text()


def test_a_folder_without_runs_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no run in there was scored on 'test' \(no metrics/test.json .*\)$"):
        html_report.write_report(tmp_path, "test")


def _unscored(workdir, **config):
    (workdir / "checkpoints" / "7").mkdir(parents=True)
    (workdir / "config.json").write_text(json.dumps({"data": {"layout": "a2d"}} | config))
    return f"not scored, left out: {workdir}; score it: python main.py --mode=eval --workdir={workdir}"


def test_runs_that_were_never_scored_are_named_with_the_command_that_scores_them(tmp_path, capsys):
    message = _unscored(tmp_path / "x" / "seed0", train={"eval_splits": ["test"]})
    (tmp_path / "no_run" / "checkpoints" / "7").mkdir(parents=True)
    _unscored(tmp_path / "nothing_saved")
    (tmp_path / "nothing_saved" / "checkpoints" / "7").rmdir()
    with pytest.raises(InputError) as error:
        html_report.write_report(tmp_path, "test")
    assert str(error.value).endswith(f"; {message}")
    with pytest.raises(InputError) as error:
        html_report.write_report(tmp_path / "x" / "seed0", "test")
    assert str(error.value).endswith(f"; {message}")
    other = _unscored(tmp_path / "y", train={"eval_splits": ["train"]}) + " --config.train.eval_splits=\"('test',)\""
    with pytest.raises(InputError) as error:
        html_report.write_report(tmp_path, "test")
    assert str(error.value).endswith(f"; {message} (others are listed above)")
    assert capsys.readouterr().err.splitlines() == [other]  # the first is in the error itself
    make_run(tmp_path / "good")
    (tmp_path / "good" / "checkpoints").mkdir()
    text = html.unescape(html_report.write_report(tmp_path, "test").read_text())
    assert capsys.readouterr().err.splitlines()[:2] == [message, other]
    assert f"<li>{message}</li><li>{other}</li></ul>" in text and "1 run," in text


def test_the_scores_heading_names_the_layout(tmp_path):
    make_run(tmp_path / "one")
    make_run(tmp_path / "own", layout="folder", published=False)
    make_run(tmp_path / "many", VIDOR)
    heads = re.findall(r"<h2 id=\w+>Scores, (.*?)</h2>", html_report.write_report(tmp_path, "test").read_text())
    assert heads == ["A2D layout", "your own data", "VidOR layout"]


def test_data_are_named_in_words(tmp_path):
    make_run(tmp_path / "one")
    config = json.loads((tmp_path / "one/config.json").read_text())
    config["data"] |= {"root": "/data/cows", "clip_frames": 8, "frame_step": 2, "size": [64, 96]}
    (tmp_path / "one/config.json").write_text(json.dumps(config))
    path = tmp_path / "one/metrics/test.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": "t8x2_q95_1a2b, 1 clips to train on"}))
    text = html_report.write_report(tmp_path, "test").read_text()
    words = "folder cows, the network sees 8 frames at a time, every 2nd frame, at 96x64 pixels, 1 clip to train on"
    assert f"<p>Data: {words}. <span class=quiet>Prepared as <code>t8x2_q95_1a2b</code>.</span></p>" in text


def test_seeds_of_a_form_are_one_bar_and_data_have_tables_of_their_own(tmp_path, monkeypatch):
    for seed in (0, 1):
        make_run(tmp_path / f"full/seed{seed}", seed=seed)
    make_run(tmp_path / "_lr_$x^$y", seed=2)
    path = tmp_path / "_lr_$x^$y/metrics/test.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": "sprites"}))
    drawn = []
    bars = html_report.charts.bars
    monkeypatch.setattr(html_report.charts, "bars", lambda names, values: drawn.append(values) or bars(names, values))
    text = html_report.write_report(tmp_path, "test").read_text()
    assert text.count("<td>all background</td>") == 2 and "<code>sprites</code>" in text
    assert [list(values) for values in drawn] == [["full, mean of 2 seeds"]] * 3 + [["_lr_$x^$y"]] * 3
    rows = [scored_run.read_run(tmp_path / f"full/seed{seed}", "test", "").classes["actor"] for seed in (0, 1)]
    expected = [(one[1] + two[1]) / 2 for one, two in zip(*rows, strict=True)]
    assert drawn[0]["full, mean of 2 seeds"] == pytest.approx(expected)
    assert "IoU of every actor class in the truth, percent, full, mean of 2 seeds." in text


def test_seeds_of_make_real_are_one_bar(tmp_path):
    for seed in (0, 1):
        make_run(tmp_path / f"seed_{seed}", seed=seed)
    text = html_report.write_report(tmp_path, "test").read_text()
    assert text.count("class in the truth, percent, mean of 2 seeds.</figcaption>") == 3
    alone = html_report.write_report(tmp_path / "seed_0", "test").read_text()
    assert alone.count("class in the truth, percent.</figcaption>") == 3
