"""Counts against a layer-by-layer walk and the published numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness import space
from nasbench_harness.errors import UsageError

Layer = tuple[int, int, int, int]  # kernel side, channels in, channels out, side of the output


def convolutions(code: list[int], channels: int, cells: int, side: int, image_channels: int) -> list[Layer]:
    """Every convolution of the stand-alone network, in the order of a forward pass."""
    layers = [(3, image_channels, channels, side)]
    width = channels
    for stage in range(3):
        if stage:
            side = -(-side // 2)
            layers += [(3, width, 2 * width, side), (3, 2 * width, 2 * width, side), (1, width, 2 * width, side)]
            width *= 2
        for _ in range(cells):
            layers += [({2: 1, 3: 3}[op], width, width, side) for op in code if op in (2, 3)]
    return layers


def test_nonlinearity_groups_have_the_published_sizes() -> None:
    assert np.bincount(space.nonlinearity_count()).tolist() == [1983, 7122, 5520, 1000]


@given(st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_nonlinearity_count_is_the_longest_chain_of_convolutions(code: list[int]) -> None:
    best = 0
    for path in ((3,), (0, 4), (1, 5), (0, 2, 5)):
        operations = [code[edge] for edge in path]
        if 0 not in operations:
            best = max(best, sum(operation in (2, 3) for operation in operations))
    assert space.nonlinearity_count()[int(space.code_to_index(code))] == best


@settings(max_examples=60)
@given(
    code=st.lists(st.integers(0, 4), min_size=6, max_size=6),
    channels=st.sampled_from([1, 4, 8, 16]),
    cells=st.integers(1, 5),
    side=st.sampled_from([8, 9, 16, 32]),
    classes=st.sampled_from([2, 10, 120]),
    image_channels=st.sampled_from([1, 3]),
    live=st.booleans(),
)
def test_totals_agree_with_a_walk_over_the_layers(
    code: list[int], channels: int, cells: int, side: int, classes: int, image_channels: int, live: bool
) -> None:
    index = int(space.code_to_index(code))
    if live:
        code = space.index_to_code(space.live_cell_of()[index]).tolist()
    layers = convolutions(code, channels, cells, side, image_channels)
    flops = sum(k * k * i * o * s * s for k, i, o, s in layers) + 4 * channels * classes
    short_cuts = 2 * (2 * channels + 4 * channels) // 2  # the 1x1 short cuts have no BN
    norms = 2 * sum(o for _, _, o, _ in layers) - 2 * short_cuts + 2 * 4 * channels
    weights = sum(k * k * i * o for k, i, o, _ in layers) + norms + (4 * channels + 1) * classes
    assert space.flops(channels, cells, side, classes, live=live, image_channels=image_channels)[index] == flops
    assert space.parameters(channels, cells, classes, live=live, image_channels=image_channels)[index] == weights


def test_official_formulas_for_cifar10() -> None:
    n_3x3_A = (space.all_codes() == 3).sum(axis=1)
    n_1x1_A = (space.all_codes() == 2).sum(axis=1)
    np.testing.assert_array_equal(space.parameters(), 73306 + 243040 * n_3x3_A + 28000 * n_1x1_A)
    # The official constant also counts the 10 additions of the linear layer's bias.
    np.testing.assert_array_equal(space.flops() + 10, 7783050 + 35389440 * n_3x3_A + 3932160 * n_1x1_A)
    assert (space.flops().min(), space.flops().max()) == (7783040, 220119680)


def test_flops_of_the_benchmark_architecture_13714(shared_data: Path) -> None:
    with (shared_data / "nas-bench-201" / "accuracy.csv").open(newline="") as file:
        text = next(row["arch"] for row in csv.DictReader(file) if row["index"] == "13714")
    assert space.flops()[space.parse_architecture(text)] == 153_272_960


def test_live_counts_never_exceed_the_whole_and_agree_where_all_edges_live() -> None:
    for whole_A, live_A in ((space.flops(), space.flops(live=True)), (space.parameters(), space.parameters(live=True))):
        assert (live_A <= whole_A).all()
        assert (live_A < whole_A).any()
        all_live_A = space.live_edges().all(axis=1)
        np.testing.assert_array_equal(live_A[all_live_A], whole_A[all_live_A])
        np.testing.assert_array_equal(live_A, whole_A[space.live_cell_of()])


def test_operation_counts_add_up_to_the_edges() -> None:
    total_A = sum(space.operation_counts(operation) for operation in range(space.N_OPERATIONS))
    np.testing.assert_array_equal(total_A, space.N_EDGES)


@pytest.mark.parametrize("name", ["channels", "cells", "image_size", "classes", "image_channels"])
def test_a_network_without_size_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} of the network"):
        space.flops(**{name: 0})
