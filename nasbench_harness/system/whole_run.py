"""All units of a run as the process that runs them sees them, for a line on the whole: counts, and the time left."""

from __future__ import annotations

from collections.abc import Mapping

from nasbench_harness.system.estimate import Spent, UnderWay, duration, run_left
from nasbench_harness.system.meter import UPDATES, Meter


class WholeRun:
    """The units that this process has to run, by the titles of their progress.

    ``strategy_of``: title -> strategy of each, in order; ``finished``: strategy and seconds of each unit that was
    finished before.
    """

    def __init__(self, strategy_of: Mapping[str, str], finished: list[tuple[str, Spent | None]]) -> None:
        self.strategy_of = dict(strategy_of)
        self.waiting = list(strategy_of)
        self.total = len(strategy_of) + len(finished)
        self.done, self.failed = 0, 0
        self.spent: dict[str, list[Spent]] = {}
        for strategy, spent in finished:
            self._count(strategy, spent)

    def begin(self, title: str) -> None:
        """A unit starts."""
        if title in self.waiting:
            self.waiting.remove(title)

    def end(self, title: str, cost: Mapping[str, object] | None) -> None:
        """A unit has ended: ``cost`` of its record; None where it has none."""
        self.begin(title)
        if cost is None:
            self.failed += 1
        else:
            self._count(self.strategy_of[title], Spent.of(cost))

    def _count(self, strategy: str, spent: Spent | None) -> None:
        self.done += 1
        if spent is not None:
            self.spent.setdefault(strategy, []).append(spent)

    def left(self, running: Mapping[str, Meter]) -> float | None:
        """Seconds until all units have ended; ``running``: title -> meter. None while nothing tells."""
        under_way = [
            UnderWay(self.strategy_of.get(title, title), meter.seconds, meter.left, meter.unit == UPDATES)
            for title, meter in running.items()
        ]
        return run_left(self.spent, under_way, [self.strategy_of[title] for title in self.waiting])

    def line(self, running: Mapping[str, Meter]) -> str:
        """Counts and the estimate, such as ``whole run: 12 of 60 units finished, 2 running; about 3 h 20 min left``."""
        counts = {"running": len(running), "ended without a record": self.failed, "waiting": len(self.waiting)}
        told = [f"whole run: {self.done} of {self.total} units finished"]
        told += [f"{count} {state}" for state, count in counts.items() if count]
        left = self.left(running)
        return ", ".join(told) + (f"; about {duration(left)} left" if left else "")
