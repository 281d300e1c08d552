"""The commands: what each does, what it needs, and where its config comes from.

A new command is one function here and its line in COMMANDS. Everything heavy is imported inside the functions.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ml_collections import ConfigDict

from ssa2d_jax.cli import convert, hints, predict
from ssa2d_jax.cli.arguments import Arguments
from ssa2d_jax.cli.config import convert_config, load_config, resolve_config
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log

if TYPE_CHECKING:
    from ssa2d_jax.data.batch import Source

_RUN_FOLDER = "the folder of the run"
_RUN = "the folder of a run, a file that export_weights wrote, or sprites, the included weights"


class ConfigSource(enum.Enum):
    """Where the config of a command comes from."""

    FILE = "--config is needed"
    RUN = "--config, or else the config that the run in --workdir was trained with"
    DEFAULTS = "the options that the command uses, without a config"
    NONE = "no config is needed"


@dataclasses.dataclass(frozen=True)
class Command:
    """One row of the table.

    `needs` maps the flags that have to be given to what they mean. `reads_data`: it reads `config.data.root`, and needs
    the configs of a checkout. `reads_init`: it reads what `config.init` names. `has_default_run`: without --workdir and
    --config it takes the weights that come with the package. `in_processes`: several processes share its work; of other
    commands the first does all. `run_with_words`: in place of `run`, if it has flags of its own; returns the exit code.
    """

    summary: str
    run: Callable[[Arguments], None] = lambda arguments: None
    needs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    config: ConfigSource = ConfigSource.FILE
    reads_data: bool = False
    reads_init: bool = False
    has_default_run: bool = False
    in_processes: bool = False
    run_with_words: Callable[[Sequence[str]], int] | None = None


def _workdir(arguments: Arguments) -> Path:
    assert arguments.workdir is not None, "the table says that it is needed"
    return arguments.workdir


def _output(arguments: Arguments) -> Path:
    assert arguments.output is not None, "the table says that it is needed"
    return arguments.output


def _input(arguments: Arguments) -> str:
    assert arguments.input is not None, "the table says that it is needed"
    return arguments.input


def _open_batches(config: ConfigDict) -> "Source":
    """The batches of this process, of all that train or evaluate together; the first one prepares the data for all.

    A machine that doesn't see the first one's folders prepares its own; InputError if they differ.
    """
    from input_pipeline.source import open_batches, prepare_shards
    from ssa2d_jax.runs.claim import same_in_all
    from ssa2d_jax.runtime import processes

    processes.check_same("the options", same_in_all(config))
    prepared = lambda: convert.with_own_folder(config)
    if processes.count() > 1:
        processes.on_first(lambda: str(prepare_shards(prepared()).data_path))
    source = open_batches(prepared(), process_index=processes.index(), process_count=processes.count())
    processes.check_same("the prepared data", [source.identity, dict(source.label_frames)])
    return source


def _train(arguments: Arguments) -> None:
    config, workdir = load_config(arguments, trains=True, scores=True), _workdir(arguments)
    from ssa2d_jax.pretrained.reader import read_weights
    from ssa2d_jax.runs import config_paths
    from ssa2d_jax.training.loop import train
    from ssa2d_jax.utils import host_memory

    config_paths.check_init_paths(config.init, workdir)
    host_memory.keep_freed_memory()
    train(config, workdir, _open_batches(config), read_weights)
    log(hints.after_training(workdir))


def _prepare(arguments: Arguments) -> None:
    config = load_config(arguments)
    from input_pipeline.source import prepare_shards

    print(f"prepared: {prepare_shards(convert.with_own_folder(config)).data_path}")


def _eval(arguments: Arguments) -> None:
    config, workdir = load_config(arguments, scores=True), _workdir(arguments)
    from ssa2d_jax.evaluation.evaluate import evaluate_run
    from ssa2d_jax.runs import weights_file
    from ssa2d_jax.runs.load_run import check_label_space, load_run
    from ssa2d_jax.runtime import processes
    from ssa2d_jax.utils import host_memory

    host_memory.keep_freed_memory()
    run = load_run(workdir, config)  # before the data, which may have to be prepared
    source = _open_batches(config)
    check_label_space(workdir, run.space, source.space)
    evaluate_run(
        run,
        Path(processes.on_first(lambda: str(weights_file.results_folder(workdir)))),
        source,
        config.train.eval_splits,
        published=config.eval.published,
        threshold=config.eval.threshold,
        image_clips=config.train.image_clips,
    )


def _predict(arguments: Arguments) -> None:
    predict.run(load_config(arguments), lambda: _workdir(arguments), _input(arguments), _output(arguments))


def _export_weights(arguments: Arguments) -> None:
    from ssa2d_jax.runs import weights_file
    from ssa2d_jax.runs.load_run import load_run

    workdir, path = _workdir(arguments), _output(arguments)
    if workdir.is_file():
        raise InputError(f"{workdir} is a file of exported weights already: copy it, or name {_RUN_FOLDER}")
    run = load_run(workdir, load_config(arguments))
    weights_file.save_run(
        path, run.variables, step=run.step, config=run.config.to_dict(), space=run.space, workdir=workdir
    )
    print(f"written: {path}")


def _export(arguments: Arguments) -> None:
    from ssa2d_jax.runs.load_run import load_run
    from ssa2d_jax.runs.stablehlo import export_run

    export_run(load_run(_workdir(arguments), load_config(arguments)), _output(arguments))


def _ablate(arguments: Arguments) -> None:
    base = load_config(arguments, trains=True, scores=True)
    import jax

    from configs import default
    from ssa2d_jax.pretrained.reader import read_weights
    from ssa2d_jax.runs import config_rules
    from ssa2d_jax.training.ablation import run_ablation
    from ssa2d_jax.utils import host_memory

    def source(config: ConfigDict) -> "Source":
        config_rules.check_config(config, jax.device_count())
        return _open_batches(config)

    host_memory.keep_freed_memory()
    run_ablation(base, default.NETWORK_VARIANTS, _workdir(arguments), source, read_weights)


def _profile(arguments: Arguments) -> None:
    config = load_config(arguments, trains=True)
    from ssa2d_jax.training.profile import profile
    from ssa2d_jax.utils import host_memory

    host_memory.keep_freed_memory()
    profile(config, _workdir(arguments), _open_batches(config))


def _check(arguments: Arguments) -> None:
    from input_pipeline import check
    from input_pipeline.releases.layouts import LAYOUTS, open_release
    from ssa2d_jax.utils.text import plural

    config = load_config(arguments)
    data = config.data
    if data.layout not in LAYOUTS:
        raise InputError(f"{arguments.program} reads {', '.join(LAYOUTS)}; config.data.layout is {data.layout!r}")
    if not data.root:
        raise InputError(f"{arguments.program} needs --config.data.root, the folder of your data")
    own = convert.with_own_folder(config)
    root = Path(own.data.root).absolute()
    if own is config:  # else the report has been logged
        convert.log_report(root)
    folder = arguments.output or check.output_folder(data.shards_dir, root)
    result = check.run_check(open_release(data.layout, root), folder)
    print("\n".join(result.summary()))
    if result.problems:
        raise InputError(f"{plural(len(result.problems), 'problem')}, listed above")
    print("no problem found" + (f", but {plural(len(result.warnings), 'warning')} above" if result.warnings else ""))


def _convert(arguments: Arguments) -> None:
    convert.run(convert_config(arguments), Path(_input(arguments)), _output(arguments))


def _doctor(arguments: Arguments) -> None:
    from ssa2d_jax.cli import doctor

    for subject, finding in doctor.report():
        print(f"{subject:<32} {finding}", flush=True)


def _report(arguments: Arguments) -> None:
    workdir = _workdir(arguments)
    if not workdir.is_dir():
        raise InputError(f"{workdir}: no such folder; --workdir is a folder of runs")
    from ssa2d_jax.evaluation import latency
    from ssa2d_jax.evaluation.html_report import write_report
    from ssa2d_jax.runs.workdir import Workdir

    has_config = arguments.config is not None or arguments.config_json is not None
    split = resolve_config(arguments).train.eval_splits[0] if has_config else "test"
    for run in Workdir.scored(workdir, split):
        latency.write_speed_if_missing(run.folder)
    write_report(workdir, split)


def _web(words: Sequence[str]) -> int:
    from ssa2d_jax.web import server

    return server.main(words)


_WORKDIR = {"workdir": _RUN_FOLDER}
COMMANDS: dict[str, Command] = {
    "train": Command(
        "train a network, go on where it stopped, and score it at the end",
        _train,
        _WORKDIR,
        reads_data=True,
        reads_init=True,
        in_processes=True,
    ),
    "prepare": Command("read a release and build the TFRecord shards that training reads", _prepare, reads_data=True),
    "check": Command("read a whole release and list what is wrong with it", _check, reads_data=True),
    "eval": Command(
        "score a run on the test split", _eval, {"workdir": _RUN}, ConfigSource.RUN, reads_data=True, in_processes=True
    ),
    "predict": Command(
        "label every pixel of a video, or of all videos in a folder",
        _predict,
        {"workdir": _RUN, "input": "a video, a folder of videos or a camera's number", "output": "a folder"},
        ConfigSource.RUN,
        has_default_run=True,
    ),
    "convert": Command(
        "turn the export of a labelling tool (CVAT, labelme, COCO, Label Studio, ...) into a folder of your own data",
        _convert,
        {"input": "an export: a zip, a folder or a file", "output": "a new folder"},
        ConfigSource.DEFAULTS,
    ),
    "ablate": Command(
        "train and score variants of the network, with several seeds",
        _ablate,
        _WORKDIR,
        reads_data=True,
        in_processes=True,
    ),
    "report": Command(
        "gather all runs in --workdir on one HTML page; --config chooses the split",
        _report,
        {"workdir": "a folder of runs"},
        ConfigSource.NONE,
    ),
    "web": Command("serve a page that labels clips; only this computer can open it", run_with_words=_web),
    "export_weights": Command(
        "write a run's weights, config and scores into one .safetensors file",
        _export_weights,
        {"workdir": _RUN_FOLDER, "output": "a .safetensors file"},
        ConfigSource.RUN,
    ),
    "export": Command(
        "write a run as StableHLO programs that jax runs without this package",
        _export,
        {"workdir": _RUN, "output": "a folder"},
        ConfigSource.RUN,
    ),
    "profile": Command(
        "trace a few training steps for TensorBoard's profiler", _profile, _WORKDIR, reads_data=True, in_processes=True
    ),
    "doctor": Command("print what a bug report needs", _doctor, config=ConfigSource.NONE),
}
