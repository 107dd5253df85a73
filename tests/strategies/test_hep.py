"""HEP-NAS: children, distillation costs, beams, reports, resumption."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.space import Subspace, check_cover, route
from nasbench_harness.strategies import Context, HepRank, HepSearch, SmdWithoutSplit, strategies
from nasbench_harness.strategies.hep_nas.report import hierarchy_report
from nasbench_harness.training.objectives import CrossEntropy

FULL = Subspace.full()
QUICK = {"repeats": 1}
SEARCH = {"repeats": 1, "validation_architectures": 6, "validation_images": 30}
Make = Callable[..., Context]


def forwards_of(scorer: Any, forwards: list[int], passes: int) -> int:
    """What the meter must show: trained updates with their distillation passes, and gradient passes; in forwards."""
    curves = [curve.updates[-1] for curve in scorer.losses]
    return sum(updates * (3 + f) for updates, f in zip(curves, forwards, strict=True)) + 3 * 20 * passes


@pytest.mark.parametrize(
    ("options", "children", "forwards", "passes"),
    [
        ({"hierarchy": 1}, 2, 2, 5),
        ({}, 4, 4, 10),
        ({"hierarchy": 3}, 8, 8, 15),
        ({"smd": "peers"}, 4, 3, 10),
        ({"smd": "single-teacher"}, 4, 1, 10),
        ({"smd": "none", "groups": "random"}, 4, 0, 0),
        ({"groups": "worst", "max_peers": 1}, 4, 2, 10),
        ({"hierarchy": 1, "groups": "operations"}, 5, 5, 0),
        ({"groups": "operations", "smd": "single-teacher", "sampler": "balanced"}, 25, 1, 0),
    ],
    ids=str,
)
def test_hep_rank_keeps_all_children_and_meters_distillation(
    small_context: Make, options: dict[str, Any], children: int, forwards: int, passes: int
) -> None:
    context = small_context(160)
    scorer = strategies.create("hep-rank", {**QUICK, **options}).train(context)
    assert len(scorer.leaves) == children
    check_cover(FULL, [leaf.subspace for leaf in scorer.leaves])
    assert scorer.ranked is None
    assert context.budget.forwards == forwards_of(scorer, [0, *[forwards] * children], passes)
    unused = context.budget.planned - context.budget.used
    assert 0 <= unused < 20 + children * 20 * (1 + forwards / 3)
    assert len({id(leaf.network) for leaf in scorer.leaves}) == children
    assert len({leaf.updates for leaf in scorer.leaves}) == 1
    assert json.loads(json.dumps(scorer.details)) == scorer.details


def test_125_children_and_the_one_without_a_path_keeps_the_parent(small_context: Make) -> None:
    context = small_context(300)
    strategy = HepRank(hierarchy=3, groups="operations", smd="single-teacher", parent_fraction=0.4)
    scorer = strategy.train(context)
    assert len(scorer.leaves) == 125
    assert scorer.leaves[0].updates == 0
    assert scorer.leaves[0].subspace.connected().size == 0
    assert len(scorer.losses) == 125
    assert (route([leaf.subspace for leaf in scorer.leaves]) >= 0).all()


def test_children_start_from_the_parent_and_learn_from_each_other(
    small_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    original = Context.train_together

    def train_together(self: Context, runs: Any, name: str) -> Any:
        starts = [run.network.stem.detach().clone() for run in runs]
        curves = original(self, runs, name)
        seen.append((name, runs, starts, [run.network.stem.detach().clone() for run in runs]))
        return curves

    monkeypatch.setattr(Context, "train_together", train_together)
    context = small_context(160)
    scorer = HepRank(repeats=1).train(context)
    (_, _, _, [parent]), (name, runs, starts, ends) = seen
    assert name == "children"
    assert all(torch.equal(start, parent) for start in starts)
    assert not any(torch.equal(end, parent) for end in ends)
    for number, run in enumerate(runs):
        objective = run.stage.objective
        assert torch.equal(objective.teacher.stem, parent)  # frozen in its trained state
        networks = [peer.network for peer in objective.peers]
        assert networks == [other.network for other in runs if other is not run]
        assert all(peer.edges == (1, 2) for peer in objective.peers)
        assert scorer.leaves[number].network is run.network


def test_distillation_changes_what_is_learnt(small_context: Make) -> None:
    def first_weights(smd: Any) -> torch.Tensor:
        scorer = HepRank(repeats=1, groups="random", smd=smd, max_peers=1).train(small_context(160))
        weights: torch.Tensor = scorer.leaves[0].network.classifier.weight
        return weights

    one, other = first_weights("peers"), first_weights("single-teacher")
    assert one.shape == other.shape
    assert not torch.equal(one, other)  # of equal cost, so trained equally long


def test_the_control_without_a_split_scores_by_its_first_copy(small_context: Make) -> None:
    context = small_context(160)
    scorer = SmdWithoutSplit(copies=4).train(context)
    [leaf] = scorer.leaves
    assert leaf.subspace.size == 15625
    assert len(scorer.losses) == 5
    assert context.budget.forwards == forwards_of(scorer, [0, 4, 4, 4, 4], 0)
    assert {curve.updates[-1] for curve in scorer.losses[1:]} == {leaf.updates}
    assert SmdWithoutSplit().status == "control"


@pytest.mark.parametrize(
    ("options", "levels", "leaves"),
    [
        ({}, [2, 4, 8], 1 + 1 + 3 + 7),
        ({"order": "reversed", "smd": "none"}, [8, 4, 2], 1 + 7 + 3 + 1),
        ({"levels": 2, "criterion": "max"}, [2, 4], 1 + 1 + 3),
        ({"beam": 2, "max_peers": 1}, [2, 8, 16], 2 + 6 + 14),
        ({"levels": 2, "groups": "operations", "smd": "single-teacher"}, [5, 25], 1 + 4 + 24),
    ],
    ids=str,
)
def test_hep_search_narrows_and_leaves_nothing_out(
    small_context: Make, options: dict[str, Any], levels: list[int], leaves: int
) -> None:
    context = small_context(600)
    strategy = strategies.create("hep-search", {**SEARCH, **options})
    scorer = strategy.train(context)
    assert [len(level["children"]) for level in scorer.details["levels"]] == levels
    assert len(scorer.leaves) == leaves
    check_cover(FULL, [leaf.subspace for leaf in scorer.leaves])
    beam = options.get("beam", 1)
    kept = scorer.leaves[:beam]
    assert scorer.ranked is not None
    assert scorer.ranked.size == sum(leaf.subspace.size for leaf in kept)
    for level in scorer.details["levels"]:
        validations = [child["validation"] for child in level["children"]]
        best = sorted(validations, reverse=True)[:beam]
        assert sorted((c["validation"] for c in level["children"] if c["kept"]), reverse=True) == best
    assert 0 <= context.budget.planned - context.budget.used < 600 * 20 * 0.06
    assert json.loads(json.dumps(scorer.details)) == scorer.details


def test_hep_search_meters_everything(small_context: Make) -> None:
    context = small_context(250)
    scorer = HepSearch(**SEARCH).train(context)
    per_level = [[0, *[2] * 2], [0, *[4] * 4], [0, *[8] * 8]]
    validation = 14 * 6 * 30
    expected = (
        forwards_of(scorer, [forwards for level in per_level for forwards in level], 5 + 2 * 5 + 3 * 5) + validation
    )
    assert context.budget.forwards == expected


def test_native_length_counts_distillation() -> None:
    alone, children = 30, 10 * (2 * (1 + 2 / 3) + 4 * (1 + 4 / 3) + 8 * (1 + 8 / 3))
    assert HepSearch().native_factor == pytest.approx((alone + children) / 250)
    assert HepSearch(smd="none").native_factor == pytest.approx(170 / 250)


def test_the_random_order_is_drawn_once_for_the_seed() -> None:
    def order(seed: int) -> tuple[int, ...]:
        return tuple(HepSearch(order="random").nodes(("some", seed)))

    assert {order(seed) for seed in range(40)} == {
        (1, 2, 3),
        (1, 3, 2),
        (2, 1, 3),
        (2, 3, 1),
        (3, 1, 2),
        (3, 2, 1),
    }
    assert order(0) == order(0)


def child(edge: int, operations: list[int], validation: float | None, kept: bool) -> dict[str, Any]:
    mask_EO = np.ones((6, 5), dtype=int)
    mask_EO[edge] = np.isin(np.arange(5), operations)
    return {"name": str(operations), "mask": mask_EO.tolist(), "validation": validation, "kept": kept}


def test_the_report_on_a_truth_that_is_known() -> None:
    """The truth is the index, so it is decided by the first edge first; half of it is not known."""
    truth = np.arange(15625, dtype=float)
    truth[1:15624:2] = np.nan
    right = [child(0, [3, 4], 50.0, True), child(0, [0, 1, 2], 40.0, False)]
    wrong = [child(0, [0], 45.0, True), child(0, [1, 2], 30.0, False), child(0, [3, 4], 20.0, False)]
    details = {"levels": [{"hierarchy": 1, "children": right}, {"hierarchy": 2, "children": wrong}]}
    report = hierarchy_report(details, truth)
    first, second = report["levels"]
    assert report["hit_rate"] == 0.5
    assert (first["hit"], first["holds_best_of_all"], first["tau_with_max"], first["tau_with_mean"]) == (
        True,
        True,
        1,
        1,
    )
    assert first["best"] == first["best_kept"] == 15624
    assert (second["hit"], second["holds_best_of_all"], second["tau_with_max"]) == (False, False, -1)
    assert second["best_kept"] == 3124
    json.dumps(report)
    one = {"levels": [{"hierarchy": 1, "children": [child(0, [0, 1, 2, 3, 4], None, True)]}]}
    assert hierarchy_report(one, truth)["levels"][0]["tau_with_max"] is None


def test_a_report_can_be_made_of_a_search(small_context: Make) -> None:
    scorer = HepSearch(**SEARCH, max_peers=1).train(small_context(200))
    accuracy = np.random.default_rng(1).random(15625)
    report = hierarchy_report(scorer.details, accuracy)
    assert len(report["levels"]) == 3
    assert scorer.ranked is not None
    assert report["levels"][-1]["best_kept"] == accuracy[scorer.ranked.members].max()


@pytest.mark.parametrize("killed_at", [500, 1800, 3000])
def test_a_killed_ranking_ends_with_the_same_scores(resumes: Callable[..., None], killed_at: float) -> None:
    resumes(HepRank(repeats=1, max_peers=1), 200, killed_at)


@pytest.mark.parametrize("killed_at", [400, 1000, 1900])
def test_a_killed_search_ends_with_the_same_scores(resumes: Callable[..., None], killed_at: float) -> None:
    resumes(HepSearch(**SEARCH, smd="single-teacher"), 200, killed_at)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (HepRank(), r"hep-rank: \d+ architecture-updates remain for 4 children after the parent and 200 gradient pass"),
        (HepSearch(), r"hep-search: 600 architecture-updates, [\d,]+ of them for gradients and validation, leave a ch"),
        (SmdWithoutSplit(copies=9), r"smd-without-split: 300 architecture-updates are less than 9 steps of 80"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_budget_too_small_is_refused_before_anything_trains(small_context: Make, strategy: Any, said: str) -> None:
    context = small_context(30)
    with pytest.raises(UsageError, match=said):
        strategy.train(context)
    assert context.budget.used == 0


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("hep-rank", {"hierarchy": 4}, "hierarchy must be 1, 2 or 3, found 4"),
        ("hep-rank", {"groups": "edges"}, "groups"),
        ("hep-rank", {"smd": "all"}, "smd"),
        ("hep-rank", {"parent_fraction": 0}, "parent_fraction must be above 0 and below 1"),
        ("hep-rank", {"max_peers": 0}, "max_peers must be at least 1"),
        ("hep-rank", {"repeats": 0}, "repeats must be at least 1"),
        ("hep-search", {"levels": 4}, "levels must be 1 to 3, found 4"),
        ("hep-search", {"beam": 0}, "beam must be at least 1"),
        ("hep-search", {"parent_epochs": [1, 2]}, "must name 3 positive lengths"),
        ("hep-search", {"child_epochs": 0}, "must name 3 positive lengths and child_epochs one"),
        ("hep-search", {"criterion": "median"}, "criterion"),
        ("smd-without-split", {"copies": 1}, "copies must be at least 2"),
        ("smd-without-split", {"parent_fraction": 1}, "parent_fraction must be above 0 and below 1"),
    ],
)
def test_impossible_options(kind: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        strategies.create(kind, options)


def test_smd_none_is_cross_entropy(small_context: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    stages: list[Any] = []
    original = Context.stage_run
    monkeypatch.setattr(Context, "stage_run", lambda self, *parts: stages.append(parts[1]) or original(self, *parts))
    HepRank(groups="random", smd="none").train(small_context(60))
    assert all(isinstance(stage.objective, CrossEntropy) for stage in stages)


def test_the_rate_of_a_later_stage_continues_where_it_is_asked_to(
    small_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, tuple[float, float]] = {}
    original = Context.train_together

    def train_together(self: Context, runs: Any, name: str) -> Any:
        found.update({run.stage.name.split(":")[0]: run.stage.schedule for run in runs})
        return original(self, runs, name)

    monkeypatch.setattr(Context, "train_together", train_together)
    scorer = HepRank(repeats=1, groups="random", later_rate="continue").train(small_context(160))
    parent, *children = scorer.losses
    share = parent.updates[-1] / (parent.updates[-1] + children[0].updates[-1])
    assert found["parent"] == (0.0, pytest.approx(share, abs=0.02))  # planned lengths, not whole steps
    assert {found[f"children {number}/4"] for number in range(1, 5)} == {(found["parent"][1], 1.0)}
    found.clear()
    SmdWithoutSplit(copies=2, later_rate="continue").train(small_context(60))
    assert {found["copies 1/2"], found["copies 2/2"]} == {(found["parent"][1], 1.0)}
    assert not {"later_rate"} & {*HepRank().canonical(), *HepSearch().canonical(), *SmdWithoutSplit().canonical()}
    assert HepSearch(later_rate="continue").canonical()["later_rate"] == "continue"


def test_a_search_goes_through_one_cosine_on_the_way_of_what_it_keeps() -> None:
    plan = HepSearch(parent_epochs=(10, 20, 30), child_epochs=10, later_rate="continue")._plan([1, 2, 3])
    stretches = [place for level in range(3) for stretch in plan.schedules(level) for place in stretch]
    assert stretches == pytest.approx([place / 90 for place in (0, 10, 10, 20, 20, 40, 40, 50, 50, 80, 80, 90)])
    assert HepSearch()._plan([1, 2, 3]).schedules(2) == ((0.0, 1.0), (0.0, 1.0))


def test_loss_curves_tell_cross_entropy_from_distillation(small_context: Make) -> None:
    parent, *children = HepRank(repeats=1, groups="random").train(small_context(160)).losses
    assert parent.cross_entropy is None
    assert "cross_entropy" not in parent.to_json()
    for curve in children:
        assert curve.cross_entropy is not None
        assert len(curve.cross_entropy) == len(curve.loss) == len(curve.updates)
        # divergences are never negative, and siblings never agree to the last digit
        assert all(0 < own < whole for own, whole in zip(curve.cross_entropy, curve.loss, strict=True))
        assert curve.to_json()["cross_entropy"] == list(curve.cross_entropy)
    without = HepRank(repeats=1, groups="random", smd="none").train(small_context(160)).losses
    assert all(curve.cross_entropy is None for curve in without)
