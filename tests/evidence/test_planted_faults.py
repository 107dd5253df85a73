"""Faults planted in real runs, and which tier catches each; what is no fault passes.

Every fault is looked at twice: where machine and engine are those of the baseline, so that any changed bit counts, and
where bits cannot be equal: without the C kernels, and with rounding that has grown by the time that the leaves begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import nasbench_harness as nh
from nasbench_harness import pipeline
from nasbench_harness.errors import HarnessError
from nasbench_harness.evidence import Pair, Verdict, exact, read_side, structural
from nasbench_harness.native.build import DISABLED
from nasbench_harness.native.kernels import _loaded
from nasbench_harness.partitioners import partitioners
from nasbench_harness.partitioners.random import RandomPartition
from nasbench_harness.space import Subspace, live_cell_of
from nasbench_harness.strategies import Context, Scorer
from nasbench_harness.strategies.few_shot import strategy as few_shot
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.testing.outcome import Subject, run_checks
from nasbench_harness.testing.partitioner_checks import routing_is_total_and_disjoint
from nasbench_harness.testing.sampler_checks import draws_are_connected_members
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.native_steps import NativeSteps
from nasbench_harness.training.samplers import UniformSampler, samplers
from nasbench_harness.training.settings import Stage
from nasbench_harness.training.stage_run import StageRun
from nasbench_harness.training.unsampled import WeightUpdates
from tests import tiny

pytestmark = pytest.mark.slow

EXPERIMENT = (
    tiny.runnable("architectures = 60")
    + '[strategies.few]\nkind = "few-shot"\npartitioner = { name = "random", leaves = 3 }\nparent_fraction = 0.5\n'
)
Patch = pytest.MonkeyPatch


def leaf_table_wrong(patch: Patch) -> None:
    """Architectures are routed to the leaf after theirs."""
    right = Scorer.leaf_A.fget  # type: ignore[attr-defined]
    patch.setattr(Scorer, "leaf_A", property(lambda scorer: (right(scorer) + 1) % len(scorer.leaves)))


def cover_broken(patch: Patch) -> None:
    """The last leaf loses ten architectures, and nobody checks the cover."""
    split = RandomPartition.split

    def broken(self: RandomPartition, *arguments: Any) -> list[Subspace]:
        *first, last = split(self, *arguments)
        return [*first, Subspace(last.name, last.members[10:])]

    patch.setattr(RandomPartition, "split", broken)
    patch.setattr(few_shot, "check_cover", lambda *_: None)


def sampler_ignores_leaf(patch: Patch) -> None:
    """Leaves are trained on architectures of the whole space."""
    draw = UniformSampler.draw
    patch.setattr(UniformSampler, "draw", lambda self, _, steps, rng: draw(self, Subspace.full(), steps, rng))


def inheritance_dropped(patch: Patch) -> None:
    """Leaves begin with new weights in place of the parent's."""
    patch.setattr(few_shot, "copy", SimpleNamespace(deepcopy=lambda network: Supernet(network.shape)))


def scores_swapped(patch: Patch) -> None:
    """The networks of the first two leaves score each other's architectures."""
    score = Scorer.scores_by_network

    def swapped(self: Scorer, jobs: Sequence[tuple[Supernet, np.ndarray]]) -> list[dict[str, np.ndarray]]:
        one, other, *rest = jobs
        return score(self, [(other[0], one[1]), (one[0], other[1]), *rest])

    patch.setattr(Scorer, "scores_by_network", swapped)


def budget_overspent(patch: Patch) -> None:
    """Leaves train for two steps more than their share, and the meter does not stop them."""
    steps, spend = Stage.steps, Budget.spend

    def unlimited(self: Budget, updates: int, forwards: int = 0) -> None:
        planned, self.planned = self.planned, 10**9
        spend(self, updates, forwards)
        self.planned = planned

    patch.setattr(Stage, "steps", lambda self, batches: steps(self, batches) + 2 * self.name.startswith("leaf"))
    patch.setattr(Budget, "spend", unlimited)


def seed_ignored(patch: Patch) -> None:
    """All draws derive from seed 0."""
    context = pipeline._context
    patch.setattr(pipeline, "_context", lambda *given: replace(context(*given), seed_axes=("few", 0)))


def rate_halved(patch: Patch) -> None:
    """Leaves train with half the learning rate."""
    train = Context.train_in_parallel
    patch.setattr(
        Context,
        "train_in_parallel",
        lambda self, stages: train(self, [(network, replace(stage, rate_scale=0.5)) for network, stage in stages]),
    )


def gradients_lost(patch: Patch) -> None:
    """The 3 x 3 convolution on one edge is never trained."""
    step = WeightUpdates.step
    begin = StageRun.begin_turn
    lost: set[torch.Tensor] = set()

    def begun(self: StageRun) -> None:
        begin(self)
        lost.update(weight for name, weight in self.network.named_parameters() if name.endswith("conv_3x3.3"))

    patch.setattr(NativeSteps, "of", lambda run: None)  # steps in C do not pass by here

    def stepped(self: WeightUpdates, rate: float) -> None:
        for weight in lost:
            weight.grad = None
        step(self, rate)

    patch.setattr(StageRun, "begin_turn", begun)
    patch.setattr(WeightUpdates, "step", stepped)


@dataclass(frozen=True)
class Caught:
    """By which tier a fault is caught, and what it says; ``elsewhere``: where bits cannot be equal."""

    tier: str
    words: str
    elsewhere: str = ""
    seeds: tuple[int, ...] = (0,)


SAME_MACHINE = "scores differ although machine and engine are the same"
FAULTS: dict[Callable[[Patch], None], Caught] = {
    leaf_table_wrong: Caught("exact", SAME_MACHINE, "leaves differ"),
    cover_broken: Caught("structural", "its leaves hold 15,615 architectures instead of 15,625"),
    sampler_ignores_leaf: Caught("exact", SAME_MACHINE, "drew other architectures or images"),
    inheritance_dropped: Caught("exact", SAME_MACHINE, "began with other weights than stages left"),
    scores_swapped: Caught("exact", SAME_MACHINE, "leaves are scored by others' networks"),
    budget_overspent: Caught("structural", "spent 1,100 architecture-updates of 1,000"),
    seed_ignored: Caught("structural", "seeds 0 and 1 have the same scores", seeds=(0, 1)),
    rate_halved: Caught("exact", SAME_MACHINE, "the learning rates of its first steps differ"),
    gradients_lost: Caught("exact", SAME_MACHINE, "a step moves the weights of conv_3x3.3 by 0"),
}


@contextmanager
def another_machine() -> Iterator[None]:
    """Without the C kernels, and the parent's weights end as far off as rounding takes those of a long training."""
    begin = StageRun.begin_step

    def grown(self: StageRun) -> None:
        begin(self)
        if self.stage.name == "parent" and self.done == 12:
            generator = torch.Generator().manual_seed(1)
            with torch.no_grad():
                for weight in self.network.parameters():
                    weight.mul_(1 + 0.02 * torch.randn(weight.shape, generator=generator))

    with Patch.context() as patch:
        patch.setattr(StageRun, "begin_step", grown)
        with without_kernels():
            yield


@contextmanager
def without_kernels() -> Iterator[None]:
    with Patch.context() as patch:
        patch.setenv(DISABLED, "0")
        _loaded.cache_clear()
        yield
    _loaded.cache_clear()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planted") / "tiny.toml"
    path.write_text(EXPERIMENT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def baseline(file: Path) -> Path:
    return trained(file, "baseline")


def trained(file: Path, name: str, seeds: tuple[int, ...] = (0,), threads: int = 1) -> Path:
    out = file.parent / name
    nh.run_experiment(file, out, seeds=seeds, threads=threads, progress=None)
    return out


def said(candidate: Path, baseline: Path) -> tuple[str, str]:
    """Tier and what it says; of a fault that is found no verdict is given by the exact tier, only a note."""
    [one], [other] = (read_side(folder, "kendall_tau", None).samples for folder in (candidate, baseline))
    for tier in (structural, exact):
        found = tier(Pair(one, other))
        if isinstance(found, Verdict):
            return found.tier, found.reason if found.tier == "structural" else found.word
        if found:
            return "exact", found
    return "", ""


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_caught(plant: Callable[[Patch], None], file: Path, baseline: Path) -> None:
    expected = FAULTS[plant]
    with Patch.context() as patch:
        plant(patch)
        here = trained(file, plant.__name__, expected.seeds)
    tier, words = said(here, baseline)
    assert tier == expected.tier
    assert expected.words in words
    if expected.elsewhere:
        with Patch.context() as patch, another_machine():
            plant(patch)
            there = trained(file, f"{plant.__name__} elsewhere", expected.seeds)
        tier, words = said(there, baseline)
        assert words.startswith("not identical: ")
        assert expected.elsewhere in words


def rewritten(patch: Patch) -> None:
    """No fault: the same partition and the same draws, computed in another way."""

    def split(self: RandomPartition, subspace: Subspace, probe: Any, rng: np.random.Generator) -> list[Subspace]:
        cells = sorted(set(live_cell_of()[subspace.members].tolist()))
        dealt = rng.permutation(cells).tolist()
        inside = set(subspace.members.tolist())
        leaves = []
        for leaf in range(self.leaves):
            own = set(dealt[leaf :: self.leaves])
            held = [index for index, cell in enumerate(live_cell_of().tolist()) if cell in own and index in inside]
            leaves.append(Subspace(f"random {leaf}", np.array(held)))
        return leaves

    def draw(self: UniformSampler, subspace: Subspace, steps: int, rng: np.random.Generator) -> np.ndarray:
        trainable = subspace.connected().members
        return trainable[rng.integers(0, trainable.size, steps)].reshape(steps, 1)

    patch.setattr(RandomPartition, "split", split)
    patch.setattr(UniformSampler, "draw", draw)


def test_an_equivalent_rewrite_is_identical(file: Path, baseline: Path) -> None:
    with Patch.context() as patch:
        rewritten(patch)
        assert said(trained(file, "rewritten"), baseline) == ("exact", "identical")


def test_other_kernels_are_identical_up_to_rounding(file: Path) -> None:
    """With 24 images, which kernels take whose vectors hold 8 and whose hold 16: torch runs 20 where they hold 16."""
    filled = file.with_name("filled.toml")
    filled.write_text(EXPERIMENT.replace("batch_size = 20", "batch_size = 24"), encoding="utf-8")
    here = trained(filled, "with kernels")
    with without_kernels():
        there = trained(filled, "without kernels")
    assert said(there, here) == ("exact", "identical up to rounding")
    assert not np.array_equal(losses(there), losses(here))


def test_where_rounding_has_grown_end_scores_differ_like_those_of_another_seed(file: Path, baseline: Path) -> None:
    with another_machine():
        there = trained(file, "elsewhere")
    assert said(there, baseline) == ("exact", "identical up to rounding")
    assert np.abs(losses(there) - losses(baseline)).max() > 0.05


def test_another_number_of_threads_is_identical_up_to_rounding(file: Path) -> None:
    """Few steps: two threads are slow where another process has the second core."""
    short = file.with_name("short.toml")
    text = EXPERIMENT.replace("updates = 1000", "updates = 120").replace("architectures = 60", "architectures = 12")
    short.write_text(text, encoding="utf-8")
    threads = torch.get_num_threads()
    with without_kernels():
        one = trained(short, "one thread")
        other = trained(short, "two threads", threads=2)
    torch.set_num_threads(threads)
    assert said(other, one) == ("exact", "identical up to rounding")


def losses(folder: Path) -> np.ndarray:
    scores: np.ndarray = nh.read_run(folder).scores()["negative_loss"].to_numpy()
    return scores


def test_the_checks_of_a_part_find_its_faults_without_training() -> None:
    for plant, family, name, check in (
        (cover_broken, partitioners, "random", routing_is_total_and_disjoint),
        (sampler_ignores_leaf, samplers, "uniform", draws_are_connected_members),
    ):
        with Patch.context() as patch:
            plant(patch)
            [outcome] = run_checks([check], Subject(family, name))
        assert not outcome.passed, plant.__name__


def test_the_meter_and_the_check_of_the_cover_stop_a_run(file: Path) -> None:
    for plant, guard, words in (
        (cover_broken, (few_shot, "check_cover", few_shot.check_cover), "no leaf holds 10"),
        (budget_overspent, (Budget, "spend", Budget.spend), "exceeded"),
    ):
        with Patch.context() as patch:
            plant(patch)
            patch.setattr(*guard)
            with pytest.raises(HarnessError, match=words):
                trained(file, f"stopped {plant.__name__}")
