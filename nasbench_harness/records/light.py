"""Records without what no table shows, so that a hundred thousand of them fit into memory.

Losses and curves are most of a record. What many records of a run have in common (settings, truth, environment,
references) is kept once.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, TypeVar

from nasbench_harness.records.schema import Record

_Value = TypeVar("_Value")


def light(record: Record, like: Record | None = None) -> Record:
    """The record with empty ``training``, ``top_k_curve``, ``leaves`` and analysis of leaves.

    What remains is as it was. ``like``: a light record, of which equal parts are taken in place of the record's own.
    """
    slim = replace(
        record,
        top_k_curve={},
        leaves=[],
        analysis={**record.analysis, "leaves": {}},
        training={},
        metrics=_interned(record.metrics),
        digests={},
    )
    if like is None:
        return slim
    return replace(
        slim,
        experiment={name: _one(like.experiment.get(name), value) for name, value in slim.experiment.items()},
        experiment_name=like.experiment_name if slim.experiment_name == like.experiment_name else slim.experiment_name,
        references=_one(like.references, slim.references),
        truth=_one(like.truth, slim.truth),
        environment=_one(like.environment, slim.environment),
        analysis=_one(like.analysis, slim.analysis),
    )


def _one(kept: object, value: _Value) -> _Value:
    """``kept`` where it is the same, so that ``value`` can go."""
    return kept if isinstance(kept, type(value)) and kept == value else value


def _interned(value: Any) -> Any:
    """The same with one string for all equal keys: parsers make new ones for every file."""
    return {sys.intern(key): _interned(one) for key, one in value.items()} if isinstance(value, dict) else value
