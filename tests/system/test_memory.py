"""Freed memory stays with the process where the C library can be told so."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from nasbench_harness.system.memory import keep_freed_memory

FAULTS = """
import resource, sys, torch
from nasbench_harness.system.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
x = torch.ones(1 << 24)  # 64 MB: above the largest threshold that glibc would learn by itself
for _ in range(20):  # glibc needs a few rounds until its free blocks fit
    x + 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    x + 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is an option of glibc")
def test_large_blocks_are_reused_without_page_faults() -> None:
    def faults(mode: str) -> int:
        done = subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert 4 * faults("keep") < faults("default")


def test_it_says_whether_it_could() -> None:
    assert keep_freed_memory() is (platform.libc_ver()[0] == "glibc")


HOLES = """
import torch
from pathlib import Path
from nasbench_harness.system.memory import give_back_freed_memory, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

keep_freed_memory()
blocks = [torch.ones(1 << 20) for _ in range(100)]  # 4 MB each
before = resident()
blocks = blocks[1::2]  # holes between what stays
kept = resident()
told = give_back_freed_memory()
print(before - kept < 1000, told, before - resident() > 40000)  # pages of 4 kB: 50 blocks have 51,200
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim belongs to glibc")
def test_holes_between_blocks_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3
