"""The command predict: from the options of a config to the library's arguments."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ml_collections import ConfigDict

if TYPE_CHECKING:
    from ssa2d_jax.inference.exports.options import ExportOptions
    from ssa2d_jax.inference.predict import PredictOptions


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
    from ssa2d_jax.inference.exports.write import convert_tracks
    from ssa2d_jax.inference.predict import predict_path
    from ssa2d_jax.runs.load_run import load_run
    from ssa2d_jax.utils import host_memory

    options = config.predict
    if source.endswith(".json"):
        convert_tracks(Path(source), folder, split_formats(options.formats), _export_options(options))
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
    predict_path(source, folder, detector=detector, options=predict_options(options))


def predict_options(options: ConfigDict) -> "PredictOptions":
    """The library's options that `config.predict` stands for."""
    from ssa2d_jax.data.export_formats import split_formats
    from ssa2d_jax.inference.predict import PredictOptions

    names = {field.name for field in dataclasses.fields(PredictOptions)} - {"export"}
    chosen = {name: options[name] for name in names}
    chosen["video_stream"] = None if options.video_stream < 0 else options.video_stream
    chosen["formats"] = split_formats(options.formats)
    return PredictOptions(**chosen, export=_export_options(options))


def _export_options(options: ConfigDict) -> "ExportOptions":
    from ssa2d_jax.inference.exports.options import ExportOptions

    return ExportOptions(**{name: options[f"export_{name}"] for name in ("shapes", "iou", "step", "pictures")})
