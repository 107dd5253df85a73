"""Trees of supernets: shape, inheritance, budget, records, resumption."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.gradient_matching import best_split
from nasbench_harness.space import Subspace, check_cover
from nasbench_harness.strategies import Context, FewShot, TreeFewShot, strategies
from nasbench_harness.strategies.probe import SupernetProbe
from nasbench_harness.training.settings import Stage

GM = {"name": "gradient-matching", "repeats": 1}
Make = Callable[..., Context]


@pytest.mark.parametrize(
    ("options", "leaves"),
    [
        ({"partitioner": GM}, 4),
        ({"partitioner": {**GM, "objective": "worst"}}, 4),
        ({"partitioner": "random-edge", "levels": 3}, 8),
        ({"partitioner": "random-edge", "restart": "none"}, 4),
        ({"partitioner": {"name": "random", "leaves": 2}, "sampler": "balanced"}, 4),
        ({"partitioner": "single-edge", "levels": 1}, 5),
        ({"partitioner": {"name": "hierarchy", "repeats": 1}, "levels": 1}, 4),
        ({"partitioner": {"name": "hierarchy", "hierarchy": 3, "groups": "operations"}, "levels": 1}, 125),
    ],
    ids=str,
)
def test_leaves_cover_and_the_budget_is_used_up(small_context: Make, options: dict[str, Any], leaves: int) -> None:
    strategy = strategies.create("tree-few-shot", options)
    context = small_context(320.4)
    scorer = strategy.train(context)
    assert len(scorer.leaves) == leaves
    check_cover(context.space, [leaf.subspace for leaf in scorer.leaves])
    assert len({leaf.subspace.name for leaf in scorer.leaves}) == leaves
    assert 0 <= context.budget.planned - context.budget.used <= 20 * (len(scorer.losses) + 1)
    # the meter is what the optimiser did, plus a pass for each distance measured
    trained = sum(curve.updates[-1] for curve in scorer.losses)
    passes = sum(5 * len(split["distances"]) for split in scorer.details["splits"])
    assert context.budget.used == trained + passes * 20
    assert json.loads(json.dumps(scorer.details)) == scorer.details


def test_gradient_matching_records_the_groups_that_an_exhaustive_choice_makes(small_context: Make) -> None:
    context = small_context(400)
    scorer = TreeFewShot(GM).train(context)
    splits = scorer.details["splits"]
    assert [(split["level"], split["node"]) for split in splits] == [(0, 1), (1, 1), (1, 2)]
    assert [len(split["distances"]) for split in splits] == [6, 5, 5]
    distances = {int(edge): np.array(rows) for edge, rows in splits[0]["distances"].items()}
    expected = best_split(distances, Subspace.full())
    assert splits[0]["edges"] == [expected.edge]
    assert splits[0]["cuts"] == {str(expected.edge): pytest.approx(expected.cut, abs=1e-4)}
    for child, group in zip(splits[0]["children"], expected.groups, strict=True):
        names = np.array(["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"])
        assert child["operations"] == {str(expected.edge): names[list(group)].tolist()}


def test_lengths_are_those_of_the_published_schedule(small_context: Make) -> None:
    context = small_context(260)
    scorer = TreeFewShot("random-edge").train(context)
    lengths = [curve.updates[-1] // 20 for curve in scorer.losses]
    assert lengths == [20, 20, 20, 50, 50, 50, 50]
    assert [leaf.updates for leaf in scorer.leaves] == [1000] * 4
    assert TreeFewShot().native_factor == 260 / 250
    assert TreeFewShot(levels=1, node_epochs=5, leaf_epochs=10).native_factor == 25 / 250


@pytest.mark.parametrize("restart", ["final", "none"])
def test_weights_pass_from_parent_to_child(small_context: Make, restart: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: dict[str, torch.Tensor] = {}
    ends: dict[str, torch.Tensor] = {}
    original = Context.train

    def train(self: Context, network: Any, stage: Any, route_A: Any = None) -> Any:
        starts[stage.name.split(":")[0]] = network.stem.detach().clone()
        curve = original(self, network, stage, route_A)
        ends[stage.name.split(":")[0]] = network.stem.detach().clone()
        return curve

    monkeypatch.setattr(Context, "train", train)
    context = small_context(60)
    scorer = TreeFewShot("random-edge", restart=restart).train(context)
    assert torch.equal(starts["level 0 node 1/1"], context.new_network("supernet").stem)
    for child in ("level 1 node 1/2", "level 1 node 2/2"):
        assert torch.equal(starts[child], ends["level 0 node 1/1"])
    for number, parent in ((1, 1), (2, 1), (3, 2), (4, 2)):
        inherited = ends[f"level 1 node {parent}/2"]
        expected = context.new_network("leaf").stem if restart == "final" else inherited
        assert torch.equal(starts[f"leaf {number}/4"], expected)
    assert len({id(leaf.network) for leaf in scorer.leaves}) == 4


def test_siblings_may_be_divided_on_different_edges(small_context: Make) -> None:
    seen = set()
    for seed in range(4):
        context = small_context(60)
        object.__setattr__(context, "seed_axes", ("some", seed))
        splits = TreeFewShot("random-edge").train(context).details["splits"]
        assert splits[0]["edges"][0] not in {*splits[1]["edges"], *splits[2]["edges"]}
        seen.add(splits[1]["edges"] == splits[2]["edges"])
    assert False in seen


@pytest.mark.parametrize("killed_at", [50, 700, 1700, 2500])
def test_a_killed_tree_ends_with_the_same_scores(resumes: Callable[..., None], killed_at: float) -> None:
    resumes(TreeFewShot(GM), 220, killed_at)


def test_a_budget_too_small_is_refused_before_anything_trains(small_context: Make) -> None:
    context = small_context(50)
    with pytest.raises(UsageError, match=r"leave a node less than one step of 20; raise the budget, or lower levels"):
        TreeFewShot("gradient-matching").train(context)
    assert context.budget.used == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"levels": 0}, "levels must be at least 1"),
        ({"node_epochs": 0}, "must be positive, found 0.0 and 50.0"),
        ({"restart": "always"}, "restart"),
        ({"later_rate": "always"}, "later_rate"),
        ({"probe_at": 0}, "probe_at must be above 0 and at most 1, found 0"),
        ({"partitioner": "gradient"}, "unknown partitioner 'gradient'"),
        ({"sampler": "even"}, "unknown sampler 'even'"),
    ],
)
def test_impossible_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        strategies.create("tree-few-shot", options)


def test_few_shot_points_to_the_tree_for_partitioners_that_ask() -> None:
    with pytest.raises(UsageError, match=r"'gradient-matching' asks a trained supernet: use tree-few-shot"):
        FewShot("gradient-matching")


def test_few_shot_at_depth_two_and_with_a_leaf_that_has_no_path(small_context: Make) -> None:
    deep = FewShot({"name": "single-edge", "edges": (0, 3)}, parent_fraction=0.3).train(small_context(100))
    assert [leaf.subspace.size for leaf in deep.leaves] == [625] * 25
    assert {leaf.updates for leaf in deep.leaves} == {40}
    context = small_context(200)
    scorer = FewShot({"name": "hierarchy", "hierarchy": 3, "groups": "operations"}, parent_fraction=0.3).train(context)
    assert [leaf.updates for leaf in scorer.leaves] == [0, *[20] * 124]
    assert len(scorer.losses) == 125


def stages_of(strategy: TreeFewShot, context: Context, monkeypatch: pytest.MonkeyPatch) -> dict[str, Stage]:
    """The stages that a strategy trains, by the beginning of their names."""
    stages: dict[str, Stage] = {}
    original = Context.train

    def train(self: Context, network: Any, stage: Stage, route_A: Any = None) -> Any:
        stages[stage.name.split(":")[0]] = stage
        return original(self, network, stage, route_A)

    monkeypatch.setattr(Context, "train", train)
    strategy.train(context)
    return stages


@pytest.mark.parametrize("restart", ["final", "none"])
def test_one_cosine_leads_from_the_root_to_the_leaves(
    small_context: Make, restart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = TreeFewShot("random-edge", restart=restart, later_rate="continue")
    stages = stages_of(strategy, small_context(60), monkeypatch)
    assert stages["level 0 node 1/1"].schedule == (0.0, pytest.approx(20 / 90))
    for node in ("level 1 node 1/2", "level 1 node 2/2"):
        assert stages[node].schedule == (pytest.approx(20 / 90), pytest.approx(40 / 90))
    of_leaves = (0.0, 1.0) if restart == "final" else (pytest.approx(40 / 90), 1.0)
    assert all(stages[f"leaf {number}/4"].schedule == of_leaves for number in range(1, 5))


def test_gradients_of_a_network_in_the_middle_of_its_training(
    small_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed: list[torch.Tensor] = []
    original = SupernetProbe.gradient_distances

    def gradient_distances(self: SupernetProbe, *arguments: Any) -> Any:
        probed.append(self.network.stem.detach().clone())
        return original(self, *arguments)

    monkeypatch.setattr(SupernetProbe, "gradient_distances", gradient_distances)
    trained: dict[str, torch.Tensor] = {}
    train = Context.train

    def watched(self: Context, network: Any, stage: Stage, route_A: Any = None) -> Any:
        curve = train(self, network, stage, route_A)
        trained[stage.name] = network.stem.detach().clone()
        stages.append(stage)
        return curve

    stages: list[Stage] = []
    monkeypatch.setattr(Context, "train", watched)
    scorer = TreeFewShot(GM, levels=1, restart="none", probe_at=0.25).train(small_context(150))
    early, late, *leaves = stages
    assert (early.name, late.name) == ("level 0 node 1/1: full", "level 0, after the gradients, node 1/1: full")
    assert early.updates == int((early.updates + late.updates) * 0.25)
    assert (early.schedule, late.schedule) == ((0.0, 0.25), (0.25, 1.0))
    assert len(probed) == 6  # edges of the root, all of the same network
    assert all(torch.equal(stem, trained[early.name]) for stem in probed)
    assert not torch.equal(trained[early.name], trained[late.name])
    assert len(leaves) == len(scorer.leaves) == 2


def test_options_that_came_later_enter_the_identity_only_where_they_differ() -> None:
    known = TreeFewShot("random-edge").canonical()
    assert not {"later_rate", "probe_at"} & set(known)
    assert TreeFewShot("random-edge", later_rate="restart", probe_at=1).canonical() == known
    assert TreeFewShot("random-edge", later_rate="continue").canonical() == known | {"later_rate": "continue"}
    assert TreeFewShot("random-edge", probe_at=0.5).canonical() == known | {"probe_at": 0.5}
