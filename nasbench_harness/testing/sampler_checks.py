"""What a sampler promises."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.space import Subspace, connected
from nasbench_harness.testing.common import COMMON, example_spaces, only_the_seed_decides
from nasbench_harness.testing.outcome import PromiseError, Subject
from nasbench_harness.testing.worker import in_worker
from nasbench_harness.training.samplers import Sampler

STEPS = 500

IntArray = npt.NDArray[np.int64]


def draws_have_the_shape_they_say(subject: Subject) -> str | None:
    """Whole numbers ``[steps, per_step]``; a sampler may refuse spaces other than the whole."""
    sampler: Sampler = subject.build()
    refused = []
    for space in example_spaces():
        try:
            drawn = draw(sampler, space)
        except UsageError as error:
            if space.size == example_spaces()[0].size:
                raise
            refused.append(f"refuses {space.name}: {error}")
            continue
        expected = (STEPS, sampler.per_step(space))
        if drawn.shape != expected or drawn.dtype.kind != "i":
            raise PromiseError(
                f"{space.name}: draws are {drawn.dtype} {list(drawn.shape)}, expected integers {expected}"
            )
    return "; ".join(refused) or None


def draws_are_connected_members(subject: Subject) -> str | None:
    """Only members of the subspace, and only such as have a path from input to output."""
    for space, drawn in _drawn(subject):
        strangers, pathless = ~space.contains(drawn), ~connected()[drawn]
        if strangers.any() or pathless.any():
            raise PromiseError(f"{space.name}: {strangers.sum()} draws from outside, {pathless.sum()} without a path")
    return None


def every_operation_is_reached(subject: Subject) -> str | None:
    """What is never drawn is never trained: each operation that connected members use, on each edge."""
    for space, drawn in _drawn(subject):
        wanted = space.connected().used_EO
        missing = wanted & ~Subspace("drawn", np.unique(drawn)).used_EO
        if missing.any():
            raise PromiseError(f"{space.name}: {int(missing.sum())} operations of {int(wanted.sum())} are never drawn")
    return None


def the_seed_decides(subject: Subject) -> str | None:
    """The same generator gives the same draws, whatever the global generators did; another one gives others."""
    sampler = subject.build()
    if not only_the_seed_decides(lambda: draw(sampler)):
        raise PromiseError("two draws with the same seed differ; use the generator that draw is given")
    if np.array_equal(draw(sampler), draw(sampler, seed=1)):
        raise PromiseError("two seeds give the same draws; use the generator that draw is given")
    return None


def survives_the_way_to_a_worker(subject: Subject) -> str | None:
    """Pickled and used in another process it draws the same."""
    sampler = subject.build()
    if not np.array_equal(in_worker(draw, sampler), draw(sampler)):
        raise PromiseError("another process draws others; nothing may depend on hashes, time or global state")
    return None


SAMPLER_CHECKS = (
    *COMMON,
    draws_have_the_shape_they_say,
    draws_are_connected_members,
    every_operation_is_reached,
    the_seed_decides,
    survives_the_way_to_a_worker,
)


def draw(sampler: Sampler, space: Subspace | None = None, seed: int = 0) -> IntArray:
    """Draws ``[steps, per_step]`` from a space (default: the whole)."""
    return sampler.draw(space or Subspace.full(), STEPS, np.random.default_rng(seed))


def _drawn(subject: Subject) -> list[tuple[Subspace, IntArray]]:
    sampler, found = subject.build(), []
    for space in example_spaces():
        try:
            found.append((space, draw(sampler, space)))
        except UsageError:
            continue  # the first check tells of refusals
    return found
