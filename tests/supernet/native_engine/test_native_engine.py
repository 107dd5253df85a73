"""The supernet on native kernels against itself on torch's operations: logits, gradients, scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.native import kernels, kernels_description
from nasbench_harness.native import scoring as native_scoring
from nasbench_harness.space import N_ARCHITECTURES, connected_live_cells
from nasbench_harness.supernet import network
from nasbench_harness.supernet.native_engine import scoring
from nasbench_harness.supernet.native_engine.autograd import kernels_for
from nasbench_harness.supernet.native_engine.scoring import BlockedScoring
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.supernet.operations import normalising_by
from nasbench_harness.supernet.scoring.scores import Scores, score_live_cells
from nasbench_harness.system.progress import Silent

pytestmark = pytest.mark.skipif(kernels() is None, reason=f"no kernels here: {kernels_description()}")

CHOSEN = [(0,) * 6, (1,) * 6, (4,) * 6, (3,) * 6, (2,) * 6, (1, 4, 1, 1, 4, 1), (0, 0, 0, 3, 0, 0), (1, 1, 3, 1, 1, 1)]
DRAWN = live_codes(np.random.default_rng(3).choice(N_ARCHITECTURES, 25, replace=False))
SHAPES = [
    NetworkShape(5, 2, 3, 7),
    NetworkShape(6, 1, 1, 7),
    NetworkShape(4, 1, 3, 7, copies=(2, 1, 3)),
    NetworkShape(12, 1, 3, 7),
]


def plainly(patch: pytest.MonkeyPatch) -> None:
    for module in (network, scoring):
        patch.setattr(module, "kernels_for", lambda *_: None)


def outcome(net: Supernet, x: Tensor, labels: Tensor, code: tuple[int, ...], route: tuple[int, ...]) -> list[Tensor]:
    """Logits and the gradient of every weight, zero where there is none."""
    net.zero_grad(set_to_none=True)
    logits = net(x, code, route)
    F.cross_entropy(logits, labels).backward()
    return [logits.detach(), *(torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in net.parameters())]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_logits_and_gradients_are_those_of_torch(shape: NetworkShape, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = Supernet(shape).double()
    x, labels = torch.randn(15, shape.image_channels, 8, 12).double(), torch.randint(shape.classes, (15,))
    route = tuple(number - 1 for number in shape.copies) or net.first_route
    assert kernels_for(net, x) is not None
    found = [outcome(net, x, labels, code, route) for code in CHOSEN + DRAWN]
    plainly(monkeypatch)
    for code, here in zip(CHOSEN + DRAWN, found, strict=True):
        for one, other in zip(here, outcome(net, x, labels, code, route), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10, msg=lambda text, code=code: f"{code}: {text}")


def test_weights_that_take_no_part_have_no_gradient() -> None:
    """Not one of zero: the optimiser would let them decay."""
    net, code = Supernet(SHAPES[0]), (3, 0, 0, 0, 2, 0)
    F.cross_entropy(net(torch.randn(8, 3, 8, 8), code), torch.zeros(8, dtype=torch.int64)).backward()
    with_gradient = {name for name, weight in net.named_parameters() if weight.grad is not None}
    assert "cells.0.0.conv_3x3.0" in with_gradient
    assert "cells.0.0.conv_1x1.4" in with_gradient
    assert sum(name.startswith("cells.0.") for name in with_gradient) == 2
    assert {"stem", "classifier.weight", "reductions.1.conv_b"} <= with_gradient


def test_the_way_back_can_be_gone_twice() -> None:
    net = Supernet(SHAPES[0])
    loss = net(torch.randn(8, 3, 8, 8), (3, 2, 3, 1, 4, 3)).square().sum()
    first = torch.autograd.grad(loss, net.stem, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(loss, net.stem)[0])


def test_weights_changed_before_the_way_back_are_noticed() -> None:
    net = Supernet(SHAPES[0])
    loss = net(torch.randn(8, 3, 8, 8), (3, 2, 3, 1, 4, 3)).square().sum()
    with torch.no_grad():
        net.stem.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_batch_that_they_cannot_run_goes_to_torch() -> None:
    net, x = Supernet(SHAPES[0]), torch.randn(16, 3, 8, 8)
    assert kernels_for(net, x) is not None
    assert kernels_for(net, x[:2]) is None  # most lanes would be empty
    assert kernels_for(net, torch.randn(16, 3, 6, 6)) is None  # halves to an odd side
    assert kernels_for(net, x.clone().requires_grad_()) is None
    with normalising_by(lambda y: y):
        assert kernels_for(net, x) is None
    net.precision = "bfloat16"
    assert kernels_for(net, x) is None


@pytest.mark.slow
def test_scores_of_both_engines_agree(digits: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = connected_live_cells()
    cells = np.sort(np.random.default_rng(6).choice(cells, 150, replace=False))
    route_A = np.random.default_rng(1).integers(0, (2, 1, 3), (N_ARCHITECTURES, 3))
    torch.manual_seed(1)
    net = Supernet(NetworkShape(5, 1, 1, 10, copies=(2, 1, 3)))
    held_out = DeviceImages(digits, digits.valid[:90])

    def scores() -> Scores:
        return score_live_cells(net, cells, held_out, 45, Silent(), route_A)

    found = scores()
    with monkeypatch.context() as patch:
        patch.setattr(native_scoring, "MOST_REMEMBERED", 1)
        forgetful = scores()
    np.testing.assert_array_equal(found.negative_loss, forgetful.negative_loss)
    with monkeypatch.context() as patch:  # a block at a time, and every output past the caches
        patch.setattr(native_scoring, "NEAR_BYTES", 1)
        patch.setattr(native_scoring, "FAR_BYTES", 0)
        by_blocks = scores()
    np.testing.assert_array_equal(found.negative_loss, by_blocks.negative_loss)
    plainly(monkeypatch)
    expected = scores()
    np.testing.assert_allclose(found.negative_loss, expected.negative_loss, rtol=1e-5)
    assert len(np.unique(found.negative_loss)) > 100


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scoring_gives_the_logits_of_a_forward_pass(shape: NetworkShape, monkeypatch: pytest.MonkeyPatch) -> None:
    """In double precision, in an order that changes the first cell's nodes, with little memory and with none."""
    torch.manual_seed(0)
    net = Supernet(shape).double()
    x = torch.randn(21, shape.image_channels, 8, 8).double()
    routes = [net.first_route, *([tuple(number - 1 for number in shape.copies)] if shape.copies else [])]
    asked = [(code, route) for code in CHOSEN + DRAWN[:8] + CHOSEN[:3] for route in routes]
    native = kernels(torch.float64)
    assert native is not None
    with torch.no_grad():
        expected = [net(x, code, route) for code, route in asked]
    for remembered in (0, 3 << 26):
        monkeypatch.setattr(native_scoring, "MOST_REMEMBERED", remembered)
        scored = BlockedScoring(net, native, 8)
        scored.on_batch(x[:13])
        batch = scored.on_batch(x)
        for (code, route), logits in zip(asked, expected, strict=True):
            torch.testing.assert_close(batch(code, route), logits, rtol=1e-9, atol=1e-10)


def test_scoring_is_the_same_however_blocks_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among threads, a few at a time or all at once, and past the caches or not: not a bit of a logit moves."""
    torch.manual_seed(0)
    net, native, x, before = Supernet(SHAPES[0]), kernels(), torch.randn(61, 3, 8, 8), torch.get_num_threads()
    assert native is not None
    found = []
    try:
        for threads, near, far in ((1, 1 << 30, 1 << 30), (2, 1, 1 << 30), (3, 1 << 14, 1)):
            torch.set_num_threads(threads)
            monkeypatch.setattr(native_scoring, "NEAR_BYTES", near)
            monkeypatch.setattr(native_scoring, "FAR_BYTES", far)
            batch = BlockedScoring(net, native, 8).on_batch(x)
            found.append(torch.stack([batch(code, net.first_route) for code in CHOSEN + DRAWN[:6]]))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_batch_that_is_over_answers_no_more() -> None:
    net, native = Supernet(SHAPES[0]), kernels()
    assert native is not None
    scored = BlockedScoring(net, native, 8)
    first = scored.on_batch(torch.randn(16, 3, 8, 8))
    scored.on_batch(torch.randn(16, 3, 8, 8))
    with pytest.raises(RuntimeError, match="is over"):
        first((1,) * 6, net.first_route)
