"""What runs in a task of a SLURM job: the command as a child, stopped at a checkpoint and requeued at the time limit.

submitit pickles the function of a task by its name here, with a list of texts and a file name, and nothing else.
"""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.engines.child import Child
from nasbench_harness.errors import SuspendedError
from nasbench_harness.system.files import write_text

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

REQUEUE_SIGNAL = signal.SIGUSR2
"""What SLURM is told to send before the limit, and submitit waits for."""

_running: list[Child] = []


def run_task(arguments: list[str], ending: str) -> None:
    """Run the command and leave its exit code in the file ``ending``; unless that is 0, the process ends with it.

    A command that was stopped at a checkpoint leaves no file: its task is about to be requeued, or was cancelled.
    """
    logging.getLogger("submitit").info("nasbench-harness %s", " ".join(arguments))
    _running[:] = [Child(arguments, deaf_to=[REQUEUE_SIGNAL])]
    _end(_running[0].wait(), ending)


def checkpoint(arguments: list[str], ending: str) -> DelayedSubmission:
    """Called by submitit at the signal: the same task again, once the command has stopped with units unfinished."""
    from submitit.core.utils import DelayedSubmission

    code = _running[0].stop() if _running else SuspendedError.exit_code
    if code != SuspendedError.exit_code:
        _end(code, ending)
        sys.exit(0)
    return DelayedSubmission(run_task, arguments, ending)


def _end(code: int, ending: str) -> None:
    if code != SuspendedError.exit_code:
        write_text(Path(ending), f"{code}\n")
    if code:  # a failed command is a failed task for the scheduler too
        sys.exit(code if code > 0 else 128 - code)


run_task.checkpoint = checkpoint  # type: ignore[attr-defined]
