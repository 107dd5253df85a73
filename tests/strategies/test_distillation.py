"""Mutual distillation: identical networks, a slow independent reference, counterparts."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch.nn import functional as F

from nasbench_harness.space import Subspace, code_to_index, connected, index_to_code
from nasbench_harness.strategies.hep_nas.distillation import Mode, MutualDistillation, Peer, divergence
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes

SHAPE = NetworkShape(4, 1, 1, 10)
ARCHITECTURE = int(code_to_index(np.array([3, 2, 1, 4, 3, 2])))
FULL = Subspace.full()
MODES: list[Mode] = ["both", "peers", "single-teacher"]


def network(seed: int) -> Supernet:
    torch.manual_seed(seed)
    return Supernet(SHAPE)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(6, 1, 8, 8, generator=generator), torch.arange(6)


def logits_of(net: Supernet, architecture: int, x_NCHW: torch.Tensor) -> torch.Tensor:
    return net(x_NCHW, live_codes(np.array([architecture]))[0])


def box(allowed: dict[int, list[int]]) -> Subspace:
    mask_EO = np.ones((6, 5), dtype=bool)
    for edge, operations in allowed.items():
        mask_EO[edge] = np.isin(np.arange(5), operations)
    return Subspace.box(mask_EO, "box")


def reference(from_logits: torch.Tensor, own_logits: torch.Tensor) -> float:
    """Mean over the batch of the relative entropy of what is learnt from to one's own."""
    p, q = (softmax(z.detach().double().numpy(), axis=1) for z in (from_logits, own_logits))
    return float(np.mean([entropy(one, other) for one, other in zip(p, q, strict=True)]))


@pytest.mark.parametrize("mode", MODES)
def test_identical_networks_leave_cross_entropy_and_its_gradient(mode: Mode) -> None:
    own = network(0)
    x_NCHW, labels = batch()
    smd = MutualDistillation([Peer(copy.deepcopy(own), FULL)] * 3, copy.deepcopy(own), mode, ("test",))
    logits = logits_of(own, ARCHITECTURE, x_NCHW)
    plain = F.cross_entropy(logits, labels)
    loss = smd(logits, labels, x_NCHW, ARCHITECTURE, 0)
    assert loss.item() == pytest.approx(plain.item(), abs=1e-6)
    weights = [own.classifier.weight, own.stem]
    for one, other in zip(
        torch.autograd.grad(loss, weights, retain_graph=True), torch.autograd.grad(plain, weights), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(("mode", "forwards"), [("both", 3), ("peers", 2), ("single-teacher", 1)])
def test_the_sum_agrees_with_scipy(mode: Mode, forwards: int) -> None:
    own, teacher, peers = network(0), network(1), [network(2), network(3)]
    x_NCHW, labels = batch()
    smd = MutualDistillation([Peer(net, FULL) for net in peers], teacher, mode, ("test",))
    logits = logits_of(own, ARCHITECTURE, x_NCHW)
    expected = F.cross_entropy(logits, labels).item()
    if mode != "single-teacher":
        expected += float(np.mean([reference(logits_of(net, ARCHITECTURE, x_NCHW), logits) for net in peers]))
    if mode != "peers":
        expected += reference(logits_of(teacher, ARCHITECTURE, x_NCHW), logits)
    loss = smd(logits, labels, x_NCHW, ARCHITECTURE, 5)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert smd.forwards == forwards
    loss.backward()
    assert own.classifier.weight.grad is not None
    assert all(weight.grad is None for net in (teacher, *peers) for weight in net.parameters())


def test_the_direction_is_from_the_teacher_to_oneself() -> None:
    sure, unsure = torch.tensor([[10.0, 0.0, 0.0]]), torch.zeros(1, 3)
    assert divergence(sure, unsure).item() == pytest.approx(reference(sure, unsure), rel=1e-4)
    assert abs(reference(sure, unsure) - reference(unsure, sure)) > 1
    assert divergence(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0


def test_a_counterpart_has_the_peers_operations_on_the_edges_and_ours_elsewhere() -> None:
    peer = Peer(network(0), box({1: [0, 2], 2: [1, 3, 4]}), (1, 2))
    rng = np.random.default_rng(0)
    found = np.array([peer.counterpart(ARCHITECTURE, rng) for _ in range(600)])
    codes = index_to_code(found)
    assert (codes[:, [0, 3, 4, 5]] == index_to_code(np.array([ARCHITECTURE]))[0][[0, 3, 4, 5]]).all()
    drawn, counts = np.unique(codes[:, 1] * 5 + codes[:, 2], return_counts=True)
    assert drawn.tolist() == [a * 5 + b for a in (0, 2) for b in (1, 3, 4)]
    assert counts.min() > 60
    assert connected()[found].all()


def test_a_peer_that_can_only_answer_without_a_path_is_left_out() -> None:
    own, peer, other = network(0), network(1), network(2)
    architecture = int(code_to_index(np.array([0, 0, 0, 1, 0, 0])))  # edge 3 carries its only path
    assert Peer(peer, box({3: [0]}), (3,)).counterpart(architecture, np.random.default_rng(0)) is None
    x_NCHW, labels = batch()
    logits = logits_of(own, architecture, x_NCHW)
    dumb = Peer(peer, box({3: [0]}), (3,))
    [one] = [MutualDistillation([dumb], None, "peers", ("t",))(logits, labels, x_NCHW, architecture, 0)]
    assert one.item() == pytest.approx(F.cross_entropy(logits, labels).item())
    able = Peer(other, box({3: [2]}), (3,))
    both = MutualDistillation([dumb, able], None, "peers", ("t",))(logits, labels, x_NCHW, architecture, 0)
    alone = MutualDistillation([able], None, "peers", ("t",))(logits, labels, x_NCHW, architecture, 0)
    assert both.item() == pytest.approx(alone.item())


def test_draws_depend_on_the_position_and_can_be_repeated() -> None:
    own, x_labels = network(0), batch()
    peers = [Peer(network(seed), FULL, (1, 2)) for seed in (1, 2, 3)]

    def losses(axes: tuple[object, ...], max_peers: int | None = None) -> list[float]:
        smd = MutualDistillation(peers, None, "peers", axes, max_peers)
        assert smd.forwards == (max_peers or 3)
        logits = logits_of(own, ARCHITECTURE, x_labels[0])
        return [smd(logits, x_labels[1], x_labels[0], ARCHITECTURE, position).item() for position in range(6)]

    assert losses(("a",)) == losses(("a",))
    assert len(set(losses(("a",)))) == 6
    assert losses(("a",)) != losses(("b",))
    assert losses(("a",), 1) != losses(("a",))
