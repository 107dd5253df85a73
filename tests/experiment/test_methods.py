"""Methods: every name that a preset gives a strategy is explained, and its settings are those of the preset."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.cli import main
from nasbench_harness.experiment import Experiment, load_experiments, preset_names
from nasbench_harness.experiment.methods import METHODS
from nasbench_harness.partitioners import partitioners
from nasbench_harness.registry import Registry
from nasbench_harness.strategies import strategies
from nasbench_harness.testing.strategy_checks import STATUSES
from nasbench_harness.training.samplers import samplers


def settings_of(name: str) -> dict[str, Any]:
    return dict(tomllib.loads(f"settings = {METHODS[name].settings}")["settings"])


@pytest.mark.parametrize("name", METHODS)
def test_a_method_can_be_built_and_says_what_it_is(name: str) -> None:
    options = settings_of(name)
    if options["kind"] == "pad-nas":
        options |= {"cost": "flops", "window": [60, 130]}
    strategies.create(options.pop("kind"), options)
    method = METHODS[name]
    assert method.status in STATUSES
    assert method.summary.endswith(".")
    assert method.source


def test_identities_of_methods_stay() -> None:
    """All options of every method as they were when its first results were stored: they are part of identities."""
    stored = json.loads((Path(__file__).parent / "canonical_methods.json").read_text())
    assert set(stored) == set(METHODS)
    for name in METHODS:
        options = settings_of(name)
        found = strategies.create(options.pop("kind"), options).canonical()
        assert json.loads(json.dumps(found)) == stored[name]


def test_no_two_methods_are_the_same() -> None:
    """Compared with all defaults spelled out; pad-nas needs a window and is the only one of its kind."""
    kinds = [settings_of(name)["kind"] for name in METHODS]
    assert kinds.count("pad-nas") == 1
    spelled = []
    for name in METHODS:
        options = settings_of(name)
        kind = options.pop("kind")
        if kind != "pad-nas":
            spelled.append((kind, strategies.create(kind, options).canonical()))
    assert all(one not in spelled[:place] for place, one in enumerate(spelled))


def first_of(preset: str) -> Experiment:
    """The experiment of a preset, or the first point of its grid."""
    return next(iter(load_experiments(preset).values()))


@pytest.mark.parametrize(
    ("preset", "strategy"),
    [(preset, strategy) for preset in preset_names() for strategy in first_of(preset).strategies],
)
def test_a_presets_strategy_is_the_method_of_its_name(preset: str, strategy: str) -> None:
    """A part has what makes the method what it is; a length, such as batches of a measurement, is the preset's."""
    found = first_of(preset).strategies[strategy].canonical()
    for option, value in settings_of(strategy).items():
        families: dict[str, Registry[Any]] = {"partitioner": partitioners, "sampler": samplers}
        if family := families.get(option):
            named = {"name": value} if isinstance(value, str) else value
            assert {key: found[option][key] for key in named} == {key: family.canonical(named)[key] for key in named}
        else:
            assert found[option] == value


@pytest.mark.parametrize("family", ["strategies", "methods"])
def test_the_command_line_lists_methods(family: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", family, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {family, "methods"}
    assert found["methods"]["random-routing"]["status"] == "control"
    assert "efs-accum-random" in found["methods"]["random-routing"]["settings"]
    assert main(["ls", family]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, method in METHODS.items():
        [line] = [line for line in lines if line.split()[:1] == [name] and method.settings in line]
        assert all(text in line for text in (method.summary, method.status, method.source))
