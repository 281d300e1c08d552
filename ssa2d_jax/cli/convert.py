"""The command `convert`: from options to a folder of your own data."""

from pathlib import Path

from ml_collections import ConfigDict

from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import InputError


def run(config: ConfigDict, source: Path, output: Path) -> None:
    """Converts an export and prints what was understood; `config` is `config.convert`."""
    from input_pipeline.exports.convert import ConvertOptions, convert_export
    from input_pipeline.exports.labelled import ReadOptions
    from input_pipeline.exports.writing.media import MediaOptions

    if config.frame_step < 1:
        raise InputError(f"config.convert.frame_step is {config.frame_step}; allowed: 1 or more")
    videos = Path(config.videos) if config.videos else None
    options = ConvertOptions(
        ReadOptions(config.tool, config.action_attribute, config.table),
        MediaOptions(videos, config.first_frame, config.frame_step),
        config.interpolated,
    )
    print("\n".join(convert_export(source, output, options)))
    print(f"written: {output}; look at it: {commands.short('check')} --config.data.root={output}")
