"""Freed memory stays with the process, whichever thread used it."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import resource, threading
import numpy as np
from ssa2d_jax.utils import host_memory

host_memory.keep_freed_memory()
faults = []
PAGES = {pages}

def work():
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.empty(PAGES * 4096, np.uint8)[::4096] = 1
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
    thread.join()
print(*faults)
"""


@pytest.mark.parametrize("pages", [1 << 12, 5 << 16])  # 16 MB; 1.25 GB, the workspace of a step with larger frames
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_pages_are_cleared_once(pages):
    script = SCRIPT.replace("{pages}", str(pages))
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    faults = [int(word) for word in result.stdout.split()]
    assert len(faults) == 12
    assert max(faults[1:]) < 100  # whichever thread used the pages first


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage/enabled").exists()
    or "[never]" in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(),
    reason="the kernel has no huge pages for programs",
)
def test_large_arrays_are_on_huge_pages():
    script = """
import re
import numpy as np
from ssa2d_jax.utils import host_memory

host_memory.keep_freed_memory()
array = np.ones(1 << 28, np.uint8)
print(sum(map(int, re.findall(r"AnonHugePages: +(\\d+) kB", open("/proc/self/smaps").read()))))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(result.stdout) > 0  # kB; how many, the kernel decides
