"""What the server of processes says when it is left alone, and what it goes on to say."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import pickle, sys
import nasbench_harness.system.server_signals
try:
    {fault}
except Exception:
    sys.excepthook(*sys.exc_info())  # as the server of multiprocessing does
"""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("pickle.loads(pickle.dumps([1, 2, 3])[:6])", ""),
        ("raise EOFError", ""),
        ("raise ValueError('a fault of ours')", "a fault of ours"),
    ],
)
def test_a_process_whose_master_was_killed_says_nothing(fault: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(fault=fault)], capture_output=True, text=True, check=True
    )
    assert said in done.stderr
    assert bool(done.stderr) == bool(said)
