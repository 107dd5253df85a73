"""Scores of many architectures against one plain forward pass for each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.partitioners import EfsAccum
from nasbench_harness.space import (
    N_ARCHITECTURES,
    code_to_index,
    connected,
    connected_live_cells,
    format_architecture,
    index_to_code,
    live_cells,
    nonlinearity_count,
)
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.scoring.scores import Scores, score_live_cells
from nasbench_harness.system.progress import Silent

Indices = npt.NDArray[np.int64]


class Counter(Silent):
    def __init__(self) -> None:
        self.done = 0.0

    def advance(self, amount: float) -> None:
        self.done += amount


@pytest.fixture(scope="module")
def held_out(digits: ImageSet) -> DeviceImages:
    return DeviceImages(digits, digits.valid[:45])


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    torch.manual_seed(0)
    return Supernet(NetworkShape(4, 1, 1, 10))


def some_cells(n: int, seed: int = 0) -> Indices:
    cells = connected_live_cells()
    return np.sort(np.random.default_rng(seed).choice(cells, n, replace=False))


def one_by_one(
    network: Supernet, cells: Indices, digits: ImageSet, rows: Indices, batches: int, route_A: Indices | None = None
) -> Scores:
    """Every architecture by itself, on batches cut by numpy."""
    accuracy, negative_loss = [], []
    for cell in cells.tolist():
        code = tuple(index_to_code(np.int64(cell)).tolist())
        right, loss = 0, 0.0
        for part in np.array_split(rows, batches):
            pixels = (digits.images[part] / 255 - digits.mean[:, None, None]) / digits.std[:, None, None]
            labels = torch.from_numpy(digits.labels[part])
            with torch.no_grad():
                logits = network(torch.from_numpy(pixels).float(), code, None if route_A is None else route_A[cell])
            right += int((logits.argmax(1) == labels).sum())
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        accuracy.append(100 * right / len(rows))
        negative_loss.append(-loss / len(rows))
    return Scores(np.array(accuracy), np.array(negative_loss))


def assert_same(found: Scores, expected: Scores) -> None:
    np.testing.assert_array_equal(found.accuracy, expected.accuracy)
    np.testing.assert_allclose(found.negative_loss, expected.negative_loss, rtol=1e-6, atol=1e-6)
    assert len(np.unique(found.negative_loss)) > 0.9 * len(found.negative_loss)


def test_scores_equal_those_of_architectures_run_one_by_one(
    supernet: Supernet, held_out: DeviceImages, digits: ImageSet
) -> None:
    cells = some_cells(120)
    progress = Counter()
    found = score_live_cells(supernet, cells, held_out, 20, progress)
    assert_same(found, one_by_one(supernet, cells, digits, digits.valid[:45], 3))
    assert progress.done == pytest.approx(len(cells))


def test_neighbours_in_code_share_their_prefix_and_nothing_else(
    supernet: Supernet, held_out: DeviceImages, digits: ImageSet
) -> None:
    """Consecutive cells, where remembered edge outputs matter most; then the same ones backwards."""
    cells = live_cells()[4200:4320]
    cells = cells[connected()[cells]]
    expected = one_by_one(supernet, cells, digits, digits.valid[:45], 1)
    assert_same(score_live_cells(supernet, cells, held_out, 45, Silent()), expected)
    backwards = score_live_cells(supernet, cells[::-1], held_out, 45, Silent())
    assert_same(Scores(backwards.accuracy[::-1], backwards.negative_loss[::-1]), expected)


@pytest.mark.parametrize("edge", range(6))
def test_cells_that_differ_in_one_edge_only(
    edge: int, supernet: Supernet, held_out: DeviceImages, digits: ImageSet
) -> None:
    """Ascending, and with every later node fed by an edge whose own operation stays the same."""
    codes = np.tile(np.array([3, 1, 3, 3, 2, 4]), (4, 1))
    codes[:, edge] = [1, 2, 3, 4]
    cells = code_to_index(codes)
    assert np.isin(cells, live_cells()).all()
    expected = one_by_one(supernet, cells, digits, digits.valid[:45], 1)
    assert_same(score_live_cells(supernet, cells, held_out, 45, Silent()), expected)


@pytest.mark.parametrize("copies", ["efs-accum", "every cell"])
def test_routed_scores_equal_those_of_architectures_run_one_by_one(
    copies: str, held_out: DeviceImages, digits: ImageSet
) -> None:
    count_A = nonlinearity_count()
    if copies == "efs-accum":
        routes = np.array([EfsAccum((15, 20)).route(count, 3) for count in range(4)])
        assert routes.max() == 2
        route_A = routes[count_A]
    else:  # the first cell too, whose remembered outputs must not be taken for another copy's
        route_A = np.random.default_rng(1).integers(0, (3, 2, 2), (N_ARCHITECTURES, 3))
    torch.manual_seed(1)
    network = Supernet(NetworkShape(4, 1, 1, 10, copies=tuple((route_A.max(0) + 1).tolist())))
    cells = some_cells(80, seed=1)
    found = score_live_cells(network, cells, held_out, 45, Silent(), route_A)
    assert_same(found, one_by_one(network, cells, digits, digits.valid[:45], 1, route_A))
    first_copies = score_live_cells(network, cells, held_out, 45, Silent())
    assert (found.negative_loss != first_copies.negative_loss).any()


def test_scoring_leaves_weights_and_gradients_alone(supernet: Supernet, held_out: DeviceImages) -> None:
    before = [weight.detach().clone() for weight in supernet.parameters()]
    score_live_cells(supernet, some_cells(5), held_out, 45, Silent())
    for weight, old in zip(supernet.parameters(), before, strict=True):
        assert torch.equal(weight, old)
        assert weight.grad is None


def test_weights_that_are_not_numbers_are_an_error_that_names_the_architecture(held_out: DeviceImages) -> None:
    network = Supernet(NetworkShape(4, 1, 1, 10))
    with torch.no_grad():
        network.cells[1][0].conv_1x1[3].fill_(torch.nan)  # type: ignore[index]
    cells = some_cells(200, seed=2)
    codes = index_to_code(cells)
    spoilt = np.flatnonzero(codes[:, 3] == 2)
    healthy = cells[codes[:, 3] != 2]
    assert np.isfinite(score_live_cells(network, healthy, held_out, 45, Silent()).negative_loss).all()
    with pytest.raises(RunError, match="not finite") as raised:
        score_live_cells(network, cells, held_out, 45, Silent())
    first = int(cells[spoilt[0]])
    assert str(tuple(codes[spoilt[0]].tolist())) in str(raised.value) or format_architecture(first) in str(raised.value)
