"""Errors that a user, a disk, a machine or a plug-in can cause, as one line; all others are our own faults."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from nasbench_harness.errors import HarnessError, RunError, UsageError
from nasbench_harness.plugins import fault_of_plugin

_NO_MEMORY = ("out of memory", "can't allocate memory", "Unable to allocate", "not enough memory", "std::bad_alloc")

LESS_MEMORY = (
    "fewer --workers, a smaller training.batch_size, scoring.batch_size, images.size or network.channels need less; "
    "the same command resumes from its checkpoints"
)
"""What to do where memory runs out."""


def told(error: BaseException) -> HarnessError | None:
    """The error as one of ours with a line for the user; None for one that only a fault of the harness explains."""
    if isinstance(error, HarnessError):
        return error
    if line := fault_of_plugin(error):
        return RunError(line)
    return _of_the_machine(error)


def _of_the_machine(error: BaseException) -> HarnessError | None:
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    ):
        said = " ".join(str(error).split())[:160]
        return RunError(f"out of memory{f' ({said})' if said else ''}: {LESS_MEMORY}")
    if isinstance(error, OSError):
        name = "" if error.filename is None else f"{str(error.filename)[:200]}: "
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return RunError(f"{name}no disk space left; free some, then the same command goes on")
        said = error.strerror or str(error) or type(error).__name__
        return UsageError(f"{name}{said}; check the path, its length and its permissions")
    if isinstance(error, RecursionError):
        return UsageError(f"something that was given is nested too deeply ({error}); make it flatter")
    return None


@contextmanager
def telling() -> Iterator[None]:
    """Errors of the block as ``told`` has them."""
    try:
        yield
    except Exception as error:
        line = told(error)
        if line is None or line is error:
            raise
        raise line from error
