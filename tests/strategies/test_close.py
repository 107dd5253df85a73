"""CLOSE on the digits with budgets of a few steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import connected_live_cells, functional_classes, index_to_code, live_cell_of, live_cells
from nasbench_harness.strategies import Close, Context, Strategy, base, strategies
from nasbench_harness.strategies.close.gate_shape import GateShape
from nasbench_harness.strategies.close.network import CloseNetwork
from nasbench_harness.strategies.close.scorer import CloseScorer
from nasbench_harness.strategies.close.stage import Choice, CloseRun, fitting
from nasbench_harness.strategies.close.training import new_network
from nasbench_harness.supernet.scoring import recalibration
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.samplers import samplers
from nasbench_harness.training.trainer import Stage

SMALL = GateShape(4, 4, 6, (8, 8), (8,), 0.1)
CELLS = np.sort(np.random.default_rng(0).choice(connected_live_cells(), 60, replace=False))
Make = Callable[..., Context]


@pytest.fixture
def close() -> Callable[..., Close]:
    return lambda **options: Close(gate_shape=SMALL, **options)


def trained(strategy: Strategy, context: Context) -> CloseScorer:
    scorer = strategy.train(context)
    assert isinstance(scorer, CloseScorer)
    return scorer


def network_of(scorer: CloseScorer) -> CloseNetwork:
    [leaf] = scorer.leaves
    assert isinstance(leaf.network, CloseNetwork)
    return leaf.network


@pytest.mark.parametrize(
    "options",
    [{}, {"blocks": 1}, {"gate": "random"}, {"curriculum": False}, {"sampler": "fair"}, {"restart": 0}],
    ids=str,
)
@pytest.mark.parametrize("steps", [60, 127.3])
def test_the_budget_is_that_of_the_steps(
    small_context: Make, close: Callable[..., Close], options: dict[str, Any], steps: float
) -> None:
    context = small_context(steps)
    scorer = trained(close(**options), context)
    done, starts = scorer.details["steps"], scorer.details["blocks_from_step"]
    per_step = 5 if options.get("sampler") == "fair" else 1
    extra = 0 if options.get("gate") == "random" else sum(done - start for start in starts[1:])
    assert context.budget.forwards == 20 * per_step * (3 * done + extra)
    assert 0 <= context.budget.left < 2 * 20 * per_step * 2  # neither a step nor what moving a boundary takes
    assert sum(curve.updates[-1] for curve in scorer.losses) == 20 * per_step * done
    assert len(scorer.losses) == (1 if options.get("restart") == 0 else 2)


def test_blocks_join_at_their_share_of_the_steps() -> None:
    curriculum = fitting(1_500_000, 64, (0.0, 0.2, 0.4, 0.6), 0.4, True)
    steps = curriculum.steps
    assert curriculum.starts == (0, round(0.2 * steps), round(0.4 * steps), round(0.6 * steps))
    active = [curriculum.active(step) for step in range(steps)]
    assert [active.count(number) / steps for number in (1, 2, 3, 4)] == pytest.approx([0.2, 0.2, 0.2, 0.4], abs=1e-3)
    assert active == sorted(active)
    assert curriculum.stages == [(0, curriculum.starts[2]), (curriculum.starts[2], steps)]
    spent = [64 * (3 + curriculum.forwards(step, step + 1)) for step in range(steps)]
    assert sum(spent) <= 3 * 1_500_000 < sum(spent) + 64 * 6
    assert [64 * (3 + number - 1) for number in active] == spent
    # three block-passes on the last 40 %, two and one on 20 % each: 1.6 updates a step
    assert steps == pytest.approx(1_500_000 / 64 / 1.6, rel=1e-3)


def test_a_share_of_the_budget_is_found_among_steps_of_unequal_cost() -> None:
    curriculum = fitting(150_000, 64, (0.0, 0.2, 0.4, 0.6), 0.4, True)
    spent = np.cumsum([0] + [3 + curriculum.forwards(step, step + 1) for step in range(curriculum.steps)])
    for share in (0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0):
        nearest = int(np.abs(spent / spent[-1] - share).argmin())
        assert curriculum.step_at(share) == nearest
        assert abs(curriculum.share(nearest) - share) < 6 / spent[-1]
    assert curriculum.step_at(0.5) > curriculum.steps / 2  # the first blocks cost least
    for step in (curriculum.starts[2], curriculum.steps):
        assert curriculum.step_at(curriculum.share(step)) == step


def test_too_small_a_budget_is_refused_before_anything_trains(small_context: Make, close: Callable[..., Close]) -> None:
    context = small_context(3)
    with pytest.raises(UsageError, match=r"too few to tell its 4 stretches apart"):
        close().train(context)
    assert context.budget.used == 0


def reference(network: CloseNetwork, x: torch.Tensor, code: tuple[int, ...], blocks: tuple[int, ...]) -> torch.Tensor:
    """The network written down literally: every edge, every operation, PyTorch's own layers."""
    functional = torch.nn.functional

    def norm(y: torch.Tensor) -> torch.Tensor:
        return functional.batch_norm(y, None, None, training=True)

    def cell(module: Any, x: torch.Tensor) -> torch.Tensor:
        nodes = [x]
        for target in (1, 2, 3):
            total = torch.zeros_like(x)
            for source in range(target):
                edge = target * (target - 1) // 2 + source
                op, block = code[edge], blocks[edge]
                if op == 1:
                    total = total + nodes[source]
                elif op == 2:
                    total = total + norm(functional.conv2d(nodes[source].relu(), module.conv_1x1[block]))
                elif op == 3:
                    total = total + norm(functional.conv2d(nodes[source].relu(), module.conv_3x3[block], padding=1))
                elif op == 4:
                    total = total + functional.avg_pool2d(nodes[source], 3, 1, 1, count_include_pad=False)
            nodes.append(total)
        return nodes[3]

    y = norm(functional.conv2d(x, network.stem, padding=1))
    for stage, [module] in enumerate(network.cells):  # type: ignore[misc]
        y = network.reductions[stage - 1](y) if stage else y
        y = cell(module, y)
    logits: torch.Tensor = network.classifier(norm(y).relu().mean((2, 3)))
    return logits


@pytest.mark.parametrize("blocks", [1, 3])
def test_outputs_equal_a_slow_reference(small_context: Make, close: Callable[..., Close], blocks: int) -> None:
    context = small_context(20)
    network = new_network(close(blocks=blocks), context).double()
    x = context.train_images.normalised(slice(0, 12)).double()
    rng = np.random.default_rng(1)
    for index in CELLS[:25]:
        code = tuple(index_to_code(np.array([index]))[0].tolist())
        chosen = tuple(rng.integers(blocks, size=6).tolist())
        torch.testing.assert_close(network(x, code, chosen), reference(network, x, code, chosen), rtol=1e-9, atol=1e-9)


def test_with_one_block_all_edges_share_and_isomorphic_cells_tie(
    small_context: Make, close: Callable[..., Close]
) -> None:
    scorer = trained(close(blocks=1), small_context(30))
    network = network_of(scorer)
    assert network.gate is None
    assert all(len(cell.conv_3x3) == len(cell.conv_1x1) == 1 for [cell] in network.cells)  # type: ignore[misc]
    # fewer than the 4,929 functional classes: a sum may be pooled before or after it is taken
    assert scorer.details["distinct_functions"] == 4659
    found = scorer.score(CELLS)["negative_loss"]
    classes = functional_classes()[CELLS]
    others = live_cells()[np.isin(functional_classes()[live_cells()], classes)]
    again = scorer.score(others)["negative_loss"]
    for number, value in zip(classes, found, strict=True):
        assert (again[functional_classes()[others] == number] == value).all()
    assert len(others) > len(CELLS)


def test_the_gradient_of_the_gate_is_that_of_the_sum_of_all_blocks(
    small_context: Make, close: Callable[..., Close]
) -> None:
    """As if the cell were the soft choices times all blocks' outputs, taken at the hard choice: by autograd itself."""
    context = small_context(20)
    network = new_network(close(blocks=3), context).double()
    x = context.train_images.normalised(slice(0, 12)).double()
    labels = context.train_images.labels[:12]
    code, blocks = (3, 2, 3, 1, 3, 2), (2, 0, 1, 0, 2, 1)
    soft = torch.rand(6, 3, dtype=torch.float64).softmax(1).requires_grad_()
    loss = torch.nn.functional.cross_entropy(network(x, code, blocks, soft), labels)
    weights = [w for [cell] in network.cells for w in (*cell.conv_1x1, *cell.conv_3x3)]  # type: ignore[misc]
    found = torch.autograd.grad(loss, [soft, *weights], allow_unused=True)

    hard = torch.nn.functional.one_hot(torch.tensor(blocks), 3).double().requires_grad_()

    def mixed(module: Any, y: torch.Tensor) -> torch.Tensor:
        nodes = [y]
        for target in (1, 2, 3):
            total = torch.zeros_like(y)
            for source in range(target):
                edge = target * (target - 1) // 2 + source
                if code[edge] == 1:
                    total = total + nodes[source]
                else:
                    outputs = [module.convolve(code[edge], block, nodes[source].relu()) for block in range(3)]
                    total = total + sum(hard[edge, block] * output for block, output in enumerate(outputs))
            nodes.append(total)
        return nodes[3]

    y = network.stem_output(x)
    for stage, [module] in enumerate(network.cells):  # type: ignore[misc]
        y = mixed(module, network.reductions[stage - 1](y) if stage else y)
    norm = torch.nn.functional.batch_norm(y, None, None, training=True)
    other = torch.nn.functional.cross_entropy(network.classifier(norm.relu().mean((2, 3))), labels)
    assert float(other.detach()) == pytest.approx(float(loss.detach()), rel=1e-9)
    expected = torch.autograd.grad(other, [hard, *weights], allow_unused=True)
    torch.testing.assert_close(found[0][[0, 1, 2, 4, 5]], expected[0][[0, 1, 2, 4, 5]], rtol=1e-7, atol=1e-10)
    assert (found[0][3] == 0).all()  # a skip connection tells the gate nothing
    assert found[0].abs().max() > 1e-4
    for own, theirs in zip(found[1:], expected[1:], strict=True):
        zero = torch.zeros(())
        torch.testing.assert_close(
            *((zero if g is None or not g.any() else g) for g in (own, theirs)), rtol=1e-7, atol=1e-10
        )


def stage_run(context: Context, strategy: Close, steps: int, **others: Any) -> CloseRun:
    starts = strategy.starts[: strategy.blocks]
    curriculum = replace(fitting(10**6, 20, starts, 0.0, True), steps=steps, starts=(0, 2, 4, 6)[: strategy.blocks])
    stage = Stage("supernet", context.space, steps * 20, samplers.build("uniform"))
    choice = Choice(5.0)
    return CloseRun(context, new_network(strategy, context), stage, curriculum, 0, choice, others.get("inherits", True))


@pytest.mark.parametrize("inherits", [True, False])
def test_a_new_block_adds_the_one_before_to_its_initial_weights(
    small_context: Make, close: Callable[..., Close], inherits: bool
) -> None:
    run = stage_run(small_context(50), close(blocks=2), 3, inherits=inherits)
    network, rate = run.network, []
    assert network.gate is not None
    initial = {name: weight.clone() for name, weight in network.state_dict().items()}
    for _ in range(2):
        run.advance(1, run_progress)
        rate.append(network.state_dict()["cells.0.0.conv_3x3.1"].clone())
    assert all(torch.equal(weight, initial["cells.0.0.conv_3x3.1"]) for weight in rate)  # not active yet
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    seen: dict[str, torch.Tensor] = {}
    handle = network.register_forward_pre_hook(
        lambda module, _: seen.update({name: weight.clone() for name, weight in module.state_dict().items()})
    )
    run.advance(1, run_progress)
    handle.remove()
    for cell in range(3):
        for kernel in ("conv_1x1", "conv_3x3"):
            name = f"cells.{cell}.0.{kernel}"
            added = before[f"{name}.0"] if inherits else torch.zeros(())
            torch.testing.assert_close(seen[f"{name}.1"], before[f"{name}.1"] + added, rtol=0, atol=0)
            assert torch.equal(seen[f"{name}.0"], before[f"{name}.0"])
    for name in ("gate.last.weight", "gate.last.bias"):
        added = before[name][0] if inherits else torch.zeros(())
        assert torch.equal(seen[name][1], before[name][1] + added)
        assert torch.equal(seen[name][0], before[name][0])


class _Progress:
    def advance(self, amount: float) -> None:
        pass


run_progress: Any = _Progress()


def test_the_learning_rate_starts_again_once(
    small_context: Make, close: Callable[..., Close], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD,
        "step",
        lambda self, *a, **k: (rates.append(self.param_groups[0]["lr"]), step(self, *a, **k))[1],
    )
    scorer = trained(close(), small_context(100))
    rises = [number for number, (one, other) in enumerate(pairwise(rates), 1) if other > one]
    assert rises == [scorer.details["restart_at_step"]] == [scorer.details["blocks_from_step"][2]]
    assert rates[0] == rates[rises[0]] == 0.05


def test_the_gate_learns_and_its_choices_differ(small_context: Make, close: Callable[..., Close]) -> None:
    context = small_context(300)
    strategy = close()
    before = {name: weight.clone() for name, weight in new_network(strategy, context).state_dict().items()}
    scorer = trained(strategy, context)
    after = network_of(scorer).state_dict()
    moved = [
        name for name, weight in before.items() if name.startswith("gate") and not torch.equal(weight, after[name])
    ]
    assert {name.split(".")[1] for name in moved} == {"operations", "input", "hidden", "graph", "mlp", "last"}
    shares = np.array(scorer.details["share_of_blocks_by_edge"])
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-3)
    assert ((scorer.block_AE >= 0) & (scorer.block_AE < 4)).all()
    np.testing.assert_array_equal(scorer.block_AE, scorer.block_AE[live_cell_of()])  # the gate sees the live cell


def test_fixed_blocks_are_those_of_the_axes(small_context: Make, close: Callable[..., Close]) -> None:
    scorer = trained(close(gate="random"), small_context(40))
    assert network_of(scorer).gate is None
    keys = derive_rng("some", 0, "blocks of edges").random((15625, 6, 4), dtype=np.float32)
    np.testing.assert_array_equal(scorer.block_AE, keys.argmax(2)[live_cell_of()])
    assert np.bincount(scorer.block_AE[live_cells()].ravel(), minlength=4) / (6 * 9445) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("options", [{}, {"blocks": 2}, {"gate": "random"}], ids=str)
def test_scores_are_those_of_the_network_with_the_settled_blocks(
    small_context: Make, close: Callable[..., Close], options: dict[str, Any]
) -> None:
    context = small_context(80)
    scorer = trained(close(**options), context)
    network = network_of(scorer)
    network.eval()
    found = scorer.score(CELLS)
    images, labels = context.scoring_images.normalised(slice(0, 30)), context.scoring_images.labels
    with torch.inference_mode():
        for cell, loss, accuracy in zip(CELLS, found["negative_loss"], found["accuracy"], strict=True):
            code = tuple(index_to_code(np.array([cell]))[0].tolist())
            logits = network(images, code, tuple(scorer.block_AE[cell].tolist()))
            assert -float(torch.nn.functional.cross_entropy(logits, labels)) == pytest.approx(loss, abs=1e-4)
            assert 100 * float((logits.argmax(1) == labels).double().mean()) == pytest.approx(accuracy, abs=4)


def test_recalibration_and_bfloat16(small_context: Make, close: Callable[..., Close]) -> None:
    context = small_context(80)
    plain = trained(close(), context)
    batch = context.train_images.normalised(slice(0, 40))
    first = plain.score(CELLS)["negative_loss"]
    second = replace(plain, context=replace(context, calibration=(batch,))).score(CELLS)["negative_loss"]
    half = trained(close(), small_context(80, precision="bfloat16")).score(CELLS)["negative_loss"]
    for other in (second, half):
        assert np.isfinite(other).all()
        assert (other != first).all()


def test_the_same_axes_give_the_same_bits(small_context: Make, close: Callable[..., Close]) -> None:
    first, second = (close().train(small_context(60)).score(CELLS) for _ in range(2))
    other = close().train(replace(small_context(60), seed_axes=("some", 1))).score(CELLS)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
        assert (values != other[name]).any()


@pytest.mark.parametrize("options", [{}, {"gate": "random", "sampler": {"name": "balanced", "form": "multi"}}], ids=str)
@pytest.mark.parametrize("killed_at", [1, 320, 920])
def test_a_killed_training_ends_with_the_same_bits(
    resumes: Callable[..., None], close: Callable[..., Close], options: dict[str, Any], killed_at: int
) -> None:
    # 75 steps with a checkpoint every 5: the last two kills come just behind steps 15 and 45, where blocks join
    resumes(close(**options), 120, killed_at)


def test_a_killed_scoring_goes_on(
    small_context: Make, close: Callable[..., Close], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "CELLS_A_CHUNK", 20)
    expected = close().train(small_context(60)).score(CELLS)
    kept = Checkpoints(tmp_path, "unit")
    scorer = close().train(small_context(60, checkpoints=kept))
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
    found = close().train(small_context(60, checkpoints=kept)).score(CELLS)
    assert runs == [20, 20, 20, 20]  # the third twice, the first two once
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"blocks": 0}, "blocks must be from 1 to 4"),
        ({"blocks": 5}, "give starts a fraction for each block"),
        ({"starts": [0.1, 0.2, 0.4, 0.6]}, "starts must ascend from 0"),
        ({"starts": [0, 0.4, 0.2, 0.6]}, "starts must ascend from 0"),
        ({"restart": 1.0}, "restart must be at least 0"),
        ({"temperature": 0}, "temperature must be above 0"),
        ({"gate": "none"}, "'learnt' or 'random'"),
        ({"gate_shape": {"graph_layers": []}}, "one graph layer"),
        ({"gate_shape": {"dropout": 1}}, "dropout must be"),
        ({"sampler": "fairest"}, "did you mean fair"),
        ({"blokcs": 1}, "did you mean blocks"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        strategies.create("close", options)
    assert "\n" not in str(raised.value)
