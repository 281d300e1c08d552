"""The import rules of docs/architecture.md, read from the source."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = sorted((ROOT / "ssa2d_jax").glob("*.py"))
PIPELINE = sorted((ROOT / "input_pipeline").glob("*.py"))
WEIGHT_FILES = sorted((ROOT / "weight_files").glob("*.py"))
WEB = sorted((ROOT / "web").glob("*.py"))
TOOLS = [ROOT / "main.py", *sorted((ROOT / "tools").glob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py"))]
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
SHARED = {
    "batch",
    "label_space",
    "video",
    "progress",
    "locks",
    "files",
    "optical_flow",
    "vidor_classes",
    "tensor_file",
}


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


def _imports_at_once(path):
    """Names of what a file imports outside its functions."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def _names(path):
    """Every attribute and imported name that a file uses: jax.pmap, from jax import pmap, getattr(jax, "pmap")."""
    tree = ast.parse(path.read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return used | {name.rsplit(".")[-1] for name in _imports(path)}


def _roots(path):
    return {name.split(".")[0] for name in _imports(path)}


def _siblings(path, package):
    """Names of the modules of `package` that a file imports."""
    return {name.split(".")[1] for name in _imports(path) if name.startswith(package + ".")}


def test_the_rooms_are_there():
    assert len(LIBRARY) > 15 and len(PIPELINE) > 5 and len(CONFIGS) > 2


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: p.name)
def test_the_library_knows_no_tensorflow_and_no_pipeline(path):
    assert not _roots(path) & {
        "tensorflow",
        "tensorflow_datasets",
        "torch",
        "input_pipeline",
        "weight_files",
        "configs",
        "main",
        "web",
        "gradio",
    }


@pytest.mark.parametrize("path", PIPELINE, ids=lambda p: p.name)
def test_the_pipeline_knows_no_jax_and_little_of_the_library(path):
    assert not _roots(path) & {"jax", "jaxlib", "flax", "optax", "orbax", "clu", "configs", "main"}
    assert _siblings(path, "ssa2d_jax") <= SHARED


@pytest.mark.parametrize("path", WEIGHT_FILES, ids=lambda p: p.name)
def test_weight_files_know_no_jax_and_import_heavy_readers_late(path):
    assert not _roots(path) & {"jax", "jaxlib", "flax", "optax", "orbax", "clu", "input_pipeline", "configs", "main"}
    assert _siblings(path, "ssa2d_jax") | {"batch"} <= {"batch", "tensor_file"}
    at_once = {name.split(".")[0] for name in _imports_at_once(path)}
    assert not at_once & {"tensorflow", "torch", "h5py", "safetensors"}


@pytest.mark.parametrize("path", WEB, ids=lambda p: p.name)
def test_the_page_uses_the_library_alone_and_gradio_is_in_one_file(path):
    others = {"jax", "flax", "tensorflow", "av", "cv2", "input_pipeline", "weight_files", "configs", "main"}
    assert not _roots(path) & others
    assert ("gradio" in _roots(path)) == (path.name == "page.py")


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_both_sides_import_has_no_framework(name):
    path = ROOT / "ssa2d_jax" / f"{name}.py"
    assert not _roots(path) & FRAMEWORKS
    assert _siblings(path, "ssa2d_jax") <= SHARED


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_configs_import_nothing_of_the_library(path):
    assert _roots(path) <= {"ml_collections", "configs"}


def test_one_file_each_for_pmap_orbax_and_writers():
    everything = [*LIBRARY, *PIPELINE, *WEIGHT_FILES, *WEB, *CONFIGS, *TOOLS]
    assert {path.name for path in everything if "pmap" in _names(path)} == {"parallel.py"}
    assert {path.name for path in LIBRARY if "orbax" in _roots(path)} == {"checkpoints.py"}
    assert {path.name for path in LIBRARY if "clu" in _roots(path)} == {"train.py"}


def test_models_see_plain_fields():
    for name in ("units", "layers", "lowering", "i3d", "s3d", "encoders", "decoder", "ssa2d"):
        assert "ml_collections" not in _roots(ROOT / "ssa2d_jax" / f"{name}.py")


@pytest.mark.parametrize("package", ["ssa2d_jax", "input_pipeline", "weight_files", "web"])
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


# What a requirement is imported as, where that isn't its name.
IMPORTED_AS = {
    "absl-py": "absl",
    "opencv-contrib-python-headless": "cv2",
    "orbax-checkpoint": "orbax",
    "pillow": "PIL",
    "tensorflow-cpu": "tensorflow",
}


def _required(name):
    lines = (ROOT / name).read_text().splitlines()
    return {re.match(r"[\w-]+", line).group() for line in lines if line[:1].isalpha()}


def test_what_is_imported_is_required_and_what_is_required_is_imported():
    required = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in _required("requirements.txt")}
    extra = set().union(*(_required(f"requirements-{kind}.txt") for kind in ("beam", "torch", "web", "test")))
    optional = {name.replace("-", "_") for name in extra}
    own = {"ssa2d_jax", "input_pipeline", "weight_files", "web", "configs", "main"}
    imported = set()
    for path in [*LIBRARY, *PIPELINE, *WEIGHT_FILES, *WEB, *CONFIGS, *TOOLS]:
        assert _roots(path) <= required | optional | own | sys.stdlib_module_names, path.name
        imported |= _roots(path)
    # tensorboard is a command, importlib_resources is what tensorflow_datasets needs, flatbuffers what jax.export does.
    assert required - imported == {"tensorboard", "importlib_resources", "flatbuffers"}
