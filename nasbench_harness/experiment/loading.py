"""Where experiments come from: presets and TOML files, changed by overrides, validated with errors in one line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment.description import Experiment
from nasbench_harness.experiment.grid import expand
from nasbench_harness.plugins import load_file
from nasbench_harness.registry import near_names, shown
from nasbench_harness.system.reading import parse_toml, read_text, why

MOST_SEEDS = 10_000
"""Seeds that one range may name: more is a slip of the finger."""


def preset_names() -> list[str]:
    """Experiments that ship with the package."""
    folder = resources.files("nasbench_harness.experiment") / "presets"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


_GONE = {
    "cifar10-cpu": "it ranked below a count of FLOPs; take cifar10-fast, or for the settings of its stored records "
    "results/cifar10-cpu/experiment.toml of the repository",
}
"""What to take in the place of presets of earlier versions, and why."""

_MOST = 1 << 24  # bytes of an experiment's file

Overrides = Sequence[str] | Mapping[str, object]
"""Changes of single settings: texts such as ``budget.epochs=2``, or a mapping such as ``{"budget.epochs": 2}``."""


def load_experiment(source: str | Path, overrides: Overrides = ()) -> Experiment:
    """The experiment of a preset or a TOML file that has no grid over shared settings; see ``load_experiments``."""
    experiments = load_experiments(source, overrides)
    if len(experiments) > 1:
        raise UsageError(
            f"{source} is a grid of {len(experiments)} experiments ({', '.join(list(experiments)[:5])}, ...); "
            "load_experiments gives them all"
        )
    return next(iter(experiments.values()))


def load_experiments(source: str | Path, overrides: Overrides = ()) -> dict[str, Experiment]:
    """Experiments from a preset's name or a TOML file, changed by overrides such as ``budget.epochs=2``.

    ``overrides``: texts of that form, whose values are read as TOML, or a mapping ``{"budget.epochs": 2}``.

    Keys name the points of the file's ``[grid]`` over shared settings; a file without one gives a single experiment
    under the empty name. Raises ``UsageError`` for an unknown preset, a file that is not TOML, a plug-in that cannot be
    loaded, an unknown key or an impossible value.
    """
    source = str(source)
    values = _read(source)
    texts = [overrides] if isinstance(overrides, str) else overrides
    for key, value in texts.items() if isinstance(texts, Mapping) else map(_parsed, texts):
        _change(values, key, value)
    plugins = values.get("plugins", [])
    try:
        for file in filter(lambda file: isinstance(file, str), plugins if isinstance(plugins, list) else []):
            load_file(Path(file))  # before the grid, which asks strategies for their options
        points = expand(values)
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from error
    return {point.name: _validated(point.values, f"{source} {point.name}".strip()) for point in points}


def _read(source: str) -> dict[str, Any]:
    """The file's values; plug-in files are named relative to it, those of overrides to the working folder."""
    folder = Path()
    if source.endswith(".toml") or "/" in source:
        path = Path(source)
        folder = path.parent
        if not os.path.isfile(path):
            raise UsageError(f"no experiment file {source}; give a TOML file or a preset: {', '.join(preset_names())}")
        try:
            text = read_text(path, _MOST)
        except OSError as error:
            raise UsageError(f"cannot read {source}: {why(error)}; give a TOML file") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{source} is not a text file in UTF-8 ({error.reason}); give a TOML file") from error
    elif source in preset_names():
        text = (resources.files("nasbench_harness.experiment") / "presets" / f"{source}.toml").read_text()
    elif source in _GONE:
        raise UsageError(f"the preset {source} is gone: {_GONE[source]}")
    else:
        raise UsageError(f"unknown preset {source!r}; {near_names(source, preset_names())}, or give a TOML file")
    try:
        values = parse_toml(text)
    except ValueError as error:
        raise UsageError(f"{source} is not valid TOML: {why(error)}") from error
    if isinstance(values.get("plugins"), list):
        values["plugins"] = [str(folder / file) if isinstance(file, str) else file for file in values["plugins"]]
    return values


def _validated(values: dict[str, Any], source: str) -> Experiment:
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UsageError(f"{source}: unknown setting {where!r}; {_hint(first['loc'])}") from error
        found = "" if first["type"] == "missing" else f", found {shown(first['input'])}"
        raise UsageError(f"{source}: {where}: {first['msg'].removeprefix('Value error, ')}{found}") from error
    if not experiment.strategies or not experiment.seeds:
        raise UsageError(f"{source}: an experiment needs at least one strategy and one seed")
    for name, section in experiment.strategies.items():
        try:
            strategy = section.create()
        except UsageError as error:
            raise UsageError(f"{source}: strategies.{name}: {error}") from error
        known = ["accuracy", "negative_loss", *strategy.extra_signals]
        if experiment.scoring.signal not in known:
            found = f"scoring.signal {experiment.scoring.signal!r} is none of strategy {name!r}"
            raise UsageError(f"{source}: {found}; {near_names(experiment.scoring.signal, known)}")
    return experiment


def _hint(location: tuple[int | str, ...]) -> str:
    """Names that the innermost known section does have."""
    section: type[BaseModel] = Experiment
    for part in location[:-1]:
        field = section.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        section = field.annotation
    return near_names(str(location[-1]), list(section.model_fields))


def _parsed(override: str) -> tuple[str, Any]:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UsageError(f"override {override!r} is not of the form section.key=value, such as budget.epochs=2")
    try:
        return key, parse_toml(f"value = {text}")["value"]
    except ValueError:
        return key, text


def _change(values: dict[str, Any], key: str, value: object) -> None:
    *sections, last = key.split(".")
    inner = values
    for section in sections:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UsageError(f"override of {key}: {section!r} is a value, not a section")
    inner[last] = value


def select_strategies(experiment: Experiment, names: list[str] | tuple[str, ...]) -> Experiment:
    """The experiment with only the named strategies; ``all`` keeps every one."""
    if not names or list(names) == ["all"]:
        return experiment
    for name in names:
        if name not in experiment.strategies:
            known = list(experiment.strategies)
            raise UsageError(f"experiment {experiment.name!r} has no strategy {name!r}; {near_names(name, known)}")
    return experiment.model_copy(update={"strategies": {name: experiment.strategies[name] for name in names}})


def with_seeds(experiment: Experiment, seeds: list[str]) -> Experiment:
    """The experiment with other seeds, given as text: numbers, or ranges with both ends, such as ``3`` and ``0..9``.

    None given leaves it as it is.
    """
    if not seeds:
        return experiment
    found: dict[int, None] = {}
    for text in seeds:
        first, dots, last = text.partition("..")
        ends = (first, last) if dots else (first, first)
        if not all(end.isascii() and end.isdecimal() and len(end) < 10 for end in ends) or int(ends[0]) > int(ends[1]):
            raise UsageError(
                "seeds are whole numbers from 0, or ranges such as 0..9, separated by commas, "
                f"found {','.join(seeds)!r}"
            )
        if int(ends[1]) - int(ends[0]) >= MOST_SEEDS:
            raise UsageError(f"seeds {text}: more than {MOST_SEEDS:,} at once")
        found.update(dict.fromkeys(range(int(ends[0]), int(ends[1]) + 1)))
    return experiment.model_copy(update={"seeds": tuple(found)})
