"""What a figure of a run is drawn from: records, scores where they are needed, a page, and what is to stand out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.figures import style
from nasbench_harness.figures.caption import CannotDrawError
from nasbench_harness.figures.page import Page
from nasbench_harness.metrics import TAUS
from nasbench_harness.records import Record, Run, ScoreTable, read_scores
from nasbench_harness.records.summary import Estimate, estimate

FloatArray = npt.NDArray[np.float64]
TruthOf = Callable[[str], FloatArray]
"""Accuracies by policy, float64 ``[15625]``; raises ``DataError`` where no table at hand has the column."""


def no_truth(policy: str) -> FloatArray:
    """Stands where no truth table is given."""
    raise CannotDrawError(f"it needs the accuracies of {policy}; give their table by --truth")


@dataclass(frozen=True)
class Sheet:
    """``signal`` None: each record's headline. ``highlight``: strategies that stand out where not all can."""

    run: Run
    page: Page
    signal: str | None = None
    highlight: tuple[str, ...] = ()
    truth_of: TruthOf = no_truth
    _scores: dict[tuple[str, int], ScoreTable] = field(default_factory=dict, repr=False)

    @property
    def first(self) -> Record:
        """Any record: for what all of them share."""
        return self.run.records[0]

    @property
    def signal_title(self) -> str:
        """The signal in words."""
        return style.title_of(self.signal or self.first.signal)

    @property
    def marks(self) -> dict[str, style.Mark]:
        """Colour and marker by strategy."""
        return style.marks(self.run.strategies)

    @property
    def seed_counts(self) -> set[int]:
        """The numbers of seeds that strategies have."""
        return {len(self.run.of(name)) for name in self.run.strategies}

    def seeds_of(self, records: Iterable[Record]) -> int:
        """The most seeds that one strategy of these has."""
        found = [record.strategy for record in records]
        return max(map(found.count, set(found)), default=0)

    def ranked(self) -> list[str]:
        """Strategies from the best mean tau to the worst; those without one last."""
        return sorted(self.run.strategies, key=lambda name: (-self._mean(name), name))

    def chosen(self, limit: int, among: Iterable[str] | None = None) -> list[str]:
        """What is highlighted, or up to ``limit``: the best of each family, then the next best. Best first."""
        pool = [name for name in self.ranked() if among is None or name in set(among)]
        if named := [name for name in pool if name in self.highlight]:
            return named
        first_of: dict[str, str] = {}
        for name in pool:
            first_of.setdefault(self.marks[name].colour, name)
        wanted = [*first_of.values(), *(name for name in pool if name not in first_of.values())][:limit]
        return [name for name in pool if name in wanted]

    def chosen_words(self, shown: Sequence[str], among: int) -> str:
        """Which were chosen, for a caption; empty where all are shown."""
        if len(shown) == among:
            return ""
        why = "chosen by name" if any(name in self.highlight for name in shown) else "the best of each family by τ"
        return f"Shown: {len(shown)} of {among} strategies, {why}."

    def spread(self, limit: int) -> list[str]:
        """What is highlighted, or up to ``limit`` at equal steps from the best to the worst. Best first."""
        pool = self.ranked()
        if named := [name for name in pool if name in self.highlight]:
            return named
        places = np.linspace(0, len(pool) - 1, min(limit, len(pool))).round().astype(int)
        return [pool[place] for place in dict.fromkeys(places.tolist())]

    def spread_words(self, shown: int) -> str:
        """Which of ``spread`` are shown, for a caption; empty where all are."""
        count = len(self.run.strategies)
        if shown == count:
            return ""
        why = "chosen by name" if self.highlight else "at equal steps from the best τ to the worst"
        return f"Shown: {shown} of {count} strategies, {why}."

    def median(self, strategy: str) -> Record:
        """The record with the median tau of a strategy (the lower of the two middle ones)."""
        return median_unit(self.run.of(strategy), self.signal)

    def median_words(self) -> str:
        """Which seed is shown where one is, for a caption."""
        several = self.seeds_of(self.run.records) > 1
        return "Each panel shows the seed with the median τ." if several else ""

    def beyond_words(self, names: Sequence[str]) -> str:
        """What is left of these strategies beyond counting FLOPs, for a caption; empty where no record says it."""
        found = {name: [estimate(self.run.of(name), metric, self.signal) for metric in TAUS[1:]] for name in names}
        words = [
            f"{style.name_of(name)} ({' and '.join(_in_words(each) for each in pair if each is not None)})"
            for name, pair in found.items()
            if None not in pair
        ]
        meaning = "τ among architectures of equal live FLOPs, and of the sum of ranks by score and by live FLOPs"
        return f"{meaning}, with 95 % intervals: {'; '.join(words)}." if words else ""

    def scores(self, record: Record) -> ScoreTable:
        """The stored scores of a unit."""
        unit = (record.strategy, record.seed)
        if unit not in self._scores:
            self._scores[unit] = read_scores(self.run.unit_dir(*unit))
        return self._scores[unit]

    def score(self, record: Record) -> FloatArray:
        """Scores of one unit by the signal: float64, one for each row of ``scores``."""
        table, name = self.scores(record), self.signal or record.signal
        if name not in table.scores:
            raise DataError(
                f"{record.strategy}, seed {record.seed}: no score {name!r}; at hand: {', '.join(table.scores)}"
            )
        return table.scores[name].astype(np.float64)

    def truth(self, record: Record) -> FloatArray:
        """The truth that the record was judged by, one for each row of its scores."""
        return self.truth_of(str(record.truth["policy"]))[self.scores(record).index]

    def _mean(self, strategy: str) -> float:
        found = estimate(self.run.of(strategy), "kendall_tau", self.signal)
        return -2.0 if found is None else found.mean


def _in_words(found: Estimate) -> str:
    if found.interval is None:
        return style.number(found.mean)
    low, high = map(style.number, found.interval)
    return f"{style.number(found.mean)} [{low}, {high}]"


def without_controls(sheet: Sheet, names: Sequence[str]) -> Sequence[str]:
    """The names less the controls, but for those that are highlighted; all where nothing else is left."""
    kept = [name for name in names if name in sheet.highlight or sheet.marks[name].colour != style.CONTROL_GREY]
    return kept or names


def median_unit(records: Sequence[Record], signal: str | None = None) -> Record:
    """The record whose tau is the median of its strategy's; constant scores, which have none, rank below the worst."""

    def tau(record: Record) -> float:
        found = record.column(signal)["kendall_tau"]
        return -2.0 if found is None else float(found)

    return sorted(records, key=lambda record: (tau(record), record.seed))[(len(records) - 1) // 2]


def selected(run: Run, strategies: Sequence[str]) -> Run:
    """The run with these strategies alone, all of them where none is named; ``UsageError`` names those there are."""
    check_names(run, strategies)
    return run.only(strategies) if strategies else run


def check_names(run: Run, strategies: Sequence[str]) -> None:
    """``UsageError`` for a strategy that the run has not."""
    if unknown := [name for name in strategies if name not in run.strategies]:
        raise UsageError(f"no strategy {unknown[0]!r} in {run.folder}; there are: {', '.join(run.strategies)}")
