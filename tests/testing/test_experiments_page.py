"""docs/experiments.md names every key of an experiment file with its default, and no other."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from nasbench_harness.experiment import Experiment, load_experiments
from nasbench_harness.experiment.description import StrategySection
from nasbench_harness.experiment.grid import MOST_COMBINATIONS, RULES

PAGE = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8")
SECTIONS: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Experiment.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| ", re.MULTILINE)


def shown(heading: str) -> dict[str, str]:
    """Key -> default as the table under a heading has it."""
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(ROW.findall(text))


def defaults(model: type[BaseModel], without: set[str] = frozenset()) -> dict[str, str]:  # type: ignore[assignment]
    def text(value: Any) -> str:
        if value is PydanticUndefined:
            return "required"
        return "none" if value is None else f"`{json.dumps(value)}`"

    return {name: text(field.default) for name, field in model.model_fields.items() if name not in without}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_section_is_there_with_its_default(section: str) -> None:
    assert shown(f"`[{section}]`") == defaults(SECTIONS[section])


def test_every_key_of_the_top_level_is_there() -> None:
    assert shown("Top level") == defaults(Experiment, {*SECTIONS, "strategies"})
    assert shown("`[strategies.NAME]`") == defaults(StrategySection)


def test_every_section_has_a_heading() -> None:
    headings = re.findall(r"^## `\[(\w+)", PAGE, re.MULTILINE)
    assert headings == [*SECTIONS, "strategies", "grid"]


def test_the_grid_of_the_page_is_one(tmp_path: Path) -> None:
    [grid] = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert tomllib.loads(grid)["grid"]
    base = 'name = "page"\nnetwork = {channels = 4, cells = 1}\nimages = {}\ntraining = {}\nbudget = {epochs = 1}\n'
    base += 'scoring = {images = 20}\ntruth = {policy = "digits_test_5"}\n'
    base += 'strategies.few = {kind = "few-shot", partitioner = "none"}\n'
    path = tmp_path / "page.toml"
    path.write_text(base + grid)
    points = load_experiments(str(path))
    assert "recalibrated-accuracy" in points
    assert len(points) == 4
    assert all("few-random-leaves-5-balanced" in experiment.strategies for experiment in points.values())
    assert all(len(experiment.strategies) == 6 for experiment in points.values())
    assert f"At most {MOST_COMBINATIONS} combinations" in PAGE
    assert all(f'`"{rule}"`' in PAGE for rule in RULES)
