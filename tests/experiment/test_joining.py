"""Runs that share a folder: those of one protocol join, another is refused while they run."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import load_experiment
from nasbench_harness.experiment.joining import joined
from nasbench_harness.system.claims import Claims
from nasbench_harness.system.owners import Owner
from tests import tiny

DATA = {"truth_sha256": "0", "device": "cpu"}
Join = Callable[..., AbstractContextManager[Claims]]


@pytest.fixture
def join(tmp_path: Path) -> Join:
    """A run of the tiny experiment in the folder ``out``, as one more process would begin it."""
    (tmp_path / "out").mkdir()

    @contextmanager
    def begun(*overrides: str, parts: str = tiny.ONE, data: dict[str, Any] = DATA) -> Generator[Claims]:
        source = tmp_path / "tiny.toml"
        source.write_text(tiny.SETTINGS + parts)
        experiment = load_experiment(str(source), overrides)
        with Claims(beat=None) as claims, joined(experiment, data, tmp_path / "out", (), claims, print):
            yield claims

    return begun


def test_runs_of_one_protocol_join_and_leave_one_description_of_all(join: Join, tmp_path: Path) -> None:
    with join("seeds=[0,1]"), join("seeds=[2]", parts=tiny.FEW):
        pass
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["experiment.json"]
    stored = json.loads((tmp_path / "out" / "experiment.json").read_text())
    assert (list(stored["strategies"]), stored["seeds"]) == (["one", "few"], [0, 1, 2])


@pytest.mark.parametrize("edges", ["[]", "[0, 3]"])
def test_options_that_are_lists_are_no_other_protocol(join: Join, edges: str) -> None:
    few = f'[strategies.few]\nkind = "few-shot"\npartitioner = {{name = "single-edge", edges = {edges}}}\n'
    with join(parts=few), join(parts=few):
        pass


@pytest.mark.parametrize(
    ("overrides", "options", "said"),
    [
        (["budget.epochs=5"], {}, "budget.epochs: 3.0 there, 5.0 asked"),
        (["strategies.one.sampler=fair"], {}, "strategies.one.sampler"),
        ([], {"data": DATA | {"truth_sha256": "1"}}, "data.truth_sha256: '0' there, '1' asked"),
    ],
)
def test_another_protocol_is_refused_while_a_run_is_there_and_changes_nothing(
    join: Join, tmp_path: Path, overrides: list[str], options: dict[str, Any], said: str
) -> None:
    with join():
        before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        with pytest.raises(UsageError) as refused, ExitStack() as stack:
            stack.enter_context(join(*overrides, **options))
        assert said in str(refused.value)
        assert f"process {Owner.me().pid} on " in str(refused.value)
        assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    with join(*overrides, **options):
        """Nothing of it was stored, so once it is gone the folder is free."""


def test_other_data_are_no_conflict_where_no_unit_has_both(join: Join) -> None:
    with join("seeds=[0]"), join("seeds=[1]", data=DATA | {"device": "cuda"}):
        pass


def test_a_run_that_died_is_no_company(join: Join, tmp_path: Path) -> None:
    with join():
        (there,) = (tmp_path / "out").glob(".run-*")
        value = json.loads(there.read_text())
    there.write_text(json.dumps(value | replace(Owner.me(), started="1").to_json()))
    with join("budget.epochs=5"):
        assert not there.exists()
