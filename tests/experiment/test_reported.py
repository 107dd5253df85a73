"""What strategies say of their decisions comes out again from stored records, or is left as it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.evaluation.comparing import compared
from nasbench_harness.experiment import load_experiment
from nasbench_harness.experiment.rejudge import rejudge
from nasbench_harness.experiment.reported import reported
from nasbench_harness.records import Record, read_record, read_run
from nasbench_harness.registry import HARNESS
from nasbench_harness.report import leaderboard
from nasbench_harness.strategies import Strategy, strategies
from nasbench_harness.truth import TruthTable, open_table, truth_of

STORED = Path(__file__).resolve().parents[2] / "results" / "cifar10-cpu"
REPORTING = ("hep-search", "hm-nas", "pad-nas")
POLICY, OTHER = "cifar10_test_200", "cifar100_test_200"
UNKNOWN_A = np.full(15625, np.nan)
PLUGIN = """
from dataclasses import dataclass
from nasbench_harness.strategies import Strategy, strategies

@strategies.register("telling")
@dataclass(frozen=True)
class Telling(Strategy):
    level: int = 1
    def train(self, context):
        raise NotImplementedError
    def analysis(self, details, true_A):
        return {"said": details["said"]}
"""


@pytest.fixture(scope="module")
def table(shared_data: Path) -> TruthTable:
    return open_table(shared_data / "nas-bench-201" / "accuracy.csv")


def stored(strategy: str) -> Record:
    record = read_record(STORED, strategy, 0)
    assert record is not None
    return record


def described(record: Record, **options: Any) -> Record:
    """The record with other options in the description of its strategy."""
    return replace(record, experiment=record.experiment | {"strategy": record.experiment["strategy"] | options})


def test_every_strategy_that_reports_is_tested_here() -> None:
    own = {name for name in strategies if strategies.origin(name) == HARNESS}
    assert {name for name in own if strategies[name].analysis is not Strategy.analysis} == set(REPORTING)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", REPORTING)
def test_by_the_same_truth_it_is_what_was_stored(strategy: str, table: TruthTable) -> None:
    record, truth = stored(strategy), truth_of(table, POLICY)
    assert truth.sha256 == record.truth["sha256"]
    assert record.analysis["strategy"]
    found = reported(record, truth.vector)
    assert found is not None
    assert [one.place for one in compared(record.analysis["strategy"], found) if not one.agrees] == []
    json.dumps(found, allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", REPORTING)
def test_by_another_truth_it_is_of_that_truth(strategy: str, table: TruthTable) -> None:
    run = replace(read_run(STORED), records=(stored(strategy),))
    [again] = rejudge(run, table, OTHER, resamples=0).records
    assert again.analysis["strategy"] == reported(run.records[0], truth_of(table, OTHER).vector)
    before = run.records[0].analysis["strategy"]
    assert any(not one.agrees for one in compared(before, again.analysis["strategy"]))


def test_a_record_from_before_there_was_a_headline_has_one_when_judged_again(table: TruthTable) -> None:
    """As docs/methods/hm-nas.md tells them."""
    run = replace(read_run(STORED), records=(stored("hm-nas"),))
    assert leaderboard(run).headlines == ()
    [headline] = leaderboard(rejudge(run, table, POLICY, resamples=0)).headlines
    assert headline.text == (
        "masks 0 of 24 operations, 0 of 6 edges, 7,234 of 80,640 weights; derives |nor_conv_3x3~0|+|nor_conv_1x1~0|"
        "skip_connect~1|+|nor_conv_3x3~0|skip_connect~1|skip_connect~2|, 92.18 %, place 3,936 of 15,625"
    )
    assert headline.signal == "mask_logits"
    assert headline.kendall_tau == pytest.approx(0.264, abs=5e-4)
    [headline] = leaderboard(rejudge(run, table, OTHER, resamples=0)).headlines
    assert headline.text.endswith("67.57 %, place 4,577 of 15,625")


@pytest.mark.slow
def test_the_verb_tells_the_headline(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(STORED / "hm-nas", tmp_path / "hm-nas")
    truth = str(shared_data / "nas-bench-201" / "accuracy.csv")
    assert main(["leaderboard", str(tmp_path), "--truth", truth, "--policy", POLICY]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "masks 0 of 24 operations, 0 of 6 edges" in said
    assert "place 3,936 of 15,625" in said


@pytest.mark.parametrize(
    "changed",
    [
        described(stored("hm-nas"), kind="gone"),
        described(stored("hm-nas"), mask_rate="fast"),
        described(stored("hm-nas"), distribution="other 1.0"),
        described(stored("hm-nas"), structure_rate=None),  # is left out of a description
        stored("pad-nas-gpu"),  # its latency table is not known from the record
        replace(stored("hm-nas"), training={"details": {"projected": {}}}),
        replace(stored("hm-nas"), training={}),
        replace(stored("hm-nas"), experiment={"strategy": "hm-nas"}),
        stored("hep-search"),  # of a truth that knows nothing
    ],
    ids=["unknown", "refused", "foreign", "another", "latency", "details", "none", "text", "truth"],
)
def test_what_cannot_be_found_again_is_told(changed: Record) -> None:
    assert reported(changed, UNKNOWN_A) is None


@pytest.mark.slow
def test_what_cannot_be_found_again_stays_by_the_same_truth_alone(table: TruthTable) -> None:
    run = replace(read_run(STORED), records=(stored("pad-nas-gpu"),))
    found = [rejudge(run, table, policy, resamples=0).records[0].analysis["strategy"] for policy in (POLICY, OTHER)]
    assert found == [run.records[0].analysis["strategy"], {}]


def test_a_plug_in_speaks_where_its_file_is_the_one_that_was_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for members in ("_members", "_origins"):  # the part is forgotten at the end
        monkeypatch.setattr(strategies, members, dict(getattr(strategies, members)))
    path = tmp_path / "telling.py"
    path.write_text(PLUGIN)
    sections = [f'plugins=["{path}"]', 'strategies.mine.kind="telling"']
    description = json.loads(json.dumps(load_experiment("quickstart", sections).unit("mine", 0)))
    assert description["plugins"]
    record = replace(stored("hm-nas"), experiment=description, training={"details": {"said": 5}})
    assert reported(record, UNKNOWN_A) == {"said": 5}
    other = description | {"plugins": ["0" * 64]}
    assert reported(replace(record, experiment=other), UNKNOWN_A) is None
    assert reported(replace(record, training={"details": {}}), UNKNOWN_A) is None
