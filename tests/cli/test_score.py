"""The verb score: every promised number, and refusals by row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench_harness.cli import main


def test_score_gives_every_promised_number_for_every_column(
    truth_csv: Path, score_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "score",
        str(score_csv),
        "--truth",
        str(truth_csv),
        "--policy",
        "cifar10_test_200",
        "--resamples",
        "20",
    ]
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["scores"]) == {"up", "down"}
    for column in result["scores"].values():
        assert column["n"] == 15625
        for name in (
            "kendall_tau",
            "spearman",
            "pearson",
            "best_rank_at",
            "top_k_accuracy",
            "regret_at",
            "precision_at",
        ):
            assert name in column
    up, down = result["scores"]["up"], result["scores"]["down"]
    assert up["kendall_tau"] == pytest.approx(-down["kendall_tau"], abs=1e-12)
    assert up["kendall_tau"] == pytest.approx(result["references"]["flops"]["kendall_tau"])
    assert up["kendall_tau"] > 0.8
    low, high = up["intervals"]["kendall_tau"]
    assert low < up["kendall_tau"] < high
    assert result["truth"]["policy"] == "cifar10_test_200"
    assert result["truth"]["noise_ceiling"]["n"] == 15625


def test_score_prints_a_table_without_json(
    truth_csv: Path, score_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(score_csv), "--truth", str(truth_csv), "--resamples", "5"]) == 0
    out = capsys.readouterr().out
    assert "kendall_tau" in out
    assert "live_flops" in out
    assert "n = 15,625" in out


def test_the_published_few_shot_scores_give_the_known_numbers(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tables of aoiang/few-shot-NAS against their own truth."""
    path = shared_data / "published-scores" / "few_shot_nas.csv"
    assert main(["score", str(path), "--truth-column", "truth_single_run", "--resamples", "5", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert set(scores) == {"one_shot", "few_shot"}
    assert scores["one_shot"]["kendall_tau"] == pytest.approx(0.4849, abs=5e-5)
    assert scores["few_shot"]["kendall_tau"] == pytest.approx(0.5508, abs=5e-5)
    assert scores["one_shot"]["spearman"] == pytest.approx(0.6771, abs=5e-5)
    assert scores["few_shot"]["spearman"] == pytest.approx(0.7410, abs=5e-5)
    assert scores["one_shot"]["best_rank_at"]["10"] == 6415
    assert scores["few_shot"]["best_rank_at"]["100"] == 139


def test_the_same_file_named_as_truth_is_not_scored_against_itself(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(shared_data / "published-scores" / "few_shot_nas.csv")
    assert main(["score", path, "--truth", path, "--policy", "truth_single_run", "--resamples", "5", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert set(scores) == {"one_shot", "few_shot"}
    assert scores["one_shot"]["kendall_tau"] == pytest.approx(0.4849, abs=5e-5)


def test_import_then_info_and_score_agree_with_the_source(
    truth_csv: Path, score_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.npz"
    assert main(["truth", "import", str(truth_csv), "--to", str(table), "--json"]) == 0
    imported = json.loads(capsys.readouterr().out)
    assert main(["truth", "info", str(table), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["sha256"] == imported["sha256"]
    assert info["rows"] == info["covered"] == 15625
    taus = []
    for truth in (truth_csv, table):
        assert main(["score", str(score_csv), "--truth", str(truth), "--resamples", "5", "--json"]) == 0
        taus.append(json.loads(capsys.readouterr().out)["scores"]["up"]["kendall_tau"])
    assert taus[0] == taus[1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda lines: [*lines, lines[5]], "was already given in row 6"),
        (lambda lines: [*lines[:7], lines[7].split(",")[0] + ",nan,1", *lines[8:]], "nan"),
        (lambda lines: [*lines[:7], "|nor_conv_5x5~0|,1,2", *lines[8:]], "nor_conv_5x5"),
        (lambda lines: lines[:-1], "missing"),
    ],
)
def test_a_faulty_score_file_is_refused_by_row(
    change, named: str, truth_csv: Path, score_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = tmp_path / "faulty.csv"
    faulty.write_text("\n".join(change(score_csv.read_text().splitlines())) + "\n")
    assert main(["score", str(faulty), "--truth", str(truth_csv)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err
