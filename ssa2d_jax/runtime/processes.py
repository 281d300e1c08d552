"""The processes that run one command together, and what they tell one another.

They are started by cli/processes.py. With one process, nothing is sent and nothing waits. What the first process does
alone reaches the others through the key-value store of `jax.distributed`, which waits for as long as it takes;
collectives of arrays would time out. Every process has to make these calls in the same order.
"""

import itertools
import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import PyTree

from ssa2d_jax.utils.errors import OF_ALL, OF_FIRST, Diverged, InputError

Result = TypeVar("Result")
Tree = TypeVar("Tree")
_POLL = 5_000  # milliseconds of one wait; between two, signals and the watch of cli/processes.py get their turn
_PREFIX = "ssa2d"
# What all processes raise if the first one does.
_ERRORS: dict[str, type[Exception]] = {
    "InputError": InputError,
    "Diverged": Diverged,
}
_numbers = itertools.count()
_is_in_first = threading.local()  # inside the work of `on_first`


def count() -> int:
    """The number of processes."""
    return jax.process_count()


def index() -> int:
    """The number of this process, from 0."""
    return jax.process_index()


def is_first() -> bool:
    """Whether this process is the one that writes files."""
    return index() == 0


def on_first(work: Callable[[], Result]) -> Result:
    """Calls `work` in the first process alone, while the others wait for its result, which JSON has to hold.

    Raises:
        InputError, Diverged: in all processes, if `work` raises it; those of the others have the note `OF_FIRST`.
    """
    if count() == 1 or getattr(_is_in_first, "value", False):
        return work()
    key = f"{_PREFIX}/first/{next(_numbers)}"
    if not is_first():
        answer = json.loads(wait_for(key))
        if "error" not in answer:
            return answer["result"]
        error = _ERRORS[answer["error"]](answer["message"])
        error.add_note(OF_ALL)
        error.add_note(OF_FIRST)
        raise error
    _is_in_first.value = True
    try:
        result = work()
        text = json.dumps({"result": result})
    except (InputError, Diverged) as error:
        kind = "Diverged" if isinstance(error, Diverged) else "InputError"
        client().key_value_set(key, json.dumps({"error": kind, "message": str(error)}))
        error.add_note(OF_ALL)
        raise
    finally:
        _is_in_first.value = False
    client().key_value_set(key, text)
    return result


def is_of_all(error: Exception) -> bool:
    """Whether every process raises `error` at the same place, so that all may go on together after it."""
    return count() == 1 or isinstance(error, Diverged) or OF_ALL in getattr(error, "__notes__", ())


def wait_for(key: str) -> str:
    """The value of `key` in the store, as soon as a process has set it."""
    while True:
        try:
            return client().blocking_key_value_get(key, _POLL)
        except jax.errors.JaxRuntimeError as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                raise


def client() -> Any:
    """The client of `jax.distributed`'s key-value store, for which jax has no public name."""
    from jax._src import distributed

    return distributed.global_state.client


def broadcast(tree: Tree | None, template: Tree) -> Tree:
    """The first process's arrays in all processes, bit for bit, as numpy arrays; of the others, `tree` is not read.

    Args:
        tree: arrays.
        template: their tree, shapes and dtypes.
    """
    leaves, structure = jax.tree.flatten(template)
    sizes = [int(np.prod(leaf.shape)) * np.dtype(leaf.dtype).itemsize for leaf in leaves]
    words = -(-sum(sizes) // 4)
    data = np.zeros(4 * words, np.uint8)
    if tree is not None and is_first():
        arrays = jax.tree.leaves(jax.device_get(tree))
        joined = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
        data[: len(joined)] = np.frombuffer(joined, np.uint8)
    # As whole numbers: sums of floats, which carry them, would lose the sign of zero.
    data = np.asarray(multihost_utils.broadcast_one_to_all(data.view(np.int32))).view(np.uint8)
    ends = list(itertools.accumulate(sizes))
    parts = [data[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    received = [
        np.frombuffer(part.tobytes(), leaf.dtype).reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, received)


def gather(data: bytes) -> list[bytes]:
    """The `data` of all processes, in their order."""
    if count() == 1:
        return [data]
    sizes = multihost_utils.process_allgather(np.array([len(data)], np.int32)).ravel().tolist()
    padded = np.zeros(max(sizes), np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    rows = np.asarray(multihost_utils.process_allgather(padded))
    return [row[:size].tobytes() for row, size in zip(rows, sizes, strict=True)]


def largest(value: int) -> int:
    """The largest `value` of all processes."""
    if count() == 1:
        return value
    return int(np.max(multihost_utils.process_allgather(np.array([value], np.int32))))


def check_same(what: str, value: PyTree) -> None:
    """Raises InputError unless `value`, which JSON has to hold, is the same in all processes; it names what differs."""
    if count() == 1:
        return
    mine = json.loads(json.dumps(value))
    first = json.loads(on_first(lambda: json.dumps(value)))  # as text: no number that isn't one equals itself
    if json.dumps(mine, sort_keys=True) == json.dumps(first, sort_keys=True):
        return
    if isinstance(mine, dict) and isinstance(first, dict):
        names = [name for name in mine | first if mine.get(name) != first.get(name)]
        mine, first = ({name: part.get(name) for name in names} for part in (mine, first))
    raise InputError(f"{what} of this process and of the first one differ: {mine} here, {first} there")
