"""Tables of results outside of a terminal: chosen and sorted, LaTeX that a parser reads, CSV that polars reads."""

from __future__ import annotations

import io
import re

import polars as pl
import pytest
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexWalker

from nasbench_harness.errors import UsageError
from nasbench_harness.records import Run
from nasbench_harness.records.summary import Estimate
from nasbench_harness.report import SideBySide, leaderboard
from nasbench_harness.report.cells import table_of
from nasbench_harness.report.latex import escaped, latex_of
from nasbench_harness.report.separated import csv_of
from nasbench_harness.report.tables import Numbers, Table, markdown_of

NOISES = {"one-shot": 0.6, "one-shot-balanced": 0.25, "random": 1.2}


@pytest.fixture(scope="module")
def board(fake):
    return leaderboard(fake.make_run(NOISES, 3))


def made(**columns) -> Table:
    numbers = [
        Numbers(name, tuple(map(str, values)), name=name, values=tuple(values)) for name, values in columns.items()
    ]
    return Table("made", tuple(numbers), ("sorted so.",), 3, {"truth": "t"}, "made.", order="sorted so")


def strategies(table: Table) -> list[str]:
    return list(table.columns[0].cells)


def test_rows_are_sorted_with_the_best_first_and_the_unknown_and_references_last():
    values = (2.0, None, Estimate(3.0, 0.1, 3, (2, 4), "seeds"), 9.0)
    table = made(name=("a", "b", "c", "reference"), tau=values)
    assert strategies(table.sorted("tau")) == ["c", "a", "b", "reference"]
    assert strategies(table.sorted("tau", reverse=True)) == ["a", "c", "b", "reference"]
    assert strategies(table.sorted("name")) == ["a", "b", "c", "reference"]
    assert strategies(table.sorted("name", reverse=True)) == ["c", "b", "a", "reference"]
    assert table.sorted("tau", reverse=True).notes == ("sorted by tau, the worst first.",)
    assert table.sorted(None) == table


def test_what_costs_less_is_better(board):
    table = table_of(board)
    by_regret = table.sorted("regret")
    [place] = by_regret.places("regret_at_10_points")
    means = [value.mean for value in by_regret.columns[place].values[:3]]
    assert means == sorted(means)
    assert "sorted by regret@10, and all but" in " ".join(by_regret.notes)


def test_columns_are_named_as_in_the_csv_as_shown_or_by_their_beginning(board):
    table = table_of(board)
    for names in (["tau", "regret_at_10_points"], ["Tau (neg. loss)", "regret@10"], ["tau", "regret"]):
        assert [column.name for column in table.chosen(names).columns] == ["strategy", "tau", "regret_at_10_points"]
    assert [column.name for column in table.chosen(["seeds", "strategy"]).columns] == ["strategy", "seeds"]
    assert {column.worth for column in table.chosen(["memory"]).columns} == {0}
    assert not [note for note in table.chosen(["tau"]).notes if note.startswith(("tier", "within FLOPs"))]
    with pytest.raises(UsageError, match=r"no column 'luck' in fake; the columns are strategy, seeds, tier"):
        table.chosen(["luck"])
    with pytest.raises(UsageError, match="no column '_'"):
        table.sorted("_")


def tabular(text: str) -> list[list[str]]:
    """The cells of the one tabular; the parser finds groups and environments that are not closed."""
    nodes, _, _ = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    [table] = [node for node in nodes if isinstance(node, LatexEnvironmentNode)]
    [found] = [node for node in table.nodelist if isinstance(node, LatexEnvironmentNode)]
    assert (table.environmentname, found.environmentname) == ("table", "tabular")
    body = text.split(r"\toprule")[1].split(r"\bottomrule", maxsplit=1)[0].replace("\\midrule\n", "")
    return [row.strip().split(" & ") for row in body.split(r" \\")[:-1]]


def test_latex_has_a_column_for_each_cell_and_numbers_as_siunitx_reads_them(board):
    text = latex_of(table_of(board))
    rows = tabular(text)
    kinds = re.findall(r"^  (l|c|S\[table-format=(-?)(\d+)(?:\.(\d+))?(?:\((\d+)\))?\])$", text, re.MULTILINE)
    heads = sum(2 if cell.startswith(r"\multicolumn{2}") else 1 for cell in rows[0])
    assert {heads, len(kinds)} == {len(row) for row in rows[1:]}
    assert len(rows) == 1 + len(board.rows) + len(board.references)
    assert text.count(r"\midrule") == 2
    for row in rows[1:]:
        for (kind, sign, before, after, error), cell in zip(kinds, row, strict=True):
            if kind.startswith("S"):
                number = re.fullmatch(r"\{--\}|(-?)(\d+)(?:\.(\d+))?(?:\((\d+)\))?", cell)
                assert number, cell
                assert len(number[2] or "") <= int(before)
                assert len(number[3] or "") in (0, int(after or 0))
                assert len(number[4] or "") <= int(error or 0)
                assert sign or not number[1]
            else:
                assert cell.startswith("{")
    tau = board.rows[0].metrics["kendall_tau"]
    low, high = tau.interval
    assert rows[1][3:5] == [f"{tau.mean:.3f}({round(1000 * tau.sd)})", f"{{$[{low:.3f}, {high:.3f}]$}}"]
    assert rows[1][2] == "{1 [1, 1]}"


def test_the_caption_says_by_which_truth_over_what_and_what_is_in_brackets(board):
    caption = re.search(r"\\caption\{(.*)\}", latex_of(table_of(board)))[1]
    for said in (
        r"truth cifar10\_test\_200",
        "400 architectures",
        r"95 \% t-interval",
        "standard deviation over seeds",
    ):
        assert said in caption
    assert "noise ceiling" in re.search(r"(?s)^(%.*?)\\begin", latex_of(table_of(board)))[1]


def test_names_are_escaped_so_that_latex_prints_them_and_runs_nothing():
    hostile = r"a_b & 50 % \input{x} #1 $x$ ~ ^ {"
    text = latex_of(made(name=(hostile, "line\nbreak", "c"), tau=(1.0, -2.25, None)))
    assert (
        r"{a\_b \& 50 \% \textbackslash{}input\{x\} \#1 \$x\$ \textasciitilde{} \textasciicircum{} \{} & 1.000" in text
    )
    assert "line break" in text
    assert "S[table-format=-1.3]" in text
    tabular(text)
    assert escaped("± \N{MULTIPLICATION SIGN} → ≤") == r"$\pm$ $\times$ $\to$ $\le$"


def test_a_number_rounds_with_its_deviation():
    values = (Estimate(0.1234, 0.1234, 3, (0, 1), "seeds"), Estimate(-12.3456, 0.0004, 3, None, "seeds"))
    text = latex_of(made(name=("a", "b"), tau=values))
    assert "{a} & 0.123(123) & {$[0.000, 1.000]$}" in text
    assert "{b} & -12.346(0) & {}" in text
    assert "S[table-format=-2.3(3)]" in text


def test_csv_reads_back_to_the_last_bit_with_units_in_its_names(board):
    frame = pl.read_csv(io.StringIO(csv_of([table_of(board)])))
    assert frame["strategy"].to_list() == [row.name for row in (*board.rows, *board.references)]
    for place, row in enumerate(board.rows):
        for name, metric in (("tau", "kendall_tau"), ("regret_at_10_points", "regret_at.10")):
            found = row.metrics[metric]
            assert frame[name][place] == found.mean
            assert frame[f"{name}_sd"][place] == found.sd
        assert (frame["tau_low"][place], frame["tau_high"][place]) == row.metrics["kendall_tau"].interval
        assert frame["time_s"][place] == row.costs["seconds"].mean
        assert (frame["tier"][place], frame["rank_first"][place]) == (row.place.tier, row.place.ranks[0])
    assert frame["kind"].to_list() == ["strategy"] * 3 + ["reference"] * 2
    assert frame["seeds"].to_list() == [3, 3, 3, None, None]
    assert frame["interval_over"].to_list() == ["seeds"] * 3 + ["architectures"] * 2
    assert set(frame["truth"]) == {"cifar10_test_200"}
    assert set(frame["architectures"]) == {400}
    assert frame["memory_mb"].dtype.is_numeric()


def test_tables_of_one_kind_are_one_csv(board):
    frame = pl.read_csv(io.StringIO(csv_of([table_of(board)] * 2)))
    assert frame.height == 10
    both = SideBySide((board, board)).table()
    assert csv_of([both]).startswith("strategy,kind,signal,interval_over,seeds,tau_cifar10_test_200,")


def test_markdown_of_a_choice_has_those_columns(board):
    lines = markdown_of(table_of(board).chosen(["tau"])).splitlines()
    assert lines[2] == r"| strategy | tau (neg. loss) \* |"


def test_signals_that_differ_have_one_column_to_sort_by(fake):
    records = (fake.make_record("a"), fake.make_record("b", signal="accuracy"))
    table = table_of(leaderboard(Run(None, records)))
    names = [column.name for column in table.columns]
    assert names.count("tau") == 1
    assert {"tau_accuracy", "tau_negative_loss"} < set(names)
    assert strategies(table.sorted("tau")) == strategies(table)
