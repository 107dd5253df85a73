"""The command line of a run is parsed back to the options that it was made of."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import get_args

import pytest

from nasbench_harness.cli.app import app
from nasbench_harness.cli.run import EngineName, run
from nasbench_harness.engines.command import RunOptions
from nasbench_harness.engines.elsewhere import ELSEWHERE, HERE

ALL = RunOptions(
    experiment="my studies/a.toml",
    overrides=("budget.epochs=2", 'images.name="digits"', "seeds=[1, 2]"),
    point="epochs-2",
    images=Path("the images"),
    split=Path("-split.json"),
    truth=Path("/truth/a=b.npz"),
    out=Path("out dir"),
    seeds="0..9",
    strategies="one-shot-uniform,efs-group",
    device="cuda:1",
    threads=4,
    workers=2,
    stop_below=-0.25,
    keep_weights=True,
    tensorboard=Path("events"),
    shard="3/8",
    stop_after="3h50m",
    replace=True,
    fetch=True,
)


def parsed(words: list[str]) -> RunOptions:
    command, bound, _ = app.parse_args(words, print_error=False, exit_on_error=False)
    assert command is run
    found = dict(bound.arguments)
    return RunOptions(**{"overrides": (), **found})


@pytest.mark.parametrize("left_out", [None, *(field.name for field in dataclasses.fields(RunOptions)[1:])])
def test_parsing_the_command_gives_the_options(left_out: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASBENCH_HARNESS_IMAGES", raising=False)
    monkeypatch.delenv("NASBENCH_HARNESS_TRUTH", raising=False)
    default = {field.name: field.default for field in dataclasses.fields(RunOptions)}
    options = ALL if left_out is None else dataclasses.replace(ALL, **{left_out: default[left_out]})
    assert all(getattr(ALL, name) != default[name] for name in default), "each option of ALL is set"
    assert parsed(options.arguments()) == options


def test_a_command_says_only_what_was_asked_for() -> None:
    assert RunOptions("quickstart").arguments() == ["run", "quickstart"]
    words = RunOptions("quickstart", out=Path("here"), replace=True).arguments()
    assert words == ["run", "quickstart", "--out=here", "--replace"]


def test_the_options_are_those_of_the_verb() -> None:
    verb = {name: parameter.default for name, parameter in inspect.signature(run).parameters.items()}
    ours = {field.name: field.default for field in dataclasses.fields(RunOptions)}
    assert set(verb) - set(ours) == {"engine", "needs", "detach", "json", "ray_address"}
    assert {name: verb[name] for name in list(ours)[2:]} == {name: ours[name] for name in list(ours)[2:]}
    assert get_args(EngineName) == (*HERE, *ELSEWHERE)
