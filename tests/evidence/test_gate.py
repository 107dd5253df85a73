"""Verdicts: what is said of whom, in which order, and with how many further seeds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.evidence import Pair, Rules, Sample, Verdict
from nasbench_harness.evidence.gate import Gate
from nasbench_harness.evidence.judging import judge_pairs
from nasbench_harness.evidence.power import further_seeds
from nasbench_harness.evidence.prior import NO_PRIOR, PUBLISHED

SPREAD = np.array([-0.024, -0.012, 0.0, 0.012, 0.024])
DEFAULTS = Rules()
BASE = np.concatenate([SPREAD, SPREAD]) + 0.5


def sample(values, strategy="s", source="run"):
    return Sample(strategy, tuple(range(len(values))), np.array(values, float), source)


def judged(*means, rules=DEFAULTS, prior=PUBLISHED, earlier=()):
    pairs = [Pair(sample(SPREAD + mean, f"s{i}"), sample(BASE, f"s{i}")) for i, mean in enumerate(means)]
    return judge_pairs(pairs, rules, prior, earlier)


@pytest.mark.parametrize(
    ("mean", "word"), [(0.45, "worse"), (0.5, "not worse"), (0.55, "better"), (0.487, "undecided")]
)
def test_each_verdict(mean: float, word: str) -> None:
    [found] = judged(mean)
    assert (found.verdict.word, found.verdict.tier) == (word, "statistical")
    low, high = found.numbers.interval
    assert low < found.numbers.difference < high
    assert found.numbers.difference == pytest.approx(mean - 0.5)
    assert {
        "worse": high < 0 and mean - 0.5 < -0.015,
        "not worse": low > -0.03 and low < 0,
        "better": low > 0,
        "undecided": low < -0.03 and high > 0,
    }[word]


def test_a_certain_loss_within_half_the_margin_is_not_worse() -> None:
    pair = Pair(sample([0.49, 0.4901, 0.4899]), sample([0.5, 0.5001, 0.4999] * 4))
    [found] = judge_pairs([pair], Rules(), NO_PRIOR)
    assert found.numbers.p_worse < 0.01
    assert found.verdict.word == "not worse"
    [strict] = judge_pairs([pair], Rules(margin=0.01), NO_PRIOR)
    assert strict.verdict.word == "worse"


def test_many_strategies_ask_for_stronger_evidence() -> None:
    [alone] = judged(0.468)
    among = judged(0.468, *[0.5] * 20)
    assert alone.verdict.word == "worse"
    assert among[0].verdict.word == "undecided"
    assert among[0].numbers.p_worse == pytest.approx(21 * alone.numbers.p_worse)
    assert among[0].numbers.interval == alone.numbers.interval


def test_several_looks_ask_for_stronger_evidence() -> None:
    [once], [twice] = judged(0.49, rules=Rules(looks=(5,))), judged(0.49)
    assert twice.numbers.p_worse == pytest.approx(1.741 * once.numbers.p_worse)
    assert twice.numbers.interval[1] > once.numbers.interval[1]


def test_the_loss_probability_is_that_of_the_margin() -> None:
    [found] = judged(0.47)
    assert found.numbers.loss_probability == pytest.approx(0.5)
    assert judged(0.40)[0].numbers.loss_probability > 0.999


def test_an_earlier_tier_speaks_first_and_is_no_test() -> None:
    def exact(pair):
        return Verdict("identical", "exact", "all scores are equal") if pair.name != "s0" else None

    found = judged(0.468, *[0.5] * 20, earlier=[exact])
    assert [one.verdict.word for one in found] == ["worse"] + ["identical"] * 20
    assert found[1].numbers is None


def test_further_seeds_would_decide() -> None:
    """As many more seeds with the same mean and spread do decide, and one seed fewer leaves a chance below 80 %."""
    [found] = judged(0.487)
    further = found.numbers.further
    assert further is not None
    n, m = 5 + further.candidate, 10 + further.baseline
    grown = Pair(sample(np.resize(SPREAD, n) + 0.487), sample(np.resize(BASE, m)))
    [then] = judge_pairs([grown], Rules(looks=(3, n)), PUBLISHED)
    assert then.verdict.word != "undecided"
    assert str(further.candidate) in found.verdict.reason


def test_further_seeds_by_hand() -> None:
    many = 1e9
    found = further_seeds(0.02, 0.03, many, (5, 10**6), 0.05)
    # (1.645 + 0.842)^2 (0.03 / 0.02)^2 = 13.9 seeds against a baseline without error
    assert (found.candidate, found.baseline) == (9, 0)
    both = further_seeds(0.02, 0.03, many, (5, 5), 0.05)
    assert 5 + both.candidate == 5 + both.baseline == 28
    assert further_seeds(0.0001, 0.1, 13.0, (5, 10), 0.05) is None


def test_one_seed_is_undecided_before_the_first_look_and_alone() -> None:
    pair = Pair(sample([0.1]), sample(BASE))
    [found] = judge_pairs([pair], Rules(), PUBLISHED)
    assert found.verdict.word == "undecided"
    assert "first look" in found.verdict.reason
    [asked] = judge_pairs([pair], Rules(looks=(1,)), NO_PRIOR)
    assert asked.verdict.word == "worse"
    [nothing] = judge_pairs([Pair(sample([0.1]), sample([0.5]))], Rules(looks=(1,)), NO_PRIOR)
    assert nothing.verdict.word == "undecided"
    assert nothing.numbers is None
    json.dumps(nothing.to_json(), allow_nan=False)


def test_what_weakens_a_verdict_is_said() -> None:
    [few] = judge_pairs([Pair(sample(SPREAD[:4] + 0.5), sample(SPREAD[:3] + 0.5))], Rules(), NO_PRIOR)
    text = " ".join(few.notes)
    assert "fewer than 10 seeds (3)" in text
    assert "4 seeds are none of the planned looks" in text
    [same] = judge_pairs([Pair(sample([0.5] * 5), sample(BASE))], Rules(), PUBLISHED)
    assert "give the same value" in " ".join(same.notes)


def test_the_gate_says_the_worst_and_fails_on_it() -> None:
    def gate(*means):
        return Gate("a", "b", "kendall_tau", "accuracy", Rules(), PUBLISHED, judged(*means), ())

    assert gate(0.45, 0.487, 0.5).summary == "1 worse, 1 undecided, 1 not worse"
    assert (gate(0.45, 0.5).word, gate(0.45, 0.5).failed()) == ("worse", True)
    undecided = gate(0.487, 0.55)
    assert (undecided.word, undecided.failed(), undecided.failed(strict=True)) == ("undecided", False, True)
    assert not gate(0.5, 0.55).failed(strict=True)
    value = json.loads(json.dumps(undecided.to_json(), allow_nan=False))
    assert value["prior"] == {"degrees": 1.8, "sd": 0.0135, "strategies": 0}
    assert value["comparisons"][0]["statistics"]["further"]["candidate"] > 0
    assert value["comparisons"][0]["candidate"]["values"] == pytest.approx(list(SPREAD + 0.487))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"margin": -0.01}, "margin.*-0.01"),
        ({"margin": float("nan")}, "margin.*nan"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 0.7}, "alpha"),
        ({"looks": ()}, "looks.*none"),
        ({"looks": (0, 3)}, "looks"),
        ({"looks": (2, 3, 4, 5)}, "1 to 3 numbers"),
    ],
)
def test_impossible_rules_are_refused(wrong: dict, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Rules(**wrong)
