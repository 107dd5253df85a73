"""What a partitioner promises."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import HarnessError, UsageError
from nasbench_harness.partitioners import Partitioner
from nasbench_harness.space import Subspace, check_cover, connected, live_cell_of, route
from nasbench_harness.testing.common import COMMON, example_spaces, only_the_seed_decides
from nasbench_harness.testing.outcome import PromiseError, Subject
from nasbench_harness.testing.probe import FakeProbe
from nasbench_harness.testing.worker import in_worker

DRAWS = 20_000
BINS = 50
IMPLAUSIBLE = 1e-6
"""A chi-square test this far out fails; the draws are seeded, so it fails always or never."""
CELL_COUNTS = (3, 6, 15)

IntArray = npt.NDArray[np.int64]


def routing_is_total_and_disjoint(subject: Subject) -> str | None:
    """Every architecture has one leaf, of the whole space and of smaller ones; those it may refuse to split."""
    refused = []
    for space in example_spaces():
        try:
            leaves = split(subject.build(), space)
        except UsageError as error:
            if space.size == example_spaces()[0].size:
                raise
            refused.append(f"refuses {space.name}: {error}")
            continue
        if not isinstance(leaves, list) or not all(isinstance(leaf, Subspace) for leaf in leaves):
            raise PromiseError(f"split gives {type(leaves).__name__}, expected a list of Subspace")
        try:
            check_cover(space, leaves)
        except HarnessError as error:
            raise PromiseError(str(error)) from error
    return "; ".join(refused) or f"{len(split(subject.build()))} leaves of the whole space"


def names_tell_leaves_apart(subject: Subject) -> str | None:
    """Records and checkpoints name leaves."""
    names = [leaf.name for leaf in split(subject.build())]
    if len(set(names)) != len(names) or "" in names:
        raise PromiseError(f"names of leaves are not distinct: {', '.join(names)}")
    return None


def every_leaf_can_be_trained(subject: Subject) -> str | None:
    """A leaf without an architecture that has a path has nothing to draw."""
    empty = [leaf.name for leaf in split(subject.build()) if not connected()[leaf.members].any()]
    if empty:
        raise PromiseError(
            f"no architecture with a path from input to output in {', '.join(empty)}; join it to another"
        )
    return None


def sampling_is_uniform_on_each_leaf(subject: Subject) -> str | None:
    """Chi-square of draws from each leaf against equal chances for its connected members."""
    from scipy.stats import chisquare

    rng = np.random.default_rng(0)
    for leaf in split(subject.build()):
        members = leaf.members[connected()[leaf.members]]
        drawn = leaf.sample(DRAWS, rng)
        place = np.searchsorted(members, drawn)
        if not np.array_equal(members[np.minimum(place, len(members) - 1)], drawn):
            raise PromiseError(f"leaf {leaf.name!r} draws what it does not hold, or what has no path")
        rank = np.arange(len(members))
        bins = min(BINS, len(members))
        for groups in (rank * bins // len(members), rank % bins):  # neighbours in a bin, and neighbours apart
            expected = np.bincount(groups) * DRAWS / len(members)
            p = float(chisquare(np.bincount(groups[place], minlength=bins), expected).pvalue) if bins > 1 else 1.0
            if p < IMPLAUSIBLE:
                raise PromiseError(f"draws from leaf {leaf.name!r} are not uniform (chi-square p = {p:.1e})")
    return None


def the_seed_decides(subject: Subject) -> str | None:
    """The same generator gives the same leaves, whatever the global generators did."""
    if not only_the_seed_decides(lambda: routes_of(subject.build())):
        raise PromiseError("two splits with the same seed differ; draw from the generator that split is given")
    return None


def survives_the_way_to_a_worker(subject: Subject) -> str | None:
    """Pickled and split in another process it gives the same leaves."""
    partitioner = subject.build()
    if not np.array_equal(in_worker(routes_of, partitioner), routes_of(partitioner)):
        raise PromiseError("another process finds other leaves; nothing may depend on hashes, time or global state")
    return None


def asks_what_it_announces(subject: Subject) -> str | None:
    """``needs_probe`` and ``gradient_passes`` are what strategies plan by: no question without them."""
    partitioner: Partitioner = subject.build()
    probe, space = FakeProbe(), Subspace.full()
    partitioner.split(space, probe, np.random.default_rng(0))
    if not partitioner.needs_probe and (probe.passes or probe.scored):
        raise PromiseError("it asks its probe, and needs_probe is False")
    planned = partitioner.gradient_passes(space)
    if probe.passes > planned:
        raise PromiseError(f"it asks for {probe.passes} gradient passes, and gradient_passes says {planned}")
    return f"{probe.passes} gradient passes" if partitioner.needs_probe else "needs no probe"


def dead_edges_are_accounted_for(subject: Subject) -> str | None:
    """Architectures with equal live edges score alike; a remark says how many lie in another leaf than their cell."""
    leaf_A = routes_of(subject.build())
    apart = int((leaf_A != leaf_A[live_cell_of()])[connected()].sum())
    if not apart:
        return "equal live edges, same leaf"
    return f"{apart:,} architectures lie in another leaf than their live cell, which scores them"


def copies_of_cells_fit(subject: Subject) -> str | None:
    """Cell copies, where leaves share a network: one number from 0 for each cell, for all leaves or for none."""
    partitioner: Partitioner = subject.build()
    leaves = split(partitioner)
    for count in CELL_COUNTS:
        copies = [partitioner.cell_copies(leaf, count) for leaf in leaves]
        shared = [copy for copy in copies if copy is not None]
        if shared and len(shared) < len(leaves):
            raise PromiseError("cell_copies gives None for some leaves only")
        if any(len(copy) != count or min(copy) < 0 for copy in shared):
            raise PromiseError(f"cell_copies for {count} cells gives {shared}")
    return None


PARTITIONER_CHECKS = (
    *COMMON,
    routing_is_total_and_disjoint,
    names_tell_leaves_apart,
    every_leaf_can_be_trained,
    sampling_is_uniform_on_each_leaf,
    the_seed_decides,
    survives_the_way_to_a_worker,
    asks_what_it_announces,
    dead_edges_are_accounted_for,
    copies_of_cells_fit,
)


def split(partitioner: Partitioner, space: Subspace | None = None) -> list[Subspace]:
    """Leaves of a space (default: the whole), with a fixed seed and a fake probe where one is needed."""
    probe = FakeProbe() if partitioner.needs_probe else None
    return partitioner.split(space or Subspace.full(), probe, np.random.default_rng(0))


def routes_of(partitioner: Partitioner) -> IntArray:
    """Leaf number of each architecture ``[15625]``."""
    return route(split(partitioner))
