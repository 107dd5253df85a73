"""The verb fuse: the known numbers of a stored supernet, the file that ``score`` reads, refusals in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench_harness.cli import main

RESULTS = Path(__file__).resolve().parents[2] / "results"
UNIT = RESULTS / "cifar10-study" / "one-shot-balanced" / "seed-0"
QUICK = ["--resamples", "0", "--known", "none", "--json"]


def test_a_supernet_and_a_count_give_the_known_numbers(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = ["--truth", str(shared_data / "nas-bench-201" / "accuracy.csv")]
    assert main(["fuse", f"{UNIT}:negative_loss", "live_flops", *truth, *QUICK]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["label_free"]["rank-sum"]["kendall_tau"] == pytest.approx(0.8101, abs=5e-5)
    assert result["label_free"]["rank-product"]["kendall_tau"] == pytest.approx(0.8218, abs=5e-5)
    supernet, count = result["members"]
    assert supernet["tau_within_flops"] == pytest.approx(0.6616, abs=5e-5)
    assert supernet["tau_with_flops"] == pytest.approx(result["label_free"]["rank-sum"]["kendall_tau"])
    assert count["kendall_tau"] == pytest.approx(0.6540, abs=5e-5)
    assert result["without"]["live_flops"]["added"]["kendall_tau"] == pytest.approx(0.8101 - 0.6781, abs=1e-4)
    assert main(["fuse", f"{UNIT}:accuracy", "live_flops", *truth, *QUICK]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["label_free"]["rank-sum"]["kendall_tau"] == pytest.approx(0.7981, abs=5e-5)


def test_the_fused_scores_are_a_file_that_score_reads(
    truth_csv: Path, score_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fused.csv"
    members = ["fuse", f"{score_csv}:up", "nonlinearity_count:0.5"]
    assert main([*members, "--truth", str(truth_csv), *QUICK, "--rule", "normal-scores", "--out", str(out)]) == 0
    fused = json.loads(capsys.readouterr().out)["label_free"]["normal-scores"]
    assert main(["score", str(out), "--truth", str(truth_csv), "--resamples", "0", "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)["scores"]
    assert list(judged) == ["normal-scores"]
    assert judged["normal-scores"]["kendall_tau"] == pytest.approx(fused["kendall_tau"], abs=1e-12)


def test_the_tables_keep_labels_apart(truth_csv: Path, score_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--truth", str(truth_csv), "--resamples", "0", "--known", "10", "--draws", "2"]
    assert main(["fuse", f"{score_csv}:up", "nonlinearity_count", *options]) == 0
    out = capsys.readouterr().out
    label_free, supervised = out.index("label-free, against"), out.index("supervised: ridge regression")
    assert label_free < out.index("rank-product") < out.index("what each member adds to rank-sum") < supervised


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["live_flops"], 2, "at least two members, found only 'live_flops'"),
        (["live_flops", "secret"], 2, "unknown member 'secret'"),
        (["live_flops", "parameters", "--rule", "mean"], 2, "unknown rule 'mean'"),
        (["live_flops", "parameters", "--known", "many"], 2, "--known lists whole numbers"),
        (["live_flops", "parameters", "--out", "scores.txt"], 2, "stored as .csv, .json or .parquet"),
        (["live_flops", "nowhere.csv:x"], 3, "no scores at nowhere.csv"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], code: int, said: str, truth_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuse", *arguments, "--truth", str(truth_csv)]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert said in captured.err


def test_scores_of_fewer_architectures_do_not_fuse_with_others(
    truth_csv: Path, score_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = tmp_path / "some.csv"
    some.write_text("\n".join(score_csv.read_text().splitlines()[:1000]) + "\n")
    members = [f"{score_csv}:up", f"{some}:down"]
    assert main(["fuse", *members, "--truth", str(truth_csv), "--allow-missing"]) == 3
    assert "members score different architectures: 'scores:up' 15,625, 'some:down' 999" in capsys.readouterr().err
    assert main(["fuse", f"{some}:up", "nonlinearity_count", "--truth", str(truth_csv), "--allow-missing", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 999


@pytest.mark.slow
def test_fusing_needs_no_torch(truth_csv: Path) -> None:
    program = (
        "import sys; from nasbench_harness.cli import main; code = main(sys.argv[1:]); "
        "print(code, 'torch' in sys.modules, file=sys.stderr)"
    )
    members = ["fuse", "live_flops", "parameters", "--truth", str(truth_csv), *QUICK]
    done = subprocess.run([sys.executable, "-c", program, *members], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["0", "False"]
