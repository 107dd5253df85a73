"""docs/evidence.md does what it says: its example gives the verdicts that stand beside it, its table the power."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.evidence import Rules, power_table

PAGE = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_gives_its_verdicts() -> None:
    names: dict[str, Any] = {}
    [block] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(block, "docs/evidence.md", "exec"), names)
    shown = dict(re.findall(r"^(\w+)\.word  # '(.*)'$", block, re.MULTILINE))
    assert shown == {name: names[name].word for name in ("worse", "equal")}
    assert names["few"].word == "undecided"
    assert names["few"].comparisons[0].verdict.reason.startswith("seeds that would decide: ")


@pytest.mark.slow
def test_the_table_of_power_is_the_computed_one() -> None:
    shown = re.findall(r"^\| (\d+) v (\d+) \| (\.\d+) \| (\.\d+) \| (\.\d+) \|$", PAGE, re.MULTILINE)
    rows = power_table(Rules()).rows
    assert {(int(n), int(m)): [float(x) for x in chances] for n, m, *chances in shown} == {
        seeds: pytest.approx(list(chances), abs=0.0051) for seeds, chances in rows.items()
    }
