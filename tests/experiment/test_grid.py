"""Grids: lists of settings in one file, expanded into strategies and experiments; mistakes answered in one line."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import identity, load_experiment, load_experiments
from nasbench_harness.experiment.grid import MOST_COMBINATIONS, expand
from tests import tiny

TEXT = tiny.SETTINGS + tiny.FEW + tiny.ONE


def values(grid: str = "") -> dict[str, Any]:
    return tomllib.loads(f"{TEXT}\n{grid}")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "tiny.toml"


def test_without_a_grid_an_experiment_is_itself() -> None:
    given_values = values()
    [point] = expand(given_values)
    assert (point.name, point.values) == ("", given_values)


def test_an_option_makes_strategies_of_every_strategy_that_has_it() -> None:
    [point] = expand(values('[grid]\nsampler = ["uniform", "balanced"]\nparent_fraction = [0.0, 0.5]'))
    strategies = point.values["strategies"]
    assert list(strategies) == [
        "few-uniform-parent_fraction-0.0",
        "few-uniform-parent_fraction-0.5",
        "few-balanced-parent_fraction-0.0",
        "few-balanced-parent_fraction-0.5",
        "one-uniform",
        "one-balanced",
    ]
    assert strategies["few-balanced-parent_fraction-0.5"] == {
        "kind": "few-shot",
        "partitioner": "random",
        "sampler": "balanced",
        "parent_fraction": 0.5,
    }
    assert "grid" not in point.values


def test_an_option_of_one_strategy_and_of_its_part() -> None:
    grid = '[grid.strategies.few]\npartitioner = ["none", {name = "random", leaves = 3}]'
    [point] = expand(values(grid))
    assert list(point.values["strategies"]) == ["few-none", "few-random-leaves-3", "one"]
    [point] = expand(values("[grid]\nstrategies.few.partitioner.leaves = [2, 4]"))
    assert point.values["strategies"]["few-leaves-4"]["partitioner"] == {"name": "random", "leaves": 4}
    [point] = expand(values('[grid]\n"strategies.few.partitioner.leaves" = [2, 4]'))
    assert point.values["strategies"]["few-leaves-2"]["partitioner"] == {"name": "random", "leaves": 2}


def test_a_shared_setting_makes_experiments_of_the_same_name() -> None:
    points = expand(values('[grid]\nbudget.epochs = [1, 2]\nscoring.signal = ["accuracy", "negative_loss"]'))
    assert [point.name for point in points] == [
        "epochs-1-accuracy",
        "epochs-1-negative_loss",
        "epochs-2-accuracy",
        "epochs-2-negative_loss",
    ]
    assert points[3].values["budget"] == {"epochs": 2}
    assert points[3].values["scoring"] == {"images": 20, "signal": "negative_loss"}
    assert all(list(point.values["strategies"]) == ["few", "one"] for point in points)


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from(["uniform", "balanced", "fair"]), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(2, 9), min_size=1, max_size=3, unique=True),
)
def test_a_product_holds_every_combination_once(epochs: list[int], samplers: list[str], leaves: list[int]) -> None:
    given_values = values()
    given_values["grid"] = {
        "budget": {"epochs": epochs},
        "sampler": samplers,
        "strategies": {"few": {"partitioner": {"leaves": leaves}}},
    }
    found = [
        (point.values["budget"]["epochs"], one["sampler"], one["partitioner"]["leaves"])
        for point in expand(given_values)
        for one in point.values["strategies"].values()
        if one["kind"] == "few-shot"
    ]
    assert sorted(found) == sorted(itertools.product(epochs, samplers, leaves))
    others = [
        (point.values["budget"]["epochs"], one["sampler"])
        for point in expand(given_values)
        for one in point.values["strategies"].values()
        if one["kind"] == "one-shot"
    ]
    assert sorted(others) == sorted(itertools.product(epochs, samplers))


def test_zip_takes_lists_in_step() -> None:
    grid = (
        '[grid]\nrule = "zip"\nbudget.epochs = [1, 2, 2]\nsampler = ["uniform", "balanced", "fair"]\n'
        "strategies.few.channels = [3, 4, 5]"
    )
    points = expand(values(grid))
    assert [(point.name, list(point.values["strategies"])) for point in points] == [
        ("epochs-1", ["few-uniform-channels-3", "one-uniform"]),
        ("epochs-2", ["few-balanced-channels-4", "few-fair-channels-5", "one-balanced", "one-fair"]),
    ]


def test_the_description_that_was_given_is_left_alone() -> None:
    given_values = values('[grid]\nsampler = ["uniform", "balanced"]\nbudget.epochs = [1, 2]')
    before = repr(given_values)
    points = expand(given_values)
    points[0].values["strategies"]["one-uniform"]["sampler"] = "changed"
    assert repr(given_values) == before
    assert points[1].values["strategies"]["one-uniform"]["sampler"] == "uniform"


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("[grid]\nsampler = 'uniform'", "grid.sampler: expected a list of values, found 'uniform'"),
        ("[grid]\nsampler = []", "grid.sampler: expected a list"),
        ("[grid]\nsampler = ['fair', 'fair']", 'grid: "fair" stands twice in a list'),
        ("[grid]\nrule = 'zip'\nsampler = ['fair', 'fair']\nbudget.epochs = [1, 1]", 'grid: "fair", 1 stands twice'),
        ("[grid]\nsampelr = ['fair']", "has an option 'sampelr'.*did you mean sampler"),
        ("[grid]\nbudgte.epochs = [1, 2]", "has an option 'budgte'.*did you mean budget"),
        ("[grid]\nseeds = [1, 2]", "has an option 'seeds'"),
        ("[grid]\nbudget = [1, 2]", "'budget' is a section; name one of its settings"),
        ("[grid]\nstrategies.fwe.sampler = ['fair']", "no strategy 'fwe'; did you mean few"),
        ("[grid]\nstrategies.few = ['fair']", "expected strategies.NAME.option"),
        ("[grid]\nrule = 'sum'", "grid.rule: expected product or zip, found 'sum'"),
        (
            "[grid]\nrule = 'zip'\nsampler = ['fair', 'uniform']\nbudget.epochs = [1, 2, 3]",
            "of equal length, found sampler 2, budget.epochs 3",
        ),
        ("[grid]\nstrategies.one.sampler = ['fair', 'FAIR']", "two strategies would be called 'one-fair'"),
        (
            f"[grid]\nbudget.epochs = {list(range(1, 1 + MOST_COMBINATIONS))}\nsampler = ['fair', 'uniform']",
            "2,000 comb",
        ),
        ("[grid]\nstrategies.few.parent_fraction.x = [1]", "."),
        ("[grid]\nbudget.epochs = [0, 1]", r"tiny.toml epochs-0: budget.epochs: .*greater than 0"),
        ("[grid]\nsampler = ['fair', 'unfair']", "strategies.few-unfair: unknown sampler 'unfair'"),
    ],
)
def test_mistakes_are_one_line(grid: str, said: str, source: Path) -> None:
    source.write_text(f"{TEXT}\n{grid}")
    with pytest.raises(UsageError, match=said) as raised:
        load_experiments(str(source))
    assert "\n" not in str(raised.value)
    assert "tiny.toml" in str(raised.value)


def test_a_grid_that_is_no_table(source: Path) -> None:
    source.write_text(f"grid = 3\n{TEXT}")
    with pytest.raises(UsageError, match="grid: expected a table of lists, found 3"):
        load_experiments(str(source))


def test_a_unit_of_a_grid_is_the_unit_of_the_same_settings_without_one(source: Path) -> None:
    """All that matters enters the identity, and nothing of how it was written."""
    source.write_text(f"{TEXT}\n[grid]\nbudget.epochs = [3, 5]\nstrategies.one.sampler = ['uniform', 'fair']\n")
    points = load_experiments(str(source))
    assert list(points) == ["epochs-3", "epochs-5"]
    assert {experiment.name for experiment in points.values()} == {"tiny"}
    every = [identity(experiment.unit(name, 0)) for experiment in points.values() for name in experiment.strategies]
    assert len(set(every)) == 6
    source.write_text(TEXT.replace("epochs = 3", "epochs = 5").replace("[strategies.one]", "[strategies.one-fair]"))
    plain = load_experiment(str(source), ["strategies.one-fair.sampler=fair"])
    assert identity(plain.unit("few", 0)) == identity(points["epochs-5"].unit("few", 0))
    assert identity(plain.unit("one-fair", 0)) == identity(points["epochs-5"].unit("one-fair", 0))


def test_a_single_experiment_is_not_taken_out_of_a_grid_in_silence(source: Path) -> None:
    source.write_text(f"{TEXT}\n[grid]\nbudget.epochs = [3, 5]\n")
    with pytest.raises(UsageError, match=r"is a grid of 2 experiments \(epochs-3, epochs-5"):
        load_experiment(str(source))
    source.write_text(f"{TEXT}\n[grid]\nsampler = ['fair', 'uniform']\n")
    assert len(load_experiment(str(source)).strategies) == 4


def test_overrides_reach_the_grid(source: Path) -> None:
    source.write_text(TEXT)
    points = load_experiments(str(source), ["grid.budget.epochs=[1, 2]", "network.channels=5"])
    assert list(points) == ["epochs-1", "epochs-2"]
    assert all(experiment.network.channels == 5 for experiment in points.values())
