"""A truth policy turns a table into one vector: which image set, which split, after how many epochs, which seeds.

Policies are addressed by column names, ``<image set>_<split>_<epochs>[_seed<k>|_halfA|_halfB]``: ``cifar10_test_200``
is the test accuracy after 200 epochs, mean over every seed that exists; ``cifar100_test_200_seed888`` is one seed; the
halves are means over two disjoint halves of the seeds. No seed is chosen at random and no value is filled in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth.order import benchmark_order
from nasbench_harness.truth.table import TruthTable

# number of classes of the image sets; a table can add others under meta["classes"]
CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet16_120": 120, "digits": 10}

_SPLIT = "(?:train|valid|test)"
_COLUMN = re.compile(
    rf"(?P<images>[a-z0-9]+(?:_[a-z0-9]+)*?)_(?P<split>{_SPLIT}(?:_{_SPLIT})*)_(?P<epochs>[0-9]+)"
    r"(?:_(?:seed(?P<seed>[0-9]+)|(?P<half>half[AB])))?"
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Truth:
    """One vector of true values, row for row with ``index_A``.

    ``accuracy_A``: float64 ``[n]``, percent (or the unit of a column that is not an accuracy), never NaN.
    ``index_A``: int64 ``[n]``, our indices in the benchmark's order, the fixed one in which top-k metrics resolve ties
    (it is shuffled: ties of a coarse score favour no operation). ``policy``: the column. ``table``, ``sha256``: origin.
    ``chance_accuracy``: percent right by guessing, or None where the number of classes is not known.
    """

    accuracy_A: FloatArray
    index_A: IntArray
    policy: str
    table: str
    sha256: str
    chance_accuracy: float | None

    @property
    def n(self) -> int:
        """Number of architectures with a value."""
        return len(self.accuracy_A)

    @property
    def best(self) -> float:
        """The highest value."""
        return float(self.accuracy_A.max())

    @property
    def vector(self) -> FloatArray:
        """The values by our index, float64 ``[15625]``, NaN where there is none; a new array."""
        vector = np.full(N_ARCHITECTURES, np.nan)
        vector[self.index_A] = self.accuracy_A
        return vector

    def among(self, index_N: npt.ArrayLike) -> Truth:
        """The values of those of the architectures ``index_N`` (our indices) that have one, in the same order.

        Raises ``DataError`` for fewer than two: there is nothing to rank.
        """
        inside_A = np.isin(self.index_A, index_N)
        if inside_A.sum() < 2:
            raise DataError(
                f"truth '{self.policy}' of {self.table} knows {int(inside_A.sum())} of the {np.size(index_N)} "
                "architectures to be ranked; at least 2 are needed"
            )
        return replace(self, accuracy_A=self.accuracy_A[inside_A], index_A=self.index_A[inside_A])

    def to_json(self) -> dict[str, Any]:
        """What a result says of the truth it was judged by; the values themselves are not part of it."""
        return {"table": self.table, "sha256": self.sha256, "policy": self.policy, "n": self.n, "best": self.best}


@dataclass(frozen=True)
class TruthPolicy:
    """The meaning of an accuracy column, read from its name; ``UsageError`` if the name does not follow the pattern.

    ``seeds`` is ``"mean"`` (every seed that exists), the number of one seed, or ``"halfA"`` / ``"halfB"``.
    """

    column: str
    image_set: str = field(init=False)
    split: str = field(init=False)
    epochs: int = field(init=False)
    seeds: str | int = field(init=False)

    def __post_init__(self) -> None:
        match = _COLUMN.fullmatch(self.column)
        if match is None:
            raise UsageError(
                f"'{self.column}' is not a truth policy; expected <image set>_<split>_<epochs>[_seed<k>], "
                "for instance cifar10_test_200"
            )
        seed = match["seed"]
        object.__setattr__(self, "image_set", match["images"])
        object.__setattr__(self, "split", match["split"])
        object.__setattr__(self, "epochs", int(match["epochs"]))
        object.__setattr__(self, "seeds", int(seed) if seed else match["half"] or "mean")

    @classmethod
    def parse(cls, column: str) -> TruthPolicy | None:
        """The policy that a column's name states, or None: the column is something else."""
        return cls(column) if _COLUMN.fullmatch(column) else None

    def apply(self, table: TruthTable) -> Truth:
        """The table's values under this policy; rows without one (declared partial) are left out, and n says so.

        Raises ``DataError`` when the table has no such column (naming near ones) or no value in it.
        """
        return truth_of(table, self.column)

    def to_json(self) -> dict[str, Any]:
        """The parts of the policy as a JSON object."""
        return {"image_set": self.image_set, "split": self.split, "epochs": self.epochs, "seeds": self.seeds}


def truth_of(table: TruthTable, column: str) -> Truth:
    """One column as the truth: an accuracy under its policy, or any other numeric column by its exact name.

    Raises ``DataError`` when the table has no such column (naming near ones) or no value in it.
    """
    values = table.column(column)
    index = benchmark_order()[~np.isnan(values)[benchmark_order()]]
    if not len(index):
        raise DataError(f"column '{column}' of truth table '{table.name}' holds no value; choose another column")
    return Truth(values[index], index, column, table.name, table.sha256, chance_of(table, column))


def chance_of(table: TruthTable, column: str) -> float | None:
    """Accuracy of guessing in percent, from the number of classes of the column's image set; None if not known."""
    policy = TruthPolicy.parse(column)
    if policy is None:
        return None
    declared = table.meta.get("classes")
    classes = CLASSES | declared if isinstance(declared, dict) else CLASSES
    number = classes.get(policy.image_set)
    return 100.0 / number if number else None
