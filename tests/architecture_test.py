"""The rooms and rules of docs/architecture.md, read from the source."""

import ast
import dataclasses
import functools
import itertools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE, LONGEST_FUNCTION, DEEPEST, MOST_MODULES = 300, 60, 4, 12
# Packages that a room needs leave to import; any other package of requirements.txt is free.
FRAMEWORKS = {
    "jax", "jaxlib", "flax", "optax", "orbax", "clu", "chex", "ml_collections", "tensorflow", "tensorflow_datasets",
    "tensorboard", "torch", "openvino", "h5py", "gradio", "matplotlib", "apache_beam", "av", "PIL", "cv2", "scipy",
    "pycocotools",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Room:
    """A package, the rooms and frameworks that its modules may import, and those that only functions may import."""

    name: str
    rooms: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


JAX = ("jax", "flax", "optax", "ml_collections")
# In order: a room imports rooms above it only. The tables of docs/architecture.md, which are checked against these.
LIBRARY = [
    Room("utils", (), ("cv2",)),
    Room("data", ("utils",)),
    Room("video", ("utils",), ("av", "cv2", "PIL")),
    Room("models", (), ("jax", "flax")),
    Room("pretrained", ("utils", "models"), ("jax", "flax"), ("tensorflow", "h5py")),
    Room("runtime", ("utils",), ("jax",)),
    Room("steps", ("data", "models", "runtime", "utils", "video.optical_flow"), JAX),
    Room("backends", ("data", "models", "steps", "utils"), ("jax", "flax", "openvino")),
    Room("runs", ("data", "models", "pretrained", "runtime", "steps", "utils", "video"), (*JAX, "orbax")),
    Room("visualization", ("data", "utils"), ("cv2", "matplotlib", "PIL")),
    Room(
        "evaluation", ("data", "models", "runs", "runtime", "steps", "utils", "visualization"), ("jax", "flax", "cv2")
    ),
    Room(
        "inference",
        ("backends", "data", "pretrained.shipped", "runs", "steps", "utils", "video", "visualization"),
        ("jax", "cv2", "matplotlib", "scipy", "pycocotools", "PIL"),
    ),
    Room("training", ("data", "evaluation", "models", "runs", "runtime", "steps", "utils"), (*JAX, "clu")),
    Room("web", ("data", "inference", "pretrained.shipped", "utils", "video"), ("gradio",)),
    Room(
        "cli",
        ("utils", "data", "video", "models", "pretrained", "runtime", "steps", "backends", "runs", "visualization",
         "evaluation", "inference", "training", "web", "input_pipeline", "configs"),
        ("ml_collections",),
        ("jax", "av"),
    ),
]  # fmt: skip
SHARED = ("ssa2d_jax.utils", "ssa2d_jax.data", "ssa2d_jax.video")
TF = ("tensorflow", "tensorflow_datasets")
PIPELINE = [
    Room("workers", ("ssa2d_jax.utils",), ("cv2",)),
    Room("releases", SHARED, ("h5py", "PIL")),
    Room("exports", (*SHARED, "releases"), ("PIL", "cv2", "pycocotools")),
    Room("sprites", (*SHARED, "workers"), ("h5py", "av", "cv2")),
    Room("records", (*SHARED, "workers", "releases"), TF, ("apache_beam",)),
    Room("transforms", SHARED, TF),
    Room("examples", (*SHARED, "transforms"), TF),
    Room("dataset", (*SHARED, "examples"), TF),
    Room("check_labels", (*SHARED, "releases")),
    Room("check_alignment", (*SHARED, "releases", "check_labels")),
    Room("check_video", (*SHARED, "releases", "check_labels", "check_alignment")),
    Room(
        "check",
        (*SHARED, "ssa2d_jax.visualization", "releases", "check_labels", "check_alignment", "check_video"),
    ),
    Room("source", (*SHARED, "sprites", "records", "examples", "dataset"), (*TF, "ml_collections")),
]


@functools.cache
def _tree(path):
    return ast.parse(path.read_text())


def _names_of(node):
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative import"
        return {f"{node.module}.{alias.name}" for alias in node.names}
    return set()


@functools.cache
def _imports(path):
    """Full names of everything that a file imports, wherever in it."""
    return set().union(*(_names_of(node) for node in ast.walk(_tree(path))))


def _imports_at_once(path):
    """Names of what a file imports outside its functions."""
    functions = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    return set().union(*(_names_of(node) for node in ast.walk(_tree(path)) if id(node) not in inside))


def _roots(names):
    return {name.split(".")[0] for name in names}


def _files(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _modules(package, room):
    """The files of a room, which is a folder or a file of the package."""
    file = ROOT / package / f"{room}.py"
    return [file] if file.exists() else sorted((ROOT / package / room).rglob("*.py"))


def _below(name, prefixes):
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def _check_room(package, room, path):
    own = f"{package}.{room.name}"
    whole = ("ssa2d_jax.", "input_pipeline", "configs")
    allowed = [own, *(name if name.startswith(whole) else f"{package}.{name}" for name in room.rooms)]
    allowed += ["ssa2d_jax.__version__", "ssa2d_jax"] if room.name == "cli" else []
    ours = {name for name in _imports(path) if name.split(".")[0] in ("ssa2d_jax", "input_pipeline", "configs", "main")}
    assert {name for name in ours if not _below(name, allowed)} == set()
    assert _roots(_imports_at_once(path)) & FRAMEWORKS <= set(room.frameworks)
    assert _roots(_imports(path)) & FRAMEWORKS <= {*room.frameworks, *room.late}


@pytest.mark.parametrize("room", LIBRARY, ids=lambda room: room.name)
def test_a_room_of_the_library_imports_what_the_table_allows(room):
    files = _modules("ssa2d_jax", room.name)
    assert files
    for path in files:
        _check_room("ssa2d_jax", room, path)


@pytest.mark.parametrize("room", PIPELINE, ids=lambda room: room.name)
def test_a_room_of_the_pipeline_imports_what_the_table_allows(room):
    files = _modules("input_pipeline", room.name)
    assert files
    for path in files:
        _check_room("input_pipeline", room, path)


def test_the_table_names_every_room():
    is_room = lambda path: path.is_dir() or path.suffix == ".py"
    entries = lambda package: {
        path.stem for path in (ROOT / package).iterdir() if is_room(path) and not path.name.startswith("__")
    }
    assert entries("ssa2d_jax") == {room.name for room in LIBRARY}
    assert entries("input_pipeline") == {room.name for room in PIPELINE}


@pytest.mark.parametrize("table", [LIBRARY, PIPELINE], ids=["library", "pipeline"])
def test_rooms_import_only_rooms_before_them(table):
    names = [room.name for room in table]
    for place, room in enumerate(table):
        inside = {name.split(".")[0] for name in room.rooms if not name.startswith("ssa2d_jax.")}
        assert inside - {"input_pipeline", "configs"} <= set(names[:place]), room.name


def _rows(heading):
    """The tables of docs/architecture.md: the first cell's name -> the names in the cell of imports."""
    lines = (ROOT / "docs/architecture.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading}"))
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {row[0].strip("`"): row[2] for row in cells}


@pytest.mark.parametrize("table", [LIBRARY, PIPELINE], ids=["library", "pipeline"])
def test_the_documents_have_the_same_table(table):
    rows = _rows("room of `ssa2d_jax/`" if table is LIBRARY else "room of `input_pipeline/`")
    assert list(rows) == [room.name for room in table]
    for room in table:
        if room.name != "cli":
            is_shared = set(SHARED) <= set(room.rooms)
            names = {name for name in room.rooms if not (is_shared and name in SHARED)} | (
                {"shared"} if is_shared else set()
            )
            written = {name.strip(" `") for name in rows[room.name].split(",")} - {"-"}
            assert written == names, room.name


def test_only_the_command_line_imports_the_pipeline_or_configs():
    outside = [path for path in _files("ssa2d_jax") if path.parent.name != "cli"]
    assert not set().union(*(_roots(_imports(path)) for path in outside)) & {"input_pipeline", "configs", "main"}


def test_configs_import_the_defaults_of_predicting_and_scoring_alone():
    for path in _files("configs"):
        assert _roots(_imports(path)) <= {"ml_collections", "configs", "ssa2d_jax"}
        assert {name for name in _imports(path) if name.startswith("ssa2d_jax.")} <= {"ssa2d_jax.runs.defaults"}


def test_one_room_each_for_pmap_orbax_clu_gradio_and_openvino():
    everything = _files("ssa2d_jax", "input_pipeline", "configs", "tools", "benchmarks") + [ROOT / "main.py"]
    used = lambda path: {node.attr for node in ast.walk(_tree(path)) if isinstance(node, ast.Attribute)} | {
        node.value for node in ast.walk(_tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    } | {name.rsplit(".")[-1] for name in _imports(path)}  # fmt: skip
    where = lambda root: {path.relative_to(ROOT).as_posix() for path in everything if root in _roots(_imports(path))}
    assert [path.name for path in everything if "pmap" in used(path)] == ["devices.py"]
    assert {Path(path).parts[1] for path in where("orbax")} == {"runs"}
    assert {Path(path).parts[1] for path in where("clu")} == {"training"}
    assert where("gradio") == {"ssa2d_jax/web/app.py"}
    assert where("openvino") == {"ssa2d_jax/backends/quiet_openvino.py"}


@pytest.mark.parametrize("package", ["ssa2d_jax", "input_pipeline"])
def test_no_cycles(package):
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in _files(package)}
    parts = lambda name: (name, f"{name}.__init__", name.rpartition(".")[0], f"{name.rpartition('.')[0]}.__init__")
    owner = lambda name: next((module for module in parts(name) if module in names), None)
    graph = {name: {owner(one) for one in _imports_at_once(path)} - {None, name} for name, path in names.items()}
    done, trail = set(), []

    def visit(name):
        assert name not in trail, f"cycle: {' -> '.join([*trail, name])}"
        if name in done:
            return
        trail.append(name)
        for other in graph[name]:
            visit(other)
        trail.pop()
        done.add(name)

    for name in graph:
        visit(name)
    assert done == set(names)


def _depth(node, level=0):
    """How many blocks lie within one another; an elif is no deeper than its if."""
    blocks = ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, _depth(child, level + (isinstance(child, blocks) and not is_elif)))
    return deepest


@pytest.mark.parametrize("path", _files("ssa2d_jax", "input_pipeline"), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 <= LONGEST_FUNCTION, f"{node.name} is long"
            assert _depth(node) <= DEEPEST, f"{node.name} is deep"


def test_folders_stay_small():
    folders = {path.parent for path in _files("ssa2d_jax", "input_pipeline")}
    sizes = {folder.name: len([path for path in folder.glob("*.py") if path.stem != "__init__"]) for folder in folders}
    assert {name: size for name, size in sizes.items() if size > MOST_MODULES} == {}


def test_tests_mirror_the_packages():
    rooms = {path.name for path in (ROOT / "ssa2d_jax").iterdir() if path.is_dir()}
    for path in sorted((ROOT / "tests").rglob("*_test.py")):
        room, *rest = path.relative_to(ROOT / "tests").parent.parts or ("",)
        if room in rooms:
            assert (ROOT / "ssa2d_jax" / room / path.name.replace("_test", "")).exists() or rest, path
        elif room == "input_pipeline":
            assert (ROOT / room / Path(*rest) / path.name.replace("_test", "")).exists(), path
        else:
            assert room in ("", "benchmarks", "documents", "end_to_end", "tools"), path
