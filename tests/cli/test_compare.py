"""The verb compare: verdicts, files, annotations, exit codes."""

from __future__ import annotations

import json
import shutil
from csv import DictReader

import numpy as np
import pytest

from nasbench_harness.cli import main

SPREAD = np.array([-0.024, -0.012, 0.0, 0.012, 0.024])


def taus(mean: float, repeats: int = 1) -> list[float]:
    return (np.tile(SPREAD, repeats) + mean).tolist()


@pytest.fixture(scope="module")
def runs(fake, tmp_path_factory):
    """A baseline of ten seeds, a candidate that lost in one strategy, one that did not, one of another protocol."""
    folder = tmp_path_factory.mktemp("runs")
    fake.write_run(folder / "baseline", {"same": taus(0.5, 2), "other": taus(0.4, 2)})
    fake.write_run(folder / "lost", {"same": taus(0.5), "other": taus(0.3)})
    fake.write_run(folder / "kept", {"same": taus(0.5), "other": taus(0.387)})
    fake.write_run(folder / "slow", {"same": taus(0.5)}, training={"batch_size": 64, "learning_rate": 0.001})
    return folder


def test_a_loss_ends_with_1_and_is_named(runs, capsys) -> None:
    assert main(["compare", str(runs / "lost"), str(runs / "baseline")]) == 1
    out, err = capsys.readouterr()
    assert "1 worse, 1 not worse" in err
    assert err.count("\n") == 1
    rows = [line.split() for line in out.splitlines()]
    assert ["other", "worse"] in [row[:2] for row in rows]
    assert "variance prior: none" in out


def test_json_has_every_seed_and_the_rules(runs, capsys) -> None:
    assert main(["compare", str(runs / "kept"), str(runs / "baseline"), "--json", "--margin", "0.1"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["verdict"], value["margin"], value["looks"]) == ("not worse", 0.1, [3, 5])
    assert value["signal"] == "negative_loss"
    rows = {row["name"]: row for row in value["comparisons"]}
    assert rows["other"]["candidate"]["values"] == taus(0.387)
    assert rows["other"]["baseline"]["seeds"] == list(range(10))


def test_each_row_has_the_differences_beyond_a_count(fake, tmp_path, capsys) -> None:
    new, old = (
        fake.write_run(tmp_path / name, {"a": taus(mean)}, "tau_within_flops", scoring={"architectures": 400})
        for name, mean in (("new", 0.2), ("old", 0.5))
    )
    csv = tmp_path / "verdict.csv"
    assert main(["compare", str(new), str(old), "--csv", str(csv)]) == 0  # tau is the same on both sides
    out = capsys.readouterr().out
    [heading] = [line for line in out.splitlines() if line.startswith("strategy")]
    assert heading.index("difference [interval]") < heading.index("within FLOPs") < heading.index("with FLOPs")
    assert "-0.300 [-0.3" in out
    assert "within FLOPs: tau among architectures of equal live FLOPs; with FLOPs: tau of the sum" in out
    assert "a sample of 400 architectures" in out
    [row] = DictReader(csv.read_text().splitlines())
    assert (float(row["difference"]), float(row["difference_tau_within_flops"])) == pytest.approx((0, -0.3))
    assert float(row["difference_tau_within_flops_high"]) < -0.25
    assert row["sample"] == "400"
    assert main(["compare", str(new), str(old), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    beside = value["comparisons"][0]["beside"]
    assert list(beside) == ["tau_within_flops", "tau_with_flops"]
    assert beside["tau_within_flops"]["difference"] == pytest.approx(-0.3)
    assert value["sample"] == 400


def test_strict_counts_the_undecided(runs, capsys) -> None:
    arguments = ["compare", str(runs / "kept"), str(runs / "baseline")]
    assert main(arguments) == 0
    assert "seeds" in capsys.readouterr().out
    assert main([*arguments, "--strict"]) == 1
    assert "1 undecided" in capsys.readouterr().err


def test_strategies_inside_one_run(runs, capsys) -> None:
    assert main(["compare", str(runs / "baseline"), str(runs / "baseline" / "same")]) == 1
    assert "other v same" in capsys.readouterr().out
    assert main(["compare", str(runs / "baseline" / "same"), str(runs / "baseline" / "other")]) == 0
    assert "better" in capsys.readouterr().out


def test_seeds_of_another_folder_join_the_candidate(runs, tmp_path, capsys) -> None:
    for name, seeds in (("one", range(5)), ("two", range(5, 10))):
        for seed in seeds:
            shutil.copytree(runs / "baseline" / "same" / f"seed-{seed}", tmp_path / name / "same" / f"seed-{seed}")
    arguments = ["compare", str(tmp_path / "one"), str(runs / "baseline"), "--and", str(tmp_path / "two")]
    assert main([*arguments, "--looks", "5,10", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)["comparisons"]
    assert row["candidate"]["seeds"] == list(range(10))
    assert row["verdict"]["word"] == "identical"  # so the scores of the joined folder were found
    assert main(["compare", "scores.csv", *arguments[2:]]) == 3


def test_what_no_statistics_decided_has_its_reason(runs, capsys) -> None:
    assert main(["compare", str(runs / "baseline"), str(runs / "baseline")]) == 0
    out = capsys.readouterr().out
    assert "2 identical" in out
    assert "no statistics were needed" in out
    assert "all: leaves and end scores" in out
    assert "Holm" not in out


def test_another_protocol_is_refused_or_marked(runs, capsys) -> None:
    arguments = ["compare", str(runs / "slow"), str(runs / "baseline")]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "training.learning_rate: 0.001 in the candidate, 0.025 in the baseline" in captured.err
    assert main([*arguments, "--across", "training.learning_rate"]) == 0
    out = capsys.readouterr().out
    assert "same (across)" in out
    assert "the protocols differ, on request" in out


def test_markdown_and_github(runs, tmp_path, capsys, monkeypatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    file = tmp_path / "verdict.md"
    arguments = ["compare", str(runs / "lost"), str(runs / "baseline"), "--markdown", str(file), "--github"]
    assert main(arguments) == 1
    text = file.read_text()
    assert summary.read_text() == "before\n" + text + "\n"
    lines = text.splitlines()
    assert lines[0].startswith("### ")
    assert lines[4].startswith("| other | worse | -0.100 [")
    notes = capsys.readouterr().err.splitlines()
    [error] = [line for line in notes if line.startswith("::error title=other::worse, difference -0.100")]
    assert "within FLOPs +0.000 [" in error
    assert [line for line in notes if line.startswith("::notice title=same::not worse")]


def test_several_truths_give_a_table_each(fake, tmp_path, capsys) -> None:
    """The scores are random, so no side is worse by any truth; the stored taus, by which one is, play no part."""
    policies = "digits_test_5,digits_test_5_seed0"
    file = tmp_path / "verdict.md"
    new, old = (fake.write_run(tmp_path / name, {"a": taus(mean)[:3]}) for name, mean in (("new", 0.3), ("old", 0.5)))
    arguments = ["compare", str(new), str(old), "--margin", "0.2", "--policy"]
    assert main([*arguments, policies, "--markdown", str(file), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert list(value) == policies.split(",")
    assert [gate["truth"] for gate in value.values()] == policies.split(",")
    assert file.read_text().count("### ") == 2
    assert main([*arguments, "digits_test_6"]) == 3
    assert capsys.readouterr().out == ""


def test_annotations_are_escaped() -> None:
    from nasbench_harness.report.verdicts import _data, _property

    assert _data("5 %\nmore") == "5 %25%0Amore"
    assert _property("a: b, c") == "a%3A b%2C c"


def test_github_needs_its_file(runs, capsys, monkeypatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert main(["compare", str(runs / "lost"), str(runs / "baseline"), "--github"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert "GITHUB_STEP_SUMMARY" in captured.err


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["lost"], 2, "CANDIDATE BASELINE"),
        (["lost", "baseline", "--margin", "-0.01"], 2, "margin"),
        (["lost", "baseline", "--alpha", "2"], 2, "alpha"),
        (["lost", "baseline", "--looks", "3,x"], 2, "--looks"),
        (["lost", "baseline", "--metric", "regret_at.10"], 2, "kendall_tau"),
        (["lost", "baseline", "--across", "trainnig"], 2, "no such field"),
        (["lost", "baseline", "--signal", "luck"], 3, "luck"),
        (["lost", "nowhere"], 3, "nowhere"),
        (["lost/other", "lost/other"], 2, "no strategy to compare"),
        (["lost", "baseline", "--power"], 2, "--power"),
        (["lost", "--self-test", "baseline"], 2, "--self-test"),
        (["--self-test", "lost"], 3, "6 seeds or more"),
    ],
)
def test_bad_requests_are_one_line(runs, arguments, code, named, capsys, monkeypatch) -> None:
    monkeypatch.chdir(runs)
    assert main(["compare", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err


@pytest.mark.slow
def test_power_and_self_test(runs, capsys) -> None:
    assert main(["compare", "--power", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["single"][0]["power"]["0.03"] == pytest.approx(0.63, abs=0.01)
    assert main(["compare", "--power", str(runs / "baseline")]) == 0
    out = capsys.readouterr().out
    assert "5 v 10" in out
    assert "Verdicts of a gate" in out
    assert main(["compare", "--self-test", str(runs / "baseline"), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["rates"]) == {"same", "other"}
    assert main(["compare", "--self-test", str(runs / "baseline")]) == 0
    assert "A/A test" in capsys.readouterr().out
