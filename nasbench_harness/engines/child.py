"""A command of the harness as a child of this process, on the machine that a scheduler has chosen."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection, Sequence

from nasbench_harness.engines.command import program
from nasbench_harness.system.stopping import FORWARDED


class Child:
    """A command that runs. All methods may be called from a signal handler while another of them is under way."""

    def __init__(self, arguments: Sequence[str], deaf_to: Collection[signal.Signals] = ()) -> None:
        """Start it; the signals in ``deaf_to`` do nothing to it: schedulers send theirs to all processes of a job."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, deaf_to)  # which children inherit
        try:
            self._process = subprocess.Popen([*program(), *arguments])
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def wait(self) -> int:
        """Its exit code once it has ended, negative for the signal that ended it, as ``subprocess`` has it."""
        # not Popen.wait: it holds a lock, which a handler would wait for while the code beneath it holds it
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        assert found is not None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def stop(self) -> int:
        """Ask it to stop at its next checkpoint, and wait for that."""
        os.kill(self._process.pid, FORWARDED)  # not waited for yet, so the id is still its own
        return self.wait()
