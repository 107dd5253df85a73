"""The budget all strategies of an experiment share, counted in architecture-updates."""

from __future__ import annotations

from dataclasses import dataclass, field

from nasbench_harness.errors import RunError

FORWARDS_AN_UPDATE = 3
"""A backward pass costs about two forward passes, so a forward alone counts as a third (our choice)."""


@dataclass
class Budget:
    """A meter of architecture-updates: one forward and backward of one architecture on one image.

    Strategies plan with ``planned`` and report what they did to ``spend``; spending more than planned is an error, so
    that no strategy can win by training longer. Kept in whole forward passes.
    """

    planned: int
    forwards: int = field(default=0)

    @property
    def used(self) -> int:
        """Architecture-updates so far, a begun one counted whole."""
        return -(-self.forwards // FORWARDS_AN_UPDATE)

    @property
    def left(self) -> int:
        """Whole architecture-updates that can still be spent."""
        return self.planned - self.used

    def spend(self, updates: int, forwards: int = 0) -> None:
        """Count so many updates and so many forward passes without a gradient; ``RunError`` beyond the plan."""
        self.forwards += updates * FORWARDS_AN_UPDATE + forwards
        if self.used > self.planned:
            raise RunError(
                f"budget of {self.planned:,} architecture-updates exceeded: {self.used:,} used; "
                "the strategy must divide its budget among its stages"
            )
