"""How other projects write the architectures of this space, and what to do about those that compute the same.

| who | writes | operations 0..4 | edges, in order |
|---|---|---|---|
| NATS-Bench, NAS-Bench-201 | ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`` | by name | 0-1, 0-2, 1-2, 0-3, 1-3, 2-3 |
| HW-NAS-Bench | the same strings and the same benchmark index | by name | the same |
| this harness (codes) | six digits in base 5 | none, skip, 1x1, 3x3, pool | the same |
| NASLib | a tuple such as ``(4, 0, 3, 1, 4, 3)`` | skip, none, 3x3, 1x1, pool | 0-1, 0-2, **0-3, 1-2**, 1-3, 2-3 |

Sources: ``convert_op_indices_to_str`` in automl/NASLib (naslib/search_spaces/nasbench201/conversions.py, nodes counted
from 1 there); ``query_by_index`` and ``get_net_config`` in GATECH-EIC/HW-NAS-Bench. A tuple of NASLib read as a code of
ours, or the reverse, is a valid but different architecture: nothing but its name tells them apart. Beware too that
NASLib's values called cifar10 are those of the networks trained on 25,000 images (``cifar10_valid`` here).
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, HarnessError, UsageError
from nasbench_harness.space import (
    EDGES,
    N_EDGES,
    N_OPERATIONS,
    OPERATIONS,
    code_to_index,
    functional_classes,
    index_to_code,
    parse_architecture,
    reference_classes,
)
from nasbench_harness.truth.policy import TruthPolicy
from nasbench_harness.truth.table import TruthTable

NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
NASLIB_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))

AS_IS, CLASS_MEAN, REFERENCE_CLASS_MEAN = "as is", "class mean", "reference class mean"
ISOMORPHISM_POLICIES = (AS_IS, CLASS_MEAN, REFERENCE_CLASS_MEAN)

IntArray = npt.NDArray[np.int64]

_OUR_NUMBER = np.array([OPERATIONS.index(operation) for operation in NASLIB_OPERATIONS])  # of NASLib's operations
_THEIR_NUMBER = np.array([NASLIB_OPERATIONS.index(operation) for operation in OPERATIONS])
_THEIR_EDGE = [NASLIB_EDGES.index(edge) for edge in EDGES]  # where NASLib writes each of our edges
_OUR_EDGE = [EDGES.index(edge) for edge in NASLIB_EDGES]
_NUMBERS = re.compile(r"\s*(?:\((.*)\)|\[(.*)\]|([^()\[\]]*))\s*", re.DOTALL)


def from_naslib(operations: npt.ArrayLike) -> IntArray:
    """Our index of NASLib's operation numbers: int64 ``[...]`` for ``[..., 6]``; ``UsageError`` for anything else."""
    their_E = np.asarray(operations)
    code_to_index(their_E)  # checks shape and range, which both conventions share
    return code_to_index(_OUR_NUMBER[their_E][..., _THEIR_EDGE])


def to_naslib(index: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """NASLib's operation numbers of our indices: uint8 ``[..., 6]``; ``UsageError`` outside 0..15624."""
    return _THEIR_NUMBER[index_to_code(index)][..., _OUR_EDGE].astype(np.uint8)


def parse_naslib(text: str, error: type[HarnessError] = UsageError) -> int:
    """Our index of NASLib's six numbers, with or without brackets; raises ``error`` naming the text and its fault."""
    match = _NUMBERS.fullmatch(text)
    inner = next((group for group in match.groups() if group is not None), "") if match else ""
    numbers = [number for number in re.split(r"[,\s]+", inner) if number]
    if len(numbers) != N_EDGES or not all(re.fullmatch(r"[0-4]", number) for number in numbers):
        raise error(
            f"not an architecture of NASLib: {text!r}; expected {N_EDGES} operation numbers "
            f"0..{N_OPERATIONS - 1} like (4, 0, 3, 1, 4, 3)"
        )
    return int(from_naslib([int(number) for number in numbers]))


def format_naslib(index: int) -> str:
    """NASLib's tuple of an architecture as text, ``(4, 0, 3, 1, 4, 3)``; ``UsageError`` outside 0..15624."""
    return str(tuple(to_naslib(index).tolist()))


def parse_any(text: str, error: type[HarnessError] = UsageError) -> int:
    """Our index of an architecture in any convention that its text alone tells apart.

    A tuple in parentheses is NASLib's; all others write the benchmark's string. A bare list in square brackets could be
    anyone's and is refused. Raises ``error`` naming the text and its fault.
    """
    stripped = text.strip()
    if stripped.startswith("("):
        return parse_naslib(stripped, error)
    if stripped.startswith("["):
        raise error(
            f"{text!r} does not say whose operation numbers it lists; write the string |op~0|+..., or NASLib's tuple "
            "in parentheses, or put NASLib's numbers in a column `naslib`"
        )
    return parse_architecture(text, error)


def apply_isomorphism(table: TruthTable, policy: str) -> TruthTable:
    """The table under a policy for architectures that compute the same cell; its metadata says which.

    ``as is``: unchanged. ``class mean``: every accuracy becomes the mean over the members of its functional class
    (4,930 classes, ``space.functional_classes``). ``reference class mean``: over the benchmark's own classes (6,466,
    ``space.reference_classes(collapse_zero=True)``). Members of a class were trained separately and their accuracies
    differ by noise (and by weights that do nothing), so the mean is the better estimate of what the cell can do; ties
    between members are the price. Only accuracy columns change: parameters and latency do differ within a class.
    Missing values stay missing and have no part in a mean. Raises ``UsageError`` for an unknown policy, ``DataError``
    for a table that is under another one.
    """
    if policy not in ISOMORPHISM_POLICIES:
        raise UsageError(f"no isomorphism policy '{policy}'; choose one of: {', '.join(ISOMORPHISM_POLICIES)}")
    already = table.meta.get("isomorphism_policy", {"policy": AS_IS})
    if already["policy"] not in (AS_IS, policy):
        raise DataError(
            f"truth table '{table.name}' is already under the isomorphism policy '{already['policy']}'; "
            "start from the table as it was imported"
        )
    if policy == already["policy"]:
        return replace(table, meta={**table.meta, "isomorphism_policy": already})
    class_A = functional_classes() if policy == CLASS_MEAN else reference_classes(collapse_zero=True)
    changed = [column for column in table.columns if TruthPolicy.parse(column) is not None]
    columns = {
        name: _class_means(values, class_A) if name in changed else values for name, values in table.columns.items()
    }
    facts = {
        "policy": policy,
        "classes": int(class_A.max()) + 1,
        "columns": changed,
        "sha256_as_is": table.sha256,
    }
    return replace(table, columns=columns, meta={**table.meta, "isomorphism_policy": facts})


def _class_means(value_A: npt.NDArray[np.float64], class_A: IntArray) -> npt.NDArray[np.float64]:
    """Each value replaced by the mean of its class; missing values stay and do not count."""
    known = ~np.isnan(value_A)
    sums = np.bincount(class_A[known], weights=value_A[known], minlength=class_A.max() + 1)
    counts = np.bincount(class_A[known], minlength=class_A.max() + 1)
    means = sums / np.maximum(counts, 1)
    return np.where(known, means[class_A], np.nan)
