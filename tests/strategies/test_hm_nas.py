"""HM-NAS on the digits with budgets of a few steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.space import (
    N_ARCHITECTURES,
    all_codes,
    code_to_index,
    connected,
    connected_live_cells,
    live_cell_of,
    parse_architecture,
)
from nasbench_harness.strategies import Context, base, strategies
from nasbench_harness.strategies.hm_nas.network import WeightedScorable
from nasbench_harness.strategies.hm_nas.options import MaskSettings
from nasbench_harness.strategies.hm_nas.rankings import (
    EPSILON,
    additive_ceiling,
    mask_logits,
    masked_importance,
    projected,
    summed,
)
from nasbench_harness.strategies.hm_nas.report import masking_report
from nasbench_harness.strategies.hm_nas.stages import ImportanceLoop, MaskLoop, halves
from nasbench_harness.strategies.hm_nas.strategy import HmNas
from nasbench_harness.supernet.scoring import recalibration, scorable
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints

BATCH = 20
CELLS = np.sort(np.random.default_rng(0).choice(connected_live_cells(), 60, replace=False))
SETTINGS = HmNas().mask_settings
Make = Callable[..., Context]


@pytest.fixture(scope="module")
def make(small_context: Make) -> Make:
    """A new context; budget in architecture-updates."""
    return lambda updates=2000, *axes, **others: small_context(0, *axes, budget=Budget(updates), **others)


def mask_loop(context: Context, settings: MaskSettings = SETTINGS, updates: int = 800) -> MaskLoop:
    network = context.new_network("supernet")
    both = halves(context.train_images, 0)
    first = ImportanceLoop(context, 0, network, both, True, 3e-4)
    return MaskLoop(context, updates, network, both[1], first.importances, settings)


@pytest.mark.parametrize("masking", [True, False])
@pytest.mark.parametrize("updates", [400, 2010, 5003])
def test_the_budget_is_used_but_for_less_than_a_step(make: Make, updates: int, masking: bool) -> None:
    context = make(updates)
    scorer = HmNas(masking=masking).train(context)
    step = 4 * BATCH if masking else 8 * BATCH
    assert 0 <= context.budget.left < step
    looked_at = scorer.details.get("check", {"images": 0})["images"]
    assert context.budget.forwards == 3 * sum(curve.updates[-1] for curve in scorer.losses) + 8 * looked_at
    # both halves take a batch of BATCH, and each image costs four times the operations of an architecture
    assert scorer.losses[0].updates[-1] % (2 * 4 * BATCH) == 0
    assert scorer.leaves[0].updates == context.budget.used


@pytest.mark.parametrize("steps", [0, 1])
def test_all_is_kept_before_masks_have_moved_far_enough(make: Make, steps: int) -> None:
    """Fifty steps at 1e-4 lie between 1e-2 and 5e-3."""
    loop = mask_loop(make(), updates=80 * steps)
    assert loop.steps == steps
    loop.run()
    assert all(loop.mask(name).eq(1).all() for name in loop.real)
    baked = loop.bake()
    assert all(torch.equal(one, baked.state_dict()[name]) for name, one in loop.network.state_dict().items())


def test_masks_learn_and_all_else_stays_as_it_is(make: Make) -> None:
    context = make(100_000)
    loop = mask_loop(context, HmNas(mask_rate=3e-3).mask_settings, updates=80 * 12)
    before = {name: weight.clone() for name, weight in loop.network.state_dict().items()}
    importance = loop._operation_EM.clone()
    loop.run()
    assert all(torch.equal(before[name], weight) for name, weight in loop.network.state_dict().items())
    assert torch.equal(loop._operation_EM, importance)
    zeros = sum(int(loop.mask(name).eq(0).sum()) for name in loop.real)
    assert zeros > 100
    assert {name for name in loop.real if name not in ("alpha", "beta")} == {n for n in before if n.startswith("cells")}
    # baking writes exactly the masked weights
    baked = loop.bake()
    for name, weight in baked.named_parameters():
        expected = before[name] * loop.mask(name) if name in loop.real else before[name]
        assert torch.equal(weight, expected)


def test_the_gradient_of_a_real_mask_is_that_of_the_binary_one(make: Make) -> None:
    """By finite differences of the loss over a binary mask made continuous: d loss / d mask, not through the cut."""
    loop = mask_loop(make())
    images = halves(loop.context.train_images, 0)[1]
    x, labels = images.normalised(slice(0, 20)).double(), images.labels[:20]
    loop.network.double()
    loop._operation_EM, loop._edge_E = loop._operation_EM.double(), loop._edge_E.double()
    loss = torch.nn.functional.cross_entropy(loop.logits(x), labels)
    [gradient] = torch.autograd.grad(loss, [loop.real["alpha"]])
    step = 1e-5
    for edge, op in [(0, 0), (2, 1), (4, 2), (5, 3)]:
        values = []
        for sign in (-1, 1):
            mask = torch.ones(6, 4, dtype=torch.float64)
            mask[edge, op] += sign * step
            with torch.no_grad():
                logits = loop.mixture(x, loop._operation_EM * mask * loop._edge_E[:, None])
                values.append(float(torch.nn.functional.cross_entropy(logits, labels)))
        assert float(gradient[edge, op]) == pytest.approx((values[1] - values[0]) / (2 * step), rel=1e-3, abs=1e-7)


def test_pressure_masks_all_but_what_is_guarded(make: Make) -> None:
    strategy = HmNas(pressure=1e3, mask_rate=2e-3, mask_fraction=0.5)
    scorer = strategy.train(make(2000))
    masks = scorer.details["masks"]
    assert masks["operations"] == {"masked": 18, "of": 24}  # one of four stays on each of six edges
    assert masks["edges"] == {"masked": 3, "of": 6}  # one stays for each of three nodes
    assert masks["weights"]["masked"] == masks["weights"]["of"]
    derived = scorer.details["projected"]
    assert connected()[derived["index"]]
    assert parse_architecture(derived["architecture"]) == derived["index"]
    assert sum(len(kept) for kept in scorer.details["surviving"]) == 3


@pytest.mark.parametrize(
    ("options", "levels", "signals"),
    [
        ({}, {"operations", "edges", "weights"}, {"masked_importance", "mask_logits"}),
        ({"weight_masks": False}, {"operations", "edges"}, {"masked_importance", "mask_logits"}),
        ({"edge_level": False}, {"operations", "weights"}, {"masked_importance", "mask_logits"}),
        ({"masking": False}, None, {"masked_importance"}),
    ],
    ids=["full", "no weight masks", "no edge level", "no masking"],  # sets have no order of their own
)
def test_ablations(make: Make, options: dict[str, Any], levels: set[str] | None, signals: set[str]) -> None:
    strategy = HmNas(**options)
    scorer = strategy.train(make())
    found = scorer.score(CELLS)
    assert set(found) == {"accuracy", "negative_loss"} | signals
    assert set(strategy.extra_signals) == signals
    assert all(np.isfinite(values).all() for values in found.values())
    assert ("masks" in scorer.details) == (levels is not None)
    assert levels is None or set(scorer.details["masks"]) == levels
    if options.get("edge_level") is False:
        assert scorer.details["edge_weight"] == [1.0] * 6
    assert (scorer.leaf_A == 0).all()


def test_the_score_of_an_architecture_is_that_of_its_part_of_the_masked_supernet(make: Make) -> None:
    context = make()
    scorer = HmNas().train(context)
    [leaf] = scorer.leaves
    weights = np.array(scorer.details["edge_weight"])
    expected = scorable.score(WeightedScorable(leaf.network, weights), CELLS, context.scoring_images, 30, Silent())
    np.testing.assert_allclose(scorer.score(CELLS)["negative_loss"], expected.negative_loss, atol=1e-4)


def test_recalibration_reaches_the_weighted_cells(make: Make) -> None:
    plain = HmNas().train(make())
    batch = plain.context.train_images.normalised(slice(0, 40))
    other = replace(plain, context=replace(plain.context, calibration=(batch,)))
    first, second = plain.score(CELLS), other.score(CELLS)
    assert np.isfinite(second["negative_loss"]).all()
    assert (first["negative_loss"] != second["negative_loss"]).all()
    np.testing.assert_array_equal(first["masked_importance"], second["masked_importance"])


def test_the_same_axes_give_the_same_bits(make: Make) -> None:
    first, second = (HmNas().train(make()).score(CELLS) for _ in range(2))
    other = HmNas().train(make(2000, ("some", 1))).score(CELLS)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
        assert (values != other[name]).any()


def test_the_halves_share_no_image(make: Make) -> None:
    context = make()
    one, other = halves(context.train_images, 3)
    rows = [tuple(image.flatten().tolist()) for part in (one, other) for image in part.pixels]
    assert len(rows) == 100
    assert len(set(rows)) == len({tuple(image.flatten().tolist()) for image in context.train_images.pixels})


@pytest.mark.parametrize("killed_at", [1, 700, 2900, 3700])
def test_a_killed_training_ends_with_the_same_bits(resumes: Callable[..., None], killed_at: int) -> None:
    resumes(HmNas(mask_rate=2e-3, mask_fraction=0.4), 250, killed_at)


def test_a_killed_scoring_goes_on(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "CELLS_A_CHUNK", 20)
    expected = HmNas().train(make()).score(CELLS)
    kept = Checkpoints(tmp_path, "unit")
    scorer = HmNas().train(make(checkpoints=kept))
    measured = recalibration.score_as_asked
    runs: list[int] = []

    def killed(*args: Any) -> Any:
        runs.append(len(args[1]))
        if len(runs) == 3:
            raise KeyboardInterrupt
        return measured(*args)

    monkeypatch.setattr(recalibration, "score_as_asked", killed)
    with pytest.raises(KeyboardInterrupt):
        scorer.score(CELLS)
    found = HmNas().train(make(checkpoints=kept)).score(CELLS)
    assert runs == [20, 20, 20, 20]  # the third twice, the first two once
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_importance_by_hand() -> None:
    operation = np.full((6, 4), 0.25)
    operation[3] = [0.1, 0.2, 0.7, 0.0]  # pooling masked
    edge = np.array([1.0, 2.0, 0.0, 1.0, 1.0, 1.0])  # edge 2 masked
    table = masked_importance(operation, edge)
    half = np.log(0.5)
    assert table[0] == pytest.approx([half, *[half + np.log(0.25 + EPSILON)] * 4])
    assert table[1, 0] == pytest.approx(np.log(1 / 3))
    assert table[1, 1] == pytest.approx(np.log(2 / 3) + np.log(0.25 + EPSILON))
    assert table[2, 0] == pytest.approx(np.log(1 - EPSILON))
    assert table[2, 1] == pytest.approx(np.log(EPSILON) + np.log(0.25 + EPSILON))
    assert table[3, 4] == pytest.approx(half + np.log(EPSILON))
    code = (0, 1, 2, 3, 4, 0)
    index = code_to_index(np.array([code]))
    assert summed(table, index)[0] == pytest.approx(sum(table[edge, op] for edge, op in enumerate(code)))


def test_mask_logits_by_hand() -> None:
    table = mask_logits(np.arange(24.0).reshape(6, 4), np.arange(6.0) * 100)
    assert table[0].tolist() == [0, 0, 1, 2, 3]
    assert table[5].tolist() == [0, 520, 521, 522, 523]
    assert mask_logits(np.ones((6, 4)), None)[2].tolist() == [0, 1, 1, 1, 1]


def test_the_derived_architecture_takes_the_strongest_operation_of_every_edge_left() -> None:
    operation = np.tile([0.1, 0.2, 0.3, 0.4], (6, 1))
    operation[1] = [0.5, 0.2, 0.0, 0.0]
    edge = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    assert projected(operation, edge) == code_to_index(np.array([4, 1, 0, 4, 0, 4]))


def test_an_additive_truth_is_ranked_without_fault_and_a_parity_is_not() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(6, 5))
    code = all_codes()[live_cell_of()]
    truth = table[np.arange(6), code].sum(1)
    truth[~connected()] = truth.min() - 1
    found = additive_ceiling(truth)
    assert found is not None
    assert found > 0.95  # a fit to ranks: their scale is bent
    partial = truth.copy()
    partial[rng.choice(15625, 3000, replace=False)] = np.nan
    assert additive_ceiling(partial) == pytest.approx(found, abs=0.01)
    parity = np.where(connected(), (code > 2).sum(1) % 2 + 10.0, 0.0)
    low = additive_ceiling(parity)
    assert low is not None
    assert low < 0.4


def test_analysis_says_what_the_derived_architecture_is_worth(make: Make) -> None:
    strategy = HmNas()
    scorer = strategy.train(make())
    truth = np.random.default_rng(0).random(15625)
    found = strategy.analysis(scorer.details, truth)
    assert found["projected"]["truth"] == truth[scorer.details["projected"]["index"]]
    assert found["projected"]["regret"] == pytest.approx(truth.max() - found["projected"]["truth"])
    truth[scorer.details["projected"]["index"]] = np.nan
    unknown = {"truth": None, "regret": None, "rank": None, "of": N_ARCHITECTURES - 1}
    assert strategy.analysis(scorer.details, truth)["projected"] == unknown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mask_fraction": 0.0}, "mask_fraction must be above 0"),
        ({"mask_rate": 0.0}, "mask_rate must be above 0"),
        ({"mask_start": 5e-3}, "does not exceed the threshold"),
        ({"pressure": -1.0}, "pressure must be at least 0"),
        ({"treshold": 1}, "did you mean threshold"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        strategies.create("hm-nas", options)
    assert "\n" not in str(raised.value)


def test_a_budget_of_less_than_a_step_is_refused_before_anything_trains(make: Make) -> None:
    context = make(150)
    with pytest.raises(UsageError, match=r"one step of the mixture takes 160"):
        HmNas().train(context)
    assert context.budget.used == 0


def test_a_headline_says_what_is_masked_and_derived() -> None:
    index = parse_architecture("|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|avg_pool_3x3~2|")
    details = {
        "projected": {"index": int(index), "architecture": "|the cell|"},
        "masks": {
            "operations": {"masked": 9, "of": 24},
            "edges": {"masked": 2, "of": 6},
            "weights": {"masked": 1234, "of": 80640},
        },
    }
    truth = np.arange(N_ARCHITECTURES) / 1000.0
    truth[index] = 15.6
    found = masking_report(details, truth)
    rank = 1 + int((truth > 15.6).sum())
    assert 1 < rank < 30
    assert (found["projected"]["rank"], found["projected"]["of"]) == (rank, N_ARCHITECTURES)
    assert found["headline"] == {
        "text": "masks 9 of 24 operations, 2 of 6 edges, 1,234 of 80,640 weights; "
        f"derives |the cell|, 15.60 %, place {rank} of 15,625",
        "signal": "mask_logits",
    }
    truth[index] = np.nan
    del details["masks"]
    assert masking_report(details, truth)["headline"] == {"text": "derives |the cell|", "signal": "masked_importance"}


def test_masks_of_the_structure_may_have_settings_of_their_own(make: Make) -> None:
    plain = mask_loop(make())
    assert {group["lr"] for group in plain._adam.param_groups} == {1e-4}
    strategy = HmNas(structure_rate=2e-3, structure_start=0.02, structure_pressure=50.0)
    loop = mask_loop(make(), strategy.mask_settings, updates=80 * 12)
    starts = {name: float(real.detach().flatten()[0]) for name, real in loop.real.items()}
    assert {name for name, start in starts.items() if start == pytest.approx(0.02)} == {"alpha", "beta"}
    loop.run()
    # under so strong a pressure each of 12 steps goes down by the rate: from 0.02 to -0.004
    for name in ("alpha", "beta"):
        assert float(loop.real[name].detach().max()) < 0.0
    # a guard keeps one operation an edge and one edge a node
    assert int(loop.mask("alpha").sum()) == 6
    assert int(loop.mask("beta").sum()) == 3
    weights = [real.detach() for name, real in loop.real.items() if name not in ("alpha", "beta")]
    assert all(float((real - 0.01).abs().max()) < 1.3e-3 for real in weights)  # 12 steps at 1e-4


def test_structure_options_enter_the_identity_only_where_they_are_given() -> None:
    known = HmNas().canonical()
    assert not any(name.startswith("structure") for name in known)
    assert HmNas(structure_pressure=0.1).canonical() == known | {"structure_pressure": 0.1}
