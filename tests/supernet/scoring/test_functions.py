"""Cells said to compute one function do so in random networks, and cells said to differ do not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from nasbench_harness.space import code_to_index, connected, live_cell_of, live_cells
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.supernet.scoring.functions import cell_function, representative_of

SKIP, ONE, THREE, POOL = 1, 2, 3, 4
REPRESENTATIVE_A = representative_of()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # convolution, then on through skips: directly, or by way of node 2
        ((THREE, 0, 0, 0, SKIP, 0), (THREE, 0, SKIP, 0, 0, SKIP), True),
        # pooling before or after a skip
        ((POOL, 0, 0, 0, SKIP, 0), (SKIP, 0, 0, 0, POOL, 0), True),
        # pooling of a sum is the sum of what is pooled
        ((SKIP, POOL, SKIP, 0, 0, POOL), (SKIP, POOL, 0, 0, POOL, POOL), True),
        # every edge has weights of its own
        ((THREE, 0, 0, 0, SKIP, 0), (SKIP, 0, 0, 0, THREE, 0), False),
        # convolutions of pooled and of plain input
        ((POOL, 0, 0, 0, THREE, 0), (SKIP, 0, 0, 0, THREE, 0), False),
        # once or twice the input
        ((SKIP, 0, 0, SKIP, SKIP, 0), (SKIP, 0, 0, 0, SKIP, 0), False),
        # pooled once or twice
        ((POOL, 0, 0, 0, POOL, 0), (POOL, 0, 0, 0, SKIP, 0), False),
    ],
)
def test_known_pairs(one: tuple[int, ...], other: tuple[int, ...], same: bool) -> None:
    assert (cell_function(one) == cell_function(other)) is same
    a, b = (live_cell_of()[code_to_index(np.array(code))] for code in (one, other))
    assert (REPRESENTATIVE_A[a] == REPRESENTATIVE_A[b]) is np.bool_(same)


def test_a_representative_is_the_least_live_cell_of_its_function() -> None:
    distinct = np.unique(REPRESENTATIVE_A)
    assert len(distinct) == 7548
    assert np.isin(distinct, live_cells()).all()
    assert (REPRESENTATIVE_A[distinct] == distinct).all()
    assert (live_cell_of() >= REPRESENTATIVE_A).all()
    assert (connected()[REPRESENTATIVE_A] == connected()).all()
    assert np.array_equal(REPRESENTATIVE_A[live_cell_of()], REPRESENTATIVE_A)
    with pytest.raises(ValueError, match="read-only"):
        REPRESENTATIVE_A[0] = 1


def logits(cells: np.ndarray) -> list[torch.Tensor]:
    torch.manual_seed(3)
    network = Supernet(NetworkShape(3, 1, 1, 5)).double()
    x_NCHW = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        return [network(x_NCHW, code) for code in live_codes(cells)]


def test_equal_functions_give_equal_logits() -> None:
    others = live_cells()[REPRESENTATIVE_A[live_cells()] != live_cells()]
    assert len(others) == len(live_cells()) - 7548
    drawn = np.random.default_rng(0).choice(others, 60, replace=False)
    for found, expected in zip(logits(drawn), logits(REPRESENTATIVE_A[drawn]), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_different_functions_give_different_logits() -> None:
    distinct = np.unique(REPRESENTATIVE_A[np.flatnonzero(connected())])
    drawn = np.random.default_rng(1).choice(distinct, 150, replace=False)
    values = np.sort([float(found.abs().sum()) for found in logits(drawn)])
    assert min(b / a - 1 for a, b in pairwise(values)) > 1e-9
