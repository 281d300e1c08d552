"""The import rules of docs/architecture.md, read from the source."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = sorted((ROOT / "ssa2d_jax").glob("*.py"))
PIPELINE = sorted((ROOT / "input_pipeline").glob("*.py"))
CONFIGS = sorted((ROOT / "configs").glob("*.py"))
FRAMEWORKS = {
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax",
    "clu",
    "chex",
    "tensorflow",
    "tensorflow_datasets",
    "tensorboard",
}
# Both sides import these, so they know no framework.
SHARED = {"batch", "label_space", "video", "progress"}


def _imports(path):
    """Full names of everything that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _roots(path):
    return {name.split(".")[0] for name in _imports(path)}


def _siblings(path, package):
    """Names of the modules of `package` that a file imports."""
    return {name.split(".")[1] for name in _imports(path) if name.startswith(package + ".")}


def test_the_rooms_are_there():
    assert len(LIBRARY) > 15 and len(PIPELINE) > 5 and len(CONFIGS) > 2


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: p.name)
def test_the_library_knows_no_tensorflow_and_no_pipeline(path):
    assert not _roots(path) & {"tensorflow", "tensorflow_datasets", "input_pipeline", "configs", "main"}


@pytest.mark.parametrize("path", PIPELINE, ids=lambda p: p.name)
def test_the_pipeline_knows_no_jax_and_little_of_the_library(path):
    assert not _roots(path) & {"jax", "jaxlib", "flax", "optax", "orbax", "clu", "configs", "main"}
    assert _siblings(path, "ssa2d_jax") <= SHARED


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_both_sides_import_has_no_framework(name):
    path = ROOT / "ssa2d_jax" / f"{name}.py"
    assert not _roots(path) & FRAMEWORKS
    assert _siblings(path, "ssa2d_jax") <= SHARED


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_configs_import_nothing_of_the_library(path):
    assert _roots(path) <= {"ml_collections", "configs"}


def test_one_file_each_for_pmap_orbax_and_writers():
    def files_with(text):
        return {path.name for path in LIBRARY + PIPELINE if text in path.read_text()}

    assert files_with("jax.pmap(") == {"parallel.py"}
    assert {path.name for path in LIBRARY if "orbax" in _roots(path)} == {"checkpoints.py"}
    assert {path.name for path in LIBRARY if "clu" in _roots(path)} == {"train.py"}


def test_models_see_plain_fields():
    for name in ("units", "layers", "lowering", "i3d", "decoder", "ssa2d"):
        assert "ml_collections" not in _roots(ROOT / "ssa2d_jax" / f"{name}.py")


@pytest.mark.parametrize("package", ["ssa2d_jax", "input_pipeline"])
def test_no_cycles(package):
    files = {path.stem: path for path in (ROOT / package).glob("*.py")}
    graph = {name: _siblings(path, package) & set(files) for name, path in files.items()}
    done, path = set(), []

    def visit(name):
        assert name not in path, f"cycle: {' -> '.join([*path, name])}"
        if name in done:
            return
        path.append(name)
        for other in graph[name]:
            visit(other)
        path.pop()
        done.add(name)

    for name in graph:
        visit(name)
    assert done == set(files)


def test_every_import_is_a_named_dependency():
    named = {
        "absl", "av", "clu", "cv2", "flax", "h5py", "jax", "ml_collections", "numpy", "optax", "orbax",
        "tensorflow", "tensorflow_datasets", "matplotlib",
    }  # fmt: skip
    own = {"ssa2d_jax", "input_pipeline", "configs"}
    for path in [*LIBRARY, *PIPELINE, *CONFIGS, ROOT / "main.py"]:
        assert _roots(path) <= named | own | sys.stdlib_module_names, path.name
