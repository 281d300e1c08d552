from ml_collections import ConfigDict

from ssa2d_jax.cli.predict import predict_options
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.inference.predict import PredictOptions
from ssa2d_jax.runs.defaults import predict_defaults


def test_the_defaults_of_config_and_library_are_the_same():
    assert predict_options(ConfigDict(predict_defaults())) == PredictOptions()


def test_every_option_arrives():
    changed = {
        "opacity": 0.3, "tracks": True, "draw_tracks": True, "track_frames": 7, "track_confidence": 0.2,
        "track_area": 0.01, "scale": 3, "video_stream": 2, "strict": True, "formats": "cvat,coco",
        "export_shapes": "polygons", "export_iou": 0.8, "export_step": 5, "export_pictures": True,
    }  # fmt: skip
    assert predict_options(ConfigDict(predict_defaults() | changed)) == PredictOptions(
        opacity=0.3,
        tracks=True,
        draw_tracks=True,
        track_frames=7,
        track_confidence=0.2,
        track_area=0.01,
        scale=3,
        video_stream=2,
        strict=True,
        formats=("cvat", "coco"),
        export=ExportOptions("polygons", 0.8, 5, True),
    )
