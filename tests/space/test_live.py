"""Live edges against a search along every path, and the counts that are known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness import space

codes = st.lists(st.integers(0, 4), min_size=6, max_size=6)


def walk(code: list[int], node: int = 0, taken: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """Every way from `node` to the output along edges that are not none, as edge numbers."""
    if node == 3:
        return [taken]
    steps = [(edge, to) for edge, (source, to) in enumerate(space.EDGES) if source == node and code[edge] != 0]
    return [path for edge, to in steps for path in walk(code, to, (*taken, edge))]


def test_the_four_paths_are_those_of_a_cell_without_none() -> None:
    assert sorted(space.PATHS) == sorted(walk([1] * 6))


@given(codes)
def test_live_edges_lie_on_a_walk_to_the_output(code: list[int]) -> None:
    index = int(space.code_to_index(code))
    walked = {edge for path in walk(code) for edge in path}
    assert set(np.flatnonzero(space.live_edges()[index]).tolist()) == walked
    assert bool(space.connected()[index]) == bool(walked)
    live_code = [operation if edge in walked else 0 for edge, operation in enumerate(code)]
    assert space.index_to_code(space.live_cell_of()[index]).tolist() == live_code


def test_known_counts_of_live_structure() -> None:
    assert int((~space.connected()).sum()) == 341
    assert space.live_cells().size == 9445
    live_A = space.live_edges().sum(axis=1)
    assert np.bincount(live_A).tolist() == [341, 1364, 928, 3776, 1024, 4096, 4096]
    dead_but_not_none_A = ((space.all_codes() != 0) & ~space.live_edges()).any(axis=1)
    assert int(dead_but_not_none_A.sum()) == 6180


def test_a_live_cell_stands_for_itself() -> None:
    cells = space.live_cells()
    np.testing.assert_array_equal(space.live_cell_of()[cells], cells)
    np.testing.assert_array_equal(np.diff(cells) > 0, True)
    assert (space.live_cell_of()[~space.connected()] == 0).all()


@pytest.mark.parametrize(("column", "chance"), [("cifar10_test_200", 10.0), ("cifar100_test_200", 1.0)])
def test_architectures_without_a_path_sit_at_chance_in_the_benchmark(
    shared_data: Path, column: str, chance: float
) -> None:
    with (shared_data / "nas-bench-201" / "accuracy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    accuracy_A = np.empty(space.N_ARCHITECTURES)
    accuracy_A[space.parse_architectures(row["arch"] for row in rows)] = [float(row[column]) for row in rows]
    np.testing.assert_allclose(accuracy_A[~space.connected()], chance, atol=0.01)
    assert float(np.median(accuracy_A[space.connected()])) > 5 * chance
