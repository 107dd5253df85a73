"""The ``[grid]`` of an experiment file: lists of settings in, one description for each of their combinations out.

Options of strategies give more strategies in one experiment; settings that all strategies share give more experiments.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.registry import near_names
from nasbench_harness.strategies import strategies

SHARED = ("images", "network", "training", "budget", "scoring", "truth")
RULES = ("product", "zip")
MOST_COMBINATIONS = 1000


@dataclass(frozen=True)
class Point:
    """One experiment of a grid: the name of its folder (empty where the grid has just one), and its description."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class _Axis:
    """A setting by its path, and its values; ``of`` are the strategies it belongs to, none for a shared setting."""

    path: tuple[str, ...]
    values: list[Any]
    of: tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        """The values as text, equal for equal values."""
        return [json.dumps(value, sort_keys=True, default=str) for value in self.values]


def expand(values: Mapping[str, Any]) -> list[Point]:
    """The experiments that a description with a ``grid`` stands for; itself where it has none.

    ``rule`` "product" (default) combines every value with every other, "zip" takes the lists in step. Strategies are
    named by their values, ``few-random-balanced``, and points likewise, ``epochs-2``. Raises ``UsageError`` for an axis
    that fits nothing, an empty or repeated value, lists of unequal length under "zip", more than 1000 combinations.
    """
    base = copy.deepcopy(dict(values))
    grid = base.pop("grid", None)
    if grid is None:
        return [Point("", base)]
    if not isinstance(grid, dict):
        raise UsageError(f"grid: expected a table of lists, found {grid!r}")
    rule = grid.pop("rule", "product")
    if rule not in RULES:
        raise UsageError(f"grid.rule: expected {' or '.join(RULES)}, found {rule!r}")
    axes = list(_axes(grid, (), base))
    groups: dict[tuple[str, ...], list[tuple[int, ...]]] = {}
    for combination in _combinations(axes, rule):
        key = tuple(axis.texts[place] for axis, place in zip(axes, combination, strict=True) if not axis.of)
        groups.setdefault(key, []).append(combination)
    points = [_point(base, axes, combinations) for combinations in groups.values()]
    _check_names([point.name for point in points], "points")
    return points


def _axes(table: dict[str, Any], prefix: tuple[str, ...], base: dict[str, Any]) -> Iterator[_Axis]:
    for key, value in table.items():
        path = (*prefix, *key.split("."))
        where = f"grid.{'.'.join(path)}"
        if isinstance(value, dict):
            yield from _axes(value, path, base)
            continue
        if not isinstance(value, list) or not value:
            raise UsageError(f"{where}: expected a list of values, found {value!r}")
        if path[0] in SHARED:
            if len(path) < 2:
                raise UsageError(f"{where}: {key!r} is a section; name one of its settings, such as budget.epochs")
            yield _Axis(path, value, ())
        elif path[0] == "strategies":
            yield _of_one_strategy(path, value, where, base)
        else:
            yield _of_all_strategies(path, value, where, base)


def _of_one_strategy(path: tuple[str, ...], value: list[Any], where: str, base: dict[str, Any]) -> _Axis:
    known = list(_sections(base))
    if len(path) < 3:
        raise UsageError(f"{where}: expected strategies.NAME.option")
    if path[1] not in known:
        raise UsageError(f"{where}: the experiment has no strategy {path[1]!r}; {near_names(path[1], known)}")
    return _Axis(path[2:], value, (path[1],))


def _of_all_strategies(path: tuple[str, ...], value: list[Any], where: str, base: dict[str, Any]) -> _Axis:
    kinds = {name: section.get("kind") for name, section in _sections(base).items() if isinstance(section, dict)}
    options = {name: strategies.options(kind) for name, kind in kinds.items() if isinstance(kind, str)}
    having = tuple(name for name, known in options.items() if path[0] in known)
    if not having:
        known = sorted({*SHARED, *(option for names in options.values() for option in names)})
        raise UsageError(
            f"{where}: no strategy of the experiment has an option {path[0]!r}, and no section is called so; "
            f"{near_names(path[0], known)}"
        )
    return _Axis(path, value, having)


def _combinations(axes: list[_Axis], rule: str) -> list[tuple[int, ...]]:
    """Positions in the lists of all axes."""
    # in step a value may come again beside others, in a product its combinations would all be repeated
    texts = [axis.texts for axis in axes]
    groups: list[list[Any]] = [list(zip(*texts, strict=False))] if rule == "zip" else [list(text) for text in texts]
    for found in groups:
        repeated = next((one for one in found if found.count(one) > 1), None)
        if repeated is not None:
            told = repeated if isinstance(repeated, str) else ", ".join(repeated)
            raise UsageError(f"grid: {told} stands twice in a list; give each value once")
    lengths = [len(axis.values) for axis in axes]
    if rule == "zip":
        if len(set(lengths)) > 1:
            sizes = ", ".join(f"{'.'.join(axis.path)} {len(axis.values)}" for axis in axes)
            raise UsageError(f"grid: the rule zip takes lists in step, so of equal length, found {sizes}")
        return [(place,) * len(axes) for place in range(lengths[0] if lengths else 1)]
    if math.prod(lengths) > MOST_COMBINATIONS:
        raise UsageError(f"grid: {math.prod(lengths):,} combinations, at most {MOST_COMBINATIONS:,}; give fewer values")
    return list(itertools.product(*map(range, lengths)))


def _point(base: dict[str, Any], axes: list[_Axis], combinations: list[tuple[int, ...]]) -> Point:
    """The experiment of combinations that agree in all shared settings."""
    values = copy.deepcopy(base)
    labels = []
    for axis, place in zip(axes, combinations[0], strict=True):
        if not axis.of:
            _put(values, axis.path, axis.values[place])
            labels.append(_label(axis.path, axis.values[place]))
    expanded: list[tuple[str, Any]] = []
    for name, section in _sections(base).items():
        own = [number for number, axis in enumerate(axes) if name in axis.of]
        for places in dict.fromkeys(tuple(combination[n] for n in own) for combination in combinations):
            variant, words = copy.deepcopy(section), [name]
            for number, place in zip(own, places, strict=True):
                axis = axes[number]
                _put(variant, axis.path, axis.values[place])
                words.append(_label(axis.path, axis.values[place]))
            expanded.append(("-".join(words), variant))
    _check_names([name for name, _ in expanded], "strategies")
    if expanded:
        values["strategies"] = dict(expanded)
    return Point("-".join(labels), values)


def _sections(base: dict[str, Any]) -> dict[str, Any]:
    """The strategies of a description; what is no table of them is answered when it is validated."""
    sections = base.get("strategies")
    return sections if isinstance(sections, dict) else {}


def _put(table: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set a setting; a part that is given by its name alone becomes a table where an option of it is set."""
    for key in path[:-1]:
        inner = table.get(key, {})
        table[key] = {"name": inner} if isinstance(inner, str) else inner
        if not isinstance(table[key], dict):
            raise UsageError(f"grid.{'.'.join(path)}: {key!r} is a value, not a table")
        table = table[key]
    table[path[-1]] = copy.deepcopy(value)


def _label(path: tuple[str, ...], value: Any) -> str:
    """A value as part of a name: text as it is, anything else with what it is a value of."""
    if isinstance(value, str):
        words = [value]
    elif isinstance(value, dict):
        words = [str(value.get("name", path[-1]))]
        words += [f"{key}-{inner}" for key, inner in value.items() if key != "name"]
    else:
        words = [path[-1], json.dumps(value, default=str)]
    return re.sub(r"[^a-z0-9._-]+", "-", "-".join(words).lower()).strip("-.")


def _check_names(names: list[str], kind: str) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise UsageError(f"grid: two {kind} would be called {repeated!r}; choose values or names that differ in words")
