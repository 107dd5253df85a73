"""Sets of architectures: boxes (allowed operations on each edge) and predicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.space.architecture import (
    N_ARCHITECTURES,
    N_EDGES,
    N_OPERATIONS,
    all_codes,
    checked_indices,
    format_architecture,
    frozen,
)
from nasbench_harness.space.live import connected


@dataclass(frozen=True, eq=False)
class Subspace:
    """A set of architectures under a name.

    `members`: sorted distinct indices, int64 [size], read-only. `mask_EO`: bool [6, 5], the operations allowed on each
    edge if the set is exactly that box, otherwise None. A subspace may be empty; drawing from an empty one is an error.
    """

    name: str
    members: npt.NDArray[np.int64]
    mask_EO: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        members = checked_indices(self.members)
        if members.ndim != 1 or (np.diff(members) <= 0).any():
            raise UsageError(f"members of subspace {self.name!r} must be sorted and distinct: use Subspace.where")
        object.__setattr__(self, "members", frozen(members.copy()))
        if self.mask_EO is not None:
            mask_EO = _checked_mask(self.mask_EO, self.name)
            if not np.array_equal(members, np.flatnonzero(_in_box(mask_EO))):
                raise UsageError(f"members of subspace {self.name!r} are not the box of its mask: use Subspace.box")
            object.__setattr__(self, "mask_EO", frozen(mask_EO))

    @classmethod
    def full(cls, name: str = "full") -> Subspace:
        """All 15,625 architectures."""
        return cls.box(np.ones((N_EDGES, N_OPERATIONS), dtype=np.bool_), name)

    @classmethod
    def box(cls, mask_EO: npt.ArrayLike, name: str) -> Subspace:
        """The architectures whose operation on every edge is allowed by `mask_EO` (bool [6, 5], rows = edges)."""
        checked_EO = _checked_mask(mask_EO, name)
        return cls(name, np.flatnonzero(_in_box(checked_EO)), checked_EO)

    @classmethod
    def where(cls, mask_A: npt.ArrayLike, name: str) -> Subspace:
        """The architectures marked in `mask_A`, bool [15625]."""
        marked_A = np.asarray(mask_A)
        if marked_A.shape != (N_ARCHITECTURES,) or marked_A.dtype != np.bool_:
            found = f"{marked_A.dtype} {marked_A.shape}"
            raise UsageError(f"subspace {name!r} needs a bool mask of {N_ARCHITECTURES} rows, found {found}")
        return cls(name, np.flatnonzero(marked_A))

    @property
    def size(self) -> int:
        """Number of architectures."""
        return int(self.members.size)

    @cached_property
    def mask_A(self) -> npt.NDArray[np.bool_]:
        """bool [15625]: membership of every architecture; read-only."""
        mask_A = np.zeros(N_ARCHITECTURES, dtype=np.bool_)
        mask_A[self.members] = True
        return frozen(mask_A)

    @cached_property
    def used_EO(self) -> npt.NDArray[np.bool_]:
        """bool [6, 5]: the operations that occur on each edge, so the smallest box around the set; read-only."""
        code_ME = all_codes()[self.members]
        return frozen((code_ME[:, :, None] == np.arange(N_OPERATIONS)).any(axis=0))

    @cached_property
    def _connected_members(self) -> npt.NDArray[np.int64]:
        return frozen(self.members[connected()[self.members]])

    def contains(self, index: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each index belongs to the set: bool of the same shape."""
        return np.asarray(self.mask_A[checked_indices(index)])

    def connected(self) -> Subspace:
        """The members that have a path from input to output; the same object if all have one."""
        if self._connected_members.size == self.size:
            return self
        return Subspace(f"{self.name} (connected)", self._connected_members)

    def intersect(self, other: Subspace, name: str) -> Subspace:
        """The common members; two boxes give a box."""
        if self.mask_EO is not None and other.mask_EO is not None:
            return Subspace.box(self.mask_EO & other.mask_EO, name)
        return Subspace.where(self.mask_A & other.mask_A, name)

    def sample(self, n: int, rng: np.random.Generator, connected: bool = True) -> npt.NDArray[np.int64]:
        """Draw n members uniformly with replacement, int64 [n]; without a path only if `connected=False`.

        Raises `UsageError` when there is nothing to draw from.
        """
        candidates = self._connected_members if connected else self.members
        if candidates.size == 0:
            kind = "connected architecture" if connected else "architecture"
            raise UsageError(f"subspace {self.name!r} of size {self.size} holds no {kind} to draw: widen it")
        return candidates[rng.integers(candidates.size, size=n)]


def route(leaves: Sequence[Subspace]) -> npt.NDArray[np.int64]:
    """Number of the leaf that holds each architecture, int64 [15625], -1 outside; `RunError` if two leaves overlap."""
    leaf_A = np.full(N_ARCHITECTURES, -1, dtype=np.int64)
    for number, leaf in enumerate(leaves):
        taken = leaf.members[leaf_A[leaf.members] >= 0]
        if taken.size:
            first = leaves[leaf_A[taken[0]]]
            raise RunError(
                f"leaves {first.name!r} and {leaf.name!r} overlap in {_named(taken)}: "
                "a partition needs every architecture in one leaf only"
            )
        leaf_A[leaf.members] = number
    return leaf_A


def check_cover(parent: Subspace, leaves: Sequence[Subspace]) -> None:
    """Check that the leaves are non-empty, disjoint and together exactly the parent; `RunError` names the fault."""
    for leaf in leaves:
        if leaf.size == 0:
            raise RunError(f"empty leaf {leaf.name!r} in the partition of {parent.name!r}: leave it out")
    inside_A = route(leaves) >= 0
    missing = np.flatnonzero(parent.mask_A & ~inside_A)
    if missing.size:
        raise RunError(
            f"gap in the partition of {parent.name!r}: no leaf holds {_named(missing)}; leaves must cover it"
        )
    strangers = np.flatnonzero(inside_A & ~parent.mask_A)
    if strangers.size:
        raise RunError(f"leaves reach outside {parent.name!r} with {_named(strangers)}; intersect them with it")


def _named(indices: npt.NDArray[np.int64]) -> str:
    return f"{indices.size} architecture(s), first {format_architecture(int(indices[0]))} (index {indices[0]})"


def _checked_mask(mask_EO: npt.ArrayLike, name: str) -> npt.NDArray[np.bool_]:
    mask = np.asarray(mask_EO)
    if mask.shape != (N_EDGES, N_OPERATIONS) or mask.dtype != np.bool_:
        found = f"{mask.dtype} {mask.shape}"
        raise UsageError(f"box {name!r} needs a bool mask [{N_EDGES}, {N_OPERATIONS}] (edge, operation), found {found}")
    return mask.copy()


def _in_box(mask_EO: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    code_AE = all_codes()
    allowed_A = np.ones(N_ARCHITECTURES, dtype=np.bool_)
    for edge in range(N_EDGES):
        allowed_A &= mask_EO[edge][code_AE[:, edge]]
    return allowed_A
