"""A kill of the process, played by progress that raises: nothing of the code under test catches it."""

from __future__ import annotations

from nasbench_harness.system.progress import Silent


class KilledError(Exception):
    """Stands for a kill."""


class KilledAt(Silent):
    """Progress that raises ``KilledError`` once so much work is done."""

    def __init__(self, amount: float) -> None:
        self.left = amount

    def advance(self, amount: float) -> None:
        self.left -= amount
        if self.left <= 0:
            raise KilledError
