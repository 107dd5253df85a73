"""What a gate says: a verdict and its numbers for each pair, and the rules they share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from nasbench_harness.evidence.calls import Rules
from nasbench_harness.evidence.pairs import Pair
from nasbench_harness.evidence.power import Further
from nasbench_harness.evidence.prior import Prior
from nasbench_harness.evidence.verdict import WORDS, Verdict, Word


@dataclass(frozen=True)
class Numbers:
    """The statistics of one pair. ``interval``: of this pair alone, at the level of each end (looks included).

    ``p_worse``, ``p_better``: corrected for looks and the number of strategies; ``p_not_worse`` for looks.
    ``loss_probability``: that the true loss exceeds the margin, if every loss was as likely before.
    ``permutation_p``: the exact check, uncorrected; None below 5 seeds a side. ``further``: seeds that would decide;
    None: decided, or too many.
    """

    difference: float
    interval: tuple[float, float]
    degrees: float
    p_worse: float
    p_better: float
    p_not_worse: float
    loss_probability: float
    permutation_p: float | None
    further: Further | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        further = self.further and {"candidate": self.further.candidate, "baseline": self.further.baseline}
        return {**vars(self), "interval": list(self.interval), "further": further}


@dataclass(frozen=True)
class Beside:
    """The difference by a metric that does not decide, with its ``interval`` at the level of ``Numbers.interval``."""

    metric: str
    difference: float
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"difference": self.difference, "interval": list(self.interval)}


@dataclass(frozen=True)
class Comparison:
    """One pair with its verdict; ``numbers`` is None where no statistics were needed or possible.

    ``beside``: the same seeds by other metrics, as far as they have them.
    """

    pair: Pair
    verdict: Verdict
    numbers: Numbers | None
    notes: tuple[str, ...] = ()
    beside: tuple[Beside, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.pair.name,
            "verdict": self.verdict.to_json(),
            "candidate": self.pair.candidate.to_json(),
            "baseline": self.pair.baseline.to_json(),
            "statistics": self.numbers and self.numbers.to_json(),
            "beside": {one.metric: one.to_json() for one in self.beside},
            "across": [found.to_json() for found in self.pair.across],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Gate:
    """All comparisons under one set of rules, and the prior of variances that they share."""

    candidate: str
    baseline: str
    metric: str
    signal: str
    rules: Rules
    prior: Prior
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]

    @property
    def word(self) -> Word:
        """The worst verdict."""
        return max((one.verdict.word for one in self.comparisons), key=WORDS.index)

    @property
    def truth(self) -> str | None:
        """The column of the truth table that judges; None where a side does not say."""
        protocols = [sample.protocol for one in self.comparisons for sample in (one.pair.candidate, one.pair.baseline)]
        policies = {(protocol or {}).get("truth", {}).get("policy") for protocol in protocols}
        return policies.pop() if len(policies) == 1 else None

    @property
    def sample(self) -> int | None:
        """How many architectures were drawn to be ranked; None where all are, or a side does not say or differs."""
        protocols = [sample.protocol for one in self.comparisons for sample in (one.pair.candidate, one.pair.baseline)]
        counts = {(protocol or {}).get("scoring", {}).get("architectures") for protocol in protocols}
        return counts.pop() if len(counts) == 1 else None

    @property
    def title(self) -> str:
        """What is compared, and by which truth."""
        return f"{self.candidate} against {self.baseline}" + (f" by {self.truth}" if self.truth else "")

    @property
    def summary(self) -> str:
        """How often each verdict was given, the worst first."""
        counts = Counter(one.verdict.word for one in self.comparisons)
        return ", ".join(f"{counts[word]} {word}" for word in reversed(WORDS) if counts[word])

    def failed(self, strict: bool = False) -> bool:
        """Whether a strategy is worse or, if ``strict``, undecided."""
        return self.word == "worse" or (strict and any(one.verdict.word == "undecided" for one in self.comparisons))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "candidate": self.candidate,
            "baseline": self.baseline,
            "verdict": self.word,
            "truth": self.truth,
            "sample": self.sample,
            "metric": self.metric,
            "signal": self.signal,
            "margin": self.rules.margin,
            "alpha": self.rules.alpha,
            "looks": list(self.rules.looks),
            "interval_level": 1 - 2 * self.rules.level,
            "prior": self.prior.to_json(),
            "comparisons": [one.to_json() for one in self.comparisons],
            "notes": list(self.notes),
        }
