"""The command `convert`, and exports of labelling tools in the place of `config.data.root`."""

from pathlib import Path
from typing import TYPE_CHECKING

from ml_collections import ConfigDict

from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log

if TYPE_CHECKING:
    from input_pipeline.exports.convert import ConvertOptions


def run(config: ConfigDict, source: Path, output: Path) -> None:
    """Converts an export and prints what was understood; `config` is `config.convert`."""
    from input_pipeline.exports.convert import convert_export
    from input_pipeline.exports.writing.report import REPORT

    print("\n".join(convert_export(source, output, _options(config))))
    check = commands.command("check", "--config=configs/folder.py", f"--config.data.root={output}")
    print(f"written: {output}, with these lines in {REPORT}; look at it: {check}")


def with_own_folder(config: ConfigDict) -> ConfigDict:
    """`config`, or a copy in which `data.root` is the folder that was made of the export which it names.

    What was understood of the export is logged.
    """
    if config.data.layout != "folder" or not config.data.root:
        return config
    from input_pipeline.exports.direct import convert_once

    root = Path(config.data.root).absolute()
    folder, understood = convert_once(root, Path(config.data.shards_dir), _options(config.convert))
    for line in understood:
        log(f"{root.name}: {line}")
    if folder == root:
        return config
    copy = config.copy_and_resolve_references()
    copy.data.root = str(folder)
    return copy


def log_report(root: Path) -> None:
    """Logs what `convert` has written into a folder about the export that it was made of, if it was made of one."""
    from input_pipeline.exports.writing.report import read_report

    for line in read_report(root):
        log(f"{root.name}, when it was converted: {line}")


def _options(config: ConfigDict) -> "ConvertOptions":
    from input_pipeline.exports.convert import ConvertOptions
    from input_pipeline.exports.labelled import ReadOptions
    from input_pipeline.exports.writing.media import MediaOptions

    if config.frame_step < 1:
        raise InputError(f"config.convert.frame_step is {config.frame_step}; allowed: 1 or more")
    videos = Path(config.videos) if config.videos else None
    return ConvertOptions(
        ReadOptions(config.tool, config.action_attribute, config.table),
        MediaOptions(videos, config.first_frame, config.frame_step),
        config.interpolated,
        config.predicted,
    )
