"""What every registered predictor must do, and the counts against their published correlations."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics import kendall_tau, spearman
from nasbench_harness.predictors import PredictorContext, predictors
from nasbench_harness.predictors.report import selected
from nasbench_harness.space import N_ARCHITECTURES, connected, live_cell_of
from nasbench_harness.truth import TruthTable, benchmark_index, open_table

COUNTED = ("flops", "live-flops", "parameters", "nonlinearity-count")
UNTRAINED = ("synflow", "naswot", "jacob_cov", "zico", "az-nas")
ALL = {*COUNTED, *UNTRAINED, "twelve-epoch"}


def table_with(*columns: str) -> TruthTable:
    values = np.random.default_rng(2).uniform(10, 90, (len(columns), N_ARCHITECTURES))
    return TruthTable("made-up", dict(zip(columns, values, strict=True)), benchmark_index(), {})


@pytest.fixture
def full(context) -> PredictorContext:
    return dataclasses.replace(context, table=table_with("cifar10_valid_12"), policy="cifar10_test_200")


def test_every_predictor_is_there():
    assert set(predictors) == ALL


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_contract(name, full, few_cells):
    predictor = predictors.create(name, {})
    score_A = predictor.score(full)
    assert score_A.shape == (N_ARCHITECTURES,)
    assert score_A.dtype == np.float64
    assert np.isfinite(score_A).all()
    assert len(np.unique(score_A)) > 3
    np.testing.assert_array_equal(predictors.create(name, {}).score(full), score_A)
    assert predictor.direction in ("+", "-")
    assert predictor.source
    assert predictors.summary(name).endswith(".")


@pytest.mark.parametrize("name", UNTRAINED)
def test_untrained_networks_see_live_edges_only(name, full, few_cells):
    score_A = predictors.create(name, {}).score(full)
    if name != "az-nas":  # FLOPs as built see the dead ones
        np.testing.assert_array_equal(score_A, score_A[live_cell_of()])
    assert score_A[~connected()].max() < score_A[few_cells].min()
    other = predictors.create(name, {}).score(dataclasses.replace(full, seed=full.seed + 1))
    assert not np.array_equal(other, score_A)


def test_az_nas_can_look_at_images(full, few_cells):
    noise, images = (predictors.create("az-nas", {"inputs": i}).score(full) for i in ("noise", "images"))
    assert not np.array_equal(noise, images)
    with pytest.raises(UsageError, match="--images"):
        predictors.create("az-nas", {"inputs": "images"}).score(dataclasses.replace(full, images=None))


def test_needs_are_told(full):
    bare = dataclasses.replace(full, images=None, table=None)
    names, left_out = selected(["all"], bare)
    assert set(names) == {*COUNTED, "synflow", "az-nas"}
    assert set(left_out) == {"naswot", "jacob_cov", "zico", "twelve-epoch"}
    assert set(selected([], full)[0]) == ALL
    with pytest.raises(UsageError, match="naswot: it looks at real images"):
        selected(["flops", "naswot"], bare)
    with pytest.raises(UsageError, match="did you mean synflow"):
        selected(["synflw"], bare)


def test_twelve_epochs_are_those_of_the_judged_image_set():
    columns = ("cifar100_valid_12_seed111", "cifar10_valid_12_seed111", "cifar10_valid_12", "cifar10_test_12_seed111")
    context = PredictorContext(table=table_with(*columns), policy="cifar10_test_200")
    assert context.table is not None
    score_A = predictors.create("twelve-epoch", {}).score(context)
    np.testing.assert_array_equal(score_A, context.table.column("cifar10_valid_12"))
    of_hundred = dataclasses.replace(context, policy="cifar100_test_200")
    np.testing.assert_array_equal(
        predictors.create("twelve-epoch", {}).score(of_hundred), context.table.column("cifar100_valid_12_seed111")
    )
    named = predictors.create("twelve-epoch", {"column": "cifar10_test_12_seed111"}).score(of_hundred)
    np.testing.assert_array_equal(named, context.table.column("cifar10_test_12_seed111"))
    with pytest.raises(UsageError, match="no validation accuracy after 12 epochs"):
        predictors.create("twelve-epoch", {}).score(dataclasses.replace(context, policy="imagenet16_120_test_200"))


@pytest.mark.parametrize("name", COUNTED)
def test_counts_reach_their_published_correlations(name: str, shared_data: Path) -> None:
    """The published truth has mostly one seed, ours their mean: correlations agree to some thousandths."""
    truth = open_table(shared_data / "nas-bench-201" / "accuracy.csv").column("cifar10_test_200")
    predictor = predictors.create(name, {})
    score_A = predictor.score(PredictorContext())
    [published] = predictor.published
    assert kendall_tau(score_A, truth) == pytest.approx(published.kendall_tau, abs=0.005)
    assert spearman(score_A, truth) == pytest.approx(published.spearman, abs=0.005)


def test_counting_loads_no_torch():
    program = (
        "import sys; from nasbench_harness.predictors import predictors, PredictorContext\n"
        f"for name in {COUNTED!r}: predictors.create(name, {{}}).score(PredictorContext())\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
