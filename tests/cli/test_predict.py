"""The verb ``predict`` as its users meet it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.evaluation.score_files import read_score_file
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.predictors import sweep
from nasbench_harness.space import N_ARCHITECTURES, flops
from nasbench_harness.truth import TruthTable, benchmark_index

POLICY = "cifar10_test_200"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose accuracy follows the FLOPs, with noise, and a 12-epoch column that follows it more closely."""
    rng = np.random.default_rng(8)
    base = flops().argsort().argsort() / 200
    columns = {POLICY: base + rng.normal(0, 8, N_ARCHITECTURES), "cifar10_valid_200": base}
    columns["cifar10_valid_12"] = columns[POLICY] + rng.normal(0, 2, N_ARCHITECTURES)
    path = tmp_path_factory.mktemp("tables") / "truth.npz"
    TruthTable("made-up", columns, benchmark_index(), {}).save(path)
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Settings of a network so small, and so few cells, that a sweep takes a second."""
    some = sweep.connected_live_cells()[::1200]
    monkeypatch.setattr(sweep, "connected_live_cells", lambda: some)
    return ["--channels", 2, "--cells", 1, "--batch", 6, "--resamples", 0]


def asked(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_counts_are_judged_and_written(truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ["predict", "live-flops", "twelve-epoch", "--truth", truth, "--policy", POLICY, "--resamples", 0]
    found = asked([*arguments, "--out", out], capsys)
    assert list(found["predictors"]) == ["live-flops", "twelve-epoch"]
    assert json.loads((out / "predictors.json").read_text()) == found
    column = TruthTable.open(truth).column(POLICY)
    row = found["predictors"]["live-flops"]
    assert row["metrics"]["kendall_tau"] == pytest.approx(kendall_tau(flops(live=True), column))
    assert row["published"][0]["kendall_tau"] == 0.653
    assert row["direction"] == "+"
    stored = read_score_file(out / "scores.parquet")
    assert stored.names == ("live-flops", "twelve-epoch")
    # the verb score reads the file and finds the same
    again = asked(["score", out / "scores.parquet", "--truth", truth, "--policy", POLICY, "--resamples", 0], capsys)
    for name, judged in found["predictors"].items():
        assert again["scores"][name] == judged["metrics"]


@pytest.mark.slow
def test_all_takes_what_is_possible_and_says_what_is_not(
    truth: Path, small: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["predict", *small, "--size", 8, "--truth", truth, "--policy", POLICY]
    assert main([*map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert set(found["left_out"]) == {"naswot", "jacob_cov", "zico"}
    assert {"synflow", "az-nas", "twelve-epoch", "flops"} <= set(found["predictors"])
    assert "naswot is left out: it looks at real images" in captured.err
    with_images = asked([*arguments, "--images", "digits"], capsys)
    assert with_images["left_out"] == {}
    assert with_images["settings"]["size"] == 8
    assert with_images["settings"]["images"]["name"] == "digits"


def test_the_same_command_goes_on_from_kept_parts(
    truth: Path,
    small: list[object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ["predict", "synflow", *small, "--truth", truth, "--policy", POLICY, "--out", tmp_path]
    first = asked(arguments, capsys)
    before = (tmp_path / "scores.parquet").read_bytes()

    def fail(*_: object) -> None:
        raise AssertionError("nothing is left to measure")

    monkeypatch.setattr("nasbench_harness.predictors.synflow._flow", fail)
    second = asked(arguments, capsys)
    assert first == second
    assert (tmp_path / "scores.parquet").read_bytes() == before


def test_the_table_shows_sign_metrics_and_published_numbers(
    truth: Path, small: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["predict", "flops", "live-flops", "nonlinearity-count", "az-nas", "twelve-epoch"]
    assert main([*map(str, [*names, *small, "--truth", truth, "--policy", POLICY])]) == 0
    drawn = capsys.readouterr().out
    for text in ("C2 N1, 16 x 16", "tau-b", "Spearman", "0.913", "official notebook", "none verified", "n = 15,625"):
        assert text in drawn
    assert drawn.index("twelve-epoch") < drawn.index("nonlinearity-count")  # best first


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["synflw"], 2, "did you mean synflow"),
        (["naswot"], 2, "--images"),
        (["flops", "--size", "10"], 2, "multiple of 4"),
        (["flops", "--policy", "cifar10_tset_200"], 3, "cifar10_test_200"),
        (["naswot", "--images", "nowhere"], 3, "nowhere"),
        (["naswot", "--images", "digits", "--size", "16"], 2, "8"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    code: int,
    named: str,
    truth: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", *arguments, "--truth", str(truth), "--out", "out"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err
    assert list(tmp_path.iterdir()) == []


def test_the_embedded_truth_judges_its_own_images_or_when_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "flops"]) == 2
    assert "no truth for these scores: the embedded one is of digits" in capsys.readouterr().err
    for named in (["--policy", "digits_valid_5"], ["--images", "digits"]):
        found = asked(["predict", "flops", *named, "--resamples", 0], capsys)
        assert found["truth"]["table"] == "digits"


@pytest.mark.slow
def test_counting_from_the_command_line_loads_no_torch(truth: Path) -> None:
    program = (
        "import sys; from nasbench_harness.cli import main\n"
        f"code = main(['predict', 'flops', 'twelve-epoch', '--truth', {str(truth)!r}, '--policy', '{POLICY}', "
        "'--resamples', '0', '--json'])\n"
        "print(code, 'torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip().endswith("0 False")


def test_ls_lists_the_predictors(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(["ls", "predictors"], capsys)["predictors"]
    assert len(found) == 10
    assert found["az-nas"]["summary"].startswith("Sum of log rank")
