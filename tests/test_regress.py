"""The committed baselines: units trained now are the same, to the last bit or, on another machine, up to rounding."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasbench_harness.api.compare import compare
from nasbench_harness.api.runs import run_experiment
from nasbench_harness.evidence.baseline import read_baselines
from nasbench_harness.evidence.judging import BASELINE_SEEDS
from nasbench_harness.experiment import identity, load_experiment

BASELINES = Path(__file__).resolve().parents[1] / "results" / "baselines" / "regress"
SHORT = ("efs-accum", "single-edge")
"""Strategies that are trained here: their leaves are fixed, so rounding cannot change them."""


@pytest.fixture(scope="module")
def stored() -> dict[str, object]:
    return {baseline.strategy: baseline for _, baseline in read_baselines(BASELINES)}


def test_every_method_of_the_experiment_has_a_baseline(stored: dict[str, object]) -> None:
    assert set(stored) == set(load_experiment("regress").strategies)


def test_they_have_the_seeds_that_a_gate_needs_and_are_of_todays_protocol() -> None:
    experiment = load_experiment("regress")
    for path, baseline in read_baselines(BASELINES):
        assert len(baseline.units) >= BASELINE_SEEDS, path
        for unit in baseline.units:
            described = experiment.unit(baseline.strategy, unit.seed) | {"data": baseline.protocol["data"]}
            assert unit.identity == identity(described), f"{path}, seed {unit.seed}"


@pytest.mark.slow
def test_units_trained_now_are_the_same(tmp_path: Path) -> None:
    run = run_experiment("regress", tmp_path / "run", strategies=SHORT, seeds=[0], threads=1)
    gate = compare(run, BASELINES)
    found = {one.pair.name: one.verdict for one in gate.comparisons}
    assert set(found) == set(SHORT)
    notes = [note for one in gate.comparisons for note in one.notes]
    assert {verdict.tier for verdict in found.values()} == {"exact"}, (found, notes)
