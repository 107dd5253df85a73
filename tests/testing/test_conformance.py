"""Built-in parts keep the promises that authors are held to, and each check notices a part that breaks its promise."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from nasbench_harness.catalogue import families
from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners import Partitioner, Probe, partitioners
from nasbench_harness.registry import Registry
from nasbench_harness.space import Subspace, all_codes, connected
from nasbench_harness.strategies import Context, Leaf, Scorer, Strategy, strategies
from nasbench_harness.testing import (
    FakeProbe,
    PartitionerConformance,
    SamplerConformance,
    StrategyConformance,
    check_part,
)
from nasbench_harness.testing.common import COMMON
from nasbench_harness.testing.conformance import CHECKS
from nasbench_harness.testing.outcome import Outcome, Subject, run_checks
from nasbench_harness.testing.partitioner_checks import PARTITIONER_CHECKS
from nasbench_harness.testing.sampler_checks import SAMPLER_CHECKS
from nasbench_harness.testing.strategy_checks import STRATEGY_CHECKS, states_its_status
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.samplers import Sampler, UniformSampler, samplers

pytestmark = pytest.mark.slow
NEEDED = {"few-shot": {"partitioner": "random"}}
"""Options without a default."""


class TestSingleEdge(PartitionerConformance):
    """The way authors use it."""

    part = "single-edge"


class TestUniform(SamplerConformance):
    """A sampler by its name."""

    part = "uniform"


class TestFewShot(StrategyConformance):
    """A strategy with options."""

    part: ClassVar[dict[str, Any]] = {"name": "few-shot", "partitioner": {"name": "random", "leaves": 2}}


@pytest.mark.parametrize(
    ("family", "name"), [*(("partitioners", name) for name in partitioners), *(("samplers", name) for name in samplers)]
)
def test_built_in_parts_conform(family: str, name: str) -> None:
    failed = [outcome for outcome in check_part(family, name) if not outcome.passed]
    assert not failed


@pytest.mark.parametrize("name", list(strategies))
def test_built_in_strategies_conform_before_they_are_trained(name: str) -> None:
    """Training them all takes minutes; the tests of each strategy do that with options of its own."""
    subject = Subject(strategies, {"name": name, **NEEDED.get(name, {})})
    outcomes = list(run_checks((*COMMON, states_its_status), subject))
    assert not [outcome for outcome in outcomes if not outcome.passed]


@pytest.mark.parametrize("base", [PartitionerConformance, SamplerConformance, StrategyConformance])
def test_the_classes_hold_a_test_for_each_check_and_let_authors_replace_them(base: type) -> None:
    family = base.family  # type: ignore[attr-defined]
    tests = {name for name in dir(base) if name.startswith("test_")}
    assert tests == {f"test_{check.__name__}" for check in CHECKS[family]}

    class Own(base):  # type: ignore[misc]
        test_has_a_summary = None

    assert Own.test_has_a_summary is None
    assert Own.test_the_seed_decides is base.test_the_seed_decides  # type: ignore[attr-defined]


def test_a_failing_check_fails_the_test_of_the_class() -> None:
    class Broken(PartitionerConformance):
        part = "random"

        test_copies_of_cells_fit: Any

    with pytest.raises(UsageError, match="unknown partitioner 'rndom'"):
        type("Unknown", (PartitionerConformance,), {"part": "rndom"})().test_has_a_summary()
    Broken().test_copies_of_cells_fit()


def test_families_without_checks_unknown_names_and_options_are_refused() -> None:
    for family, part, said in [
        ("predictors", "flops", "no checks for 'predictors'"),
        ("partitioners", "rndom", "did you mean random"),
        ("partitioners", {"name": "random", "leafs": 2}, "did you mean leaves"),
    ]:
        with pytest.raises(UsageError, match=said):
            check_part(family, part)


def test_the_fake_probe_answers_alike_and_counts() -> None:
    probe, other = FakeProbe(), FakeProbe()
    box = Subspace.box(np.array([[True] * 5, *[[False, True, False, True, True]] * 5]), "box")
    np.testing.assert_array_equal(probe.validation_score(np.arange(50)), other.validation_score(np.arange(50)))
    distances = probe.gradient_distances(box, 2, 7, np.random.default_rng(0))
    np.testing.assert_array_equal(distances, distances.T)
    assert (np.diag(distances) == 0).all()
    assert (distances[0] == 0).all()
    assert distances[1, 3] > 0
    assert (probe.scored, probe.passes) == (50, 21)


class Whole(Partitioner):
    """A partitioner to spoil: the whole subspace."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        return [subspace]


def halves(subspace: Subspace, first_A: npt.NDArray[np.bool_], names: tuple[str, str] = ("a", "b")) -> list[Subspace]:
    parts = zip((first_A, ~first_A), names, strict=True)
    return [leaf for mask_A, name in parts if (leaf := subspace.intersect(Subspace.where(mask_A, name), name)).size]


@dataclass(frozen=True)
class Gap(Whole):
    """Leaves some out."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        return [Subspace("most", subspace.members[1:])]


@dataclass(frozen=True)
class Overlap(Whole):
    """Holds some twice."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        return [subspace, Subspace("again", subspace.members[:1])]


@dataclass(frozen=True)
class SameNames(Whole):
    """Calls both leaves the same."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        return halves(subspace, all_codes()[:, 0] == 1, ("a", "a"))


@dataclass(frozen=True)
class Untrainable(Whole):
    """Has a leaf without any path."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        return halves(subspace, connected())


@dataclass(frozen=True)
class Unseeded(Whole):
    """Draws from the global generator."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        return halves(subspace, np.random.random(15625) < 0.5)  # noqa: NPY002


@dataclass(frozen=True)
class ByHash(Whole):
    """Depends on the process."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        return halves(subspace, np.random.default_rng(os.getpid()).random(15625) < 0.5)


@dataclass(frozen=True)
class Asking(Whole):
    """Asks more than it announces."""

    @property
    def needs_probe(self) -> bool:
        return True

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        assert probe is not None
        probe.gradient_distances(subspace, 0, 3, rng)
        return [subspace]


@dataclass(frozen=True)
class Biased(Subspace):
    """A subspace that prefers its first members."""

    def sample(self, n: int, rng: np.random.Generator, connected: bool = True) -> npt.NDArray[np.int64]:
        return np.minimum(super().sample(n, rng), super().sample(n, rng))


@dataclass(frozen=True)
class BiasedLeaf(Whole):
    """Hands out a leaf that does not draw uniformly."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        return [Biased(subspace.name, subspace.members, subspace.mask_EO)]


@dataclass(frozen=True)
class WrongCopies(Whole):
    """Names copies of two cells whatever there are."""

    def cell_copies(self, leaf: Subspace, cell_count: int) -> tuple[int, ...]:
        return (0, 1)


@dataclass(frozen=True)
class Forgetful(Whole):
    """Its option does not come back from JSON as it was."""

    edges: frozenset[int] = frozenset({1})


@dataclass
class Changeable(Whole):
    """Not frozen."""


@dataclass(frozen=True)
class Undescribed(Whole):
    pass


def examined(checks: Any, member: type, **options: Any) -> list[Outcome]:
    family: Registry[Any] = Registry("part")
    family.register("mine")(member)
    return list(run_checks(checks, Subject(family, {"name": "mine", **options})))


@pytest.mark.parametrize(
    ("member", "check", "said"),
    [
        (Gap, "routing is total and disjoint", "no leaf holds"),
        (Overlap, "routing is total and disjoint", "overlap"),
        (SameNames, "names tell leaves apart", "not distinct: a, a"),
        (Untrainable, "every leaf can be trained", "no architecture with a path from input to output in b"),
        (Unseeded, "the seed decides", "draw from the generator"),
        (ByHash, "survives the way to a worker", "another process finds other leaves"),
        (Asking, "asks what it announces", "asks for 15 gradient passes, and gradient_passes says 0"),
        (BiasedLeaf, "sampling is uniform on each leaf", "not uniform"),
        (WrongCopies, "copies of cells fit", r"for 3 cells gives \[\(0, 1\)\]"),
        (Forgetful, "options make the round trip", "frozenset|JSON"),
        (Changeable, "has a summary", "not a frozen dataclass"),
        (Undescribed, "has a summary", "no docstring"),
    ],
)
def test_a_broken_promise_of_a_partitioner_is_found(member: type, check: str, said: str) -> None:
    found = {outcome.check: outcome for outcome in examined(PARTITIONER_CHECKS, member)}
    assert not found[check].passed
    assert re.search(said, found[check].reason)
    assert "\n" not in found[check].reason
    assert sum(outcome.passed for outcome in found.values()) >= len(PARTITIONER_CHECKS) // 2


def test_a_part_that_cannot_be_pickled_is_told_so() -> None:
    @dataclass(frozen=True)
    class Local(Whole):
        """Lives in a function."""

    found = {outcome.check: outcome for outcome in examined(PARTITIONER_CHECKS, Local)}
    assert "cannot be pickled" in found["survives the way to a worker"].reason


@dataclass(frozen=True)
class Spoilt(Sampler):
    """A sampler that breaks the promise ``how``."""

    how: str = ""

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        drawn = UniformSampler().draw(subspace, steps, rng)
        spoilt: dict[str, Callable[[], npt.NDArray[np.int64]]] = {
            "flat": lambda: drawn[:, 0],
            "pathless": lambda: np.where(np.arange(steps)[:, None] == 3, np.flatnonzero(~connected())[0], drawn),
            "narrow": lambda: np.full_like(drawn, drawn[0, 0]),
            "unseeded": lambda: UniformSampler().draw(subspace, steps, np.random.default_rng()),
            "constant": lambda: UniformSampler().draw(subspace, steps, np.random.default_rng(0)),
        }
        return spoilt[self.how]()


@pytest.mark.parametrize(
    ("how", "check", "said"),
    [
        ("flat", "draws have the shape they say", "expected integers (500, 1)"),
        ("pathless", "draws are connected members", "1 without a path"),
        ("narrow", "every operation is reached", "never drawn"),
        ("unseeded", "the seed decides", "same seed differ"),
        ("constant", "the seed decides", "two seeds give the same"),
    ],
)
def test_a_broken_promise_of_a_sampler_is_found(how: str, check: str, said: str) -> None:
    found = {outcome.check: outcome for outcome in examined(SAMPLER_CHECKS, Spoilt, how=how)}
    assert not found[check].passed
    assert said in found[check].reason


@dataclass(frozen=True)
class Cheat(Strategy):
    """A strategy that breaks the promise ``how``."""

    status: ClassVar[str] = "invention"

    how: str = ""

    def train(self, context: Context) -> Scorer:
        from dataclasses import replace

        from nasbench_harness.training.settings import Stage

        stage = Stage("all", context.space, context.budget.planned, UniformSampler())
        changes: dict[str, Callable[[], Context]] = {
            "off the meter": lambda: replace(context, budget=Budget(10**9)),
            "one seed": lambda: replace(context, seed_axes=("always",)),
            "unseeded": lambda: replace(context, seed_axes=(np.random.default_rng().random(),)),
            "lazy": lambda: context,
            "narrow": lambda: context,
        }
        if self.how == "lazy":
            stage = replace(stage, updates=stage.updates // 5)
        hers = changes[self.how]()
        network = hers.new_network("supernet")
        losses = (hers.train(network, stage),)
        space = Subspace.where(all_codes()[:, 0] > 0, "some") if self.how == "narrow" else context.space
        return Scorer((Leaf(space, network, 0),), losses, replace(context, seed_axes=hers.seed_axes))


@pytest.mark.parametrize(
    ("how", "check", "said"),
    [
        ("off the meter", "meters what it computes", "30 steps), 0 were charged"),
        ("one seed", "the seed decides", "the same scores"),
        ("unseeded", "survives the way to a worker", "scores otherwise"),
        ("lazy", "keeps to the budget", "are left unused"),
        ("narrow", "every architecture has a leaf", "belong to no leaf"),
    ],
)
def test_a_broken_promise_of_a_strategy_is_found(how: str, check: str, said: str) -> None:
    wanted = [one for one in STRATEGY_CHECKS if one.__name__ in (check.replace(" ", "_"), "states_its_status")]
    found = {outcome.check: outcome for outcome in examined(wanted, Cheat, how=how)}
    assert not found[check].passed
    assert said in found[check].reason
    assert "'invention'" in found["states its status"].reason


def test_every_family_that_has_checks_can_be_extended() -> None:
    assert set(CHECKS) <= set(families())
