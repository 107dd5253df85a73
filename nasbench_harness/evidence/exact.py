"""The tier that needs no statistics: whether two results are the same, to the last bit or up to rounding.

On one machine with one version of the engine equal descriptions give equal bits. Elsewhere they cannot: a difference in
the last bit grows with every training step until end scores differ as those of two seeds do. There it is looked at what
rounding cannot change (leaves, draws, lengths of stages), at the losses of the first steps, and at scores of equal
weights; end scores are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nasbench_harness.evidence.pairs import Pair
from nasbench_harness.evidence.protocol import strategy_differences
from nasbench_harness.evidence.sample import Sample
from nasbench_harness.evidence.verdict import Verdict
from nasbench_harness.records import Fingerprint, ScoreTable, StagePrint, read_scores
from nasbench_harness.records.machines import environment_differences

ROUNDING = {"float32": 4e-6, "tf32": 1e-3, "bfloat16": 4e-3}
"""Relative difference of a loss that rounding explains before the first step, by the precision of activations."""

GROWTH = 8
"""By how much such a difference may grow at a step: as measured in deep supernets. Shallow ones stay far below."""

SAME_RATES = 1e-9
"""Relative difference of learning rates that the libraries of two machines explain."""

GRADIENT = 2500
"""By how much more of it the length of a gradient may have: 3e-4 was seen, in 15 cells of 16 channels."""

LARGEST = 0.05
"""Beyond this two losses are no longer called close."""


def exact(pair: Pair) -> Verdict | str:
    """A verdict on pairs that have seeds in common, or why there is none (empty: nothing to compare).

    Reads the scores of these seeds where the samples come from a run.
    """
    one, other = pair.candidate, pair.baseline
    if pair.across or one.protocol is None or other.protocol is None:
        return ""
    if one.strategy != other.strategy or strategy_differences(one.protocol, other.protocol):
        return ""
    found = [(seed, fingerprint(one, seed), fingerprint(other, seed)) for seed in one.seeds if seed in other.seeds]
    both = [(seed, mine, theirs) for seed, mine, theirs in found if mine is not None and theirs is not None]
    if not both:
        return ""
    listed = _listed([seed for seed, _, _ in both])
    differing = [(seed, mine, theirs) for seed, mine, theirs in both if not _same_bits(mine, theirs)]
    if not differing:
        return Verdict("identical", "exact", f"leaves and end scores of {listed} are equal to the last bit")
    rounding = ROUNDING[str(one.protocol.get("network", {}).get("precision", "float32"))]
    for seed, mine, theirs in differing:
        why = next(_more_than_rounding(mine, theirs, rounding), "")
        if not why and _curves(mine) == _curves(theirs):  # equal weights: even the end scores must be close
            why = _far_scores(_table(one, seed), _table(other, seed), rounding)
        if why:
            return f"not identical: seed {seed}: {why}"
    return Verdict(
        "identical up to rounding",
        "exact",
        f"leaves, draws, first losses and scores of equal weights agree for {listed}; end scores are other samples",
    )


def fingerprint(sample: Sample, seed: int | str) -> Fingerprint | None:
    """That of one of its seeds: kept beside the values, or of the stored unit; None for score files.

    Scores are read for the first of the tiers that asks.
    """
    if seed in sample.fingerprints:
        return sample.fingerprints[seed]
    if seed not in sample.made:
        record = next((record for record in sample.records if record.seed == seed), None)
        table = _table(sample, seed)
        sample.made[seed] = None if record is None or table is None else Fingerprint.of(record, table)
    return sample.made[seed]


def _table(sample: Sample, seed: int | str) -> ScoreTable | None:
    unit = sample.folders.get(seed)
    return read_scores(unit) if unit is not None and unit.is_dir() else None


def _same_bits(one: Fingerprint, other: Fingerprint) -> bool:
    return one.leaves == other.leaves and dict(one.scores) == dict(other.scores)


def _curves(found: Fingerprint) -> list[str]:
    return [stage.curve for stage in found.stages]


def _more_than_rounding(one: Fingerprint, other: Fingerprint, rounding: float) -> Iterator[str]:
    """Why the difference must be more than rounding, the clearest reason first."""
    if not environment_differences([one.environment, other.environment]):
        yield "scores differ although machine and engine are the same"
    if one.leaves != other.leaves:
        yield "leaves differ"
    if [stage.name for stage in one.stages] != [stage.name for stage in other.stages]:
        yield "stages differ"
        return
    if not one.stages or not all(stage.draws for stage in (*one.stages, *other.stages)):
        yield "the records do not say how training began; run the units again with this version"
    for place, (mine, theirs) in enumerate(zip(one.stages, other.stages, strict=True)):
        if why := _stages_differ(mine, theirs, rounding, place == 0):
            yield f"stage {mine.name!r}: {why}"
    # a whole pass through the network, where the loss of a first step is one too, but over fewer images
    if not _close(one.reference_scores, other.reference_scores, 10 * rounding):
        yield "an untrained network is scored differently"
    yield from _references_differ(one, other, rounding)


def _references_differ(one: Fingerprint, other: Fingerprint, rounding: float) -> Iterator[str]:
    """Of what older records lack."""
    mine, theirs = one.leaf_scores, other.leaf_scores
    if mine and theirs and not _close(mine, theirs, 10 * rounding):
        yield "untrained networks of the leaves are scored differently: leaves are scored by others' networks"
    parts = sorted({*one.moves} & {*other.moves})
    allowed = min(GRADIENT * rounding, 2 * LARGEST)
    for part in parts:
        if not _close([one.moves[part]], [other.moves[part]], allowed):
            lengths = f"{one.moves[part]:.3g}, in the baseline {other.moves[part]:.3g}"
            yield f"a step moves the weights of {part} by {lengths}"


def _stages_differ(one: StagePrint, other: StagePrint, rounding: float, first: bool) -> str:
    if one.updates != other.updates:
        return f"trained for {one.updates:,} architecture-updates, in the baseline {other.updates:,}"
    if one.draws != other.draws:
        return "drew other architectures or images"
    if why := _beginnings_differ(one, other):
        return why
    allowed = [min(rounding * GROWTH**step, LARGEST) for step in range(len(one.first_losses))]
    if _close(one.first_losses, other.first_losses, allowed):
        return ""
    if not first and not _close(one.first_losses[:1], other.first_losses[:1], allowed[:1]):
        return ""  # it began from weights of an earlier stage, in which rounding had grown
    return "the losses of its first steps differ by more than rounding"


def _beginnings_differ(one: StagePrint, other: StagePrint) -> str:
    """What no rounding changes, and older records lack."""
    if None not in (one.follows, other.follows) and one.follows != other.follows:
        return f"began {_from(one)}, in the baseline {_from(other)}"
    mine, theirs = one.first_rates, other.first_rates
    if mine and theirs and not _close(mine, theirs, SAME_RATES):
        return "the learning rates of its first steps differ"
    return ""


def _from(stage: StagePrint) -> str:
    return f"with the weights that {stage.follows!r} left" if stage.follows else "with other weights than stages left"


def _close(one: Sequence[float], other: Sequence[float], allowed: float | Sequence[float]) -> bool:
    """Whether both are equally many and relatively as near as ``allowed``, which may be one number for each."""
    mine, theirs = np.array(one), np.array(other)
    if mine.shape != theirs.shape or not mine.size:
        return False
    return bool((np.abs(mine - theirs) <= np.array(allowed) * np.abs(theirs)).all())


def _far_scores(one: ScoreTable | None, other: ScoreTable | None, rounding: float) -> str:
    """Why scores of equal weights are not close; empty where they are."""
    if one is None or other is None:
        return "training is equal to the last bit, and end scores differ"
    for name in sorted({*one.scores} & {*other.scores}):
        mine, theirs = one.scores[name], other.scores[name]
        spread = float(np.ptp(theirs))
        near = np.abs(mine - theirs) <= 100 * rounding * max(spread, 1e-9)
        # accuracy moves in steps of an image when an image lies on the border between two classes
        if near.mean() < (0.9 if name == "accuracy" else 1.0):
            return f"training is equal to the last bit, and end scores by {name} differ by more than rounding"
    return ""


def _listed(seeds: list[int | str]) -> str:
    shown = ", ".join(map(str, seeds[:5])) + (", ..." if len(seeds) > 5 else "")
    return f"seed{'s' if len(seeds) > 1 else ''} {shown}"
