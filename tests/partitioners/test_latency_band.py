"""Bands of latency: equal in population, ordered in cost, live cells whole."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.latency import LatencyTable
from nasbench_harness.partitioners import LatencyBand, partitioners
from nasbench_harness.space import N_ARCHITECTURES, Subspace, flops, live_cell_of, route

FULL = Subspace.full()
LATENCY_A = 1 + np.random.default_rng(0).uniform(0, 9, N_ARCHITECTURES) + flops() / 1e7


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.npz"
    holes_A = LATENCY_A.copy()
    holes_A[live_cell_of() == live_cell_of()[9000]] = np.nan
    LatencyTable("t", {"gpu": LATENCY_A, "holes": holes_A}).save(path)
    return path


def cell_costs(cost_A: np.ndarray) -> np.ndarray:
    sums = np.bincount(live_cell_of(), cost_A, N_ARCHITECTURES)
    return (sums / np.maximum(np.bincount(live_cell_of(), minlength=N_ARCHITECTURES), 1))[live_cell_of()]


@pytest.mark.parametrize("bands", [1, 2, 5, 8])
def test_bands_of_a_table(table: Path, bands: int) -> None:
    part = LatencyBand(str(table), "gpu", bands)
    leaves = part.split(FULL, None, np.random.default_rng(0))
    assert len(leaves) == bands
    for leaf in leaves:
        assert abs(leaf.size - N_ARCHITECTURES / bands) <= np.bincount(live_cell_of()).max()
    leaf_A = route(leaves)
    np.testing.assert_array_equal(leaf_A, leaf_A[live_cell_of()])
    cost_A = cell_costs(LATENCY_A)
    for cheap, dear in pairwise(leaves):
        assert cost_A[cheap.members].max() <= cost_A[dear.members].min()


def test_a_part_of_the_space_is_cut_at_its_own_quantiles(table: Path) -> None:
    space = Subspace.where(flops() > 100e6, "dear")
    leaves = LatencyBand(str(table), "gpu", 2).split(space, None, np.random.default_rng(0))
    assert abs(leaves[0].size - leaves[1].size) < 40


def test_flops_are_the_cost_unless_told_otherwise() -> None:
    leaves = partitioners.build("latency-band").split(FULL, None, np.random.default_rng(0))
    assert [leaf.name.split(":")[0] for leaf in leaves] == ["band 0", "band 1", "band 2"]
    means = [flops()[leaf.members].mean() for leaf in leaves]
    assert means == sorted(means)


def test_few_cells_give_a_band_each() -> None:
    mask_EO = np.zeros((6, 5), dtype=bool)
    mask_EO[:, 1] = True
    mask_EO[3, :4] = True
    space = Subspace.box(mask_EO, "few")
    assert [leaf.size for leaf in LatencyBand(bands=4).split(space, None, np.random.default_rng(0))] == [1] * 4
    with pytest.raises(UsageError, match="4 live cells, too few for 5 bands"):
        LatencyBand(bands=5).split(space, None, np.random.default_rng(0))


def test_bad_input(table: Path) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="1 live cells of 'full' have no cost by holes"):
        LatencyBand(str(table), "holes").split(FULL, None, rng)
    with pytest.raises(DataError, match="no device column 'gpo'; did you mean gpu"):
        LatencyBand(str(table), "gpo").split(FULL, None, rng)
    with pytest.raises(UsageError, match="has no device"):
        LatencyBand("flops", "gpu").split(FULL, None, rng)
    with pytest.raises(UsageError, match="bands must be at least 1, found 0"):
        partitioners.build({"name": "latency-band", "bands": 0})
