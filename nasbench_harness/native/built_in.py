"""The kernels that the wheel holds, chosen by what the processor can do."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from nasbench_harness.native.targets import HERE, TARGETS, Target

BUILT = HERE / "built"
"""Where the wheel's build puts them; a checkout has no such folder."""


def processor_flags() -> frozenset[str]:
    """What the processor can do, in the words of /proc/cpuinfo; nothing where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(flags.split())
    return frozenset()


def target_for(machine: str, flags: Iterable[str], lanes: int | None = None) -> Target | None:
    """The best target of a machine with these flags, of those with so many ``lanes`` where given; None: unknown."""
    there = frozenset(flags)
    fitting = (t for t in TARGETS if t.machine == machine and t.needs <= there and lanes in (None, t.lanes))
    return next(fitting, None)


def built_in(numbers: str, lanes: int | None = None) -> tuple[Path, Target] | None:
    """The kernels of this installation for "float" or "double" on this processor; None where it has none."""
    if sys.platform != "linux" or not BUILT.is_dir():
        return None
    target = target_for(platform.machine(), processor_flags(), lanes)
    path = None if target is None else BUILT / target.file_name(numbers)
    return None if target is None or path is None or not path.is_file() else (path, target)


def share_openmp(library: Path | None) -> None:
    """Have kernels whose functions of OpenMP are open find those of torch's library, which is loaded already."""
    if library is not None:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
