"""PAD-NAS on the digits with budgets of a few steps."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.latency import LatencyTable
from nasbench_harness.search.evolution import SearchResult
from nasbench_harness.search.pareto import pareto_front
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.space import (
    OPERATIONS,
    Subspace,
    all_codes,
    check_cover,
    code_to_index,
    connected,
    connected_live_cells,
    flops,
    live_cell_of,
)
from nasbench_harness.strategies import Context, strategies
from nasbench_harness.strategies.pad_nas.report import paired_report
from nasbench_harness.strategies.pad_nas.scorer import PadNasScorer, leaves_of, paired_sets
from nasbench_harness.strategies.pad_nas.search import first_images, updates_of_search
from nasbench_harness.strategies.pad_nas.strategy import PadNas
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent

Make = Callable[..., Context]
CELLS = connected_live_cells()[::40]
SMALL: dict[str, Any] = {"population": 8, "generations": 3, "images": 20, "paired": 25}
STEP = 20


@pytest.fixture(scope="module")
def done(small_context: Make) -> tuple[Context, PadNasScorer]:
    """A run with a window, trained but not scored."""
    context = small_context(150)
    scorer = PadNas(window=(60, 130), threshold=0.05, **SMALL).train(context)
    assert isinstance(scorer, PadNasScorer)
    return context, scorer


def network() -> Supernet:
    return Supernet(NetworkShape(4, 1, 1, 10))


@pytest.mark.parametrize("steps", [41, 97.3, 200])
@pytest.mark.parametrize("shares", [(1.0,), (0.6, 0.4), (0.5, 0.33, 0.17)], ids=len)
def test_no_more_than_the_budget_is_used_and_what_searches_spare_is_trained_with(
    small_context: Make, steps: float, shares: tuple[float, ...]
) -> None:
    context = small_context(steps)
    scorer = PadNas(shares=shares, **SMALL).train(context)
    stages = scorer.details["stages"]
    reserve = scorer.details["updates_kept_for_a_search"]
    assert reserve == updates_of_search(SearchSettings(population=8, generations=3), 20) == 214
    assert context.budget.used <= context.budget.planned
    # unused: what the last search spared, and less than a step a stage
    spared = reserve - stages[-1]["search"]["evaluations"] * 20 // 3
    assert context.budget.left <= spared + STEP * len(shares)
    searched = sum(stage["search"]["evaluations"] for stage in stages) * 20
    assert context.budget.forwards == 3 * sum(curve.updates[-1] for curve in scorer.losses) + searched
    trained = np.array([stage["updates"] for stage in stages])
    assert trained.tolist() == [curve.updates[-1] for curve in scorer.losses]
    least = (context.budget.planned - len(shares) * reserve) * np.array(shares) - STEP
    assert (trained > least - 1).all()


def test_stages_inherit_weights_and_later_ones_train_slower(
    small_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, dict[str, torch.Tensor], dict[str, torch.Tensor]]] = []
    train = Context.train

    def watched(self: Context, net: Supernet, stage: Any, route_A: Any = None) -> Any:
        before = {name: weight.clone() for name, weight in net.state_dict().items()}
        curve = train(self, net, stage, route_A)
        seen.append((stage, before, {name: weight.clone() for name, weight in net.state_dict().items()}))
        return curve

    monkeypatch.setattr(Context, "train", watched)
    scorer = PadNas(**SMALL).train(small_context(120))
    assert isinstance(scorer, PadNasScorer)
    assert [stage.rate_scale for stage, _, _ in seen] == [1.0, 0.2, 0.2]
    for (_, _, after), (_, before, _) in pairwise(seen):
        assert all(torch.equal(before[name], weight) for name, weight in after.items())
    for (stage, before, after), kept, row in zip(seen, scorer.stage_networks, scorer.details["stages"], strict=True):
        assert any(not torch.equal(before[name], weight) for name, weight in after.items())
        assert all(torch.equal(kept.state_dict()[name], weight) for name, weight in after.items())
        assert stage.subspace.size == row["size"]


def test_what_is_found_and_returned_lies_in_the_window(done: tuple[Context, PadNasScorer]) -> None:
    _, scorer = done
    front, cost = scorer.details["front"], flops() / 1e6
    assert front
    for row in front:
        assert row["cost"] == pytest.approx(cost[row["index"]])
        assert 60 <= row["cost"] <= 130
    [returned] = [row for row in front if row["index"] == scorer.details["returned"]]
    assert returned["score"] == max(row["score"] for row in front)
    last = Subspace.box(np.array(scorer.details["stages"][-1]["box"], dtype=bool), "last")
    assert last.contains([row["index"] for row in front]).all()
    assert (cost[scorer.chosen["front"]] >= 60).all()
    assert (cost[scorer.chosen["front"]] <= 130).all()


@pytest.mark.parametrize("threshold", [0.0, 0.05])
def test_pruning_removes_what_is_rare_and_at_threshold_zero_only_what_does_not_occur(
    small_context: Make, threshold: float
) -> None:
    strategy = PadNas(threshold=threshold, **SMALL)
    scorer = strategy.train(small_context(120))
    stages = scorer.details["stages"]
    assert stages[-1]["pruning"] is None
    for stage, following in pairwise(stages):
        before, after = np.array(stage["box"]), np.array(following["box"])
        frequency = np.array(stage["pruning"]["frequency"])
        assert (after <= before).all()
        assert (after.sum(1) >= 2).all()
        assert (after[(frequency > threshold) & (before == 1)] == 1).all()
        gone = {(row["edge"], OPERATIONS.index(row["operation"])) for row in stage["pruning"]["removed"]}
        assert gone == {(e, o) for e, o in np.argwhere(before > after).tolist()}
        assert following["size"] == after.sum(1).prod()


def test_every_architecture_has_the_last_network_that_covers_its_cell(done: tuple[Context, PadNasScorer]) -> None:
    _, scorer = done
    check_cover(Subspace.full(), [leaf.subspace for leaf in scorer.leaves])
    boxes = [Subspace.box(np.array(stage["box"], dtype=bool), "") for stage in scorer.details["stages"]]
    covered = [np.isin(live_cell_of(), live_cell_of()[box.members]) for box in boxes]
    for architecture in range(0, 15625, 11):
        last = max(stage for stage in range(3) if covered[stage][architecture])
        leaf = scorer.leaves[scorer.leaf_A[architecture]]
        assert leaf.network is scorer.stage_networks[last]
    assert scorer.ranked is scorer.leaves[-1].subspace
    assert scorer.ranked.contains(boxes[-1].members).all()
    assert len({live_cell_of()[i] for i in scorer.ranked.members}) == len(set(live_cell_of()[boxes[-1].members]))


def test_an_edge_whose_none_was_pruned_still_gives_its_dead_twins_to_the_last_network() -> None:
    mask = np.ones((6, 5), dtype=bool)
    mask[2, 0] = False
    first, second = network(), network()
    leaves = leaves_of([(first, Subspace.full(), 7), (second, Subspace.box(mask, "rest"), 3)])
    # edge 2 leaves node 1, which edge 0 does not feed: dead, so none and skip there are one cell
    twins = code_to_index(np.array([[0, 3, 0, 3, 0, 1], [0, 3, 1, 3, 0, 1]]))
    assert leaves[1].subspace.contains(twins).all()
    alive = code_to_index(np.array([[3, 3, 0, 3, 1, 1]]))
    assert not leaves[1].subspace.contains(alive).any()
    assert [leaf.updates for leaf in leaves] == [7, 3]
    assert len(leaves_of([(first, Subspace.full(), 7), (second, Subspace.full(), 3)])) == 1


def test_the_paired_sets_are_scored_by_every_stage(done: tuple[Context, PadNasScorer]) -> None:
    context, scorer = done
    scores = scorer.score(CELLS)
    assert np.isfinite(scores["accuracy"]).all()
    paired = json.loads(json.dumps(scorer.details))["paired"]
    assert set(paired) == {"last_space", "front"}
    last = Subspace.box(np.array(scorer.details["stages"][-1]["box"], dtype=bool), "last")
    assert len(paired["last_space"]["index"]) == 25
    assert last.contains(paired["last_space"]["index"]).all()
    for found in paired.values():
        cells = live_cell_of()[found["index"]]
        assert len(set(cells.tolist())) == len(cells)
        for accuracy, net in zip(found["accuracy"], scorer.stage_networks, strict=True):
            order = np.argsort(cells)
            expected = score_live_cells(net, cells[order], context.scoring_images, 30, Silent()).accuracy
            np.testing.assert_allclose(np.array(accuracy)[order], expected, atol=1e-5)


def test_the_front_set_is_spread_along_the_first_ranks() -> None:
    rng = np.random.default_rng(0)
    index = rng.choice(np.unique(live_cell_of()[connected()]), 200, replace=False)
    cost, score = rng.random(200), rng.random(200)
    found = SearchResult(index, score, cost, index, 0, 0, 0, 0)
    chosen = paired_sets(Subspace.full(), found, 10, rng)["front"]
    assert len(chosen) == len(set(chosen.tolist())) == 30
    rows = found.rows(chosen)
    assert (np.diff(cost[rows]) >= 0).all()
    # a front of more than thirty is spread over evenly, from its cheapest to its most expensive
    line = np.arange(200.0)
    straight = SearchResult(index, line, line, index, 0, 0, 0, 0)
    rows = straight.rows(paired_sets(Subspace.full(), straight, 10, rng)["front"])
    assert rows[0] == 0
    assert rows[-1] == 199
    assert set(np.diff(rows)) <= {6, 7}
    assert len(pareto_front(np.column_stack([line, -line]))) == 200


def report_details() -> dict[str, Any]:
    """Three stages, two spaces; the first network knows nothing, the last one all."""
    mask = np.ones((6, 5), dtype=int)
    pruned = mask.copy()
    pruned[0, 3] = 0
    truth = flops(live=True)
    index = np.flatnonzero(connected())[::150]
    noise = np.random.default_rng(0).random(len(index)).tolist()
    accuracy = [noise, noise, truth[index].tolist()]
    front = [{"index": int(index[-1]), "score": 1.0, "cost": float(flops()[index[-1]] / 1e6)}]
    return {
        "cost": {"name": "flops", "unit": "M", "window": {"low": None, "high": None}},
        "stages": [{"box": mask.tolist()}, {"box": mask.tolist()}, {"box": pruned.tolist()}],
        "front": front,
        "paired": {name: {"index": index.tolist(), "accuracy": accuracy} for name in ("last_space", "front")},
    }


def test_the_report_compares_equal_architectures() -> None:
    truth, details = flops(live=True), report_details()
    found = paired_report(details, truth)
    for name in ("last_space", "front"):
        taus = [stage["tau"] for stage in found[name]["stages"]]
        assert abs(taus[0]) < 0.2
        assert taus[2] == pytest.approx(1.0)
        assert found[name]["gain"]["tau"] == pytest.approx(taus[2] - taus[0])
        low, high = found[name]["gain"]["interval"]
        assert 0.5 < low < found[name]["gain"]["tau"] < high
    best_left = truth[(all_codes()[:, 0] != 3) & connected()].max()
    assert found["loss_of_optimum"] == pytest.approx(truth.max() - best_left)
    assert found["spaces"][2]["best_truth_in_window"] == pytest.approx(best_left)
    returned = details["front"][0]["index"]
    assert found["returned"]["regret"] == pytest.approx(truth.max() - truth[returned])
    assert 0 <= found["returned"]["hypervolume_ratio"] <= 1
    json.dumps(found, allow_nan=False)


def test_the_report_does_with_what_is_known_of_the_truth() -> None:
    truth = flops(live=True).astype(np.float64)
    truth[::2] = np.nan
    details = report_details()
    found = paired_report(details, truth)
    index = np.array(details["paired"]["front"]["index"])
    assert found["front"]["n"] == (~np.isnan(truth[index])).sum()
    json.dumps(found, allow_nan=False)
    nothing = paired_report(details, np.full(15625, np.nan))
    assert nothing["front"]["n"] == 0
    assert nothing["loss_of_optimum"] is None
    with pytest.raises(UsageError, match="cost_A"):
        paired_report({**details, "cost": {**details["cost"], "name": "latency"}}, truth)


def test_analysis_is_the_report(done: tuple[Context, PadNasScorer]) -> None:
    _, scorer = done
    scorer.score(CELLS)
    found = PadNas(window=(60, 130), threshold=0.05, **SMALL).analysis(scorer.details, flops(live=True))
    assert len(found["spaces"]) == 3
    assert found["spaces"][0]["in_window"] == (connected() & (flops() >= 60e6) & (flops() <= 130e6)).sum()
    assert found["last_space"]["n"] == 25


@pytest.mark.parametrize("killed_at", [1, 400, 1300, 1500, 2300])
def test_a_killed_run_ends_with_the_same_bits(resumes: Callable[..., None], killed_at: int) -> None:
    resumes(PadNas(window=(60, 130), **SMALL), 150, killed_at)


def test_the_same_axes_give_the_same_run(small_context: Make) -> None:
    def run(axes: tuple[object, ...]) -> tuple[Any, Any]:
        scorer = PadNas(**SMALL).train(replace(small_context(60), seed_axes=axes))
        return scorer.details, scorer.score(CELLS)["negative_loss"].tolist()

    first = run(("mine", 0))
    assert run(("mine", 0)) == first
    assert run(("mine", 1)) != first


def test_a_latency_column_enters_the_identity_and_its_place_does_not(tmp_path: Path, small_context: Make) -> None:
    cost = 1 + flops() / 1e8
    paths = [tmp_path / "one.npz", tmp_path / "other.npz", tmp_path / "more.npz"]
    LatencyTable("one", {"chip": cost}).save(paths[0])
    LatencyTable("one", {"chip": cost, "phone": cost * 2}).save(paths[1])
    LatencyTable("one", {"chip": cost * 2}).save(paths[2])
    window = (1.5, 2.5)
    one, other, more = (PadNas(cost=str(path), device="chip", window=window, **SMALL) for path in paths)
    assert one.canonical() == other.canonical() != more.canonical()
    assert str(tmp_path) not in str(one.canonical())
    assert one.canonical()["cost"] == "latency"
    scorer = one.train(small_context(60))
    assert all(1.5 <= row["cost"] <= 2.5 for row in scorer.details["front"])
    assert scorer.details["cost"]["unit"] == "ms"
    scorer.score(CELLS)
    assert one.analysis(scorer.details, flops(live=True))["front"]["n"] > 0
    with pytest.raises(UsageError, match="name one of chip, phone"):
        PadNas(cost=str(paths[1])).canonical()
    with pytest.raises(UsageError, match="neither flops, live_flops, parameters nor"):
        PadNas(cost=str(tmp_path / "none.npz")).canonical()


def test_the_first_images_are_a_part_and_zero_means_all(small_context: Make) -> None:
    images = small_context(1).scoring_images
    part = first_images(images, 20)
    assert len(part) == 20
    assert torch.equal(part.normalised(slice(0, 20)), images.normalised(slice(0, 20)))
    assert first_images(images, 0) is images
    assert first_images(images, 99) is images


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threshold": 1.0}, "threshold must be at least 0 and below 1"),
        ({"shares": []}, "shares must be one or more numbers"),
        ({"shares": [0.5, 0.0]}, "shares must be one or more numbers above 0"),
        ({"population": 0}, "population must be at least 1"),
        ({"window": [130, 60]}, "the window begins at 130"),
        ({"counting": "all"}, "counting must be archive or population"),
        ({"device": "chip"}, "belongs to a latency table"),
        ({"rate_scale": 0}, "rate_scale must be above 0"),
        ({"sampler": "unifrom"}, "did you mean uniform"),
        ({"images": -1}, "images and paired must be at least 0"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        strategies.create("pad-nas", options)
    assert "\n" not in str(raised.value)


def test_what_cannot_be_done_is_told_before_anything_trains(small_context: Make) -> None:
    context = small_context(34)
    with pytest.raises(UsageError, match=r"642 are kept for 3 searches.*raise the budget"):
        PadNas(**SMALL).train(context)
    with pytest.raises(UsageError, match="no architecture of 'full' costs 1 to 2 M"):
        PadNas(window=(1, 2), **SMALL).train(small_context(200))
    assert context.budget.used == 0


def test_without_pymoo_it_says_what_to_install_before_it_trains(
    small_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymoo", None)
    context = small_context(150)
    for start in (PadNas(**SMALL).check_ready, lambda: PadNas(**SMALL).train(context)):
        with pytest.raises(UsageError, match=r"strategy pad-nas needs pymoo .*nasbench-harness\[search\]"):
            start()
    assert context.budget.left == context.budget.planned
    PadNas(population=15_625).check_ready()  # evaluated whole: nothing evolves
