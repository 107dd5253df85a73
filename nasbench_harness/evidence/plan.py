"""The power of gates before any training: single tests by numbers of seeds, and the whole plan of looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench_harness.evidence.calls import Rules, calls
from nasbench_harness.evidence.difference import Difference, difference
from nasbench_harness.evidence.power import power
from nasbench_harness.evidence.prior import NO_PRIOR, PUBLISHED, Prior
from nasbench_harness.evidence.sample import Sample, prior_of

EFFECTS = (0.02, 0.03, 0.05)
SEEDS = ((3, 3), (5, 5), (5, 10), (10, 20))
_GATES = 20_000


@dataclass(frozen=True)
class PowerTable:
    """``rows``: of a single test, (seeds, baseline's seeds) -> chance to find each of ``effects``.

    The chance of "not worse than m" for equal means is that of finding a loss of m. ``plan``: by baseline's seeds, what
    the looks of ``rules`` say of a true loss of 0 and of each of ``effects``: chances of "worse", and of "not worse" or
    better, by the last look. ``spread``: what the deviations of strategies are drawn from.
    """

    rules: Rules
    spread: Prior
    effects: tuple[float, ...]
    rows: dict[tuple[int, int], tuple[float, ...]]
    plan: dict[int, dict[float, tuple[float, float]]]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "alpha": self.rules.alpha,
            "margin": self.rules.margin,
            "looks": list(self.rules.looks),
            "prior": self.spread.to_json(),
            "single": [
                {"seeds": n, "baseline_seeds": m, "power": dict(zip(map(str, self.effects), chances, strict=True))}
                for (n, m), chances in self.rows.items()
            ],
            "plan": [
                {"baseline_seeds": m, "loss": effect, "worse": worse, "not_worse": not_worse}
                for m, found in self.plan.items()
                for effect, (worse, not_worse) in found.items()
            ],
        }


def power_table(
    rules: Rules, samples: Sequence[Sample] = (), effects: tuple[float, ...] = EFFECTS, seed: int = 0
) -> PowerTable:
    """Power by the spread of stored seeds, or by the published one where there are none.

    Where the seeds are too few for a prior, the spread is their pooled deviation and the test the ordinary one.
    """
    spread = test = prior_of(samples) if samples else PUBLISHED
    if spread == NO_PRIOR:
        degrees = sum(sample.n - 1 for sample in samples)
        squares = sum(sample.variance * (sample.n - 1) for sample in samples)
        spread = Prior(np.inf, (squares / degrees) ** 0.5) if degrees else PUBLISHED
    rows = {(n, m): tuple(power(effect, n, m, spread, test, rules.alpha) for effect in effects) for n, m in SEEDS}
    baselines = sorted({m for _, m in SEEDS if m >= 10})
    plan = {m: _plan((0.0, *effects), m, rules, spread, test, seed) for m in baselines}
    return PowerTable(rules, spread, effects, rows, plan)


def _plan(
    effects: tuple[float, ...], baseline_seeds: int, rules: Rules, spread: Prior, test: Prior, seed: int
) -> dict[float, tuple[float, float]]:
    """Simulated gates of one strategy each, the same draws for every true loss."""
    rng = np.random.default_rng(seed)
    sigma_R = np.full(_GATES, spread.sd)
    if np.isfinite(spread.degrees):
        sigma_R = np.sqrt(spread.degrees * spread.sd**2 / rng.chisquare(spread.degrees, _GATES))
    baseline_RS = rng.normal(size=(_GATES, baseline_seeds)) * sigma_R[:, None]
    candidate_RS = rng.normal(size=(_GATES, rules.looks[-1])) * sigma_R[:, None]
    looks = [difference(candidate_RS[:, :seeds], baseline_RS, test) for seeds in rules.looks]
    chances = {}
    for effect in effects:
        worse_R, good_R = np.zeros(_GATES, bool), np.zeros(_GATES, bool)
        for look in looks:
            # the last axis is that of a gate's strategies
            found = Difference(look.estimate[:, None] - effect, look.error[:, None], look.degrees[:, None])
            claims = calls(found, rules)
            waiting_R = ~worse_R & ~good_R
            worse_R |= waiting_R & claims.worse[:, 0]
            good_R |= waiting_R & (claims.better | claims.not_worse)[:, 0]
        chances[effect] = (float(worse_R.mean()), float(good_R.mean()))
    return chances
