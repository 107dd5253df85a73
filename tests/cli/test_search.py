"""The verbs search and prune: from tables alone, results stored, one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.latency import LatencyTable
from nasbench_harness.space import N_ARCHITECTURES, all_strings, connected, flops
from nasbench_harness.truth import TruthTable, benchmark_index

POLICY = "cifar100_test_200"
LATENCY_A = flops() / 2e7 + np.random.default_rng(0).uniform(1, 2, N_ARCHITECTURES)
TRUTH_A = np.round(np.random.default_rng(1).uniform(10, 70, N_ARCHITECTURES), 2)
SMALL = ["--population", "16", "--generations", "4"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("hardware")
    holes_A = LATENCY_A.copy()
    holes_A[:100] = np.nan
    tables = {"T": {"gpu_1": LATENCY_A, "gpu_32": LATENCY_A * 3, "holes": holes_A}, "P": {"gpu_1": LATENCY_A * 1.2}}
    paths = {}
    for name, columns in tables.items():
        LatencyTable(name, columns).save(folder / f"{name}.npz")
        paths[name] = str(folder / f"{name}.npz")
    TruthTable("accuracy", {POLICY: TRUTH_A}, benchmark_index(), {}).save(folder / "truth.npz")
    (folder / "few.json").write_text(json.dumps(dict.fromkeys(all_strings()[-9:], 1.0)))
    (folder / "scores.json").write_text(json.dumps({name: float(i) for i, name in enumerate(all_strings())}))
    names = {"TRUTH": "truth.npz", "FEW": "few.json", "S": "scores.json"}
    return paths | {name: str(folder / file) for name, file in names.items()}


def asked(text: str, files: dict[str, str]) -> list[str]:
    return [files.get(word, word) for word in text.split()]


def test_search_of_devices_and_constraints_in_one_table(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "search --latency T --device gpu_1 --device gpu_32 --max-latency 9 --window 6 8 --oracle --scores S"
    words = [*asked(f"{text} --truth TRUTH --seeds 0,1 --out {tmp_path}", files), *SMALL]
    assert main([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "search.json").read_text()) == result
    told = [(p["device"], p["constraint"], p["scores"]) for p in result["problems"]]
    assert len(told) == len(set(told)) == 8
    assert result["truth"]["policy"] == POLICY
    first = result["problems"][0]
    inside_A = (LATENCY_A <= 9) & connected()
    assert first["true_best"]["truth"] == TRUTH_A[inside_A].max()
    assert first["counts"]["candidates"] == inside_A.sum()
    for run in first["runs"]:
        assert run["best"]["truth"] == TRUTH_A[run["best"]["index"]] == max(row["truth"] for row in run["front"])
    assert main(words) == 0
    drawn = capsys.readouterr().out
    for text in ("gpu_32", "at most 9 ms", "6 to 8 ms", "scores.json:score", "hypervolume: ratio", "±"):
        assert text in drawn


def test_a_prediction_is_checked(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = asked("search --latency T --measured P --device gpu_1 --max-latency 6 --oracle --truth TRUTH", files)
    assert main([*words, *SMALL, "--json"]) == 0
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    [run] = problem["runs"]
    share = np.mean([row["cost"] > 6 for row in run["front"]])
    assert run["violations"] == share
    assert main([*words, *SMALL]) == 0
    assert "violations" in capsys.readouterr().out


def test_the_best_one_is_told_and_drawn(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = asked("search --latency T --device gpu_1 --max-latency 9 --scores S --truth TRUTH --best --top 3", files)
    assert main([*words, "--out", str(tmp_path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "best.json").read_text()) == result
    [answer] = result["answers"]
    best = int(np.flatnonzero(connected() & (LATENCY_A <= 9))[-1])  # the score is our index
    assert (answer["best"]["index"], answer["best"]["accuracy"]["truth"]) == (best, TRUTH_A[best])
    assert len(answer["alternatives"]) == 2
    assert main(words) == 0
    drawn = capsys.readouterr().out
    for text in (all_strings()[best], "\u25b6 output", f"{LATENCY_A[best]:.4g} ms measured", f"{TRUTH_A[best]:.2f} %"):
        assert text in drawn
    assert main(asked("search --cost flops --max-latency 30 --scores flops --best", files)) == 0
    assert "accuracy unknown" in capsys.readouterr().out


def test_prune_tells_what_was_removed_and_why(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = asked("prune --latency T --device holes --max-latency 8 --scores flops --truth TRUTH", files)
    words += ["--thresholds", "0.1,0.01", "--stages", "1", *SMALL]
    assert main([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    [problem] = result["problems"]
    run = problem["runs"][0]
    assert problem["counts"]["without_cost"] == connected()[:100].sum()
    for row in run["stages"][0]["removed"]:
        assert row["frequency"] <= 0.1
        assert row["operation"] not in run["spaces"][1]["operations"][row["edge"]]
    assert main(words) == 0
    drawn = capsys.readouterr().out
    for text in ("stage 1", "removed", "%)", "architectures without a cost are left out", "best truth left"):
        assert text in drawn


def test_flops_can_be_the_cost(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = asked("search --cost flops --window 60 130 --scores S --truth TRUTH --json", files)
    assert main([*words, *SMALL]) == 0
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    assert problem["counts"]["candidates"] == 5088  # of the 5,126 in the window 38 have no path
    assert problem["unit"] == "M"


def test_scores_of_a_part_are_taken_on_request(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = asked("search --latency T --device gpu_1 --max-latency 99 --scores FEW --truth TRUTH --json", files)
    assert main(words) == 3
    assert "--allow-missing" in capsys.readouterr().err
    assert main([*words, "--allow-missing"]) == 0
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    assert problem["counts"]["candidates"] == 9
    assert {row["index"] for row in problem["runs"][0]["front"]} <= set(range(N_ARCHITECTURES - 9, N_ARCHITECTURES))


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        (
            "search --latency T --device gpu_1 --max-latency 0.1 --scores flops --truth TRUTH",
            2,
            "the nearest possible: 1.",
        ),
        ("search --latency T --device gpu_1 --window 9 8 --scores flops", 2, "lower bound first"),
        ("search --latency T --device gpu_2 --max-latency 9 --scores flops", 3, "gpu_1"),
        ("search --latency T --max-latency 9 --scores flops", 2, "several columns"),
        ("search --latency T --device gpu_1 --scores flops", 2, "--max-latency MS or --window LO HI"),
        ("search --latency T --device gpu_1 --max-latency 9", 2, "--oracle"),
        ("search --max-latency 9 --scores flops", 2, "--cost flops"),
        ("search --cost luck --max-latency 9 --scores flops", 2, "live_flops"),
        ("search --latency missing.npz --max-latency 9 --scores flops", 3, "missing.npz"),
        ("search --latency T --device gpu_1 --max-latency 9 --scores missing.csv", 3, "missing.csv"),
        ("search --latency T --device gpu_1 --max-latency 9 --scores S:x", 3, "no scores at"),
        ("search --latency T --device gpu_1 --max-latency 9 --scores flops --seeds a --truth TRUTH", 2, "--seeds"),
        (
            "search --latency T --device gpu_1 --max-latency 9 --scores flops --generations 0 --truth TRUTH",
            2,
            "generations",
        ),
        ("search --latency T --device gpu_1 --max-latency 9 --oracle --truth TRUTH --policy cifar10", 3, POLICY),
        ("search --cost flops --max-latency 99 --scores flops", 2, "no truth for these scores"),
        ("search --cost flops --max-latency 99 --oracle", 2, "--truth FILE"),
        ("search --cost flops --max-latency 99 --oracle --best", 2, "leave out --seeds, --population"),
        ("search --cost flops --max-latency 99 --scores flops --top 3", 2, "--top N belongs to --best"),
        ("search --cost flops --max-latency 99 --scores flops --figures x --width wide", 2, "give one of neurips"),
        ("prune --cost flops --max-latency 99 --scores S", 2, "no truth for these scores"),
        (
            "prune --latency T --device gpu_1 --max-latency 9 --scores flops --thresholds 1.5 --truth TRUTH",
            2,
            "below 1",
        ),
        (
            "prune --latency T --device gpu_1 --max-latency 9 --scores flops --thresholds x --truth TRUTH",
            2,
            "--thresholds",
        ),
        (
            "prune --latency T --device gpu_1 --max-latency 9 --scores flops --stages 0 --truth TRUTH",
            2,
            "at least one stage",
        ),
        (
            "prune --latency T --device gpu_1 --max-latency 9 --scores flops --counting luck --truth TRUTH",
            2,
            "archive or population",
        ),
    ],
)
def test_an_error_is_one_line(
    text: str, code: int, named: str, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*asked(text, files), "--out", str(tmp_path / "out")]
    if "--generations" not in text:
        words += SMALL
    assert main(words) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("nasbench-harness: ")]
    assert len(lines) == 1
    assert named in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_search_and_its_figures_load_no_torch(files: dict[str, str], tmp_path: Path) -> None:
    words = asked("search --latency T --device gpu_1 --max-latency 8 --oracle --truth TRUTH", files)
    words += [*SMALL, "--figures", str(tmp_path)]
    program = (
        "import sys; from nasbench_harness.cli import main; code = main(sys.argv[1:]); "
        "print(code, [name for name in ('torch', 'matplotlib.pyplot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pareto_front_gpu_1.pdf",
        "pareto_front_gpu_1.png",
        "pareto_front_gpu_1.tex",
    ]


def test_the_published_latencies_and_accuracies(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Known answer: the best CIFAR-100 accuracy on a Titan RTX within 18 ms at batch size 256."""
    latency = shared_data / "latency" / "help_nasbench201_latency_ms.csv"
    truth = shared_data / "nas-bench-201" / "accuracy.csv"
    words = ["search", "--latency", latency, "--device", "titan_rtx_256", "--max-latency", 18, "--oracle"]
    words += ["--truth", truth, "--policy", POLICY, "--json"]
    assert main([str(word) for word in words]) == 0
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    assert problem["counts"]["candidates"] == 7399
    assert problem["true_best"]["truth"] == pytest.approx(70.87)
    assert problem["runs"][0]["regret"] <= 0.6


def test_without_pymoo_an_exhaustive_search_works_and_an_evolution_says_what_to_install(
    files: dict[str, str], tmp_path: Path
) -> None:
    words = asked("search --latency T --device gpu_1 --max-latency 6 --scores S --truth TRUTH --json", files)
    program = (
        "import sys; sys.modules['pymoo'] = None; from nasbench_harness.cli import main; sys.exit(main(sys.argv[1:]))"
    )

    def without_pymoo(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *words, *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    done = without_pymoo("--population", "15625")
    assert done.returncode == 0, done.stderr
    (problem,) = json.loads(done.stdout)["problems"]
    inside = np.flatnonzero((LATENCY_A <= 6) & connected())
    (run,) = problem["runs"]
    assert run["best"]["index"] == inside.max()  # the scores rise with the index
    assert run["search"]["architectures_seen"] == len(inside)
    refused = without_pymoo("--population", "16")
    assert refused.returncode == 2
    assert 'pip install "nasbench-harness[search]"' in refused.stderr
    assert f"a population of {len(inside)}" in refused.stderr
