"""The gate for plug-in authors: checks first, then what is missing is trained, then a verdict fails the test or not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.api.compare import Gate
from nasbench_harness.catalogue import families
from nasbench_harness.errors import UsageError
from nasbench_harness.evidence.baseline import Baseline
from nasbench_harness.experiment import load_experiment
from nasbench_harness.plugins import load_file
from nasbench_harness.records import read_run
from nasbench_harness.testing import worker
from nasbench_harness.testing.gate import candidate_of, gate_part, run_name

pytest_plugins = "pytester"

HALVES = '''
from dataclasses import dataclass
import numpy as np
from nasbench_harness.partitioners import Partitioner, partitioners
from nasbench_harness.space import Subspace, live_cell_of

@partitioners.register("halves")
@dataclass(frozen=True)
class Halves(Partitioner):
    """Two leaves of neighbours."""

    def split(self, subspace, probe, rng):
        low = live_cell_of() < 7000
        leaves = [subspace.intersect(Subspace.where(m, n), n) for m, n in ((low, "low"), (~low, "high"))]
        return [leaf for leaf in leaves if leaf.size]
'''
GAP = HALVES.replace("halves", "gap").replace("Halves", "Gap").replace("(~low, ", "(live_cell_of() > 7100, ")
TINY = ["images.size=4", "network.channels=4", "budget.epochs=2", "scoring.images=20", "scoring.architectures=60"]
TESTS = f"""
from pathlib import Path
from nasbench_harness.plugins import load_file

for name in ("halves", "gap"):
    load_file(Path(__file__).with_name(f"{{name}}.py"))
FEW = dict(overrides={TINY}, seeds=3, baseline_seeds=3)

def test_sound(regression_gate):
    assert regression_gate("halves", folder="gate", margin=1.0, **FEW).word != "worse"

def test_undecided(regression_gate):
    regression_gate("halves", strict=True, **(FEW | dict(seeds=1, baseline="before.json")))

def test_worse(regression_gate):
    regression_gate("halves", folder="gate", baseline="before.json", **FEW)

def test_gap(regression_gate):
    regression_gate("gap", folder="never", **FEW)

def test_mistake(regression_gate):
    regression_gate("halves", baseline="one-shot-unifrm")
"""


@pytest.fixture(autouse=True, scope="module")
def clean() -> Iterator[None]:
    """What these tests register is gone after them."""
    with pytest.MonkeyPatch.context() as patch:
        for family in families().values():
            for members in ("_members", "_origins"):
                patch.setattr(family, members, dict(getattr(family, members)))
        yield


def gated(folder: Path, part: str) -> Gate:
    """With the partitioner written to a file, as a process of its own would."""
    (folder / "halves.py").write_text(part)
    worker._pool.cache_clear()
    load_file(folder / "halves.py")
    return gate_part("halves", folder / "gate", seeds=3, baseline_seeds=3, margin=1.0, overrides=TINY)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the part, its units, and a stored baseline that ranked better by far."""
    folder = tmp_path_factory.mktemp("gated")
    gate = gated(folder, HALVES)
    assert [one.pair.name for one in gate.comparisons] == ["halves v random-partition"]
    assert gate.rules.looks == (3,)
    stored = Baseline.of(read_run(folder / "gate"), "random-partition").to_json()
    del stored["sha256"]  # the file is changed by hand
    for unit in stored["units"]:
        unit["metrics"]["negative_loss"]["kendall_tau"] += 0.9
    (folder / "before.json").write_text(json.dumps(stored))
    return folder


@pytest.mark.slow
def test_a_verdict_fails_a_test(trained: Path, pytester: pytest.Pytester) -> None:
    """In a process of its own: a pytest inside a pytest forgets modules that cannot be loaded twice."""
    shutil.copytree(trained, pytester.path, dirs_exist_ok=True)
    pytester.makepyfile(gap=GAP, test_gate=TESTS)
    found = pytester.runpytest_subprocess("-p", "nasbench_harness.testing.pytest_plugin", "-q")
    found.assert_outcomes(passed=1, failed=4)
    text = found.stdout.str()
    for expected in (
        r"1 worse\n",
        r"\| halves v random-partition \| worse \|",
        r"1 undecided\n",
        r"partitioner gap breaks promises, nothing was trained:\n- routing is total and disjoint: .*no leaf holds",
        r"baseline 'one-shot-unifrm': no strategy of regress, did you mean one-shot-uniform",
    ):
        assert re.search(expected, text), text
    assert "exception" not in text
    assert not (pytester.path / "never").exists()
    assert [path.name for path in (pytester.path / ".pytest_cache/d/nasbench-harness").iterdir()] == ["regress-halves"]


@pytest.mark.slow
def test_units_are_trained_once_and_again_where_the_part_has_changed(trained: Path) -> None:
    """The last of the tests with this folder."""
    run = read_run(trained / "gate")
    both = [(name, seed) for name in ("halves", "random-partition") for seed in range(3)]
    assert [(record.strategy, record.seed) for record in run.records] == both
    record = run.of("halves")[0]
    assert (record.experiment["strategy"]["parent_fraction"], len(record.experiment["plugins"])) == (0.5, 1)

    def times() -> dict[str, int]:
        found = (trained / "gate").glob("*/*/record.json")
        return {f"{path.parts[-3]} {path.parts[-2]}": path.stat().st_mtime_ns for path in found}

    first = times()
    gated(trained, HALVES)
    assert times() == first
    gated(trained, HALVES.replace("7000", "6000"))
    changed = {unit for unit, when in times().items() if when != first[unit]}
    assert changed == {f"halves seed-{seed}" for seed in range(3)}


@pytest.mark.parametrize(
    ("part", "strategy", "family", "section"),
    [
        ("single-edge", "single-edge", "partitioners", {}),  # a strategy of the preset
        ("hep-rank", "hep-rank", "strategies", {}),
        ({"name": "random", "leaves": 2}, "random-leaves-2", "partitioners", {"kind": "few-shot"}),
        ("gradient-matching", "gradient-matching", "partitioners", {"kind": "tree-few-shot"}),
        ("fair", "fair", "samplers", {"kind": "one-shot"}),
        (
            {"name": "few-shot", "partitioner": "random"},
            "few-shot-partitioner-random",
            "strategies",
            {"kind": "few-shot"},
        ),
    ],
)
def test_a_part_is_judged_by_a_strategy_around_it(part: Any, strategy: str, family: str, section: Any) -> None:
    found = candidate_of(part, load_experiment("regress"))
    assert (found.strategy, found.checked[0]) == (strategy, family)
    assert section.items() <= found.section.items()
    assert run_name(part) == f"regress-{strategy}"


def test_unknown_parts_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing is called 'rndom'; did you mean random"):
        candidate_of("rndom", load_experiment("regress"))


def test_pytest_starts_without_anything_heavy() -> None:
    heavy = "{'torch', 'numpy', 'scipy', 'polars', 'pydantic'}"
    code = f"import sys, nasbench_harness.testing.pytest_plugin; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
