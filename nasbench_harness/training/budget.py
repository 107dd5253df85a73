"""The budget all strategies of an experiment share, counted in architecture-updates."""

from __future__ import annotations

from dataclasses import dataclass, field

from nasbench_harness.errors import RunError


@dataclass
class Budget:
    """A meter of architecture-updates: one forward and backward of one architecture on one image.

    Strategies plan with ``planned`` and report what they did to ``spend``; spending more than planned is an error, so
    that no strategy can win by training longer (methods 12, equal-budget rule).
    """

    planned: int
    used: int = field(default=0)

    def spend(self, updates: int) -> None:
        """Count ``updates`` more; raises ``RunError`` beyond the plan."""
        self.used += updates
        if self.used > self.planned:
            raise RunError(
                f"budget of {self.planned:,} architecture-updates exceeded: {self.used:,} used; "
                "the strategy must divide its budget among its stages"
            )
