"""Codes, indices and strings name the same architecture."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness import space
from nasbench_harness.errors import DataError, UsageError

indices = st.integers(0, space.N_ARCHITECTURES - 1)
EXAMPLE = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"


def written_by_hand(code: list[int]) -> str:
    names = iter([space.OPERATIONS[operation] for operation in code])
    return "+".join("|" + "".join(f"{next(names)}~{source}|" for source in range(node)) for node in (1, 2, 3))


def test_index_reads_the_code_in_base_five_with_edge_zero_first() -> None:
    assert space.code_to_index([0, 0, 0, 0, 0, 1]) == 1
    assert space.code_to_index([1, 0, 0, 0, 0, 0]) == 5**5
    assert space.code_to_index([4, 4, 4, 4, 4, 4]) == space.N_ARCHITECTURES - 1


def test_all_codes_are_the_distinct_codes_in_index_order() -> None:
    code_AE = space.all_codes()
    assert code_AE.shape == (15625, 6)
    assert code_AE.dtype == np.uint8
    assert len(np.unique(code_AE, axis=0)) == 15625
    np.testing.assert_array_equal(space.code_to_index(code_AE), np.arange(15625))


@given(indices)
def test_code_and_string_lead_back_to_the_index(index: int) -> None:
    code_E = space.index_to_code(index)
    text = space.format_architecture(index)
    assert int(space.code_to_index(code_E)) == index
    assert text == written_by_hand(code_E.tolist())
    assert space.parse_architecture(text) == index
    assert space.parse_architecture(f"  {text}\n") == index


@given(st.lists(st.lists(indices, min_size=2, max_size=2), min_size=1, max_size=5))
def test_conversions_keep_leading_dimensions(rows: list[list[int]]) -> None:
    index_BN = np.array(rows)
    code_BNE = space.index_to_code(index_BN)
    assert code_BNE.shape == (*index_BN.shape, 6)
    np.testing.assert_array_equal(space.code_to_index(code_BNE), index_BN)


def test_many_strings_are_parsed_in_their_order() -> None:
    order = np.random.default_rng(0).permutation(space.N_ARCHITECTURES)
    np.testing.assert_array_equal(space.parse_architectures(space.all_strings()[i] for i in order), order)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1 node"),
        ("|none~0|+|none~0|none~1|", "2 node"),
        ("none~0+|none~0|none~1|+|none~0|none~1|none~2|", "node 1"),
        ("|none~0|+|none~0|+|none~0|none~1|none~2|", "node 2 has 1 input"),
        ("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", "must end with '~1'"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none|", "must end with '~2'"),
        ("|none~0|+|none~0|conv_5x5~1|+|none~0|none~1|none~2|", "unknown operation 'conv_5x5'"),
    ],
)
def test_a_string_that_is_no_architecture_is_named_with_its_fault(text: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault.replace("|", r"\|")) as caught:
        space.parse_architecture(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_example_in_the_message_is_an_architecture_and_files_choose_their_error() -> None:
    with pytest.raises(DataError) as caught:
        space.parse_architecture("nonsense", DataError)
    example = str(caught.value).rpartition(" ")[2]
    assert space.format_architecture(space.parse_architecture(example)) == EXAMPLE


@given(st.text(max_size=80))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        assert space.format_architecture(space.parse_architecture(text)) == text.strip()
    except UsageError:
        assert text.strip() not in space.all_strings()


@pytest.mark.parametrize("code", [[0, 0, 0], 3, [0.0] * 6, [0, 0, 0, 0, 0, 5], [-1, 0, 0, 0, 0, 0]])
def test_a_wrong_code_is_refused(code: object) -> None:
    with pytest.raises(UsageError):
        space.code_to_index(code)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [-1, 15625, 1.5, [0, 99999]])
def test_a_wrong_index_is_refused(index: object) -> None:
    with pytest.raises(UsageError):
        space.index_to_code(index)  # type: ignore[arg-type]


def test_shared_arrays_cannot_be_changed() -> None:
    arrays = [
        space.all_codes(),
        space.live_edges(),
        space.connected(),
        space.live_cell_of(),
        space.live_cells(),
        space.open_paths(),
        space.nonlinearity_count(),
        space.flops(),
        space.parameters(),
        space.functional_classes(),
        space.Subspace.full().members,
        space.Subspace.full().mask_A,
    ]
    assert not any(array.flags.writeable for array in arrays)


def test_the_benchmark_lists_every_architecture_once(shared_data: Path) -> None:
    with (shared_data / "nas-bench-201" / "accuracy.csv").open(newline="") as file:
        index_A = space.parse_architectures(row["arch"] for row in csv.DictReader(file))
    np.testing.assert_array_equal(np.sort(index_A), np.arange(space.N_ARCHITECTURES))
