"""Label-free fusions of rankings, judged: how good, and what each member adds. No truth takes part in a fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.combine import RULES, ranks
from nasbench_harness.evaluation.members import Member
from nasbench_harness.evaluation.ruler import Numbers, Ruler
from nasbench_harness.evaluation.score_files import ScoreFile, align
from nasbench_harness.evaluation.stacking import stacked
from nasbench_harness.metrics import TAUS
from nasbench_harness.metrics.report import RESAMPLES
from nasbench_harness.space import flops, format_architecture
from nasbench_harness.truth import Truth

FloatArray = npt.NDArray[np.float64]

KNOWN = (10, 50, 100)
"""Numbers of known architectures of the supervised stacking."""


@dataclass(frozen=True)
class FusionSettings:
    """``rule``: name in ``RULES`` of the fusion that is stored and taken apart. ``resamples``: of architectures, behind
    the 95 % intervals. ``known``, ``draws``: how many true accuracies the supervised stacking may see, and how many
    random draws of them; no ``known``: no stacking. ``seed``: of both.
    """

    rule: str = "rank-sum"
    resamples: int = RESAMPLES
    known: tuple[int, ...] = KNOWN
    draws: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UsageError(f"unknown rule '{self.rule}'; choose {', '.join(RULES)}")
        if self.resamples < 0:
            raise UsageError(f"resamples must be 0 or more, found {self.resamples}")
        if self.draws < 1:
            raise UsageError(f"draws must be 1 or more, found {self.draws}")


def fuse(members: Sequence[Member], truth: Truth, settings: FusionSettings) -> tuple[ScoreFile, dict[str, Any]]:
    """The fused scores under the rule's name, and all that is to be said of them as one JSON object.

    Ranks are those among all architectures that the members score, whether the truth knows them or not. Raises
    ``UsageError`` for fewer than two members, ``DataError`` for a member with the same score everywhere and for
    members that score different architectures.
    """
    index_A = _same_architectures(members)
    rank_SA = np.stack([ranks(member.score_A[index_A]) for member in members])
    weight_S = np.array([member.weight for member in members])
    label_free = {name: rule(rank_SA, weight_S) for name, rule in RULES.items()}
    without = _leave_one_out(members, rank_SA, weight_S, settings.rule)
    fused = label_free[settings.rule]
    stored = ScoreFile((settings.rule,), index_A, fused[None], "fusion", "")

    rows = {f"member {member.name}": rank_SA[place] for place, member in enumerate(members)}
    rows |= {f"rule {name}": score_A for name, score_A in label_free.items()}
    rows |= {f"without {name}": score_A for name, score_A in without.items()}
    together = ScoreFile(tuple(rows), index_A, np.stack(list(rows.values())), "fusion", "")
    score_SA, true_A, judged_A = align(together, truth)
    ruler = Ruler(true_A, flops(live=True)[judged_A])
    numbers = ruler.read(dict(zip(rows, score_SA, strict=True)), settings.resamples, settings.seed)
    member_SA = score_SA[: len(members)] / len(index_A)
    return stored, {
        "truth": truth.to_json(),
        "n": len(judged_A),
        "rule": settings.rule,
        "members": [
            {
                "name": member.name,
                "weight": member.weight,
                "source": member.source,
                **_judged(ruler, numbers[f"member {member.name}"]),
            }
            for member in members
        ],
        "label_free": {name: _judged(ruler, numbers[f"rule {name}"]) for name in label_free},
        "without": {name: _added(ruler, numbers, f"rule {settings.rule}", f"without {name}") for name in without},
        "supervised": stacked(member_SA, ruler, settings.known, settings.draws, settings.seed),
        "within_groups": {"of": "live_flops", **ruler.groups},
        "interval_method": _method(settings),
    }


def _same_architectures(members: Sequence[Member]) -> npt.NDArray[np.int64]:
    """Our indices of the architectures that all members score; the members are checked."""
    if len(members) < 2:
        only = f", found only '{members[0].name}'" if members else ""
        raise UsageError(f"a fusion needs at least two members{only}; add one, such as live_flops")
    scored = [member for member in members if not member.everywhere] or list(members)
    known_A = ~np.isnan(scored[0].score_A)
    for member in scored[1:]:
        other_A = ~np.isnan(member.score_A)
        if (known_A != other_A).any():
            place = int(np.flatnonzero(known_A != other_A)[0])
            has, lacks = (scored[0], member) if known_A[place] else (member, scored[0])
            raise DataError(
                f"members score different architectures: '{scored[0].name}' {known_A.sum():,}, '{member.name}' "
                f"{other_A.sum():,} ({format_architecture(place)} is in '{has.name}' and not in '{lacks.name}'); "
                "give scores of the same architectures"
            )
    for member in members:
        known = member.score_A[known_A]
        if np.isnan(known).any():
            raise DataError(f"member '{member.name}' lacks scores of {int(np.isnan(known).sum()):,} architectures")
        if (known == known[0]).all():
            raise DataError(
                f"member '{member.name}' is constant: all {len(known):,} scores are {known[0]:g}; leave it out"
            )
    return np.flatnonzero(known_A)


def _leave_one_out(
    members: Sequence[Member], rank_SA: FloatArray, weight_S: FloatArray, rule: str
) -> dict[str, FloatArray]:
    """The fusion without each member, by the member's name."""
    found = {}
    for place, member in enumerate(members):
        others = np.arange(len(members)) != place
        found[member.name] = RULES[rule](rank_SA[others], weight_S[others])
    return found


def _judged(ruler: Ruler, numbers: Numbers) -> dict[str, Any]:
    return {"n": ruler.n, **numbers.values, "intervals": numbers.intervals()}


def _added(ruler: Ruler, numbers: Mapping[str, Numbers], whole: str, without: str) -> dict[str, Any]:
    """The fusion without a member, and what the member adds: the whole less this, resampled together."""
    difference = numbers[whole].less(numbers[without])
    return {
        **_judged(ruler, numbers[without]),
        "added": {name: difference.values[name] for name in TAUS},
        "added_intervals": difference.intervals(),
    }


def _method(settings: FusionSettings) -> str:
    if settings.resamples == 0:
        return "none"
    return (
        f"95 % percentile bootstrap over architectures, {settings.resamples} resamples of n rows with replacement, "
        f"seed {settings.seed}, to first order in the weights; the same resamples for every ranking, "
        "so differences are paired; training seeds are not resampled"
    )
