"""What a probe measures, against slow independent computations, and what it charges."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine
from torch.nn import functional as F

from nasbench_harness.space import Subspace, all_codes, connected, live_cell_of, live_cells
from nasbench_harness.strategies import Context
from nasbench_harness.strategies.probe import SupernetProbe, cosine_distances, robust_members, shared_parameters
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.checkpoints import Checkpoints

FULL = Subspace.full()
Make = Callable[..., Context]


def test_shared_weights_leave_out_the_edge_the_stem_and_the_classifier(small_context: Make) -> None:
    network = small_context(1).new_network("supernet")
    names = {id(weight): name for name, weight in network.named_parameters()}
    shared = {names[id(weight)] for weight in shared_parameters(network, 4)}
    left_out = set(names.values()) - shared
    convolutions = {f"cells.{p}.0.conv_{k}.4" for p in range(3) for k in ("1x1", "3x3")}
    assert left_out == convolutions | {"stem", "classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("edge", [0, 3])
def test_distances_are_those_of_gradients_taken_one_by_one(small_context: Make, edge: int) -> None:
    context = small_context(100)
    network = context.new_network("supernet")
    found = SupernetProbe(context, network, "it").gradient_distances(FULL, edge, 3, np.random.default_rng(7))
    # the same draws by the documented order: a batch of images, then a path
    rng = np.random.default_rng(int(np.random.default_rng(7).integers(2**63)))
    images = context.train_images
    expected = np.zeros((5, 5))
    for _ in range(3):
        rows = rng.choice(100, 20, replace=False)
        path = int(rng.choice(robust_members(FULL, edge, np.arange(5))))
        gradients = []
        for op in range(5):
            code = all_codes()[path].astype(int).copy()
            code[edge] = op
            alone = copy.deepcopy(network)
            index = int(code @ 5 ** np.arange(5, -1, -1))
            logits = alone(images.normalised(torch.from_numpy(rows)), live_codes(np.array([index]))[0])
            F.cross_entropy(logits, images.labels[rows]).backward()
            parts = []
            for name, weight in alone.named_parameters():
                own = name.split(".")[-2].startswith("conv_") and name.endswith(f".{edge}") if "." in name else True
                if not own and name.split(".")[0] in ("cells", "reductions"):
                    parts.append((torch.zeros_like(weight) if weight.grad is None else weight.grad).reshape(-1))
            gradients.append(torch.cat(parts).double().numpy())
        for a in range(5):
            for b in range(5):
                expected[a, b] += 0 if a == b else cosine(gradients[a], gradients[b]) / 3
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert (found == found.T).all()
    assert context.budget.used == 3 * 5 * 20
    assert all(weight.grad is None for weight in network.parameters())


def test_a_gradient_of_zero_is_at_distance_one() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 0.0]])
    expected = [[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0]]
    np.testing.assert_allclose(cosine_distances(vectors), expected, atol=1e-5)


@pytest.mark.parametrize("edge", range(6))
def test_paths_for_gradients_do_not_depend_on_the_edge(edge: int) -> None:
    members = robust_members(FULL, edge, np.arange(5))
    codes = all_codes()[members].astype(int).copy()
    for op in range(5):
        codes[:, edge] = op
        assert connected()[codes @ 5 ** np.arange(5, -1, -1)].all()
    # every path over the edge may be missing: on the last edge of all, others must carry the output
    assert 0 < len(members) < 15625


def test_operations_that_the_subspace_lacks_are_not_measured(small_context: Make) -> None:
    mask_EO = np.ones((6, 5), dtype=bool)
    mask_EO[1] = [False, True, False, True, False]
    context = small_context(100)
    probe = SupernetProbe(context, context.new_network("supernet"), "it")
    found = probe.gradient_distances(Subspace.box(mask_EO, "box"), 1, 2, np.random.default_rng(0))
    assert np.argwhere(found != 0).tolist() == [[1, 3], [3, 1]]
    assert context.budget.used == 2 * 2 * 20


def test_validation_is_that_of_the_live_cells_and_charged_once_each(small_context: Make) -> None:
    context = small_context(1000)
    network = context.new_network("supernet")
    probe = SupernetProbe(context, network, "it", validation_images=30)
    architectures = np.array([15624, 7000, 15624, 3])
    found = probe.validation_score(architectures)
    cells = live_cell_of()[architectures]
    alone = score_live_cells(network, np.unique(cells), context.scoring_images, 30, Silent())
    np.testing.assert_array_equal(found, alone.accuracy[np.searchsorted(np.unique(cells), cells)])
    assert context.budget.forwards == 30 * len(np.unique(cells))
    fewer = SupernetProbe(context, network, "other", validation_images=10)
    accuracy = fewer.validation_score(live_cells()[-5:])
    np.testing.assert_allclose(accuracy, np.round(accuracy / 10) * 10)


def test_answers_are_remembered_with_their_cost_and_leave_the_generator_alike(
    small_context: Make, tmp_path: Path
) -> None:
    outcomes = []
    for _ in range(2):
        context = small_context(100, checkpoints=Checkpoints(tmp_path, "unit"))
        probe = SupernetProbe(context, context.new_network("supernet"), "it")
        rng = np.random.default_rng(3)
        first = probe.gradient_distances(FULL, 1, 1, rng)
        again = probe.gradient_distances(FULL, 1, 1, rng)
        assert (first != again).any()
        outcomes.append((first.tolist(), again.tolist(), context.budget.forwards, rng.random()))
    assert outcomes[0] == outcomes[1]
