"""What --help prints: the page of all commands, and a page for each."""

import dataclasses
import textwrap
from collections.abc import Mapping
from typing import Any

from ssa2d_jax.cli.arguments import FLAGS
from ssa2d_jax.cli.commands import COMMANDS, Command, ConfigSource
from ssa2d_jax.utils import commands

_WIDTH = 118
_ALL_OF_TRAINING = ("seed", "data", "augment", "model", "init", "loss", "train")


@dataclasses.dataclass(frozen=True)
class Page:
    """What a command reads and writes, the options that it uses (groups, or single ones), and examples.

    An example is the flags alone; the page shows them as the user's program takes them.
    """

    reads: str
    writes: str
    options: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # beyond those that the command needs


PAGES: dict[str, Page] = {
    "train": Page(
        "a config, the data in config.data.root, and the run in --workdir, if it was begun before",
        "--workdir: config.json, checkpoints/, metrics/, pictures/, and the events that TensorBoard shows",
        _ALL_OF_TRAINING,
        (
            "--config=configs/sprites.py --workdir=runs/sprites",
            "--config=configs/folder.py:kinetics --workdir=runs/own --config.data.root=my_data",
        ),
    ),
    "prepare": Page(
        "a config and the data in config.data.root",
        "TFRecord shards in a folder inside config.data.shards_dir",
        ("data",),
        ("--config=configs/folder.py --config.data.root=my_data",),
    ),
    "check": Page(
        "the data in config.data.root",
        "every problem with file and line; check.png in --output shows labelled frames",
        ("data.root", "data.layout"),
        ("--config=configs/folder.py --config.data.root=my_data --output=checked",),
        ("output",),
    ),
    "convert": Page(
        "an export of CVAT, labelme, Label Studio and others (docs/labelling_tools.md), and the videos",
        "--output: videos/, labels/ and labels.csv, as config.data.root takes them; what was understood on the screen",
        ("convert",),
        (
            "--input=export.zip --output=my_data --config.convert.videos=videos",
            "--input=export.zip --output=my_data --config.convert.action_attribute=activity",
        ),
    ),
    "eval": Page(
        "a run or a file of its exported weights, and the data that its config names",
        "metrics/ and pictures/ in --workdir; of a file x.safetensors, in x_scores beside it",
        ("eval", "train.eval_splits", "train.image_clips"),
        ("--workdir=runs/sprites", "--workdir=runs/sprites --config.eval.step=-1"),
        ("config",),
    ),
    "predict": Page(
        "a run or a file of its exported weights, and videos",
        "--output: overlay.mp4, labels.npz, summary.json, tracks and events, and files for labelling tools (--format); "
        "of a folder, a folder for each video",
        ("predict", "eval.step", "eval.threshold", "eval.mask_vote"),
        (
            "--input=clip.mp4 --output=out",
            "--workdir=runs/sprites --input=videos --output=out",
            "--workdir=runs/sprites --input=0 --output=webcam --config.predict.draw_tracks=true",
            "--workdir=runs/sprites --input=clip.mp4 --output=out --format=cvat,coco",
        ),
        ("config", "format"),
    ),
    "ablate": Page(
        "a config and the data in config.data.root",
        "a run for every variant and seed in --workdir, and the table ablation.md",
        ("ablate", *_ALL_OF_TRAINING),
        ("--config=configs/sprites.py --workdir=runs/ablation",),
    ),
    "report": Page(
        "the scores, curves and pictures of all runs in --workdir",
        "report.html in --workdir, one file that opens from disk",
        ("train.eval_splits",),
        ("--workdir=runs",),
        ("config",),
    ),
    "web": Page("", "", (), ("--workdir=runs/sprites --examples=videos",)),
    "export_weights": Page(
        "a checkpoint of the run in --workdir",
        "one .safetensors file, which predict, eval, export and config.init.run take in place of a run",
        ("eval.step",),
        ("--workdir=runs/sprites --output=sprites.safetensors",),
        ("config",),
    ),
    "export": Page(
        "a run or a file of its exported weights",
        "--output: model_cpu.stablehlo, model_cuda.stablehlo, labels.json and run_exported.py",
        ("eval.step", "eval.threshold", "eval.mask_vote"),
        ("--workdir=runs/sprites --output=exported",),
        ("config",),
    ),
    "profile": Page(
        "a config and the data in config.data.root",
        "a trace of a few steps in --workdir, a new folder",
        _ALL_OF_TRAINING,
        ("--config=configs/sprites.py --workdir=runs/profile",),
    ),
    "doctor": Page("this installation", "its findings on the screen"),
}


def overview(program: str) -> str:
    """The page of all commands; `program` is what the user typed."""
    name = "<command>"
    lines = [f"usage: {_usage(program, name)} [--flag=value ...] [--config.<option>=<value> ...]", "", "commands:"]
    lines += [f"  {name:<16}{command.summary}" for name, command in COMMANDS.items()]
    lines += ["", "flags:", *(f"  --{name:<14}{meaning}" for name, meaning in FLAGS.items()), "", "examples:"]
    lines += [f"  {_usage(program, name)} {PAGES[name].examples[0]}" for name in ("train", "predict", "eval", "report")]
    lines += ["", f"What a command reads and writes, and its options: {_usage(program, '<command>')} --help"]
    return "\n".join([*lines, "docs/options.md of a checkout lists all options with their meaning."])


def command_page(program: str, name: str, options: Mapping[str, Any]) -> str:
    """The page of the command `name`.

    Args:
        program: what the user typed.
        options: the defaults of all options by key; an installed package knows those of eval, predict and convert only.
    """
    command, page = COMMANDS[name], PAGES[name]
    needs = dict(command.needs)
    if command.config is ConfigSource.FILE:
        needs = {"config": FLAGS["config"]} | needs
    words = (f"[--{flag}=...]" if _is_optional(command, flag) else f"--{flag}=..." for flag in needs)
    usage = " ".join([_usage(program, name), *words])
    tail = " [--config.<option>=<value> ...]" if page.options else ""
    lines = [f"usage: {usage}{tail}", "", command.summary, "", f"reads   {page.reads}", f"writes  {page.writes}"]
    flags = {flag: f"{'optional: ' * _is_optional(command, flag)}{meaning}" for flag, meaning in needs.items()}
    flags |= {flag: f"optional: {FLAGS[flag]}" for flag in page.flags}
    if flags:
        lines += ["", "flags:", *(f"  --{flag:<14}{meaning}" for flag, meaning in flags.items())]
    groups = _option_lines(page.options, options)
    if groups:
        lines += ["", "options, with their defaults (docs/options.md of a checkout explains them):", *groups]
    if page.examples:
        lines += ["", "examples:", *(f"  {_usage(program, name)} {flags}" for flags in page.examples)]
    return "\n".join(lines)


def _is_optional(command: Command, flag: str) -> bool:
    return flag == "workdir" and command.has_default_run


def _usage(program: str, name: str) -> str:
    return f"ssa2d {name}" if program == commands.CONSOLE else f"python {program} --mode={name}"


def _option_lines(wanted: tuple[str, ...], options: Mapping[str, Any]) -> list[str]:
    """The options of the groups and keys in `wanted`, a paragraph for each."""
    lines = []
    for key in wanted:
        chosen = {name: value for name, value in options.items() if name == key or name.startswith(f"{key}.")}
        if key in chosen:
            lines += [f"  --config.{key}={_text(chosen[key])}"]
        elif chosen:
            pairs = ", ".join(f"{name.removeprefix(key + '.')}={_text(value)}" for name, value in chosen.items())
            text = f"--config.{key}.<option>: {pairs}"
            lines += textwrap.wrap(
                text,
                _WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    return lines


def _text(value: Any) -> str:
    return "''" if value == "" else str(value).replace(" ", "")
