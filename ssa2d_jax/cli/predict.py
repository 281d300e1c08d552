"""The command predict: from the options of a config to the library's arguments."""

from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict


def run(config: ConfigDict, workdir: Callable[[], Path], source: str, folder: Path) -> None:
    """Labels `source` into `folder`; a tracks.json is written anew in `predict.formats`, which needs no network.

    Args:
        config: of the run, with the options of `predict`.
        workdir: says which run, and complains if none was named.
        source: a video, a folder, an address, a camera's number, or a tracks.json.
        folder: where the files go.
    """
    from ssa2d_jax.backends.choice import check_backend
    from ssa2d_jax.data.export_formats import split_formats
    from ssa2d_jax.inference.detector import Detector
    from ssa2d_jax.inference.exports.options import ExportOptions
    from ssa2d_jax.inference.exports.write import convert_tracks
    from ssa2d_jax.inference.predict import PredictOptions, predict_path
    from ssa2d_jax.runs.load_run import load_run
    from ssa2d_jax.utils import host_memory

    options = config.predict
    export = ExportOptions(**{name: options[f"export_{name}"] for name in ("shapes", "iou", "step", "pictures")})
    if source.endswith(".json"):
        convert_tracks(Path(source), folder, split_formats(options.formats), export)
        return
    check_backend(options.backend)
    host_memory.keep_freed_memory()
    detector = Detector.from_loaded_run(
        load_run(workdir(), config),
        overlap=options.overlap,
        batch_size=options.batch_size,
        max_pixels=options.max_pixels,
        threshold=config.eval.threshold,
        backend=options.backend,
    )
    names = ("opacity", "scale", "tracks", "draw_tracks", "track_frames", "track_confidence", "track_area", "strict")
    chosen = PredictOptions(
        **{name: options[name] for name in names},
        video_stream=None if options.video_stream < 0 else options.video_stream,
        formats=split_formats(options.formats),
        export=export,
    )
    predict_path(source, folder, detector=detector, options=chosen)
