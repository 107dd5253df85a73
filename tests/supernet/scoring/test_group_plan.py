"""Which operations a group needs: known plans, the bound on calls, and the plan read back as sums of terms."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_harness.space import CONV_3X3, EDGES, NONE, SKIP, connected_live_cells, live_cells
from nasbench_harness.supernet.network import Code, live_codes
from nasbench_harness.supernet.scoring.edge_cache import Step, steps_of
from nasbench_harness.supernet.scoring.group_plan import ABSENT, CALLS_A_CELL, CellPlan, Rows, plan_cell

CELLS = np.sort(np.random.default_rng(4).choice(live_cells(), 200, replace=False))


def plan(codes: list[Code], copy_M: Rows | None = None, row_M: Rows | None = None) -> CellPlan:
    one_each, first = np.arange(len(codes)), np.zeros(len(codes), dtype=np.int64)
    return plan_cell(
        [steps_of(code) for code in codes], first if copy_M is None else copy_M, one_each if row_M is None else row_M
    )


def read_back(found: CellPlan, inputs: int) -> list[object]:
    """What each row of the last node is: nested sums of ``("in", row)`` and ``(edge, op, set, copy, its input)``."""
    nodes: list[list[object]] = [[("in", row) for row in range(inputs)]]
    for node in found.nodes:
        terms = [
            (call.edge, call.op, call.weights, call.copy, nodes[EDGES[call.edge][0]][row])
            for call in node.calls
            for row in call.inputs
        ]
        rows = [[] for _ in range(node.rows)]  # type: ignore[var-annotated]
        for numbers in node.terms:
            for row, number in enumerate(numbers):
                rows[row].append(terms[number])
        nodes.append([frozenset(row) for row in rows])
    return nodes[-1]


def expected(steps: tuple[Step, ...], copy: int, row: int) -> object:
    nodes: list[object] = [("in", row), None, None]
    for target in (1, 2, 3):
        terms = []
        for edge, (source, end) in enumerate(EDGES):
            op, weights = steps[edge]
            if end == target and op != NONE and nodes[source] is not None:
                terms.append((edge, op, weights, copy if op in (2, CONV_3X3) else 0, nodes[source]))
        if target == 3:
            return frozenset(terms)
        nodes[target] = frozenset(terms) if terms else None
    raise AssertionError


def test_two_architectures_that_differ_in_one_operation() -> None:
    found = plan([(CONV_3X3, 0, SKIP, 0, 0, SKIP), (CONV_3X3, 0, CONV_3X3, 0, 0, SKIP)])
    first, second, last = found.nodes
    assert [(call.edge, call.op, call.inputs.tolist()) for call in first.calls] == [(0, CONV_3X3, [0, 1])]
    assert [(call.edge, call.op, call.inputs.tolist()) for call in second.calls] == [(2, SKIP, [0]), (2, CONV_3X3, [1])]
    assert [(call.edge, call.op, call.inputs.tolist()) for call in last.calls] == [(5, SKIP, [0, 1])]
    assert found.output_M.tolist() == [0, 1]
    assert found.calls == 4


def test_what_starts_from_one_row_is_computed_once() -> None:
    """From one input, as in the first cell: eight architectures of one first operation have one first node."""
    codes = live_codes(live_cells()[-8:])
    assert len({code[0] for code in codes}) == 1
    found = plan(codes, row_M=np.zeros(8, dtype=np.int64))
    assert found.nodes[0].rows == 1
    assert [len(call.inputs) for call in found.nodes[0].calls] == [1]


@pytest.mark.parametrize("size", [1, 2, 30, 200])
def test_a_group_takes_at_most_24_calls(size: int) -> None:
    assert CALLS_A_CELL == 24
    assert plan(live_codes(CELLS[:size])).calls <= CALLS_A_CELL
    assert plan(live_codes(connected_live_cells())).calls == CALLS_A_CELL


@pytest.mark.parametrize(("copies", "inputs"), [(1, 200), (3, 200), (2, 20), (1, 1)])
def test_each_architecture_gets_its_own_sum(copies: int, inputs: int) -> None:
    rng = np.random.default_rng(5)
    copy_M, row_M = rng.integers(0, copies, len(CELLS)), rng.permutation(np.arange(len(CELLS)) % inputs)
    codes = live_codes(CELLS)
    found = plan(codes, copy_M, row_M)
    made = read_back(found, inputs)
    for code, copy, row, output in zip(codes, copy_M.tolist(), row_M.tolist(), found.output_M.tolist(), strict=True):
        assert made[output] == expected(steps_of(code), copy, row)
    assert len(set(made)) == len(made), "rows are distinct"


def test_without_a_path_the_output_is_an_empty_sum() -> None:
    nothing = (NONE,) * 6
    found = plan([nothing, (SKIP, SKIP, SKIP, SKIP, SKIP, SKIP), nothing])
    assert ABSENT not in found.output_M
    assert [len(numbers) for numbers in found.nodes[2].terms] == [1, 1, 1]
    made = read_back(found, 3)
    assert made[found.output_M[0]] == made[found.output_M[2]] == frozenset()
    assert len(made[found.output_M[1]]) == 3  # type: ignore[arg-type]


def test_an_edge_of_weight_0_is_absent() -> None:
    codes: list[Code] = [(SKIP, 0, SKIP, SKIP, 0, SKIP), (0, 0, 0, CONV_3X3, 0, 0)]
    rows = np.arange(2)
    found = plan_cell([steps_of(code) for code in codes], rows * 0, rows, (1, 1, 1, 0, 1, 1))
    made = read_back(found, 2)
    assert made[found.output_M[1]] == frozenset()
    without = plan_cell([steps_of((SKIP, 0, SKIP, 0, 0, SKIP))], rows[:1], rows[:1])
    assert made[found.output_M[0]] == read_back(without, 1)[0]
