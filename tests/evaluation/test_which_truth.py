"""Which truth judges scores: the embedded one only those of its own images, or by its name."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nasbench_harness.cli import main
from nasbench_harness.errors import UsageError
from nasbench_harness.evaluation.judge import judge_file
from nasbench_harness.records import RECORD_FILE, SCORES_FILE, ScoreTable, image_set_of, write_record
from nasbench_harness.search.inputs import scores_from, truth_from
from nasbench_harness.space import all_strings, flops


@pytest.fixture
def unit(fake: ModuleType, tmp_path: Path) -> Any:
    """Stores a unit of an experiment on an image set and returns its score file."""

    def make(images: str) -> Path:
        record = fake.make_record()
        record.experiment["images"] = {"name": images}
        scores: ScoreTable = fake.make_scores(record)
        return write_record(tmp_path / images, record, scores) / SCORES_FILE

    return make


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Scores of which nobody knows the images."""
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(dict(zip(all_strings(), flops().tolist(), strict=True))))
    return path


def judged(source: Path, policy: str | None = None) -> str:
    found = judge_file(source, None, policy, None, True, 0)["truth"]
    return f"{found['table']} {found['policy']}"


def test_scores_of_the_digits_are_judged_by_the_embedded_truth(unit: Any) -> None:
    path = unit("digits")
    assert image_set_of(path) == image_set_of(str(path)) == "digits"
    assert judged(path) == judged(str(path)) == "digits digits_test_5"
    assert truth_from(None, None, [scores_from(str(path.parent), True)]).policy == "digits_test_5"


def test_scores_of_other_images_need_a_truth(unit: Any) -> None:
    path = unit("cifar10")
    with pytest.raises(
        UsageError, match=r"no truth for scores of cifar10: the embedded one is of digits; give --truth"
    ):
        judged(path)
    with pytest.raises(UsageError, match="no truth for scores of cifar10"):
        truth_from(None, None, [scores_from(str(path.parent), True), scores_from(str(unit("digits").parent), True)])
    assert judged(path, "digits_valid_5") == "digits digits_valid_5"  # by name: a transfer to other images may be meant


def test_scores_of_unknown_images_need_a_truth(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert image_set_of(foreign) is None
    for policy, said in ((None, "is of digits"), ("digits_test_6", "has no column 'digits_test_6'")):
        with pytest.raises(
            UsageError, match=f"no truth for these scores: the embedded one {said}; give --truth"
        ) as raised:
            judged(foreign, policy)
        assert "\n" not in str(raised.value)
        assert "--policy digits_test_5" in str(raised.value)
    assert judged(foreign, "digits_test_5_seed0") == "digits digits_test_5_seed0"
    assert main(["score", str(foreign)]) == 2
    assert "no truth for these scores" in capsys.readouterr().err
    assert main(["score", str(foreign), "--policy", "digits_test_5", "--resamples", "0", "--json"]) == 0


def test_a_damaged_record_names_no_image_set(unit: Any) -> None:
    path = unit("digits")
    for text in ("{", "[]", '{"experiment": {"images": {"name": 3}}}', '{"experiment": null}'):
        (path.parent / RECORD_FILE).write_text(text)
        assert image_set_of(path) is None
