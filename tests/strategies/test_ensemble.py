"""The ensemble: several one-shot networks, their rankings averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.evaluation.sample import spread
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.space import N_ARCHITECTURES, connected, connected_live_cells
from nasbench_harness.strategies import Context, Ensemble, strategies
from nasbench_harness.strategies.ensemble import EnsembleScorer, agreement_of, mean_percentile
from nasbench_harness.supernet.network import parameter_count
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent

BATCH = 20
CELLS = np.sort(np.random.default_rng(0).choice(connected_live_cells(), 60, replace=False))


def test_percentiles_by_hand() -> None:
    score_MC = np.array([[10.0, 20.0, 20.0, 40.0], [0.3, 0.1, 0.2, 0.4]])
    # places of the first network 12.5, 50, 50, 87.5; of the second 62.5, 12.5, 37.5, 87.5
    np.testing.assert_array_equal(mean_percentile(score_MC, score_MC), [37.5, 31.25, 43.75, 87.5])
    at_MN = np.array([[20.0, 5.0, 50.0], [0.2, 0.0, 0.5]])
    np.testing.assert_array_equal(mean_percentile(score_MC, at_MN), [43.75, 0.0, 100.0])


def test_percentiles_agree_with_counting_pairs_and_keep_ties_and_the_order_of_one_network() -> None:
    rng = np.random.default_rng(1)
    score_MC = rng.integers(0, 6, (3, 40)).astype(float)
    expected = [
        100 * np.mean([(row < row[cell]).mean() + (row == row[cell]).mean() / 2 for row in score_MC])
        for cell in range(40)
    ]
    np.testing.assert_allclose(mean_percentile(score_MC, score_MC), expected, rtol=1e-12)
    alike_MC = np.stack([score_MC[0], 2 * score_MC[0] - 7, score_MC[0] ** 3])
    found = mean_percentile(alike_MC, alike_MC)
    assert kendall_tau(found, score_MC[0]) == pytest.approx(1.0)
    np.testing.assert_array_equal(found[:, None] == found, score_MC[0][:, None] == score_MC[0])


def test_agreement_is_tau_between_each_two_networks() -> None:
    score_MC = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [5.0, 5.0, 5.0]])
    assert agreement_of(score_MC) == [[None, -1.0, None], [-1.0, None, None], [None, None, None]]


def test_networks_share_the_budget_and_their_rankings_are_averaged(small_context: Callable[..., Context]) -> None:
    context = small_context(31)
    scorer = Ensemble(networks=3).train(context)
    assert isinstance(scorer, EnsembleScorer)
    one, *others = scorer.networks
    assert [curve.updates[-1] for curve in scorer.losses] == [10 * BATCH] * 3
    assert context.budget.used == 30 * BATCH == scorer.leaves[0].updates
    assert scorer.parameter_count == 3 * parameter_count(one)
    assert (scorer.leaf_A == 0).all()
    assert not any(torch.equal(one.classifier.weight, other.classifier.weight) for other in others)

    found = scorer.score(CELLS)
    images = context.scoring_images
    members = [score_live_cells(network, CELLS, images, 30, Silent()) for network in scorer.networks]
    for name in ("accuracy", "negative_loss"):
        score_MC = np.stack([getattr(scores, name) for scores in members])
        np.testing.assert_array_equal(found[name], mean_percentile(score_MC, score_MC))
        told = scorer.details["tau_between_networks"][name]
        assert told[0][2] == told[2][0] == pytest.approx(kendall_tau(score_MC[0], score_MC[2]), abs=1e-6)
    chance = scorer.chance()
    below = np.mean([(scores.accuracy < 10).mean() + (scores.accuracy == 10).mean() / 2 for scores in members])
    assert chance["accuracy"] == pytest.approx(100 * below)
    spread_out = spread(found, CELLS, np.arange(N_ARCHITECTURES), chance)
    assert set(spread_out["accuracy"][~connected()].tolist()) == {np.float32(chance["accuracy"])}
    assert not scorer.score(CELLS[:0])["accuracy"].size


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"networks": 1}, "networks must be at least 2, found 1; one is strategy one-shot"),
        ({"sampler": "none"}, "sampler"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        strategies.create("ensemble", options)


def test_too_small_a_budget_is_refused(small_context: Callable[..., Context]) -> None:
    with pytest.raises(UsageError, match=r"ensemble: 9 networks get 17 architecture-updates each, less than one step"):
        Ensemble(networks=9).train(small_context(8))
