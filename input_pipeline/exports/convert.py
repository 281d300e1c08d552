"""From the export of a labelling tool to a folder of your own data."""

import dataclasses
import shutil
import tempfile
from pathlib import Path

from input_pipeline.exports.files.archive import open_archive
from input_pipeline.exports.labelled import ReadOptions
from input_pipeline.exports.readers import read_export
from input_pipeline.exports.writing.folder_writer import FolderWriter
from input_pipeline.exports.writing.media import MediaOptions
from input_pipeline.exports.writing.report import describe, describe_kept_out, describe_problems, write_report
from input_pipeline.releases.folder import TableRelease
from input_pipeline.releases.folder_table import case_conflicts
from ssa2d_jax.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class ConvertOptions:
    """What the user says: how the export is read, where its videos are, and which frames become labels.

    Attributes:
        read: How the export is read.
        media: Where the videos are.
        interpolated: Frames in which the tool drew all shapes between those of a person are labelled, too.
        predicted: Frames in which nobody drew or changed a shape, and some were predicted or imported, are, too.
    """

    read: ReadOptions = ReadOptions()
    media: MediaOptions = MediaOptions()
    interpolated: bool = True
    predicted: bool = True


def convert_export(source: Path, output: Path, options: ConvertOptions) -> list[str]:
    """Writes the folder of your own data for an export, and returns what was understood, in lines for people.

    They are in the folder, too. `output` is written as a whole or not at all.

    Args:
        source: The export: a zip, its unpacked folder, or its annotation file.
        output: A folder that doesn't exist yet, or is empty.
        options: What the user says about it.

    Raises:
        InputError: The export can't be used; the message names the file and what to do.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output}: exists already; give --output a new folder")
    archive = open_archive(source)
    export = read_export(archive, options.read)
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}-"))
    try:
        kept = {"interpolated": options.interpolated, "predicted": options.predicted}
        writer = FolderWriter(archive, temporary, options.media, **kept)
        for video in export.videos:
            writer.add(video, is_only=len(export.videos) == 1)
        if not writer.written.rows:
            reasons = [f"action: {export.action}", *export.remarks]
            reasons += [*describe_kept_out(writer.written), *writer.written.warnings, *writer.written.remarks]
            reasons += describe_problems(writer.written.problems)
            raise InputError("\n".join([f"{source}: has no frame in which someone does something", *reasons]))
        writer.write_table()
        space = TableRelease(temporary).space  # the folder is usable, or this says why not
        conflicts = case_conflicts(source, space)
        if conflicts:
            raise InputError("\n".join(f"{conflict} in the tool, and export again" for conflict in conflicts))
        lines = [line.replace(str(temporary), str(output)) for line in describe(export, writer.written)]
        write_report(temporary, lines)
        temporary.chmod(0o755)
        if output.exists():
            output.rmdir()
        temporary.rename(output)
    except InputError as error:
        raise type(error)(*(str(text).replace(str(temporary), str(output)) for text in error.args)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return lines
