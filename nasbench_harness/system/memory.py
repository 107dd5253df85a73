"""Memory that the process frees stays with it, so that the next activation of the same size costs no page faults."""

from __future__ import annotations

import ctypes
import resource
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's ``mallopt`` (malloc.h)."""


_peaks_of_processes = [0]


def peak_memory(processes: bool = False) -> int:
    """Bytes of resident memory that this process had at most; with ``processes`` the largest of it and those it ran."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return max(peak, *_peaks_of_processes) if processes else peak


def note_peak_of_process(peak: int) -> None:
    """Count a process that this one ran and that had ``peak`` bytes at most; it says so itself before it ends."""
    _peaks_of_processes[0] = max(_peaks_of_processes[0], peak)


def keep_freed_memory() -> bool:
    """Tell glibc to reuse large blocks instead of returning them to the system; whether it agreed.

    Blocks of 32 MB and more, such as the activations of a scoring batch, are by default mapped again each time, and the
    kernel clears their pages at the first touch, which takes longer than a batch norm. This affects the whole process,
    so programs call it, not imports. It does nothing where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 1 << 30)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def give_back_freed_memory() -> bool:
    """Return to the system what was freed so far; whether any was. For the step from training to scoring.

    The holes that training leaves have the wrong sizes for scoring, whose blocks would be laid beside them.
    """
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
