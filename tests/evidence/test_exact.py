"""What is identical, what is so up to rounding, and what neither machine nor rounding explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nasbench_harness.evidence import Pair, Sample, Verdict, exact
from nasbench_harness.records import Fingerprint, StagePrint

HERE = {"engine": "one", "lanes": 8, "threads": 1, "torch": "2.13.0"}
ELSEWHERE = {**HERE, "lanes": 16}
LOSSES = (2.3, 2.2, 2.25, 2.1, 2.0)


def stage(name: str = "supernet", curve: str = "curve", **changes: Any) -> StagePrint:
    return StagePrint(
        **({"name": name, "updates": 600, "draws": "ab", "first_losses": LOSSES, "curve": curve} | changes)
    )


ONE = Fingerprint(
    "leaves",
    {"accuracy": "a", "negative_loss": "b"},
    (stage("parent", follows="", first_rates=(0.05, 0.04)), stage("leaf", follows="parent", first_rates=(0.05, 0.04))),
    (2.3, 2.4),
    HERE,
    (2.3, 2.4),
    {"stem": 0.1, "conv_3x3.3": 0.2},
)
OTHER = replace(
    ONE,
    scores={"accuracy": "c", "negative_loss": "d"},
    stages=tuple(replace(each, curve="another") for each in ONE.stages),
    environment=ELSEWHERE,
)
"""The same unit on another machine."""


def shifted(losses: tuple[float, ...], *relative: float) -> tuple[float, ...]:
    return tuple(loss * (1 + by) for loss, by in zip(losses, (*relative, *[0.0] * 9), strict=False))


def with_stage(found: Fingerprint, place: int, **changes: Any) -> Fingerprint:
    stages = list(found.stages)
    stages[place] = replace(stages[place], **changes)
    return replace(found, stages=tuple(stages))


def sample(*prints: Fingerprint, **protocol: Any) -> Sample:
    described = {"strategy": {"name": "s", "kind": "few-shot"}, "network": {"precision": "float32"}} | protocol
    seeds = tuple(range(len(prints)))
    return Sample("s", seeds, np.linspace(0.4, 0.5, len(prints)), "run", described, (), dict(enumerate(prints)))


def said(candidate: Fingerprint, baseline: Fingerprint = ONE) -> str:
    found = exact(Pair(sample(candidate), sample(baseline)))
    return found.word if isinstance(found, Verdict) else found


def test_equal_bits_are_identical_on_any_machine_and_with_one_seed() -> None:
    assert said(ONE) == "identical"
    assert said(replace(ONE, environment=ELSEWHERE)) == "identical"
    many = sample(ONE, *[replace(ONE, scores={"accuracy": str(seed)}) for seed in range(4)])
    found = exact(Pair(sample(ONE), many))
    assert isinstance(found, Verdict)
    assert found.reason == "leaves and end scores of seed 0 are equal to the last bit"


def test_another_machine_gives_other_end_scores_and_is_identical_up_to_rounding() -> None:
    assert said(OTHER) == "identical up to rounding"
    near = with_stage(OTHER, 0, first_losses=shifted(LOSSES, 2e-7, 3e-6, 1e-5, 5e-4, 1e-3))
    assert said(near) == "identical up to rounding"


def test_what_older_baselines_do_not_tell_is_not_asked() -> None:
    stages = tuple(replace(each, follows=None, first_rates=None) for each in ONE.stages)
    assert said(OTHER, replace(ONE, stages=stages, leaf_scores=(), moves={})) == "identical up to rounding"


def test_a_later_stage_may_start_from_weights_in_which_rounding_has_grown() -> None:
    assert said(with_stage(OTHER, 1, first_losses=shifted(LOSSES, 0.02, -0.01, 0.03))) == "identical up to rounding"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (replace(OTHER, environment=HERE), "machine and engine are the same"),
        (replace(OTHER, leaves="others"), "leaves differ"),
        (replace(OTHER, stages=OTHER.stages[:1]), "stages differ"),
        (with_stage(OTHER, 1, updates=601), "601 architecture-updates"),
        (with_stage(OTHER, 1, draws="cd"), "drew other architectures or images"),
        (with_stage(OTHER, 0, draws=""), "do not say how training began"),
        (with_stage(OTHER, 0, first_losses=shifted(LOSSES, 1e-4)), "stage 'parent': the losses of its first steps"),
        (with_stage(OTHER, 0, first_losses=shifted(LOSSES, 0, 1e-3)), "the losses of its first steps"),
        (with_stage(OTHER, 0, first_losses=LOSSES[:3]), "the losses of its first steps"),
        # the first loss of a leaf is the parent's; a step later a halved rate shows
        (with_stage(OTHER, 1, first_losses=shifted(LOSSES, 0, 1e-3)), "stage 'leaf': the losses of its first steps"),
        (replace(OTHER, reference_scores=(2.3, 2.4 * 1.001)), "an untrained network is scored differently"),
        (
            replace(with_stage(OTHER, 1, follows=""), leaf_scores=(2.3, 2.5), moves={"stem": 0.1}),
            "began with other weights than stages left, in the baseline with the weights that 'parent' left",
        ),
        (with_stage(OTHER, 1, first_rates=(0.025, 0.024)), "stage 'leaf': the learning rates of its first steps"),
        (replace(OTHER, leaf_scores=(2.3, 2.5)), "leaves are scored by others' networks"),
        (replace(OTHER, moves={"stem": 0.1, "conv_3x3.3": 0.0}), "a step moves the weights of conv_3x3.3 by 0, in the"),
        (replace(OTHER, stages=ONE.stages), "training is equal to the last bit, and end scores differ"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_rounding_does_not_explain(fault: Fingerprint, words: str) -> None:
    found = said(fault)
    assert found.startswith("not identical: seed 0: ")
    assert words in found


def test_all_seeds_in_common_have_to_be_identical() -> None:
    found = exact(Pair(sample(ONE, replace(ONE, environment=HERE, scores={"accuracy": "x"})), sample(ONE, ONE)))
    assert found == "not identical: seed 1: scores differ although machine and engine are the same"


def test_narrower_numbers_round_more() -> None:
    far = with_stage(OTHER, 0, first_losses=shifted(LOSSES, 1e-3))
    protocol = {"network": {"precision": "bfloat16"}}
    found = exact(Pair(sample(far, **protocol), sample(ONE, **protocol)))
    assert isinstance(found, Verdict)
    assert found.word == "identical up to rounding"


def test_it_says_nothing_of_other_seeds_options_or_score_files() -> None:
    other = sample(ONE, strategy={"name": "s", "kind": "few-shot", "leaves": 3})
    assert exact(Pair(other, sample(ONE))) == ""
    assert exact(Pair(replace(sample(ONE), seeds=(7,)), sample(ONE))) == ""
    assert exact(Pair(replace(sample(ONE), protocol=None), sample(ONE))) == ""
