"""One unit from images and space to a record; a strategy that counts FLOPs stands in for training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation import unit as unit_judge
from nasbench_harness.evaluation.columns import judge_column
from nasbench_harness.evaluation.sample import architectures_of
from nasbench_harness.experiment import load_experiment
from nasbench_harness.images import ImageSpec, load_image_set
from nasbench_harness.metrics import evaluate, tau_with
from nasbench_harness.pipeline import Unit, run_unit
from nasbench_harness.records import Record, ScoreTable
from nasbench_harness.space import (
    N_ARCHITECTURES,
    Subspace,
    connected,
    flops,
    live_cell_of,
    nonlinearity_count,
    route,
)
from nasbench_harness.strategies import Context, Leaf, Scorer, Strategy, strategies
from nasbench_harness.system.progress import Silent
from nasbench_harness.truth import Truth, TruthPolicy, TruthTable
from tests import tiny

TEXT = tiny.runnable("batch_size = 10", "digits_test_30") + '[strategies.count]\nkind = "count-flops"\n'
GROUPS = [Subspace.where(nonlinearity_count() == count, f"count {count}") for count in range(4)]


class _EnoughError(Exception):
    """Ends a unit where its strategy would start."""


class CountingScorer(Scorer):
    def score(self, architectures: np.ndarray) -> dict[str, np.ndarray]:
        count = flops(live=True)[architectures] / 1e6
        return {"accuracy": 10 + count / (flops(live=True).max() / 1e6) * 80, "negative_loss": -1 / count}


@dataclass(frozen=True)
class CountFlops(Strategy):
    """Live FLOPs as scores; four leaves, of which each has an untrained network. It still ranks the last two."""

    def analysis(self, details: dict[str, Any], true_A: np.ndarray) -> dict[str, Any]:
        return {"said": details["said"], "best": float(np.nanmax(true_A))}

    def train(self, context: Context) -> Scorer:
        time.sleep(0.05)
        context.budget.spend(600)
        network = context.new_network("supernet")
        leaves = tuple(Leaf(group, network, 150) for group in GROUPS)
        last_two = Subspace.where(nonlinearity_count() >= 2, "last two")
        return CountingScorer(leaves, (), context, ranked=last_two, details={"said": 7})


@pytest.fixture(autouse=True, scope="module")
def plug_in() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(strategies._members, "count-flops", CountFlops)
        patch.setattr(unit_judge, "judge_column", lambda *column: judge_column(*column[:3], resamples=20))
        yield


@pytest.fixture(scope="module")
def table() -> TruthTable:
    noise = np.random.default_rng(0).normal(size=N_ARCHITECTURES)
    return TruthTable("made-up", {"digits_test_30": 50 + flops(live=True) / 1e7 + noise}, None, {})


@pytest.fixture(scope="module")
def unit(table: TruthTable, tmp_path_factory: pytest.TempPathFactory) -> Unit:
    source = tmp_path_factory.mktemp("experiment") / "tiny.toml"
    source.write_text(TEXT)
    images = load_image_set(ImageSpec("digits", size=4))
    return Unit(load_experiment(str(source)), "count", 3, images, TruthPolicy("digits_test_30").apply(table), None)


@pytest.fixture(scope="module")
def done(unit: Unit) -> tuple[Record, ScoreTable]:
    return run_unit(unit, Silent())


def other(unit: Unit, tmp_path: Path, *overrides: str) -> Unit:
    source = tmp_path / "other.toml"
    source.write_text(TEXT)
    return replace(unit, experiment=load_experiment(str(source), list(overrides)))


def context_of(unit: Unit) -> Context:
    """What the unit's strategy is handed."""
    seen: list[Context] = []

    @dataclass(frozen=True)
    class Look(Strategy):
        def train(self, context: Context) -> Scorer:
            seen.append(context)
            raise _EnoughError

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(strategies._members, "count-flops", Look)
        with pytest.raises(_EnoughError):
            run_unit(unit, Silent())
    return seen[0]


def test_every_architecture_is_scored_and_chance_stands_for_those_without_a_path(
    done: tuple[Record, ScoreTable],
) -> None:
    _, table = done
    assert table.index.tolist() == list(range(N_ARCHITECTURES))
    np.testing.assert_array_equal(table.scores["accuracy"][~connected()], np.float32(10))
    np.testing.assert_array_equal(table.scores["negative_loss"][~connected()], np.float32(-np.log(10)))
    expected = flops(live=True)[live_cell_of()][connected()] / 1e6
    np.testing.assert_allclose(-1 / table.scores["negative_loss"][connected()], expected, rtol=1e-6)


def test_dead_edge_variants_share_their_score_and_ties_stay_ties(done: tuple[Record, ScoreTable]) -> None:
    for column in done[1].scores.values():
        np.testing.assert_array_equal(column, column[live_cell_of()])
        assert len(np.unique(column)) < N_ARCHITECTURES / 10


def test_leaves_are_numbered_and_described(done: tuple[Record, ScoreTable], unit: Unit) -> None:
    record, table = done
    np.testing.assert_array_equal(table.leaf, route(GROUPS))
    assert [leaf["name"] for leaf in record.leaves] == [group.name for group in GROUPS]
    assert [leaf["size"] for leaf in record.leaves] == [1983, 7122, 5520, 1000]
    assert [leaf["updates"] for leaf in record.leaves] == [150] * 4
    assert [leaf["channels"] for leaf in record.leaves] == [4] * 4
    for group, leaf in zip(GROUPS, record.analysis["leaves"]["accuracy"]["leaves"], strict=True):
        inside = group.contains(unit.truth.index_A)
        column = table.scores["accuracy"][unit.truth.index_A[inside]]
        expected = evaluate(column, unit.truth.accuracy_A[inside], resamples=0).to_json()["kendall_tau"]
        assert leaf["name"] == group.name
        assert leaf["n"] == group.size
        assert leaf["kendall_tau"] == pytest.approx(expected, abs=1e-12)


def test_what_a_narrowing_strategy_still_ranks_is_judged_by_itself(done: tuple[Record, ScoreTable], unit: Unit) -> None:
    record, table = done
    ranked = record.analysis["ranked"]
    assert ranked["leaves"] == [2, 3]
    assert ranked["n"] == 5520 + 1000
    inside = nonlinearity_count()[unit.truth.index_A] >= 2
    assert ranked["best"] == unit.truth.accuracy_A[inside].max()
    column = table.scores["negative_loss"][unit.truth.index_A[inside]]
    expected = evaluate(column, unit.truth.accuracy_A[inside], resamples=0)
    assert ranked["metrics"]["negative_loss"]["kendall_tau"] == pytest.approx(expected.kendall_tau)
    assert record.analysis["strategy"] == {"said": 7, "best": unit.truth.accuracy_A.max()}
    assert record.training["details"] == {"said": 7}


def test_the_record_says_what_was_run_and_what_it_cost(done: tuple[Record, ScoreTable], unit: Unit) -> None:
    record, _ = done
    assert (record.experiment_name, record.strategy, record.seed, record.signal) == ("tiny", "count", 3, "accuracy")
    assert record.identity == unit.identity
    assert record.experiment == unit.description
    assert record.cost["architecture_updates"] == {"planned": 1000, "used": 600}
    assert record.cost["scored_cells"] == 9444
    assert record.cost["scored_images"] == 20
    assert record.cost["parameters"] == 9 * 4 + 60 * 16 * 21 + (2 * 9 + 4 * 9 + 2) * (16 + 64) + 170
    assert 0.05 <= record.cost["training_seconds"] < 60
    assert 10 < record.cost["peak_memory_mb"] < 100_000
    assert record.truth == {
        "table": "made-up",
        "sha256": unit.truth.sha256,
        "policy": "digits_test_30",
        "n": N_ARCHITECTURES,
        "best": unit.truth.best,
        "noise_ceiling": None,
    }
    assert Record.from_json(record.to_json()) == record


def test_the_record_judges_each_signal_and_each_reference(done: tuple[Record, ScoreTable], unit: Unit) -> None:
    record, table = done
    true_A, ranked = unit.truth.accuracy_A, unit.truth.index_A
    columns = {
        **{name: (record.metrics[name], column[ranked]) for name, column in table.scores.items()},
        "flops": (record.references["flops"], flops()[ranked]),
        "live_flops": (record.references["live_flops"], flops(live=True)[ranked]),
    }
    for found, column in columns.values():
        expected = evaluate(column, true_A, resamples=0).to_json()
        for key in ("n", "kendall_tau", "spearman", "top_k_accuracy", "regret_at"):
            assert found[key] == expected[key]
        assert found["tau_with_flops"] == tau_with(column, true_A, flops(live=True)[ranked])
        assert found["breakdown"]["rank_error"]["nonlinearities"][0]["n"] == 1983
    assert record.references["live_flops"]["kendall_tau"] > record.references["flops"]["kendall_tau"] > 0.3
    assert set(record.metrics) == set(record.top_k_curve) == {"accuracy", "negative_loss"}


def test_the_context_holds_the_settings_of_the_experiment(unit: Unit) -> None:
    context = context_of(unit)
    assert context.shape.channels == 4
    assert (context.shape.image_channels, context.shape.classes) == (1, 10)
    assert context.space.size == N_ARCHITECTURES
    assert context.seed_axes == ("count", 3)
    assert (context.training.augmentation.flip, context.training.augmentation.crop_padding) == (False, 1)
    assert context.training.batch_size == 20
    assert context.scoring_batch == 10
    assert len(context.train_images) == 600
    np.testing.assert_array_equal(context.train_images.labels, unit.images.labels[unit.images.train])


def held_out(unit: Unit) -> list[int]:
    """Which images score, by their place in the validation part."""
    pixels = context_of(unit).scoring_images.pixels.numpy()
    everything = unit.images.images
    rows = [int(np.flatnonzero((everything == image).all((1, 2, 3)))[0]) for image in pixels]
    assert np.isin(rows, unit.images.valid).all()
    return rows


def test_all_seeds_and_strategies_are_scored_on_the_same_held_out_images(unit: Unit, tmp_path: Path) -> None:
    rows = held_out(unit)
    assert len(set(rows)) == 20
    assert held_out(replace(unit, seed=4)) == rows
    more = other(unit, tmp_path, "strategies.second.kind=count-flops")
    assert held_out(replace(more, strategy="second")) == rows


def test_equal_identities_mean_equal_scoring_images(unit: Unit, tmp_path: Path) -> None:
    """An experiment under another name either is another one, or gives the same numbers."""
    renamed = other(unit, tmp_path, "name=renamed")
    assert renamed.identity != unit.identity or held_out(renamed) == held_out(unit)


def test_identity_covers_the_data_the_device_and_the_seed(unit: Unit, table: TruthTable) -> None:
    changed_truth = TruthTable("made-up", {"digits_test_30": table.columns["digits_test_30"] + 1}, None, {})
    truth: Truth = TruthPolicy("digits_test_30").apply(changed_truth)
    pixels: dict[str, Any] = {**unit.images.provenance, "sha256": "0" * 64}
    others = [
        replace(unit, truth=truth),
        replace(unit, images=replace(unit.images, provenance=pixels)),
        replace(unit, device="cuda"),
        replace(unit, seed=4),
    ]
    assert len({unit.identity, *(one.identity for one in others)}) == 5
    assert replace(unit, noise_ceiling={"n": 1}).identity == unit.identity


def test_more_scoring_images_than_are_held_out_is_an_error(unit: Unit, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"scoring\.images 598: only 597 images are held out"):
        run_unit(other(unit, tmp_path, "scoring.images=598"), Silent())


@pytest.mark.parametrize("strategy", ["one-shot", "few-shot"])
def test_images_too_small_for_three_stages_are_refused_before_training(
    strategy: str, table: TruthTable, tmp_path: Path
) -> None:
    """Two reductions halve the side twice; from 2 x 2 pixels the second would halve a single one."""
    source = tmp_path / "small.toml"
    part = 'partitioner = "none"' if strategy == "few-shot" else ""
    source.write_text(TEXT.replace("size = 4", "size = 2").replace('"count-flops"', f'"{strategy}"\n{part}'))
    truth = TruthPolicy("digits_test_30").apply(table)
    with pytest.raises(UsageError, match=r"images\.size") as raised:
        run_unit(
            Unit(load_experiment(str(source)), "count", 0, load_image_set(ImageSpec("digits", size=2)), truth, None),
            Silent(),
        )
    assert "\n" not in str(raised.value)


def test_a_sample_is_scored_as_it_would_be_among_all(
    unit: Unit, done: tuple[Record, ScoreTable], tmp_path: Path
) -> None:
    sampled = other(unit, tmp_path, "scoring.architectures=300")
    record, table = run_unit(sampled, Silent())
    whole = done[1]
    assert len(table.index) == 300
    np.testing.assert_array_equal(table.index, architectures_of(sampled.experiment.name, 300))
    np.testing.assert_array_equal(table.leaf, whole.leaf[table.index])
    for name, values in table.scores.items():
        np.testing.assert_array_equal(values, whole.scores[name][table.index])
    assert record.cost["scored_cells"] == len(np.unique(live_cell_of()[table.index[connected()[table.index]]])) < 300
    true_A = unit.truth.vector[table.index]
    assert (record.truth["n"], record.truth["best"]) == (300, true_A.max())
    expected = evaluate(table.scores["accuracy"], true_A, resamples=0).to_json()["kendall_tau"]
    for column in (*record.metrics.values(), *record.references.values(), *record.analysis["leaves"].values()):
        assert column["n"] == 300
    assert record.metrics["accuracy"]["kendall_tau"] == pytest.approx(expected)
    assert record.analysis["strategy"]["best"] == unit.truth.best  # a strategy's own report sees all of the truth


def test_a_sample_depends_on_the_name_alone() -> None:
    np.testing.assert_array_equal(architectures_of("tiny", 300), architectures_of("tiny", 300))
    assert not np.array_equal(architectures_of("tiny", 300), architectures_of("another", 300))
    np.testing.assert_array_equal(architectures_of("tiny", None), np.arange(N_ARCHITECTURES))


def test_of_a_sample_only_what_a_partial_truth_knows_is_judged(unit: Unit, tmp_path: Path) -> None:
    half = np.flatnonzero(unit.truth.index_A % 2 == 0)
    truth = replace(unit.truth, index_A=unit.truth.index_A[half], accuracy_A=unit.truth.accuracy_A[half])
    record, table = run_unit(replace(other(unit, tmp_path, "scoring.architectures=300"), truth=truth), Silent())
    assert len(table.index) == 300
    assert record.truth["n"] == record.metrics["accuracy"]["n"] == (table.index % 2 == 0).sum()


@pytest.mark.parametrize("count", [2, 3])
def test_the_smallest_samples_give_a_record(unit: Unit, tmp_path: Path, count: int) -> None:
    record, table = run_unit(other(unit, tmp_path, f"scoring.architectures={count}"), Silent())
    assert len(table.index) == record.truth["n"] == count


@pytest.mark.parametrize("count", ["1", "15626"])
def test_an_impossible_sample_is_refused_with_the_setting(unit: Unit, tmp_path: Path, count: str) -> None:
    with pytest.raises(UsageError, match=rf"scoring\.architectures: .* found {count}"):
        other(unit, tmp_path, f"scoring.architectures={count}")


def test_a_truth_that_knows_nothing_of_a_sample_is_refused(unit: Unit) -> None:
    with pytest.raises(DataError, match="knows 1 of the 2 architectures"):
        unit.truth.among(np.array([unit.truth.index_A[0], -1]))
