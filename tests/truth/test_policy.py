"""Policies: what a column's name means, and the vector it gives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.truth import TruthPolicy, TruthTable, benchmark_order, truth_of
from nasbench_harness.truth.policy import chance_of

Values = npt.NDArray[np.float64]


@pytest.mark.parametrize(
    ("column", "image_set", "split", "epochs", "seeds"),
    [
        ("cifar10_test_200", "cifar10", "test", 200, "mean"),
        ("cifar10_valid_test_200", "cifar10", "valid_test", 200, "mean"),
        ("cifar10_valid_200", "cifar10", "valid", 200, "mean"),
        ("imagenet16_120_valid_12_seed111", "imagenet16_120", "valid", 12, 111),
        ("cifar10_valid_test_200_seed888", "cifar10", "valid_test", 200, 888),
        ("digits_test_30_halfA", "digits", "test", 30, "halfA"),
        ("cifar10_test_12_seed0", "cifar10", "test", 12, 0),
    ],
)
def test_column_names_are_understood(column: str, image_set: str, split: str, epochs: int, seeds: str | int) -> None:
    policy = TruthPolicy(column)
    assert (policy.image_set, policy.split, policy.epochs, policy.seeds) == (image_set, split, epochs, seeds)
    assert policy.to_json() == {"image_set": image_set, "split": split, "epochs": epochs, "seeds": seeds}


@given(
    image_set=st.sampled_from(["cifar10", "cifar100", "imagenet16_120", "digits", "svhn"]),
    split=st.sampled_from(["test", "valid", "train", "valid_test"]),
    epochs=st.integers(1, 1000),
    seed=st.none() | st.integers(0, 10**6),
)
def test_parts_and_name_agree(image_set: str, split: str, epochs: int, seed: int | None) -> None:
    column = f"{image_set}_{split}_{epochs}" + ("" if seed is None else f"_seed{seed}")
    policy = TruthPolicy(column)
    assert (policy.image_set, policy.split, policy.epochs) == (image_set, split, epochs)
    assert policy.seeds == ("mean" if seed is None else seed)


@pytest.mark.parametrize(
    "column", ["", "cifar10", "cifar10_test", "test_200", "cifar10-test-200", "latency_ms", "x_test_2_seed"]
)
def test_other_names_are_no_policy(column: str) -> None:
    assert TruthPolicy.parse(column) is None
    with pytest.raises(UsageError, match=r"is not a truth policy.*cifar10_test_200"):
        TruthPolicy(column)


def test_a_policy_gives_its_column_in_the_order_of_the_benchmark(table: TruthTable, accuracy_A: Values) -> None:
    truth = TruthPolicy("cifar10_test_200").apply(table)
    np.testing.assert_array_equal(truth.accuracy_A, accuracy_A[truth.index_A])
    np.testing.assert_array_equal(truth.index_A, benchmark_order())
    assert (truth.policy, truth.table, truth.sha256) == ("cifar10_test_200", "made-up", table.sha256)
    assert (truth.n, truth.best, truth.chance_accuracy) == (15625, accuracy_A.max(), 10.0)


def test_a_policy_that_the_table_lacks_names_near_columns(table: TruthTable) -> None:
    with pytest.raises(DataError, match=r"no column 'cifar100_test_200'; did you mean cifar10_test_200"):
        TruthPolicy("cifar100_test_200").apply(table)


def test_declared_gaps_are_left_out_and_counted(accuracy_A: Values) -> None:
    gaps = accuracy_A.copy()
    gaps[[0, 100, 15624]] = np.nan
    truth = TruthPolicy("digits_test_30").apply(TruthTable("t", {"digits_test_30": gaps}, None, {"partial": True}))
    assert truth.n == 15622
    assert not np.isin([0, 100, 15624], truth.index_A).any()
    np.testing.assert_array_equal(truth.accuracy_A, accuracy_A[truth.index_A])


def test_an_empty_column_is_refused() -> None:
    table = TruthTable("t", {"digits_test_30": np.full(15625, np.nan)}, None, {"partial": True})
    with pytest.raises(DataError, match="holds no value"):
        TruthPolicy("digits_test_30").apply(table)


def test_other_columns_are_reached_by_exact_name(table: TruthTable) -> None:
    truth = truth_of(table, "latency_ms")
    np.testing.assert_array_equal(truth.accuracy_A, table.columns["latency_ms"][truth.index_A])
    assert truth.chance_accuracy is None


def test_chance_follows_the_number_of_classes(table: TruthTable) -> None:
    named = {"cifar10_test_200": 10.0, "cifar100_test_200": 1.0, "imagenet16_120_test_200": 100 / 120}
    assert {column: chance_of(table, column) for column in named} == named
    assert chance_of(table, "svhn_test_200") is None
    own = TruthTable("t", table.columns, None, {"classes": {"birds": 4}})
    assert chance_of(own, "birds_test_90") == 25.0
    assert chance_of(own, "cifar10_test_90") == 10.0
