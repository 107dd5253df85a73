"""The scoring network against the trained one: every architecture drawn, every width, both precisions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.space import N_ARCHITECTURES, connected_live_cells, live_cells
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.supernet.scoring import edge_cache
from nasbench_harness.supernet.scoring.edge_cache import FirstCell, steps_of
from nasbench_harness.supernet.scoring.scores import distinct_runs, score_live_cells
from nasbench_harness.supernet.scoring.torch_engine import FastNetwork
from nasbench_harness.system.progress import Silent

SHAPES = [NetworkShape(4, 1, 1, 7), NetworkShape(5, 2, 3, 7), NetworkShape(16, 1, 3, 7), NetworkShape(32, 1, 1, 7)]
EACH = [*SHAPES[:3], pytest.param(SHAPES[3], marks=pytest.mark.slow)]
DRAWN = np.sort(np.random.default_rng(8).choice(N_ARCHITECTURES, 40, replace=False))


def network_and_images(shape: NetworkShape, side: int = 8) -> tuple[Supernet, Tensor]:
    torch.manual_seed(0)
    network = Supernet(shape)
    return network, torch.randn(12, shape.image_channels, side, side).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def fast_logits(network: Supernet, x_NCHW: Tensor, cells: np.ndarray, route: tuple[int, ...]) -> list[Tensor]:
    fast = FastNetwork(network)
    first = FirstCell(fast.cells[0][route[0]].normalised, fast.stem_output(x_NCHW))
    return [fast.after_first_cell(first(steps_of(code)), code, route) for code in live_codes(cells)]


@pytest.mark.parametrize("side", [8, 12])
@pytest.mark.parametrize("shape", EACH, ids=str)
def test_logits_equal_those_of_the_network(shape: NetworkShape, side: int) -> None:
    network, x_NCHW = network_and_images(shape, side)
    network, x_NCHW = network.double(), x_NCHW.double()
    found = fast_logits(network, x_NCHW, DRAWN, network.first_route)
    for code, logits in zip(live_codes(DRAWN), found, strict=True):
        torch.testing.assert_close(logits, network(x_NCHW, code), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", EACH, ids=str)
def test_float32_is_within_rounding(shape: NetworkShape) -> None:
    network, x_NCHW = network_and_images(shape)
    for code, logits in zip(live_codes(DRAWN), fast_logits(network, x_NCHW, DRAWN, network.first_route), strict=True):
        expected = network(x_NCHW, code).detach()
        assert float((logits - expected).abs().max() / expected.abs().max()) < 1e-4


def test_a_first_cell_that_may_remember_little_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x_NCHW = network_and_images(SHAPES[0])
    expected = fast_logits(network, x_NCHW, DRAWN, network.first_route)
    monkeypatch.setattr(edge_cache, "MOST_BYTES", 1)
    found = fast_logits(network, x_NCHW, DRAWN, network.first_route)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_the_first_cell_never_remembers_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x_NCHW = network_and_images(SHAPES[0])
    with torch.inference_mode():
        fast = FastNetwork(network)
        stem = fast.stem_output(x_NCHW)
        monkeypatch.setattr(edge_cache, "MOST_BYTES", 3 * stem.numel() * stem.element_size())
        cell = FirstCell(fast.cells[0][0].normalised, stem)
        most = 0
        for code in live_codes(live_cells()[1000:1200]):
            cell(steps_of(code))
            most = max(most, len(cell.cache))
    assert most == 3


def test_stem_and_weights_are_left_alone() -> None:
    """Results are written into outputs of convolutions, which must never be a remembered node or a weight."""
    network, x_NCHW = network_and_images(SHAPES[1])
    before, images = [weight.detach().clone() for weight in network.parameters()], x_NCHW.clone()
    with torch.inference_mode():
        fast = FastNetwork(network)
        stem = fast.stem_output(x_NCHW)
        first, kept = FirstCell(fast.cells[0][0].normalised, stem), stem.clone()
        codes = live_codes(live_cells()[5000:5060])
        outputs = []
        for code in codes:
            output = first(steps_of(code))
            outputs.append((output, output.clone()))
            fast.after_first_cell(output, code, network.first_route)
    assert torch.equal(stem, kept)
    assert torch.equal(x_NCHW, images)
    assert all(torch.equal(output, copy) for output, copy in outputs)
    assert all(torch.equal(weight, old) for weight, old in zip(network.parameters(), before, strict=True))


def test_a_run_is_shared_only_along_equal_routes() -> None:
    skip, three = 1, 3
    codes = np.array([[three, 0, 0, 0, skip, 0], [three, 0, skip, 0, 0, skip]])
    cells = codes @ 5 ** np.arange(5, -1, -1)
    same = np.array([[0, 1, 0], [0, 1, 0]])
    run_cells, run_routes, position = distinct_runs(cells, same)
    assert (len(run_cells), run_routes.tolist(), position.tolist()) == (1, [[0, 1, 0]], [0, 0])
    run_cells, run_routes, position = distinct_runs(cells, np.array([[0, 1, 0], [0, 0, 0]]))
    assert run_routes[position].tolist() == [[0, 1, 0], [0, 0, 0]]
    assert len(set(run_cells.tolist())) == 1


def test_scores_do_not_depend_on_what_else_is_scored(digits: ImageSet) -> None:
    network = Supernet(NetworkShape(4, 1, 1, 10))
    held_out = DeviceImages(digits, digits.valid[:40])
    cells = live_cells()[4000:4100]
    whole = score_live_cells(network, cells, held_out, 40, Silent())
    parts = [score_live_cells(network, part, held_out, 40, Silent()) for part in np.array_split(cells, 7)]
    assert np.array_equal(np.concatenate([part.negative_loss for part in parts]), whole.negative_loss)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [5, 16])
def test_bfloat16_ranks_nearly_alike_and_keeps_weights_and_gradients_in_float32(
    channels: int, digits: ImageSet
) -> None:
    torch.manual_seed(2)
    network = Supernet(NetworkShape(channels, 1, 1, 10))
    held_out = DeviceImages(digits, digits.valid[:200])
    usable = connected_live_cells()
    cells = np.sort(np.random.default_rng(3).choice(usable, 60, replace=False))
    exact = score_live_cells(network, cells, held_out, 200, Silent()).negative_loss
    network.precision = "bfloat16"
    coarse = score_live_cells(network, cells, held_out, 200, Silent()).negative_loss
    assert (coarse != exact).any()
    tau = kendall_tau(coarse, exact)
    assert tau is not None
    assert tau > 0.8
    x_NCHW, labels = next(held_out.equal_batches(64))
    logits = network(x_NCHW, live_codes(cells[-1:])[0])
    assert logits.dtype == torch.float32
    torch.nn.functional.cross_entropy(logits, labels).backward()
    used = [weight.grad for weight in network.parameters() if weight.grad is not None]
    assert used
    assert all(gradient.dtype == torch.float32 and torch.isfinite(gradient).all() for gradient in used)
    assert "precision" not in network.state_dict()


def test_bfloat16_gradients_point_the_way_of_float32() -> None:
    network, x_NCHW = network_and_images(SHAPES[2])
    code, labels = (3, 1, 3, 2, 4, 3), torch.arange(12) % 7
    gradients = []
    for precision in ("float32", "bfloat16"):
        network.precision = precision  # type: ignore[assignment]
        network.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(network(x_NCHW, code), labels).backward()
        gradients.append(torch.cat([w.grad.flatten() for w in network.parameters() if w.grad is not None]))
    assert float(torch.nn.functional.cosine_similarity(*gradients, dim=0)) > 0.95
