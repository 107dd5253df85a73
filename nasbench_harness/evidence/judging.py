"""From pairs to verdicts: by earlier tiers where they can say one, else by statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from nasbench_harness.evidence.beside import with_beside
from nasbench_harness.evidence.calls import Calls, Rules, calls
from nasbench_harness.evidence.difference import Difference
from nasbench_harness.evidence.gate import Comparison, Gate, Numbers
from nasbench_harness.evidence.pairs import Pair, Side, pair_up
from nasbench_harness.evidence.permutation import permutation_p
from nasbench_harness.evidence.power import Further, further_seeds
from nasbench_harness.evidence.prior import Prior
from nasbench_harness.evidence.sample import prior_of, sample_difference
from nasbench_harness.evidence.verdict import Verdict

BASELINE_SEEDS = 10
"""With fewer, all verdicts against a baseline share its luck, and the gate says so."""

Earlier = Callable[[Pair], Verdict | str]
"""A tier before statistics: a verdict, or a note on why it has none, which may be empty."""


def gate(
    candidate: Side,
    baseline: Side,
    rules: Rules,
    metric: str,
    signal: str,
    across: Sequence[str] = (),
    earlier: Sequence[Earlier] = (),
) -> Gate:
    """Every strategy of the candidate against its partner in the baseline; raises ``UsageError`` as ``pair_up``.

    ``signal`` is what messages call the score column. The prior of variances is that of all strategies of the
    baseline's run.
    """
    pairs, notes = pair_up(candidate, baseline, across)
    prior = prior_of(baseline.around)
    comparisons = with_beside(judge_pairs(pairs, rules, prior, earlier), baseline.around, rules, metric)
    return Gate(candidate.name, baseline.name, metric, signal, rules, prior, comparisons, tuple(notes))


def judge_pairs(
    pairs: Sequence[Pair], rules: Rules, prior: Prior, earlier: Sequence[Earlier] = ()
) -> tuple[Comparison, ...]:
    """A verdict for each pair: of the first tier of ``earlier`` that has one, else of statistics.

    Pairs that an earlier tier decides are none of the tests that Holm's correction counts.
    """
    decided: dict[int, Verdict] = {}
    waiting = []
    for place, pair in enumerate(pairs):
        found, notes = _first(earlier, pair)
        if found is None:
            waiting.append(replace(pair, notes=(*pair.notes, *notes)))
        else:
            decided[place] = found
    by_statistics = iter(_by_statistics(waiting, rules, prior) if waiting else ())
    return tuple(
        Comparison(pair, decided[place], None, pair.notes) if place in decided else next(by_statistics)
        for place, pair in enumerate(pairs)
    )


def _first(earlier: Sequence[Earlier], pair: Pair) -> tuple[Verdict | None, list[str]]:
    notes = []
    for tier in earlier:
        found = tier(pair)
        if isinstance(found, Verdict):
            return found, []
        notes += [found] if found else []
    return None, notes


def _by_statistics(pairs: Sequence[Pair], rules: Rules, prior: Prior) -> list[Comparison]:
    differences = [sample_difference(pair.candidate, pair.baseline, prior) for pair in pairs]
    # before its first look a strategy counts among the tests, and nothing can be claimed of it
    early = [pair.candidate.n < rules.looks[0] for pair in pairs]
    degrees = [0.0 if waits else float(one.degrees) for one, waits in zip(differences, early, strict=True)]
    together = Difference(
        np.array([float(one.estimate) for one in differences]),
        np.array([float(one.error) for one in differences]),
        np.array(degrees),
    )
    claims = calls(together, rules)
    return [_comparison(pair, differences[place], claims, place, rules, len(pairs)) for place, pair in enumerate(pairs)]


def _comparison(pair: Pair, found: Difference, claims: Calls, place: int, rules: Rules, tests: int) -> Comparison:
    notes = (*pair.notes, *_seed_notes(pair, rules))
    if not found.degrees > 0:
        reason = "too few seeds and no prior of their spread: no difference can be called"
        return Comparison(pair, Verdict("undecided", "statistical", reason), None, (*notes, reason))
    verdict, further = _verdict(pair, found, claims, place, rules, tests)
    if pair.candidate.n < rules.looks[0]:
        notes = (*notes, verdict.reason)
    low, high = found.ends(rules.level)
    numbers = Numbers(
        difference=float(found.estimate),
        interval=(float(low), float(high)),
        degrees=float(found.degrees),
        p_worse=float(claims.p_worse[place]),
        p_better=float(claims.p_better[place]),
        p_not_worse=float(claims.p_not_worse[place]),
        # with every loss as likely before, what is left of the distribution below the margin
        loss_probability=float(found.p_above(-rules.margin)),
        permutation_p=permutation_p(pair.candidate.value_S.tolist(), pair.baseline.value_S.tolist()),
        further=further,
    )
    return Comparison(pair, verdict, numbers, notes)


def _verdict(
    pair: Pair, found: Difference, claims: Calls, place: int, rules: Rules, tests: int
) -> tuple[Verdict, Further | None]:
    if claims.worse[place]:
        return Verdict("worse", "statistical", "the interval lies below 0, the estimate below half the margin"), None
    if claims.better[place]:
        return Verdict("better", "statistical", "the interval lies above 0"), None
    if claims.not_worse[place]:
        return Verdict("not worse", "statistical", f"the interval lies above -{rules.margin:g}"), None
    further = _further(pair, found, rules, tests)
    if pair.candidate.n < rules.looks[0]:
        reason = f"fewer seeds than the first look, which is at {rules.looks[0]}"
    elif further is None:
        reason = "no number of seeds in reach would decide; ask for a larger margin"
    else:
        reason = f"seeds that would decide: {further}"
    return Verdict("undecided", "statistical", reason), further


def _further(pair: Pair, found: Difference, rules: Rules, tests: int) -> Further | None:
    """Seeds for the decision that is nearest: worse (corrected for the number of tests), or not worse."""
    estimate = float(found.estimate)
    worse = estimate < -rules.margin / 2
    seeds = pair.candidate.n, pair.baseline.n
    sd = float(found.error) / (1 / seeds[0] + 1 / seeds[1]) ** 0.5
    return further_seeds(
        distance=-estimate if worse else estimate + rules.margin,
        sd=sd,
        degrees=float(found.degrees),
        seeds=seeds,
        level=rules.level / tests if worse else rules.level,
        fewest=rules.looks[0],
    )


def _seed_notes(pair: Pair, rules: Rules) -> list[str]:
    notes = []
    if pair.baseline.n < BASELINE_SEEDS:
        notes.append(
            f"baseline of fewer than {BASELINE_SEEDS} seeds ({pair.baseline.n}): all verdicts against it share its luck"
        )
    if pair.candidate.n >= rules.looks[0] and pair.candidate.n not in rules.looks and len(rules.looks) > 1:
        looks = ", ".join(map(str, rules.looks))
        notes.append(f"{pair.candidate.n} seeds are none of the planned looks ({looks}), for which the rate is claimed")
    for side, sample in (("candidate", pair.candidate), ("baseline", pair.baseline)):
        if sample.n > 1 and sample.variance == 0:
            notes.append(f"all {sample.n} seeds of the {side} give the same value: does anything depend on the seed?")
    return notes
