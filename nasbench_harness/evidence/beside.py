"""The same comparison by the other taus, for a difference in tau may be one in counting FLOPs. They decide nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nasbench_harness.evidence.calls import Rules
from nasbench_harness.evidence.gate import Beside, Comparison
from nasbench_harness.evidence.prior import Prior
from nasbench_harness.evidence.sample import Sample, prior_of, sample_difference
from nasbench_harness.metrics import TAUS


def with_beside(
    comparisons: Sequence[Comparison], around: Sequence[Sample], rules: Rules, metric: str
) -> tuple[Comparison, ...]:
    """The comparisons by ``metric`` that statistics were needed for, with what the others of ``TAUS`` say.

    Each has a prior of its own from ``around``, the strategies of the baseline's run. One that a seed of a pair lacks,
    or that has no degrees of freedom, is left out.
    """
    samples = {name: [sample.by(name) for sample in around] for name in TAUS if name != metric}
    priors = {name: prior_of([one for one in found if one is not None]) for name, found in samples.items()}
    return tuple(
        one
        if one.numbers is None
        else replace(one, beside=tuple(b for name, prior in priors.items() if (b := _beside(one, name, prior, rules))))
        for one in comparisons
    )


def _beside(one: Comparison, metric: str, prior: Prior, rules: Rules) -> Beside | None:
    candidate, baseline = one.pair.candidate.by(metric), one.pair.baseline.by(metric)
    if candidate is None or baseline is None:
        return None
    found = sample_difference(candidate, baseline, prior)
    if not found.degrees > 0:
        return None
    low, high = found.ends(rules.level)
    return Beside(metric, float(found.estimate), (float(low), float(high)))
