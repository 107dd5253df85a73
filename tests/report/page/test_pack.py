"""Columns come back from their short form as they were."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest

from nasbench_harness.report.page.pack import pack
from nasbench_harness.space import N_ARCHITECTURES, live_cell_of, live_cells

TYPES = {"u1": "<u1", "u2": "<u2", "i4": "<i4", "f4": "<f4", "f8": "<f8"}


def unpacked(packed):
    """What the page's program does, told apart from how it is packed."""
    values = np.frombuffer(b64decode(packed["values"]), TYPES[packed["values_type"]])
    if "places" in packed:
        values = values[np.frombuffer(b64decode(packed["places"]), TYPES[packed["places_type"]])]
    if packed["cells"]:
        values = values[np.searchsorted(live_cells(), live_cell_of())]
    return values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [3, 300, 10**6])
def test_scores_are_kept_to_the_last_bit(dtype, levels):
    values = np.random.default_rng(0).integers(0, levels, N_ARCHITECTURES).astype(dtype) / 7
    packed = pack(values)
    assert not packed["cells"]
    assert ("places" in packed) == (levels <= 300)
    np.testing.assert_array_equal(unpacked(packed), values)


def test_live_cells_are_kept_once():
    by_cell = np.random.default_rng(1).normal(size=N_ARCHITECTURES).astype(np.float32)[live_cell_of()]
    packed = pack(by_cell)
    assert packed["cells"]
    assert len(b64decode(packed["values"])) == 9445 * 4
    np.testing.assert_array_equal(unpacked(packed), by_cell)


@pytest.mark.parametrize("top", [5, 300, 70_000, 200_000_000])
def test_whole_numbers_take_the_room_they_need(top):
    values = np.random.default_rng(2).integers(0, top, 500)
    values[0] = top
    np.testing.assert_array_equal(unpacked(pack(values)), values)


def test_an_unknown_truth_stays_unknown():
    values = np.array([93.5, np.nan, 10.0, np.nan] * 10)
    np.testing.assert_array_equal(unpacked(pack(values)), values)
