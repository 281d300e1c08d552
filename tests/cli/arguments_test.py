import pytest

from ssa2d_jax.cli import app
from ssa2d_jax.cli.arguments import parse
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import export_clip


def test_format_sets_the_option():
    arguments = parse("predict", "ssa2d predict", ["--input=a.mp4", "--format=coco,cvat", "--config.predict.scale=1"])
    assert arguments.options == {"predict.formats": "coco,cvat", "predict.scale": "1"}
    assert parse("predict", "ssa2d predict", ["--input=a.mp4"]).options == {}
    with pytest.raises(InputError, match="are both given; give one of them"):
        parse("predict", "ssa2d predict", ["--format=coco", "--config.predict.formats=cvat"])
    with pytest.raises(InputError, match="eval writes no labels; it is a flag of predict"):
        parse("eval", "ssa2d eval", ["--format=coco"])


def test_an_earlier_prediction_is_written_in_another_format(tmp_path, capsys):
    tracks_json = export_clip.write_tracks(tmp_path / "a")
    words = ["predict", f"--input={tracks_json}", f"--output={tmp_path / 'b'}"]
    assert app.main([*words, "--format=coco,labelme", "--config.predict.export_step=12"]) == 0
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["coco.json", "labelme", "summary.json"]
    assert len(list((tmp_path / "b" / "labelme").iterdir())) == 2
    assert app.main([*words, "--format=voc"]) == 2
    assert "--format is 'voc'; allowed: '' (none), or one or more of cvat" in capsys.readouterr().err
    assert app.main([*words, "--format=Coco,labelmee"]) == 2
    assert "--format is 'Coco,labelmee'; did you mean 'labelme'?; allowed" in capsys.readouterr().err
    assert app.main(words) == 2
    assert "choose a format to write it in" in capsys.readouterr().err
