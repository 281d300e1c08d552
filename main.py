"""Command line of SSA2D: wires config, data and model; --mode says what to do."""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # TensorFlow only reads data here

from absl import app, flags, logging  # noqa: E402
from ml_collections import config_flags  # noqa: E402

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Config file, e.g. configs/sprites.py; see configs/default.py; or a run's config.json. eval, predict, export and "
    "export_weights take that of the run where it is left out.",
)
_MODE_NAMES = (
    "train", "prepare", "eval", "predict", "export_weights", "export", "ablate", "report", "check", "profile", "doctor",
)  # fmt: skip
_OWN_CONFIG = ("eval", "predict", "export_weights", "export")  # without --config these take that of the run
_KNOBS: list[str] = []  # --config.<knob>=<value> of a command without a config file of Python
_SAVED: list[str] = []  # config.json of a run, where --config names one
_NO_CONFIG = ("report", "doctor")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run; for eval, predict and export also a file that export_weights wrote."
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    list(_MODE_NAMES),
    "What to do; train ends with an evaluation; report gathers all runs in --workdir on a page; profile traces a few "
    "updates; doctor prints what a bug report needs; check reads all of config.data.root and says "
    "what is wrong with it.",
)
_INPUT = flags.DEFINE_string("input", None, "predict: a video, a folder of videos, or a camera's number, e.g. 0.")
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "predict, export: a folder; export_weights: a .safetensors file; check: folder for check.png.",
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        _end(f"error: unknown words: {' '.join(argv[1:])}; what is meant by them goes behind a flag, --name=value", 2)
    logging.set_verbosity(logging.WARNING)
    from ssa2d_jax.utils.errors import Diverged, InputError
    from ssa2d_jax.utils.signals import Stopped

    try:
        _MODES[_MODE.value](_config())
    except Stopped as error:
        _end(str(error), 128 + error.signal)
    except Diverged as error:
        _end(f"error: {error}", 3)
    except InputError as error:
        _end(f"error: {error}", 2)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _end(f"error: {what}; give another place, or mend this one. What was saved before stays usable", 2)
    except Exception as error:
        if not _out_of_memory(error):
            raise
        _end(
            "error: out of memory; what was saved before stays usable. Try a smaller config.data.size, a smaller "
            "config.train.batch_size or more config.train.grad_accum_steps (eval: config.eval.batch_size, predict: "
            "config.predict.batch_size), or config.model.bfloat16",
            2,
        )
    except KeyboardInterrupt:
        _end("interrupted; what was saved before stays usable", 130)


def _out_of_memory(error: BaseException) -> bool:
    """Whether it is numpy's, jax's or TensorFlow's way of saying so."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in f"{type(error).__name__.upper()} {error}"


def _parse(argv: list[str]) -> list[str]:
    """absl's parsing, but what is wrong with a flag or config is said in a line instead of a traceback.

    Without --config, or where it is a run's config.json, the knobs that are set are those of `_own_config`.
    """
    for i in [i for i, word in enumerate(argv) if word == "--config"][::-1]:
        argv = [*argv[:i], "=".join(argv[i : i + 2]), *argv[i + 2 :]]
    given = [word.partition("=")[2] for word in argv if word.startswith("--config=")]
    if len(given) > 1:
        _end(f"error: --config is given {len(given)} times ({', '.join(given)}); give one", 2)
    if given and given[0].endswith(".json"):
        _SAVED.append(given[0])
        argv = [word for word in argv if not word.startswith("--config=")]
    if not any(word.partition("=")[0] == "--config" for word in argv):
        _KNOBS.extend(word for word in argv if word.startswith("--config."))
        argv = [word for word in argv if not word.startswith("--config.")]
    try:
        words = flags.FLAGS(argv)
        if _SAVED or (_CONFIG.value is None and _MODE.value in (*_NO_CONFIG, *_OWN_CONFIG)):
            return words
        if _CONFIG.value is None:
            raise flags.IllegalFlagValueError("--config is needed, e.g. --config=configs/sprites.py")
        _CONFIG.value.to_dict()  # a config that could not be loaded says so only when it is used
        return words
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        text = str(error.args[0] if error.args else error).replace("\\n", "\n").replace("\\'", "'")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        told = [line for line in lines if not line.startswith(("File ", "Traceback", "raise ", "config = ", "^"))]
        return _end("error: " + " / ".join(told[-3:]), 2)


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)


def _config():
    """The config of the command: the file's that --config names, or `_own_config`; None for a mode that needs none."""
    from ssa2d_jax.runs import overrides

    if _SAVED or (_CONFIG.value is None and _MODE.value in _OWN_CONFIG):
        config, given = _own_config(), {word.partition("=")[0].removeprefix("--config.") for word in _KNOBS}
    elif _CONFIG.value is None:
        return None
    else:
        config, given = _CONFIG.value, config_flags.get_override_values(flags.FLAGS["config"])
    overrides.prefer_init_run(config, given)
    return config


def _own_config():
    """The config that the run in --workdir, or that of `_SAVED`, was trained with, and `_KNOBS` set in it.

    Knobs that it is too old to know have their defaults.
    """
    from configs import default
    from ssa2d_jax.runs import overrides, saved_config
    from ssa2d_jax.runs.run import run_config
    from ssa2d_jax.utils.errors import InputError

    defaults = default.get_config()
    saved = saved_config.read_given_config(Path(_SAVED[-1]), defaults) if _SAVED else run_config(_workdir())
    config = saved_config.complete_config(saved, defaults)
    for word in _KNOBS:
        knob, is_set, text = word.removeprefix("--config.").partition("=")
        if not is_set:
            raise InputError(f"{word}: give its value as {word}=...")
        overrides.set_option(config, knob, text)
    return config


def _prepared(config):
    """Renders and builds what is missing -> the TFDS builder. TensorFlow never sees a GPU."""
    import tensorflow as tf

    from input_pipeline.records.prepare import prepare_a2d, prepare_vidor
    from input_pipeline.sprites.render_a2d import render_release
    from input_pipeline.sprites.render_vidor import render_vidor

    tf.config.set_visible_devices([], "GPU")
    data = config.data
    same = ("clip_frames", "store_height", "jpeg_quality", "flow", "processes", "strict")
    common = {name: data[name] for name in same} | {"flow_height": _flow_height(config)}
    if data.layout == "vidor":
        if data.sprites.train_clips:
            names = ("train_clips", "test_clips", "size", "frames", "seed", "processes")
            render_vidor(data.root, **{name: data.sprites[name] for name in names})
        own = ("labels_per_clip", "clips_per_video", "spatial", "beam")
        return prepare_vidor(data.root, data.shards_dir, **common, **{name: data[name] for name in own})
    if data.sprites.train_clips:
        render_release(data.root, **dict(data.sprites))
    own = ("frame_step", "label_span", "layout")
    return prepare_a2d(data.root, data.shards_dir, **common, **{name: data[name] for name in own})


def _flow_height(config) -> int:
    """Flow is estimated at this height: by default the network's own."""
    return config.data.flow_height or config.data.size[0]


def _source(config):
    import jax

    from input_pipeline import dataset
    from input_pipeline.records.prepare import label_space, left_out
    from ssa2d_jax.data.batch import Source

    builder = _prepared(config)
    dataset.check_shards(builder)  # now, not when the first evaluation comes to it
    place = dict(process_index=jax.process_index(), process_count=jax.process_count())
    # VidOR's records hold the very frames of a clip, whatever the step between them.
    step = 1 if config.data.layout == "vidor" else config.data.frame_step
    space = label_space(builder)
    common = dict(size=config.data.size, clip_frames=config.data.clip_frames, frame_step=step)
    common |= dict(flow=config.model.flow, multilabel=space.multilabel)
    return Source(
        space=space,
        train_clips=dataset.num_train_clips(builder),
        label_frames={split: dataset.num_label_frames(builder, split) for split in builder.info.splits},
        left_out=left_out(builder),
        identity=f"{builder.builder_config.name}, {dataset.num_train_clips(builder)} clips to train on",
        train_batches=lambda step: dataset.train_batches(
            builder,
            batch_size=config.train.batch_size,
            seed=config.seed,
            start_step=step,
            augment=dict(config.augment),
            shuffle_buffer=config.data.shuffle_buffer,
            decode_threads=config.data.decode_threads,
            **common,
            **place,
        ),
        eval_batches=lambda split: dataset.eval_batches(
            builder,
            split,
            batch_size=config.eval.batch_size,
            decode_threads=config.data.decode_threads,
            **common,
            **place,
        ),
    )


def _workdir() -> Path:
    from ssa2d_jax.utils.errors import InputError

    if not _WORKDIR.value:
        raise InputError(f"--mode={_MODE.value} needs --workdir, the folder of the run")
    return Path(_WORKDIR.value)


def _checked(config):
    import jax

    from ssa2d_jax.runs import config_rules

    trains, scores = _MODE.value in ("train", "ablate", "profile"), _MODE.value in ("train", "ablate", "eval")
    config_rules.check_config(config, jax.local_device_count(), trains=trains, scores=scores)
    return config


def _prepare(config) -> None:
    builder = _prepared(_checked(config))
    print(f"prepared: {builder.data_path}")


def _read_weights(path: str):
    """I3D's tensors in a file of whatever format."""
    from ssa2d_jax.pretrained.reader import read_weights

    return read_weights(path)


def _train(config) -> None:
    from ssa2d_jax.runs import initial_weights
    from ssa2d_jax.training import loop as loop
    from ssa2d_jax.utils import host_memory

    host_memory.keep()
    workdir = _workdir()
    initial_weights.check_paths(_checked(config).init, workdir)
    loop.train(config, workdir, _source(config), _read_weights)


def _eval(config) -> None:
    from ssa2d_jax.evaluation.evaluate import evaluate_run
    from ssa2d_jax.runs import weights_file
    from ssa2d_jax.runs.run import check_label_space, load_run

    workdir = _workdir()
    run = load_run(workdir, _checked(config))  # before the data, which may have to be prepared
    source = _source(config)
    check_label_space(workdir, run.space, source.space)
    scoring = dict(published=config.eval.published, threshold=config.eval.threshold)
    scoring |= dict(image_clips=config.train.image_clips)
    folder = weights_file.results_folder(workdir)
    evaluate_run(run, folder, source, config.train.eval_splits, **scoring)


def _predict(config) -> None:
    from ssa2d_jax.inference.detector import Detector
    from ssa2d_jax.inference.predict import predict_path
    from ssa2d_jax.runs.run import load_run
    from ssa2d_jax.utils.errors import InputError

    if not _INPUT.value or not _OUTPUT.value:
        raise InputError(
            "--mode=predict needs --input, a video, a folder of videos or a camera's number, and --output, a folder"
        )
    run, options = load_run(_workdir(), _checked(config)), config.predict
    detector = Detector.of(
        run,
        overlap=options.overlap,
        batch_size=options.batch_size,
        max_pixels=options.max_pixels,
        threshold=config.eval.threshold,
    )
    names = ("opacity", "tracks", "draw_tracks", "track_frames", "track_confidence")
    drawing = {name: options[name] for name in names}
    predict_path(_INPUT.value, _OUTPUT.value, detector=detector, **drawing)


def _export_weights(config) -> None:
    from ssa2d_jax.runs import weights_file
    from ssa2d_jax.runs.run import load_run
    from ssa2d_jax.utils.errors import InputError

    workdir = _workdir()
    if not _OUTPUT.value or workdir.is_file():
        raise InputError(
            "--mode=export_weights needs --workdir, the folder of a run, and --output, a .safetensors file"
        )
    run, path = load_run(workdir, _checked(config)), Path(_OUTPUT.value)
    whole = run.config.to_dict()
    weights_file.save_run(path, run.variables, step=run.step, config=whole, space=run.space, workdir=workdir)
    print(f"written: {path}")


def _export(config) -> None:
    from ssa2d_jax.runs import stablehlo
    from ssa2d_jax.runs.run import load_run
    from ssa2d_jax.utils.errors import InputError

    workdir = _workdir()
    if not _OUTPUT.value:
        raise InputError("--mode=export needs --output, the folder that the program goes to")
    stablehlo.export_run(load_run(workdir, _checked(config)), Path(_OUTPUT.value))


def _ablate(config) -> None:
    from configs import default
    from ssa2d_jax.training import ablation
    from ssa2d_jax.utils import host_memory

    host_memory.keep()
    source = lambda one: _source(_checked(one))
    ablation.run_ablation(_checked(config), default.NETWORK_VARIANTS, _workdir(), source, _read_weights)


def _profile(config) -> None:
    from ssa2d_jax.training.profile import profile
    from ssa2d_jax.utils import host_memory

    host_memory.keep()
    workdir = _workdir()
    source = _source(_checked(config))
    profile(config, workdir, source)


def _check(config) -> None:
    from input_pipeline import check
    from input_pipeline.releases.layouts import open_release
    from ssa2d_jax.utils.errors import InputError, Problems
    from ssa2d_jax.utils.progress import log
    from ssa2d_jax.utils.text import plural
    from ssa2d_jax.visualization import overlay
    from ssa2d_jax.visualization.png import write_png

    data = _checked(config).data
    if data.layout == "vidor" or not data.root:
        raise InputError("--mode=check reads a release in the layout 'a2d' or 'folder'; give --config.data.root")
    root = Path(data.root).absolute()
    release, found, tiles = open_release(data.layout, root), [], []
    try:
        space = release.space
    except Problems as error:
        log("\n".join(error.args))
        told = f"{plural(len(error.args), 'problem')}, listed above, to be mended first: no video was read"
        raise InputError(told) from error
    log(f"reading {plural(len({name for names in release.splits.values() for name in names}), 'video')}")
    problems = release.dataset_problems()
    for problem in problems:
        log(problem)
    show = lambda caption, frame, joint: tiles.append(overlay.tile(frame, joint, space, caption))
    for one in check.check_release(release, show):
        log("\n  ".join([str(one), *one.problems]))
        found.append(one)
    sheet = Path(_OUTPUT.value or check.own_folder(data.shards_dir, root)) / "check.png"
    sheet.parent.mkdir(parents=True, exist_ok=True)
    if tiles:
        write_png(sheet, overlay.contact_sheet(tiles))
        print(f"look at it: {sheet}; {check.coverage(found)}")
    for remark in [*release.warnings(), *check.one_sided(found, space)]:
        print(f"remark: {remark}")
    classes = (len(space.actors) - 1, "actor"), (len(space.actions) - 1, "action"), (len(space.pairs), "pair")
    print(", ".join(plural(*one) for one in ((len(found), "video"), *classes)))
    problems += [problem for one in found for problem in one.problems]
    if problems:
        raise InputError(f"{plural(len(problems), 'problem')}, listed above")
    print("no problem found")


def _doctor(_) -> None:
    from ssa2d_jax.cli import doctor

    for what, found in doctor.report(Path(__file__).with_name("requirements.txt")):
        print(f"{what:<32} {found}", flush=True)


def _report(config) -> None:
    from ssa2d_jax.evaluation import html_report
    from ssa2d_jax.inference.latency import measure_once

    split = config.train.eval_splits[0] if config else "test"
    for workdir in sorted(path.parents[1] for path in _workdir().glob(f"**/metrics/{split}.json")):
        measure_once(workdir)
    html_report.write_report(_workdir(), split)


_MODES = {
    "report": _report,
    "profile": _profile,
    "doctor": _doctor,
    "check": _check,
    "ablate": _ablate,
    "train": _train,
    "prepare": _prepare,
    "eval": _eval,
    "predict": _predict,
    "export_weights": _export_weights,
    "export": _export,
}

if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
