"""What parts of every family promise: to be described, to take their options and no others."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.space import Subspace, all_codes, nonlinearity_count
from nasbench_harness.testing.outcome import PromiseError, Subject

UNKNOWN = "an_option_that_no_part_has"


def has_a_summary(subject: Subject) -> str | None:
    """A frozen dataclass whose docstring begins with the line that ``ls`` shows."""
    member = subject.family[subject.name]
    if not dataclasses.is_dataclass(member) or not member.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise PromiseError(f"{member.__name__} is not a frozen dataclass of its options")
    text = member.__doc__ or ""
    if not text.strip() or text.startswith(f"{member.__name__}("):  # what dataclasses write where there is none
        raise PromiseError(f"{member.__name__} has no docstring; its first line is shown by `ls`")
    return None


def options_make_the_round_trip(subject: Subject) -> str | None:
    """All options as JSON build an equal part with equal options."""
    table = canonical_options(subject)
    again = json.loads(json.dumps(table, allow_nan=False))
    rebuilt = subject.family.create(subject.name, again)
    if canonical_options(dataclasses.replace(subject, part={**again, "name": subject.name})) != again:
        raise PromiseError(f"its options {table} come back from JSON as {rebuilt}")
    return None


def refuses_unknown_options(subject: Subject) -> str | None:
    """An option that it does not have is an error, not ignored."""
    given = {} if isinstance(subject.part, str) else {k: v for k, v in subject.part.items() if k != "name"}
    try:
        subject.family.create(subject.name, {**given, UNKNOWN: 1})
    except UsageError:
        return None
    raise PromiseError(f"it takes an option {UNKNOWN!r}")


def canonical_options(subject: Subject) -> dict[str, Any]:
    """Every option with its value, as plain JSON."""
    built = subject.build()
    own: Callable[[], dict[str, Any]] = getattr(built, "canonical", lambda: dataclasses.asdict(built))
    options: dict[str, Any] = json.loads(json.dumps(own()))
    return options


def only_the_seed_decides(values: Callable[[], np.ndarray]) -> bool:
    """Whether ``values`` gives the same again, whatever the global generators did in between."""
    first = values()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the legacy generator is what must not matter
    return np.array_equal(first, values())


COMMON = (has_a_summary, options_make_the_round_trip, refuses_unknown_options)


def example_spaces() -> list[Subspace]:
    """The whole space first, then a box and a set that is no box."""
    mask_EO = np.ones((6, 5), dtype=bool)
    mask_EO[0, 0] = mask_EO[3, 2] = mask_EO[5, 4] = False
    odd_A = (all_codes().sum(1) % 2 == 1) | (nonlinearity_count() == 2)
    return [Subspace.full(), Subspace.box(mask_EO, "a box"), Subspace.where(odd_A, "no box")]
