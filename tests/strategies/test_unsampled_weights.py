"""The rule for weights that a step does not use, in strategies with a step of their own: CLOSE and HM-NAS."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.images import ImageSet
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, POOL, SKIP, Subspace, index_to_code
from nasbench_harness.strategies import Context
from nasbench_harness.strategies.close.gate import Gate, soft_choice
from nasbench_harness.strategies.close.gate_shape import GateShape
from nasbench_harness.strategies.close.network import CloseCell, CloseNetwork
from nasbench_harness.strategies.close.stage import Choice, CloseRun, Curriculum
from nasbench_harness.strategies.hm_nas.stages import ImportanceLoop, halves
from nasbench_harness.strategies.hm_nas.strategy import HmNas
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.settings import Stage, UnsampledWeights, rate_at
from nasbench_harness.training.trainer import train
from tests.strategies.conftest import Outcome
from tests.training.test_released_rules import Crippled, Doubles

STEPS, BATCH, TEMPERATURE = 10, 20, 5.0
STARTS = (0, 2, 5)
"""Steps at which a block joins; the gate is used from the second on."""

Make = Callable[..., Context]


def norm(x: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, training=True)


def operation(cell: CloseCell, op: int, block: int, x: Tensor, soft_G: Tensor | None) -> Tensor:
    """``none`` multiplies by zero; the soft choices get the gradients of the sum of all blocks times their choices."""
    if op == SKIP:
        return x
    if op == POOL:
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    if op not in (CONV_1X1, CONV_3X3):
        return x * 0.0
    weights = cell.conv_1x1 if op == CONV_1X1 else cell.conv_3x3
    outputs = [norm(F.conv2d(F.relu(x), weight, padding=0 if op == CONV_1X1 else 1)) for weight in weights]
    if soft_G is None:
        return outputs[block]
    mixed = sum(soft * output.detach() for soft, output in zip(soft_G, outputs, strict=False))
    return outputs[block] + (mixed - mixed.detach())


def literal(
    network: CloseNetwork, x: Tensor, code: tuple[int, ...], blocks: list[int], soft_EG: Tensor | None
) -> Tensor:
    """Logits of a network whose cells compute every edge, the dead ones too."""
    x = norm(F.conv2d(x, network.stem, padding=1))
    for stage, [cell] in enumerate(network.cells):  # one a stage
        if stage:
            block = network.reductions[stage - 1]
            y = norm(F.conv2d(F.relu(x), block.conv_a, stride=2, padding=1))
            y = norm(F.conv2d(F.relu(y), block.conv_b, padding=1))
            x = y + F.conv2d(F.avg_pool2d(x, 2), block.shortcut)
        nodes = [x, 0.0, 0.0, 0.0]
        for edge, (source, target) in enumerate(EDGES):
            soft_G = None if soft_EG is None else soft_EG[edge]
            nodes[target] = nodes[target] + operation(cell, code[edge], blocks[edge], nodes[source], soft_G)
        x = nodes[3]
    return network.classifier(F.relu(norm(x)).mean((2, 3)))


def descended(network: CloseNetwork, run: CloseRun, context: Context, rule: UnsampledWeights) -> list[float]:
    """Losses of training the literal network by plain SGD, on what ``run`` has drawn."""
    settings = context.training
    optimiser = torch.optim.SGD(
        network.parameters(), lr=1.0, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay
    )
    live = live_codes(run.architectures)
    codes = [tuple(code) for code in index_to_code(run.architectures).tolist()] if rule == "decay" else live
    seed = derive_seed(*context.seed_axes, "supernet", "images")
    batches = context.train_images.training_batches(BATCH, settings.augmentation, seed)
    losses = []
    for step, code in enumerate(codes):
        active = sum(start <= step for start in STARTS)
        if step and step in STARTS:
            network.inherit(STARTS.index(step))
        blocks, soft_EG = [0] * 6, None
        if active > 1:
            generator = torch.Generator().manual_seed(derive_seed(*context.seed_axes, "supernet", "blocks", step))
            logits_EG = network.gate(torch.tensor([live[step]]), generator)[0, :, :active]
            soft_EG = soft_choice(logits_EG, TEMPERATURE, generator)
            blocks = soft_EG.argmax(1).tolist()
        x, labels = next(batches)
        optimiser.param_groups[0]["lr"] = rate_at(step / STEPS, settings)
        optimiser.zero_grad(set_to_none=rule == "freeze")
        loss = F.cross_entropy(literal(network, x, code, blocks, soft_EG), labels)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("rule", ["decay", "freeze"])
def test_close_agrees_with_plain_sgd(small_context: Make, digits: ImageSet, rule: UnsampledWeights) -> None:
    """With blocks that join, the gate that chooses them, and architectures with dead edges."""
    context = small_context(0, budget=Budget(10_000), train_images=Doubles(digits, digits.train[:100]))
    training = replace(context.training, unsampled_weights=rule, weight_decay=0.01)
    context = replace(context, training=training)
    torch.manual_seed(0)
    gate = Gate(len(STARTS), GateShape(4, 4, 6, (8, 8), (8,), 0.1))
    network = CloseNetwork(context.shape, len(STARTS), gate).double()
    beside = copy.deepcopy(network)
    stage = Stage("supernet", Subspace.full(), STEPS * BATCH, Crippled())
    curriculum = Curriculum(STEPS, STARTS, 0, gated=True)
    run = CloseRun(context, network, stage, curriculum, 0, Choice(TEMPERATURE), inherits=True)
    train([run], Silent(), Checkpoints())
    losses = descended(beside, run, context, rule)
    assert run.losses == pytest.approx(losses, abs=1e-6)  # added up in float32
    theirs = dict(beside.named_parameters())
    for name, weight in network.named_parameters():
        torch.testing.assert_close(weight, theirs[name], rtol=0, atol=1e-9, msg=name)


def test_a_mixture_is_the_same_under_both_rules(small_context: Make) -> None:
    frozen, decayed = (
        Outcome.of(HmNas(), replace(context, training=replace(context.training, unsampled_weights=rule)))
        for rule in ("freeze", "decay")
        for context in [small_context(150)]
    )
    assert frozen.details == decayed.details
    assert frozen.losses == decayed.losses
    assert (frozen.negative_loss == decayed.negative_loss).all()


def test_because_a_mixture_uses_every_weight_at_every_step(small_context: Make) -> None:
    """A weight that the step moves without decay and momentum has a gradient."""
    context = small_context(150)
    training = replace(context.training, weight_decay=0.0, momentum=0.0, nesterov=False)
    context = replace(context, training=training)
    network = context.new_network("supernet")
    loop = ImportanceLoop(context, 2000, network, halves(context.train_images, 0), True, 3e-4)
    for _ in range(3):
        before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
        loop.step()
        still = [name for name, weight in network.named_parameters() if torch.equal(weight, before[name])]
        assert not still
