"""The A/A test: a baseline against itself, its seeds split in halves many times; every claim is then a false alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.evidence.calls import Rules, calls
from nasbench_harness.evidence.difference import Difference, difference
from nasbench_harness.evidence.prior import Prior
from nasbench_harness.evidence.sample import Sample, prior_of
from nasbench_harness.metrics import seed_summary

FEWEST_SEEDS = 6
SPLITS = 2000


@dataclass(frozen=True)
class SelfTest:
    """Rates of false alarms. ``rates``: of the test alone, by strategy; ``rate`` their mean, with its 95 % ``interval``
    over strategies (None for one). ``worse_rate``: of the verdict "worse" by strategy, on average; ``gate_rate``: of at
    least one "worse" among all, which is what ``claimed`` bounds.
    """

    source: str
    claimed: float
    splits: int
    prior: Prior
    seeds: dict[str, int]
    rates: dict[str, float]
    rate: float
    interval: tuple[float, float] | None
    worse_rate: float
    gate_rate: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **vars(self),
            "prior": self.prior.to_json(),
            "interval": None if self.interval is None else list(self.interval),
        }


def self_test(samples: Sequence[Sample], rules: Rules, source: str, splits: int = SPLITS, seed: int = 0) -> SelfTest:
    """Split each strategy's seeds in halves ``splits`` times and count the claims.

    The halves are looked at once, so the bound is that of a single look. Strategies with fewer than ``FEWEST_SEEDS``
    take no part; ``DataError`` where none is left.
    """
    rng = np.random.default_rng(seed)
    tested = [sample for sample in samples if sample.n >= FEWEST_SEEDS]
    if not tested:
        most = max(sample.n for sample in samples)
        raise DataError(f"{source}: the self-test splits {FEWEST_SEEDS} seeds or more in halves, found {most} at most")
    prior = prior_of(samples)
    found = [_halves(sample, prior, splits, rng) for sample in tested]
    fields = ("estimate", "error", "degrees")
    together = Difference(*(np.stack([getattr(one, name) for one in found], axis=-1) for name in fields))
    once = replace(rules, looks=(min(sample.n // 2 for sample in tested),))
    claims = calls(together, once)
    rates = (together.p_below() < rules.alpha).mean(0)
    summary = seed_summary(rates.tolist())
    return SelfTest(
        source=source,
        claimed=rules.alpha,
        splits=splits,
        prior=prior,
        seeds={sample.strategy: sample.n for sample in tested},
        rates={sample.strategy: float(rate) for sample, rate in zip(tested, rates, strict=True)},
        rate=summary.mean,
        interval=summary.interval,
        worse_rate=float(claims.worse.mean()),
        gate_rate=float(claims.worse.any(-1).mean()),
    )


def _halves(sample: Sample, prior: Prior, splits: int, rng: np.random.Generator) -> Difference:
    value_RS = rng.permuted(np.tile(sample.value_S, (splits, 1)), axis=1)
    half = sample.n // 2
    return difference(value_RS[:, :half], value_RS[:, half:], prior)
