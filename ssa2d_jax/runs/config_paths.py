"""Files and folders that a config names. Nothing heavy is imported, so that a wrong path is reported at once."""

from pathlib import Path

from ml_collections import ConfigDict

from ssa2d_jax.pretrained.shipped import find_run
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils.errors import InputError

FETCHED_WEIGHTS = "i3d_kinetics400_rgb.safetensors"


def check_workdir(workdir: Path) -> None:
    """Raises InputError if `workdir` is a file: a training needs a folder."""
    if workdir.is_file():
        raise InputError(
            f"{workdir} is a file, not a folder; to start from its weights, give a new folder and "
            f"--config.init.run={workdir}"
        )


def check_init_paths(init: ConfigDict, workdir: Path) -> None:
    """Raises InputError if a path in `config.init`, or the workdir, can't be used: now, not after preparing the data.

    A run that has a checkpoint in `workdir` does not read these paths any more.
    """
    check_workdir(workdir)
    if Workdir(workdir).has_checkpoint():
        return
    for option, path in init.items():
        if option == "run":
            path = str(find_run(path)) if path else path
        # A TensorFlow checkpoint is named by a prefix, which is not a file itself.
        if path and not Path(path).exists() and not Path(f"{path}.index").exists():
            hint = "; python -m tools.fetch_weights downloads it" if Path(path).name == FETCHED_WEIGHTS else ""
            raise InputError(f"config.init.{option}: {path}: no such file or folder{hint}")


def check_data_root(data: ConfigDict) -> None:
    """Raises InputError if `config.data.root` does not exist, unless it will be rendered or downloaded."""
    root = Path(data.root)
    is_there = root.is_dir() or (data.layout == "folder" and root.is_file())  # an export of a labelling tool
    if data.root and not data.sprites.train_clips and not is_there:
        raise InputError(
            f"{data.root}: no such folder; config.data.root has to be the folder of your data (or of a release). It is "
            "needed even when its shards are prepared: its content says which shards belong to it"
        )
