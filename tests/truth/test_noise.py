"""The noise ceiling: which second measurement is used, and that none is taken silently."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nasbench_harness.truth import TruthPolicy, TruthTable, noise_ceiling_of, proxy_ceiling_of

POLICY = TruthPolicy("cifar10_test_200")


def _table(*columns: str, partial: bool = False) -> TruthTable:
    """Columns that measure the same values with independent noise."""
    rng = np.random.default_rng(3)
    base = rng.uniform(20, 80, 15625)
    values = {name: np.round(base + rng.normal(0, 3, 15625), 1) for name in columns}
    if partial:
        for column in values.values():
            column[rng.random(15625) < 0.5] = np.nan
    return TruthTable("t", values, None, {"partial": partial})


@pytest.mark.parametrize(
    ("columns", "kind", "first", "second"),
    [
        (["", "_seed888", "_halfA", "_halfB", "_seed777"], "halves of the seeds", "_halfA", "_halfB"),
        (["", "_seed888", "_halfA", "_seed777"], "two seeds", "_seed777", "_seed888"),
        (["", "_seed888"], "mean and one seed", "", "_seed888"),
    ],
)
def test_the_best_second_measurement_is_used(columns: list[str], kind: str, first: str, second: str) -> None:
    table = _table(*(POLICY.column + ending for ending in columns))
    ceiling = noise_ceiling_of(table, POLICY)
    assert ceiling is not None
    assert (ceiling["kind"], ceiling["n"]) == (kind, 15625)
    assert (ceiling["first"], ceiling["second"]) == (POLICY.column + first, POLICY.column + second)
    a, b = table.column(ceiling["first"]), table.column(ceiling["second"])
    assert ceiling["kendall_tau"] == pytest.approx(stats.kendalltau(a, b).statistic)
    assert ceiling["spearman"] == pytest.approx(stats.spearmanr(a, b).statistic)
    assert ceiling["independent"] is (kind != "mean and one seed")
    assert (ceiling["kendall_tau_of_mean"] is None) is (kind == "mean and one seed")
    assert ceiling["n_identical"] == sum(x == y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def test_only_architectures_with_both_measurements_count() -> None:
    table = _table("cifar10_test_200", "cifar10_test_200_halfA", "cifar10_test_200_halfB", partial=True)
    ceiling = noise_ceiling_of(table, POLICY)
    assert ceiling is not None
    both = ~np.isnan(table.column("cifar10_test_200_halfA")) & ~np.isnan(table.column("cifar10_test_200_halfB"))
    assert ceiling["n"] == both.sum()


def test_another_protocol_is_a_proxy_under_its_own_key() -> None:
    table = _table("cifar10_test_200", "cifar10_valid_test_200", "cifar10_valid_test_200_seed888", "cifar100_test_200")
    assert noise_ceiling_of(table, POLICY) is None
    proxy = proxy_ceiling_of(table, POLICY)
    assert proxy is not None
    assert proxy["proxy_for"] == "cifar10_test_200"
    assert proxy["first"] == "cifar10_valid_test_200"
    assert proxy_ceiling_of(table, TruthPolicy("cifar10_valid_test_200_seed888")) is None
    own = TruthPolicy("cifar10_valid_test_200")
    assert noise_ceiling_of(table, own) is not None
    assert proxy_ceiling_of(table, own) is None
    other_images = TruthPolicy("cifar100_test_200")
    assert noise_ceiling_of(table, other_images) is None
    assert proxy_ceiling_of(table, other_images) is None
