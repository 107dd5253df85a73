"""Score files of others as rows of a leaderboard: judged by the truth of the run they stand beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nasbench_harness import report
from nasbench_harness.api.inputs import as_scores
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.columns import judge_column
from nasbench_harness.evaluation.score_files import align
from nasbench_harness.records import Run, read_scores, stored_units, unit_dir
from nasbench_harness.report.external import with_external
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth import Truth, TruthTable, truth_of


def named_files(texts: Iterable[str]) -> dict[str, list[str]]:
    """``NAME=FILE`` texts by name; a name that is given several times has a file for each of its seeds."""
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise UsageError(f"scores are named as NAME=FILE, found {text!r}; such as theirs=scores.csv")
        found.setdefault(name, []).append(file)
    return found


def with_scores(
    board: report.Leaderboard, run: Run, scores: Mapping[str, Sequence[Any]], table: TruthTable
) -> report.Leaderboard:
    """The board with a row for each name and score column, judged by the run's truth.

    ``scores``: by name one or more sources, as ``evaluate`` takes them: several are seeds. A source with several
    columns gives a row for each, ``name:column``. ``table``: holds the truth of the run. Raises ``DataError`` when it
    holds another, when scores are missing, and when the sources of one name have different columns; ``UsageError`` for
    a name that a strategy has.
    """
    truth = _truth_of(run, table)
    judged: dict[str, list[dict[str, Any]]] = {}
    for name, sources in scores.items():
        if name in run.strategies:
            raise UsageError(f"{name} is a strategy of {run.folder}; give the scores another name")
        files = [as_scores(source, allow_missing=truth.n < N_ARCHITECTURES) for source in sources]
        if different := [file for file in files if file.names != files[0].names]:
            raise DataError(
                f"scores of {name}: {different[0].source} has the columns {', '.join(different[0].names)}, "
                f"{files[0].source} has {', '.join(files[0].names)}; seeds have the same columns"
            )
        for file in files:
            scores_SA, true_A, index_A = align(file, truth)
            if len(index_A) != truth.n:
                raise DataError(f"{file.source} has scores of {len(index_A):,} of the {truth.n:,} ranked architectures")
            for column, score_A in zip(file.names, scores_SA, strict=True):
                row = name if len(file.names) == 1 else f"{name}:{column}"
                judged.setdefault(row, []).append(judge_column(score_A, true_A, index_A))
    return with_external(board, judged)


def _truth_of(run: Run, table: TruthTable) -> Truth:
    """The truth of the run's records, for the architectures that they rank."""
    first = run.records[0]
    truth = truth_of(table, str(first.truth["policy"]))
    if truth.sha256 != first.truth["sha256"]:
        raise DataError(
            f"{run.folder} was judged by table {first.truth['table']} ({first.truth['sha256'][:12]}), and {table.name} "
            f"({truth.sha256[:12]}) is another; name that one by --truth, so that all rows have one truth"
        )
    if first.truth["n"] == truth.n:
        return truth
    # of joined runs, the folder is the first one's
    return truth.among(read_scores(unit_dir(run.folder, *stored_units(run.folder)[0])).index)
