"""The command line as its users meet it: results on stdout, one-line errors on stderr, documented exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.space import all_strings, connected, flops

VERBS = ["run", "leaderboard", "figures", "score", "ls", "doctor", "truth"]


@pytest.fixture(scope="module")
def truth_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete source: accuracy grows with FLOPs, two measurements with noise."""
    path = tmp_path_factory.mktemp("truth") / "made.csv"
    rng = np.random.default_rng(0)
    base = np.where(connected(), 30 + 60 * flops() / flops().max(), 10.0)
    first, second = (np.clip(base + rng.normal(0, 1, len(base)), 0, 100) for _ in range(2))
    rows = [f"{a},{x:.4f},{y:.4f}" for a, x, y in zip(all_strings(), first, second, strict=True)]
    path.write_text("arch,cifar10_test_200,cifar10_test_200_seed777\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def score_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two score columns: FLOPs, and FLOPs upside down."""
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    rows = [f"{a},{f},{-f}" for a, f in zip(all_strings(), flops(), strict=True)]
    path.write_text("arch,up,down\n" + "\n".join(rows) + "\n")
    return path


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in VERBS)
    assert "Exit codes" in out


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


def test_ls_knows_every_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"quickstart", "cifar10-cpu"} <= set(found["presets"])
    assert {"none", "random", "single-edge", "efs-group", "efs-accum"} <= set(found["partitioners"])
    assert {"uniform", "balanced"} <= set(found["samplers"])
    assert {"one-shot", "few-shot"} <= set(found["strategies"])
    for family, members in found.items():
        keys = {"summary", "source", "status"} | ({"settings"} if family == "methods" else set())
        assert all(set(member) == keys for member in members.values())
    assert all(member["summary"] for family in found.values() for member in family.values())


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["run", "quickstrat"], 2, "did you mean quickstart"),
        (["run", "quickstart", "budget.epoch=3"], 2, "budget.epoch"),
        (["run", "quickstart", "budget.epochs"], 2, "section.key=value"),
        (["run", "quickstart", "--strategies", "one-shot"], 2, "one-shot"),
        (["run", "missing.toml"], 2, "missing.toml"),
        (["run", "quickstart", "--device", "gpu"], 2, "gpu"),
        (["run", "quickstart", "--threads", "0"], 2, "threads"),
        (["run", "quickstart", "--truth", "missing.npz"], 3, "missing.npz"),
        (["figures", "missing"], 3, "missing"),
        (["leaderboard", "missing"], 3, "missing"),
        (["score", "missing.csv"], 3, "missing.csv"),
        (["truth", "info", "missing.csv"], 3, "missing.csv"),
        (["ls", "familys"], 2, "familys"),
        (["nothing"], 2, "nothing"),
        (["run"], 2, "EXPERIMENT"),
        (["ls", "--wrong"], 2, "--wrong"),
    ],
)
def test_an_error_is_one_line_that_names_the_thing(
    arguments: list[str],
    code: int,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("nasbench-harness: ")
    assert named in captured.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_truth_table_that_lacks_one_row_is_refused_and_nothing_is_written(
    truth_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = truth_csv.read_text().splitlines()
    short = tmp_path / "short.csv"
    short.write_text("\n".join(lines[:-1]) + "\n")
    assert main(["truth", "import", str(short)]) == 3
    error = capsys.readouterr().err
    assert all_strings()[-1] in error
    assert [path.name for path in tmp_path.iterdir()] == ["short.csv"]


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


def test_a_fault_of_the_harness_is_not_taken_for_a_regression(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(family: str | None) -> None:
        raise ZeroDivisionError(family)

    monkeypatch.setattr("nasbench_harness.catalogue.catalogue", broken)
    assert main(["ls"]) == 4
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_interruption_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(family: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nasbench_harness.catalogue.catalogue", interrupted)
    assert main(["ls"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["score", "missing.csv"], ["figures", "x"], ["truth", "info"]]
)
def test_verbs_that_train_nothing_start_without_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from nasbench_harness.cli import main; main(sys.argv[1:]); "
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "False"


def test_the_first_page_of_help_does_without_markdown_and_the_others_have_it() -> None:
    code = (
        "import sys; from nasbench_harness.cli import main; main(sys.argv[1:]); "
        "print('rich.markdown' in sys.modules, file=sys.stderr)"
    )
    for arguments, loaded in ((["--help"], "False"), (["run", "--help"], "True")):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == loaded
        assert "``" not in done.stdout


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_harness", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0.1.0"
