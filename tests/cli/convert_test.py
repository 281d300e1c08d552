import pytest

from ssa2d_jax.cli import app
from tests.fixtures.exports import DATA, make_video, read_labels


@pytest.fixture
def words(tmp_path):
    make_video(tmp_path / "videos", "park (1).mp4", 20)
    videos = f"--config.convert.videos={tmp_path / 'videos'}"
    return [f"--input={DATA / 'cvat/video.xml'}", f"--output={tmp_path / 'out'}", videos]


@pytest.mark.filterwarnings("ignore:the load_module")  # of ml_collections, for files of configs
@pytest.mark.parametrize("config", [[], ["--config=configs/folder.py"]])
def test_convert_takes_its_options_with_and_without_a_config(tmp_path, words, config, capsys):
    assert app.main(["convert", *words, *config, "--config.convert.interpolated=false"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("tool: CVAT for video 1.1\n")
    assert f"written: {tmp_path / 'out'}, with these lines in converted.txt; look at it: " in printed
    assert printed.startswith((tmp_path / "out/converted.txt").read_text())
    assert len(read_labels(tmp_path / "out", "park_1")) == 7


def test_frames_that_were_imported_and_not_changed_are_left_out_on_request(tmp_path, words, capsys):
    text = (DATA / "cvat/video.xml").read_text().replace('source="manual"', 'source="file"')
    (tmp_path / "imported.xml").write_text(text)
    words[0] = f"--input={tmp_path / 'imported.xml'}"
    assert app.main(["convert", *words, "--config.convert.predicted=false"]) == app.BAD_INPUT
    assert "frames in which all shapes were predicted or imported, and nobody changed them" in capsys.readouterr().err
    assert app.main(["convert", *words]) == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--config.convert.attribute=x"], "--config.convert.attribute: unknown option; did you mean"),
        (["--config.convert.frame_step=0"], "config.convert.frame_step is 0; allowed: 1 or more"),
        (["--config.convert.action_attribute=gait"], "no label has the attribute 'gait'"),
        (["--config.convert.interpolated=perhaps"], "allowed is a value like True"),
    ],
)
def test_options_that_can_not_be_used_are_errors(words, more, message, capsys):
    assert app.main(["convert", *words, *more]) == app.BAD_INPUT
    assert message in capsys.readouterr().err


def test_convert_needs_an_input_that_exists_and_an_output(tmp_path, capsys):
    assert app.main(["convert", f"--output={tmp_path / 'out'}"]) == app.BAD_INPUT
    assert "needs --input, an export: a zip, a folder or a file" in capsys.readouterr().err
    assert app.main(["convert", "--input=none.zip", f"--output={tmp_path / 'out'}"]) == app.BAD_INPUT
    assert "none.zip: no such file or folder; --input is an export" in capsys.readouterr().err
