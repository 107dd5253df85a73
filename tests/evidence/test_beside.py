"""What stands beside a verdict: the same comparison by the other taus, which changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nasbench_harness.evidence import Rules, Sample, Side, Verdict, gate
from nasbench_harness.evidence.baseline import baseline_side
from nasbench_harness.evidence.pairs import side_of
from nasbench_harness.evidence.update import changes, write
from nasbench_harness.records import Run, read_run

RULES = Rules(0.03, 0.05, (3,))
WITHIN, WITH = "tau_within_flops", "tau_with_flops"


def side(name: str, n: int, shift: float) -> Side:
    """Six strategies, so that priors are fitted; each metric has a mean and a spread of its own."""
    rng = np.random.default_rng([*name.encode()])

    def values(mean: float, sd: float) -> np.ndarray:
        return mean + shift + sd * rng.normal(size=n)

    samples = []
    for place in range(6):
        beside = {"kendall_tau": values(0.7, 0.01), WITHIN: values(0.5, 0.03), WITH: values(0.75, 0.004 * (place + 1))}
        samples.append(Sample(f"s{place}", tuple(range(n)), beside["kendall_tau"], f"{name}/{place}", beside=beside))
    return Side(name, tuple(samples), tuple(samples), False)


def by(metric: str, one: Side) -> Side:
    def turned(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return tuple(found for sample in samples if (found := sample.by(metric)) is not None)

    return Side(one.name, turned(one.samples), turned(one.around), one.named)


@pytest.mark.parametrize("metric", [WITHIN, WITH])
def test_it_is_what_a_gate_by_that_metric_says(metric: str) -> None:
    new, old = side("new", 4, -0.02), side("old", 10, 0.0)
    beside = gate(new, old, RULES, "kendall_tau", "x").comparisons
    judged = gate(by(metric, new), by(metric, old), RULES, metric, "x").comparisons
    for one, other in zip(beside, judged, strict=True):
        assert other.numbers is not None
        [found] = [each for each in one.beside if each.metric == metric]
        assert (found.difference, found.interval) == (other.numbers.difference, other.numbers.interval)
        assert one.numbers is not None
        assert found.interval != one.numbers.interval


@pytest.mark.parametrize(
    ("metric", "others"),
    [("kendall_tau", [WITHIN, WITH]), (WITHIN, ["kendall_tau", WITH]), ("spearman", ["kendall_tau", WITHIN, WITH])],
)
def test_the_metric_that_decides_is_not_said_twice(metric: str, others: list[str]) -> None:
    [first, *_] = gate(side("new", 4, 0.0), side("old", 10, 0.0), RULES, metric, "x").comparisons
    assert [found.metric for found in first.beside] == others
    assert list(first.to_json()["beside"]) == others


def test_a_loss_in_it_alone_changes_no_verdict() -> None:
    new, old = side("new", 4, 0.0), side("old", 10, 0.0)
    lost = tuple(replace(one, beside={**one.beside, WITHIN: one.beside[WITHIN] - 0.5}) for one in new.samples)
    before, after = (gate(each, old, RULES, "kendall_tau", "x") for each in (new, Side("new", lost, lost, False)))
    assert [one.verdict for one in before.comparisons] == [one.verdict for one in after.comparisons]
    assert [one.numbers for one in before.comparisons] == [one.numbers for one in after.comparisons]
    assert after.comparisons[0].beside[0].interval[1] < -0.3
    assert not after.failed(strict=True) or before.failed(strict=True)


def test_what_needs_no_statistics_has_none() -> None:
    new, old = side("new", 4, 0.0), side("old", 10, 0.0)
    same = gate(new, old, RULES, "kendall_tau", "x", earlier=[lambda _: Verdict("identical", "exact", "equal")])
    assert {one.beside for one in same.comparisons} == {()}


def test_single_seeds_have_it_where_a_prior_of_that_metric_lends_them_a_spread() -> None:
    old = side("old", 10, 0.0)
    ones = [
        Sample("a", (0,), one.value_S[:1], f"{name}/a", beside={WITHIN: one.beside[WITHIN][:1]})
        for name, one in zip(("new", "old"), old.samples, strict=False)
    ]
    alone, rules = Side("new", (ones[0],), (ones[0],), True), Rules(0.03, 0.05, (1,))
    earlier = tuple(replace(one, beside={}) for one in old.samples)  # as an earlier version judged them
    for around, metrics in ((old.samples, [WITHIN]), (earlier, [])):
        [found] = gate(alone, Side("old", (ones[1],), around, True), rules, "kendall_tau", "x").comparisons
        assert found.numbers is not None
        assert [each.metric for each in found.beside] == metrics


@pytest.fixture
def run(fake, tmp_path) -> Run:
    return read_run(fake.write_run(tmp_path / "run", {"a": list(np.linspace(0.5, 0.6, 10))}, WITHIN))


def test_runs_and_their_baselines_carry_the_same_values(run: Run, tmp_path) -> None:
    write(changes(run, tmp_path / "baselines", None, False))
    stored = baseline_side(tmp_path / "baselines", "kendall_tau", None, None)
    assert stored is not None
    for found in (side_of(run, "kendall_tau", None), stored):
        beside = found.samples[0].beside
        assert set(beside) == {"kendall_tau", WITHIN, WITH}
        assert beside[WITHIN].tolist() == pytest.approx(np.linspace(0.5, 0.6, 10).tolist())


def test_a_metric_that_one_seed_lacks_is_left_out(run: Run) -> None:
    """As of a record of an earlier version, and of one whose scores are constant."""
    first, *others = run.records
    older = {signal: {k: v for k, v in column.items() if k != WITH} for signal, column in first.metrics.items()}
    undefined = {signal: {**column, WITHIN: None} for signal, column in first.metrics.items()}
    for metrics, left in ((older, {"kendall_tau", WITHIN}), (undefined, {"kendall_tau", WITH})):
        changed = Run(run.folder, (replace(first, metrics=metrics), *others))
        [found] = side_of(changed, "kendall_tau", None).samples
        assert set(found.beside) == left
        assert found.by(WITH if WITH not in left else WITHIN) is None
