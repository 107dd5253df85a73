"""Stored values beside computed ones: every place once, numbers to nine digits, additions passed over."""

from __future__ import annotations

from typing import Any

import pytest

from nasbench_harness.evaluation.comparing import ABSENT, Compared, compared


def places(stored: Any, again: Any) -> list[str]:
    """Of the values that do not agree."""
    return [one.place for one in compared(stored, again) if not one.agrees]


@pytest.mark.parametrize(
    ("stored", "again", "differ"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2, "new": 0}], "c": 3}, []),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["a[1].b"]),
        ({"a": [1], "b": "x"}, {"a": [1, 2], "b": "y"}, ["a", "b"]),
        ({"a": 1}, {}, ["a"]),
        ({"intervals": {"x": [0, 1]}, "interval_method": "old"}, {"intervals": {}}, []),
        ({"a": None}, {"a": 0}, ["a"]),
        ((1.0, 2.0), [1.0, 2.0], []),
        ({"a": 0.5}, {"a": 0.5 + 1e-10}, []),
        ({"a": 0.5}, {"a": 0.5 + 1e-8}, ["a"]),
        ({"a": 1e12}, {"a": 1e12 + 1}, []),
    ],
)
def test_differences_are_named_by_their_place(stored: Any, again: Any, differ: list[str]) -> None:
    assert places(stored, again) == differ


def test_each_value_is_there_with_both_sides() -> None:
    assert list(compared({"b": [1, 2], "a": {"c": 3}}, {"b": [1, 5]}, "metrics")) == [
        Compared("metrics.b[0]", 1, 1),
        Compared("metrics.b[1]", 2, 5),
        Compared("metrics.a", {"c": 3}, ABSENT),
    ]
