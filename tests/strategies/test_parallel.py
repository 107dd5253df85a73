"""Independent parts in several processes: the numbers of one process, its budget, its errors, its checkpoints."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.plugins import load_file
from nasbench_harness.space import connected_live_cells
from nasbench_harness.strategies import Close, Context, FewShot, HmNas, Measurement, PadNas, Strategy, TreeFewShot, base
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.clock import Clock
from nasbench_harness.training.samplers import UniformSampler
from nasbench_harness.training.settings import Stage
from tests.kills import KilledAt, KilledError

CELLS = connected_live_cells()
Make = Callable[..., Context]


class Counting(Silent):
    """Adds up each phase."""

    def __init__(self) -> None:
        self.phases: list[list[Any]] = []

    def start(self, phase: str, total: float, unit: str) -> None:
        self.phases.append([phase, total, 0.0])

    def advance(self, amount: float) -> None:
        self.phases[-1][2] += amount


@dataclass(frozen=True)
class Deadly(UniformSampler):
    """Ends the process that draws, unless that is the first one."""

    def draw(self, *arguments: Any) -> Any:
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().draw(*arguments)


def outcome(strategy: Strategy, context: Context, every: int = 16) -> dict[str, Any]:
    scorer = strategy.train(context)
    scores = scorer.score(CELLS[::every])
    weights = [w.detach().numpy().tobytes() for leaf in scorer.leaves for w in leaf.network.state_dict().values()]
    layouts = [w.stride() for leaf in scorer.leaves for w in leaf.network.state_dict().values()]
    return {
        "scores": {name: values.tobytes() for name, values in scores.items()},
        "weights": weights,
        "layouts": layouts,
        "losses": scorer.losses,
        "forwards": context.budget.forwards,
        "updates": [leaf.updates for leaf in scorer.leaves],
        "details": scorer.details,
    }


@pytest.mark.parametrize(
    ("strategy", "steps"),
    [
        (FewShot("single-edge", sampler="balanced", parent_fraction=0.3), 60),
        (TreeFewShot("random-edge", restart="none"), 60),
        (HmNas(), 400),
        (Close(), 120),
        (PadNas(population=4, generations=2, images=10, paired=5), 90),
    ],
    ids=["few-shot", "tree", "hm-nas", "close", "pad-nas"],
)
def test_several_processes_give_the_numbers_of_one(
    small_context: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: Strategy, steps: int
) -> None:
    monkeypatch.setattr(base, "CELLS_A_CHUNK", 300)  # so that scoring has parts too
    kept = Checkpoints(tmp_path, "unit")
    assert outcome(strategy, small_context(steps, checkpoints=kept, processes=2)) == outcome(
        strategy, small_context(steps)
    )


def stages_of(context: Context, sampler: Any = None) -> list[Any]:
    return [
        (context.new_network(name), Stage(name, context.space, 30 * 20, sampler or UniformSampler()))
        for name in ("one", "two", "three")
    ]


def test_what_is_trained_apart_is_trained_elsewhere_and_only_once(
    small_context: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = small_context(90, checkpoints=Checkpoints(tmp_path, "unit", Clock(tmp_path, "unit")), processes=2)
    context = replace(context, progress=Counting())
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: pytest.fail("trained here"))
    curves = context.train_in_parallel(stages_of(context))
    assert [curve.stage for curve in curves] == ["one", "two", "three"]
    assert context.budget.used == context.budget.planned
    assert isinstance(context.progress, Counting)
    assert context.progress.phases == [["3 sub-supernets", 1800, 1800]]
    context = replace(context, budget=small_context(90).budget)
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: pytest.fail("a process to find it done"))
    assert context.train_in_parallel(stages_of(context)) == curves
    assert context.budget.used == context.budget.planned


def test_without_a_folder_to_hand_over_there_is_one_process(small_context: Make, monkeypatch: Any) -> None:
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: pytest.fail("a process"))
    context = small_context(90, processes=2)
    assert len(context.train_in_parallel(stages_of(context))) == 3


def test_the_death_of_a_process_is_an_error_of_the_unit(small_context: Make, tmp_path: Path) -> None:
    context = small_context(90, checkpoints=Checkpoints(tmp_path, "unit"), processes=2)
    with pytest.raises(RunError, match="a process of the unit was ended by signal 9"):
        context.train_in_parallel(stages_of(context, Deadly()))


def test_parts_of_a_plug_in_file_reach_the_processes(small_context: Make, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from dataclasses import dataclass\nfrom nasbench_harness.training.samplers import UniformSampler\n"
        "@dataclass(frozen=True)\nclass Mine(UniformSampler):\n    pass\n"
    )
    plugin = load_file(file)
    [mine] = [kind for kind in UniformSampler.__subclasses__() if kind.__name__ == "Mine"]
    kept = Checkpoints(tmp_path / "kept", "unit")
    plugins = ((plugin.path, plugin.sha256),)
    context = small_context(90, checkpoints=kept, processes=2, plugins=plugins)
    plain = small_context(90)
    assert context.train_in_parallel(stages_of(context, mine())) == plain.train_in_parallel(stages_of(plain))


@dataclass(frozen=True)
class Told:
    """Costs forward passes, tells of its work, and gives its number."""

    number: int

    def __call__(self, context: Context) -> dict[str, np.ndarray]:
        context.budget.spend(0, self.number)
        context.progress.advance(1)
        return {"number": np.array([self.number, os.getpid()])}


@pytest.mark.parametrize("processes", [1, 2])
def test_measurements_keep_their_order_cost_and_amount(small_context: Make, tmp_path: Path, processes: int) -> None:
    context = small_context(10, checkpoints=Checkpoints(tmp_path, "unit"), processes=processes)
    context = replace(context, progress=Counting())
    context.progress.start("measuring", 10, "things")
    first = context.measure_in_parallel([Measurement("0", Told(0), 2)])
    found = context.measure_in_parallel([Measurement(str(number), Told(number), 2) for number in range(5)])
    assert [values["number"][0] for values in found] == [0, 1, 2, 3, 4]
    assert first[0]["number"][1] == os.getpid()
    assert len({values["number"][1] for values in found[1:]}) == processes
    assert context.budget.forwards == 10
    assert isinstance(context.progress, Counting)
    assert context.progress.phases == [["measuring", 10, 2 + 10]]


def test_what_cannot_be_sent_is_told_with_a_remedy(small_context: Make, tmp_path: Path) -> None:
    context = small_context(10, checkpoints=Checkpoints(tmp_path, "unit"), processes=2)
    local = [Measurement(name, lambda context: {}) for name in ("a", "b")]
    with pytest.raises(UsageError, match=r"cannot be sent to another process .*--workers 1"):
        context.measure_in_parallel(local)


@pytest.mark.parametrize("killed_at", [1, 700])
def test_a_unit_killed_while_its_parts_run_ends_with_the_same_numbers(
    small_context: Make, tmp_path: Path, killed_at: float
) -> None:
    strategy = FewShot("single-edge")
    kept = Checkpoints(tmp_path, "unit")
    with pytest.raises(KilledError):
        strategy.train(replace(small_context(60, checkpoints=kept, processes=2), progress=KilledAt(killed_at)))
    if killed_at > 2 * 12 * 20:  # more than two of five leaves: one is done
        assert list(tmp_path.glob("training-of-leaf-*"))
    again = small_context(60, checkpoints=kept, processes=2)
    assert outcome(strategy, again, 80) == outcome(strategy, small_context(60), 80)


def test_the_clock_of_the_unit_is_kept_while_its_parts_run(
    small_context: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nasbench_harness.strategies.parallel.SECONDS_BETWEEN_CLOCKS", 0.0)
    clock = Clock(tmp_path, "unit")
    context = small_context(90, checkpoints=Checkpoints(tmp_path, "unit", clock), processes=2)
    context = replace(context, progress=KilledAt(1800))  # the end of the last part, so after a report of another
    with pytest.raises(KilledError), clock.timing("training_seconds"):
        context.train_in_parallel(stages_of(context))
    assert Clock(tmp_path, "unit").to_json()["training_seconds"] > 0
