"""pyproject.toml, requirements.txt and the imports of the code name the same packages."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ssa2d_jax.backends.choice import OLDEST_OPENVINO

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN = {"ssa2d_jax", "input_pipeline", "configs", "main", "tools", "benchmarks"}
# What a package is imported as, where that isn't its name.
IMPORTED_AS = {
    "absl-py": "absl", "opencv-contrib-python-headless": "cv2", "orbax-checkpoint": "orbax", "pillow": "PIL",
    "tensorflow-cpu": "tensorflow",
}  # fmt: skip
# A command; what tensorflow-datasets needs; what jax's cache needs; what jax.export needs.
NEVER_IMPORTED = {"tensorboard", "importlib_resources", "filelock", "flatbuffers"}


def _parse(lines):
    return [Requirement(line.split("#")[0]) for line in lines if line.strip() and not line.startswith("#")]


# Imported inside functions alone.
WITH_EXTRAS = {"ssa2d_jax/web/app.py", "ssa2d_jax/backends/quiet_openvino.py"}
BASE = _parse(PROJECT["dependencies"])
EXTRAS = {name: _parse(lines) for name, lines in PROJECT["optional-dependencies"].items()}
PINNED = _parse((ROOT / "requirements.txt").read_text().splitlines())


def _modules(requirements):
    return {IMPORTED_AS.get(one.name, one.name.replace("-", "_")) for one in requirements}


def _roots(nodes):
    imports = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    imports += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in imports} - sys.stdlib_module_names - OWN


def _imports(path):
    return _roots(list(ast.walk(ast.parse(path.read_text()))))


def _imports_at_once(path):
    return _roots(ast.parse(path.read_text()).body)


def test_the_pinned_set_is_the_package_with_its_extras_train_and_openvino():
    assert {one.name for one in PINNED} == {one.name for one in (*BASE, *EXTRAS["train"], *EXTRAS["openvino"])}
    allowed = {(one.name, str(one.marker).replace("'", '"')): one.specifier for one in (*BASE, *EXTRAS["train"])}
    for one in PINNED:
        for specifier in one.specifier:
            if specifier.operator == "==":
                assert specifier.version in allowed[one.name, str(one.marker)], one


def test_the_oldest_openvino_is_the_same_everywhere():
    oldest = ".".join(map(str, OLDEST_OPENVINO))
    found = [one for one in (*PINNED, *EXTRAS["openvino"], *EXTRAS["test"]) if one.name == "openvino"]
    assert [str(one.specifier) for one in found] == [f"<2027,>={oldest}"] * 3


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_python_gets_each_package_once(python):
    names = [one.name for one in PINNED if one.marker is None or one.marker.evaluate({"python_version": python})]
    assert len(names) == len(set(names)) and {"jax", "flax"} <= set(names)


def test_what_is_imported_is_required_and_what_is_required_is_imported():
    required = _modules((*BASE, *EXTRAS["train"]))
    optional = _modules([one for extra in EXTRAS.values() for one in extra])
    imported = set()
    for folder in sorted(OWN - {"main"}):
        for path in sorted((ROOT / folder).rglob("*.py")):
            assert _imports(path) <= required | optional, path
            imported |= _imports(path)
    assert required - imported == NEVER_IMPORTED


def test_labelling_videos_needs_the_base_alone():
    base = _modules(BASE)
    for path in sorted((ROOT / "ssa2d_jax").rglob("*.py")):
        if path.parent.name != "training" and path.relative_to(ROOT).as_posix() not in WITH_EXTRAS:
            assert _imports_at_once(path) <= base, path
