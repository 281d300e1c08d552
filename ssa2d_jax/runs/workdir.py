"""A run's folder: what lies where in it, and whose it is."""

import json
from pathlib import Path

from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.runs.saved_config import _FREE, LABELS, _compare, _within, read_config
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text

ABLATION_TABLE, ABLATION_CSV = "ablation.md", "ablation.csv"


def claim_workdir(workdir: Path, config: ConfigDict, data: str, space: LabelSpace) -> None:
    """Writes config.json, data.txt (`data`: which data these are) and labels.json (`space`) into `workdir`.

    Raises InputError if a run of another config, or on other data, has saved anything there.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    path, data_path = workdir / "config.json", workdir / "data.txt"
    if any((workdir / "checkpoints").glob("[0-9]*")):
        if not path.exists():
            raise InputError(f"{path} is missing, but there are checkpoints; restore it, or use another --workdir")
        _compare(read_config(path), workdir, config, lambda knob: not _within(knob, _FREE))
        before = data_path.read_text().strip() if data_path.exists() else data
        if before != data:
            raise InputError(
                f"{workdir} was begun with other data: {before} there, {data} now. "
                "Use another --workdir, or the data as they were"
            )
    replace_text(path, json.dumps(config.to_dict(), indent=2) + "\n")
    replace_text(data_path, data + "\n")
    replace_text(workdir / LABELS, json.dumps(space.to_json(), indent=1) + "\n")
