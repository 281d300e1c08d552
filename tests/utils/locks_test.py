"""Locks between processes, and folders in which nothing can be locked."""

import errno
import fcntl

import pytest

from ssa2d_jax.utils import locks
from ssa2d_jax.utils.errors import InputError


def test_a_lock_that_another_holds_is_refused_with_the_message(tmp_path):
    with open(tmp_path / "lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="busy"), locks.try_lock(tmp_path / "lock", "busy"):
            pass
    with locks.try_lock(tmp_path / "lock", "busy"), pytest.raises(InputError), locks.try_lock(tmp_path / "lock", "two"):
        pass


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_where_nothing_may_be_written_reading_goes_on_without_a_lock(tmp_path, monkeypatch, number):
    def refuse(path, mode):
        raise OSError(number, "refused", str(path))

    monkeypatch.setattr(locks, "open", refuse, raising=False)
    done = []
    with locks.wait_for_lock(tmp_path / "lock", "waiting"):
        done.append(1)
    assert done == [1]


def test_another_error_of_the_lock_is_not_hidden(tmp_path):
    with pytest.raises(FileNotFoundError), locks.wait_for_lock(tmp_path / "no folder" / "lock", "waiting"):
        pass
