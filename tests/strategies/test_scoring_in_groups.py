"""What strategies train is scored alike in groups and one by one: networks, cell copies, masks and blocks."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import numpy as np
import pytest

from nasbench_harness.experiment.methods import METHODS
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.space import connected_live_cells
from nasbench_harness.strategies import Context, Strategy, strategies
from nasbench_harness.system.variables import SCORING_GROUP_VARIABLE

CELLS = connected_live_cells()[::150]
SEARCH = {"population": 10, "generations": 2, "images": 20, "paired": 20}
LENGTHS = {
    "gm-nas": {"partitioner": {"name": "gradient-matching", "repeats": 1}},
    "worst-cut": {"partitioner": {"name": "gradient-matching", "objective": "worst", "repeats": 1}},
    "hep-rank": {"repeats": 1},
    "split-without-smd": {"repeats": 1},
    "hep-search": {"repeats": 1, "max_peers": 1, "validation_architectures": 5, "validation_images": 20},
    "pad-nas": SEARCH,
}
STEPS = {"hep-rank-operations": 300} | dict.fromkeys(
    ("pad-nas", "hep-search", "hep-rank", "gm-nas", "worst-cut", "split-without-smd"), 800
)
CASES = ("ensemble", "few-shot-depth-2", "efs-accum", "random-tree", "hm-nas", "close")
"""A network, several, cell copies, masks and blocks; all methods were compared once by hand with this test."""


def made(method: str) -> Strategy:
    options = tomllib.loads(f"method = {METHODS[method].settings}")["method"] | LENGTHS.get(method, {})
    return strategies.create(options.pop("kind"), options)


@pytest.mark.parametrize("method", CASES)
def test_scores_agree(method: str, small_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = made(method).train(small_context(STEPS.get(method, 100)))
    expected = scorer.score(CELLS)
    monkeypatch.setenv(SCORING_GROUP_VARIABLE, "24")
    found = scorer.score(CELLS)
    assert found.keys() == expected.keys()
    known = np.isfinite(expected["negative_loss"])
    assert np.array_equal(known, np.isfinite(found["negative_loss"]))
    np.testing.assert_allclose(found["negative_loss"], expected["negative_loss"], rtol=1e-4)
    tau = kendall_tau(found["negative_loss"][known], expected["negative_loss"][known])
    assert tau is not None
    assert tau > 0.998  # only what rounding tells apart changes places
