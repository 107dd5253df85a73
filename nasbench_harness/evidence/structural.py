"""The tier of faults that records show by themselves: no statistics are needed to call these results wrong.

What only a run of the code can show (routing, samplers, determinism) the conformance checks find: ``testing``.
"""

from __future__ import annotations

from nasbench_harness.evidence.exact import fingerprint
from nasbench_harness.evidence.pairs import Pair
from nasbench_harness.evidence.sample import Sample
from nasbench_harness.evidence.verdict import Verdict
from nasbench_harness.records import Record
from nasbench_harness.space import N_ARCHITECTURES


def structural(pair: Pair) -> Verdict | str:
    """``worse`` where the candidate's own records are contradictory, whatever they score; else nothing."""
    for record in pair.candidate.records:
        if why := _fault(record):
            return Verdict("worse", "structural", f"seed {record.seed}: {why}")
    if why := _seeds_alike(pair.candidate):
        return Verdict("worse", "structural", why)
    return ""


def _fault(record: Record) -> str:
    updates = record.cost["architecture_updates"]
    if updates["used"] > updates["planned"]:
        return f"spent {updates['used']:,} architecture-updates of {updates['planned']:,}"
    held = sum(int(leaf["size"]) for leaf in record.leaves)
    if held != N_ARCHITECTURES and record.leaves:
        return f"its leaves hold {held:,} architectures instead of {N_ARCHITECTURES:,}: they overlap or leave some out"
    return ""


def _seeds_alike(sample: Sample) -> str:
    """Two seeds with the same scores; a strategy without chance has one seed to show, not several."""
    seen: dict[tuple[tuple[str, str], ...], int | str] = {}
    for seed in sample.seeds:
        found = fingerprint(sample, seed)
        if found is None:
            continue
        scores = tuple(sorted(found.scores.items()))
        if scores in seen:
            return f"seeds {seen[scores]} and {seed} have the same scores to the last bit: the seed is ignored"
        seen[scores] = seed
    return ""
