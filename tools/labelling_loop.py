"""The loop from a labelling tool and back, on clips whose labels are known: every mask and class is compared.

    python -m tools.labelling_loop --workdir=/tmp/loop                                 # three rendered clips
    python -m tools.labelling_loop --workdir=/tmp/loop --clips=path/to/data --count=3  # A2D's layout, or your own data

The true labels are written as exports of the tools; then come the commands that a user gives: convert and check for
each tool, a short training, predict --format, and convert of what predict wrote. The exit code is 1 if a mask has other
pixels or a class another name than before, 2 if a command failed; its output is in log.txt in --workdir.
"""

import argparse
import dataclasses
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from input_pipeline.exports.files.archive import link_or_copy
from input_pipeline.releases.layouts import AnyRelease, open_release
from input_pipeline.sprites.render_folder import FolderRenderOptions, render_folder
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.export_formats import EXPORT_FORMATS, split_formats
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.exports.write import write_formats
from ssa2d_jax.inference.track_files import TRACKS_JSON
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural
from ssa2d_jax.video.pictures import list_pictures
from tools.labelling_loop_labels import Comparison, Labels, compare, read_labels, read_tracks, write_tracks

ROOT = Path(__file__).resolve().parent.parent
TOOLS = tuple(name for name in EXPORT_FORMATS if name != "youtube_vis")  # which needs no conversion
_PLAIN = re.compile(r"[^\w-]+")
_RATE = "1e-3"


class CommandFailed(Exception):
    """A command of the loop ended with an error."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What is run.

    Attributes:
        workdir: A new folder.
        clips: A release in A2D's layout or a folder of your own data; None: rendered clips.
        count: The number of videos.
        tools: Names of `TOOLS`.
        epochs: Of the training.
    """

    workdir: Path
    clips: Path | None = None
    count: int = 3
    tools: tuple[str, ...] = TOOLS
    epochs: float = 4.0


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, required=True, help="a new folder for everything that is written")
    parser.add_argument("--clips", type=Path, help="a release in A2D's layout, or a folder of your own data")
    parser.add_argument("--count", type=int, default=3, help="videos")
    parser.add_argument("--tools", type=split_formats, default=TOOLS, help=",".join(TOOLS))
    parser.add_argument("--epochs", type=float, default=4.0, help="of the training")
    try:
        return run(Options(**vars(parser.parse_args(words))))
    except (InputError, OSError, CommandFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(options: Options) -> int:
    """Runs the loop, prints a line for each comparison, and returns the exit code.

    Raises:
        InputError: An option can't be used.
        CommandFailed: A command of the loop ended with an error.
    """
    _check(options)
    work = options.workdir.absolute()
    work.mkdir(parents=True, exist_ok=True)
    names = _copy_clips(_open_clips(options), options.count, work)
    truth = {name: labels for name, labels, _ in names}
    for name, labels, space in names:
        write_tracks(work / "export" / name, _clip(work, name), labels, space)
    print(f"{plural(len(names), 'video')}: {first_few(list(truth))}\n{Comparison.HEADER}", flush=True)
    results = [_report("true labels", "as tracks", compare(truth, _tracks(work / "export", truth)))]
    for name in truth:
        _write_formats(work, name, options.tools)
    results += list(_return(work, "export", "converted", truth, options.tools))
    for tool in options.tools:
        _call(work, "check", "--config=configs/folder.py", f"--config.data.root={work / 'converted' / tool}",
              f"--output={work / 'checked' / tool}")  # fmt: skip
    _train(work, options)
    _predict(work, list(truth), options.tools)
    predicted = _tracks(work / "predicted", truth)
    if any(label.classes for of_video in predicted.values() for label in of_video.values()):
        results += list(_return(work, "predicted", "returned", predicted, options.tools))
    else:
        print("the network found nobody, so that there is nothing to bring back; train with more --epochs")
    is_equal = all(results)
    print(f"{'all equal' if is_equal else 'NOT EQUAL'}; files and log.txt are in {work}")
    return 0 if is_equal else 1


def _check(options: Options) -> None:
    unknown = [tool for tool in options.tools if tool not in TOOLS]
    if unknown or not options.tools:
        raise InputError(f"--tools has {', '.join(unknown) or 'none'}; allowed: {', '.join(TOOLS)}")
    if options.count < 1 or options.epochs <= 0:
        raise InputError(f"--count is {options.count} and --epochs {options.epochs:g}; both must be above 0")
    if options.workdir.exists() and (not options.workdir.is_dir() or any(options.workdir.iterdir())):
        raise InputError(f"{options.workdir}: exists already; give --workdir a new folder")


def _open_clips(options: Options) -> AnyRelease:
    if options.clips is None:
        folder = options.workdir.absolute() / "rendered"
        render_folder(folder, FolderRenderOptions(train_clips=max(1, options.count - 1), test_clips=1), processes=1)
        return open_release("folder", folder)
    places = (options.clips, options.clips / "Release")
    release = next((place for place in places if (place / "videoset.csv").is_file()), None)
    return open_release("a2d", release) if release else open_release("folder", options.clips)


def _copy_clips(release: AnyRelease, count: int, work: Path) -> list[tuple[str, Labels, LabelSpace]]:
    """The first videos that show someone, with their true labels and classes; their files go to clips/."""
    found: list[tuple[str, Labels, LabelSpace]] = []
    ignored = 0
    for video in dict.fromkeys(name for split in SPLITS for name in release.splits[split]):
        labels, left_out = read_labels(release, video)
        name = _PLAIN.sub("_", video).strip("_")
        if len(found) == count or not labels:
            continue
        source, target = release.video(video), work / "clips" / name
        target.parent.mkdir(exist_ok=True)
        if target.exists() or list(target.parent.glob(f"{name}.*")):
            raise InputError(f"{source}: another video has the plain name {name}, too; rename one")
        if source.is_dir():
            shutil.copytree(source, target, copy_function=lambda file, to: link_or_copy(Path(file), Path(to)))
        else:
            link_or_copy(source, target.with_name(f"{name}{source.suffix}"))
        ignored += left_out
        found.append((name, labels, release.space))
    if not found:
        raise InputError("none of the videos has a labelled frame that shows someone")
    if ignored:
        print(f"{plural(ignored, 'region')} of the release without a class are not exported")
    return found


def _clip(work: Path, name: str) -> Path:
    return next(path for path in (work / "clips").iterdir() if name in (path.name, path.stem))


def _tracks(folder: Path, names: Mapping[str, Labels]) -> dict[str, Labels]:
    return {name: read_tracks(folder / name / TRACKS_JSON) for name in names}


def _write_formats(work: Path, name: str, tools: Sequence[str]) -> None:
    clip, folder = _clip(work, name), work / "export" / name
    write_formats(folder / TRACKS_JSON, folder, tools, pictures=list_pictures(clip) if clip.is_dir() else None)


def _return(
    work: Path, source: str, target: str, expected: Mapping[str, Labels], tools: Sequence[str]
) -> Iterator[bool]:
    """Converts a folder of exports, tool by tool; yields whether the labels are as they were."""
    for tool in tools:
        folder = work / target / tool
        _call(work, "convert", f"--input={work / source}", f"--output={folder}", f"--config.convert.tool={tool}",
              f"--config.convert.videos={work / 'clips'}")  # fmt: skip
        release = open_release("folder", folder)
        videos = {name for split in SPLITS for name in release.splits[split]}
        found = {name: read_labels(release, name)[0] for name in videos}
        yield _report("predictions" if source == "predicted" else "true labels", tool, compare(expected, found))


def _report(what: str, how: str, comparison: Comparison) -> bool:
    print(f"{what:<12} {how:<10} {comparison}", flush=True)
    return comparison.is_equal


def _train(work: Path, options: Options) -> None:
    values = {
        "data.root": work / "converted" / options.tools[0],
        "data.shards_dir": work / "shards",
        "data.processes": 1,
        "train.batch_size": 2,
        "train.lr_phases": f"(({options.epochs:g},{_RATE},{_RATE}),)",
        "train.image_clips": 0,
    }
    words = [f"--config.{name}={value}" for name, value in values.items()]
    _call(work, "train", "--config=configs/folder.py:sprites", f"--workdir={work / 'run'}", *words)


def _predict(work: Path, names: Sequence[str], tools: Sequence[str]) -> None:
    clips = [_clip(work, name) for name in names]
    together = all(clip.is_file() for clip in clips)  # folders of pictures are predicted one by one
    pairs = [(work / "clips", work / "predicted")]
    if not together or len(clips) == 1:
        pairs = [(clip, work / "predicted" / name) for clip, name in zip(clips, names, strict=True)]
    for source, folder in pairs:
        _call(work, "predict", f"--workdir={work / 'run'}", f"--input={source}", f"--output={folder}",
              f"--format={','.join(tools)}")  # fmt: skip


def _call(work: Path, mode: str, *words: str) -> None:
    """Runs a command of main.py; its output goes to log.txt."""
    command = [sys.executable, str(ROOT / "main.py"), f"--mode={mode}", *words]
    with open(work / "log.txt", "a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        code = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        lines = (work / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        raise CommandFailed(f"{mode} ended with {code}: {lines[-1]} (all of it: {work / 'log.txt'})")


if __name__ == "__main__":
    sys.exit(main())
