"""Freed memory stays with the process, whichever thread used it."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, threading
import numpy as np
from ssa2d_jax.utils import host_memory

host_memory.keep_freed_memory()
faults = []

def work():
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.ones(1 << 22, np.float32)  # 16 MB, 4096 pages
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
    thread.join()
print(*faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_pages_are_cleared_once():
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    faults = [int(word) for word in result.stdout.split()]
    assert len(faults) == 12
    assert max(faults[1:]) < 100  # whichever thread used the pages first
