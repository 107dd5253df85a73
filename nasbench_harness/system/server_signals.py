"""Loaded by the server that forks processes, and there alone: a signal to the whole group must not end it.

Schedulers signal every process of a job. The server goes on, for its processes end after their next checkpoints. They
are forked with the signals as systems have them. One that is forked for a process that is killed before it has told
what to do ends without a word: there is nobody to tell.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from types import TracebackType

from nasbench_harness.system.stopping import SIGNALS


def _as_systems_have_them() -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)


def _unless_left_alone(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, (EOFError, pickle.UnpicklingError)):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _unless_left_alone
for one in SIGNALS:
    signal.signal(one, signal.SIG_IGN)
os.register_at_fork(after_in_child=_as_systems_have_them)
