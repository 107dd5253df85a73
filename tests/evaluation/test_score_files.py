"""Score files: three kinds, and every fault with its row and remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy import stats

from nasbench_harness.errors import DataError
from nasbench_harness.evaluation.score_files import align, read_score_file, truth_from_column
from nasbench_harness.records.scores import ScoreTable
from nasbench_harness.space import all_strings
from nasbench_harness.truth import TruthPolicy, TruthTable, benchmark_index, benchmark_order, import_table
from nasbench_harness.truth.conventions import format_naslib, to_naslib

Write = Callable[[str, list[str]], Path]
N = 15625


@pytest.fixture(scope="module")
def score_A() -> npt.NDArray[np.float64]:
    return np.random.default_rng(5).normal(size=N)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_lines(name: str, lines: list[str]) -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write_lines


@pytest.fixture
def csv_lines(score_A: npt.NDArray[np.float64]) -> list[str]:
    return ["arch,mine", *(f"{text},{score!r}" for text, score in zip(all_strings(), score_A.tolist(), strict=True))]


def test_csv_by_string_in_any_order(write: Write, csv_lines: list[str], score_A: npt.NDArray[np.float64]) -> None:
    scores = read_score_file(write("s.csv", [csv_lines[0], *reversed(csv_lines[1:])]))
    assert (scores.names, scores.n, scores.source) == (("mine",), N, "s.csv")
    np.testing.assert_array_equal(scores.index_A, np.arange(N))
    np.testing.assert_array_equal(scores.score("mine"), score_A)


def test_csv_by_benchmark_index_with_two_columns(write: Write, score_A: npt.NDArray[np.float64]) -> None:
    ordered = score_A[benchmark_order()].tolist()
    lines = [f"{number},{score!r},{-score!r}" for number, score in enumerate(ordered)]
    scores = read_score_file(write("s.csv", ["index,a,b", *lines]))
    assert scores.names == ("a", "b")
    np.testing.assert_array_equal(scores.scores_SA, np.stack([score_A, -score_A]))


def test_json_flat_and_nested(tmp_path: Path, score_A: npt.NDArray[np.float64]) -> None:
    path = tmp_path / "s.json"
    pairs = list(zip(all_strings(), score_A.tolist(), strict=True))
    path.write_text(json.dumps(dict(pairs)))
    assert read_score_file(path).names == ("score",)
    np.testing.assert_array_equal(read_score_file(path).score("score"), score_A)
    path.write_text(json.dumps({text: {"a": value, "b": 1} for text, value in pairs}))
    assert read_score_file(path).names == ("a", "b")
    np.testing.assert_array_equal(read_score_file(path).score("a"), score_A)


def test_the_parquet_file_of_a_record(tmp_path: Path, score_A: npt.NDArray[np.float64]) -> None:
    path = tmp_path / "scores.parquet"
    signals = {"accuracy": score_A.astype(np.float32), "negative_loss": -score_A.astype(np.float32)}
    path.write_bytes(ScoreTable(np.arange(N, dtype=np.int32), np.zeros(N, dtype=np.int16), signals).to_parquet())
    scores = read_score_file(path)
    assert scores.names == ("accuracy", "negative_loss")  # the leaf is no score
    np.testing.assert_array_equal(scores.index_A, np.arange(N))
    np.testing.assert_array_equal(scores.score("accuracy"), score_A.astype(np.float32).astype(np.float64))


@pytest.mark.parametrize("as_list", [False, True])
def test_naslib_names_the_rows_of_every_kind_of_file(
    tmp_path: Path, score_A: npt.NDArray[np.float64], as_list: bool
) -> None:
    numbers = to_naslib(np.arange(N))
    texts = [format_naslib(index) for index in range(N)]
    frame = pl.DataFrame({"naslib": numbers.astype(np.int64).tolist() if as_list else texts, "mine": score_A})
    frame.write_parquet(tmp_path / "s.parquet")
    found = read_score_file(tmp_path / "s.parquet")
    np.testing.assert_array_equal(found.score("mine"), score_A)
    np.testing.assert_array_equal(import_table(tmp_path / "s.parquet").column("mine"), score_A)
    if not as_list:
        frame.write_csv(tmp_path / "s.csv")
        np.testing.assert_array_equal(read_score_file(tmp_path / "s.csv").score("mine"), score_A)


def test_a_leaf_column_is_no_score_in_a_csv_either(write: Write, csv_lines: list[str]) -> None:
    lines = [csv_lines[0] + ",leaf", *(line + ",3" for line in csv_lines[1:])]
    assert read_score_file(write("s.csv", lines)).names == ("mine",)


def test_missing_architectures_only_when_allowed(write: Write, csv_lines: list[str]) -> None:
    path = write("s.csv", csv_lines[:300])
    with pytest.raises(
        DataError, match=r"s\.csv: 299 of 15625 architectures; missing .* and 15325 more; .*--allow-missing"
    ):
        read_score_file(path)
    scores = read_score_file(path, allow_missing=True)
    assert scores.n == 299
    assert scores.index_A.tolist() == list(range(299))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("|none~0|+|none~0|none~1|+|none~0|none~1|max_pool~2|,1", r"row 5: .*max_pool"),
        ("{arch0},1", r"row 5: .* was already given in row 2; keep one"),
        ("{arch3},nan", r"row 5, column 'mine': nan is not a score \(\|none~0\|.*finite number"),
        ("{arch3},", r"row 5, column 'mine': nan is not a score"),
        ("{arch3},-inf", r"row 5, column 'mine': -inf is not a score"),
        ("{arch3},high", r"row 5, column 'mine': 'high' is not a number"),
    ],
)
def test_a_faulty_row_is_named(write: Write, csv_lines: list[str], line: str, said: str) -> None:
    csv_lines[4] = line.format(arch0=all_strings()[0], arch3=all_strings()[3])
    with pytest.raises(DataError, match=r"s\.csv, " + said):
        read_score_file(write("s.csv", csv_lines))


def test_files_without_scores(write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no score file at"):
        read_score_file(tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"of no kind that holds scores \(\.csv, \.json, \.parquet\)"):
        read_score_file(write("s.txt", ["x"]))
    with pytest.raises(DataError, match="no score column beside"):
        read_score_file(write("s.csv", ["arch,leaf", f"{all_strings()[0]},3"]))
    with pytest.raises(DataError, match=r"s\.csv has no column of values beside arch"):
        read_score_file(write("s.csv", ["arch", all_strings()[0]]))
    with pytest.raises(DataError, match=r"s\.parquet cannot be read as Parquet"):
        read_score_file(write("s.parquet", ["not parquet"]))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"index": [0], "a": [1.0]}, "no column `arch`"),
        ({"arch": [all_strings()[0]], "index": [0]}, "no column of values beside arch and index"),
        ({"arch": [all_strings()[0]], "leaf": [3]}, "no score column beside"),
        ({"arch": [all_strings()[0]], "naslib": ["(1, 1, 1, 1, 1, 0)"], "a": [1.0]}, "row 1: `naslib` means"),
        ({"naslib": ["(1, 1, 1, 1, 1, 7)"], "a": [1.0]}, "row 1: not an architecture of NASLib"),
        ({"naslib": [[1, 1, 1, 1, 1]], "a": [1.0]}, "row 1: not an architecture of NASLib"),
        ({"arch": [all_strings()[0]], "a": ["x"]}, "column 'a': String is not numeric"),
        ({"arch": [None], "a": [1.0]}, "row 1: not an architecture"),
        (
            {"arch": [all_strings()[0]], "a": pl.Series([None], dtype=pl.Float32)},
            "row 1, column 'a': nan is not a score",
        ),
    ],
)
def test_faulty_parquet_files(tmp_path: Path, columns: dict[str, object], said: str) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "s.parquet")
    with pytest.raises(DataError, match=said):
        read_score_file(tmp_path / "s.parquet", allow_missing=True)


def test_a_truth_column_is_taken_out_of_the_scores(write: Write, csv_lines: list[str]) -> None:
    lines = [csv_lines[0] + ",truth", *(f"{line},{row / 1000}" for row, line in enumerate(csv_lines[1:]))]
    scores = read_score_file(write("s.csv", lines))
    truth, rest = truth_from_column(scores, "truth")
    assert rest.names == ("mine",)
    np.testing.assert_array_equal(rest.score("mine"), scores.score("mine"))
    np.testing.assert_array_equal(truth.accuracy_A, np.arange(N) / 1000)
    assert (truth.policy, truth.table, truth.sha256, truth.n) == ("truth", "s.csv", scores.sha256, N)
    with pytest.raises(DataError, match="no score column 'absent'; it has mine, truth"):
        truth_from_column(scores, "absent")
    with pytest.raises(DataError, match="no score column beside 'mine'"):
        truth_from_column(rest, "mine")


def test_align_keeps_what_both_know(write: Write, csv_lines: list[str], score_A: npt.NDArray[np.float64]) -> None:
    scores = read_score_file(write("s.csv", csv_lines[:101]), allow_missing=True)
    accuracy = np.full(N, np.nan)
    accuracy[90:200] = np.arange(110)
    truth = TruthPolicy("digits_test_9").apply(TruthTable("t", {"digits_test_9": accuracy}, None, {"partial": True}))
    scores_SA, accuracy_A, index_A = align(scores, truth)
    assert sorted(index_A) == list(range(90, 100))
    assert (np.diff(benchmark_index()[index_A]) > 0).all()
    np.testing.assert_array_equal(scores_SA, score_A[None, index_A])
    np.testing.assert_array_equal(accuracy_A, index_A - 90)
    with pytest.raises(DataError, match="share 0 architectures; at least 2"):
        align(read_score_file(write("s.csv", csv_lines[:50]), allow_missing=True), truth)


def test_published_scores_give_the_published_correlations(shared_data: Path) -> None:
    """Tau-b 0.4849 and 0.5508, Spearman 0.6771 and 0.7410 on the file's own truth, computed with SciPy beforehand."""
    scores = read_score_file(shared_data / "published-scores" / "few_shot_nas.csv")
    own, scores = truth_from_column(scores, "truth_single_run")
    assert scores.names == ("one_shot", "few_shot")
    scores_SA, accuracy_A, index_A = align(scores, own)
    assert len(index_A) == N
    tau = [stats.kendalltau(row, accuracy_A).statistic for row in scores_SA]
    rho = [stats.spearmanr(row, accuracy_A).statistic for row in scores_SA]
    assert np.round(tau, 4).tolist() == [0.4849, 0.5508]
    assert np.round(rho, 4).tolist() == [0.6771, 0.7410]


def test_published_index_is_the_benchmarks_own(shared_data: Path) -> None:
    """The file's single-run truth must agree with the mean truth row by row, which only the right order gives."""
    scores = read_score_file(shared_data / "published-scores" / "few_shot_nas.csv")
    table = import_table(shared_data / "nas-bench-201" / "accuracy.csv")
    assert table.benchmark_index is not None
    np.testing.assert_array_equal(table.benchmark_index, benchmark_index())
    scores_SA, accuracy_A, _ = align(scores, TruthPolicy("cifar10_test_200").apply(table))
    assert stats.kendalltau(scores_SA[scores.names.index("truth_single_run")], accuracy_A).statistic > 0.98
