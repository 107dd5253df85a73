"""The benchmark's order, derived from its seed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from nasbench_harness.space import all_strings
from nasbench_harness.truth import benchmark_index, benchmark_order


def test_order_has_the_three_architectures_that_the_benchmark_itself_asserts() -> None:
    known = {
        0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        9: "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
        123: "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
    }
    assert {number: all_strings()[benchmark_order()[number]] for number in known} == known


def test_index_inverts_order() -> None:
    np.testing.assert_array_equal(benchmark_index()[benchmark_order()], np.arange(15625))


def test_order_equals_that_of_the_published_table(shared_data: Path) -> None:
    with open(shared_data / "nas-bench-201" / "accuracy.csv", newline="") as stream:
        published = [row["arch"] for row in csv.DictReader(stream)]
    assert [all_strings()[index] for index in benchmark_order()] == published
