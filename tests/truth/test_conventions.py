"""Architectures as other projects write them, and the policies on those that compute the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.score_files import read_score_file
from nasbench_harness.space import (
    all_strings,
    format_architecture,
    functional_classes,
    parse_architecture,
    reference_classes,
)
from nasbench_harness.truth import TruthTable, import_table
from nasbench_harness.truth.conventions import (
    CLASS_MEAN,
    ISOMORPHISM_POLICIES,
    REFERENCE_CLASS_MEAN,
    apply_isomorphism,
    format_naslib,
    from_naslib,
    parse_any,
    parse_naslib,
    to_naslib,
)

Write = Callable[[str, list[str]], Path]

KNOWN = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"  # (4, 0, 3, 1, 4, 3)
INDEX = st.integers(0, 15624)


def string_of_naslib(operations: tuple[int, ...]) -> str:
    """NASLib's own rule, written down independently: name every edge, then list the edges by target and source."""
    names = ["skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3"]
    edges = [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]  # nodes counted from 1
    on = {edge: names[operation] for edge, operation in zip(edges, operations, strict=True)}
    nodes = ["".join(f"|{on[source, target]}~{source - 1}" for source in range(1, target)) for target in (2, 3, 4)]
    return "|+".join(nodes) + "|"


def test_a_known_tuple() -> None:
    assert string_of_naslib((4, 0, 3, 1, 4, 3)) == KNOWN
    assert parse_naslib("(4, 0, 3, 1, 4, 3)") == parse_architecture(KNOWN)
    assert format_naslib(parse_architecture(KNOWN)) == "(4, 0, 3, 1, 4, 3)"


def test_every_architecture_equals_the_independent_rule_and_returns() -> None:
    their_AE = to_naslib(np.arange(15625))
    assert [string_of_naslib(tuple(row)) for row in their_AE.tolist()] == list(all_strings())
    np.testing.assert_array_equal(from_naslib(their_AE), np.arange(15625))


@given(INDEX, st.sampled_from(["({})", "[{}]", "{}", " ( {} ) "]), st.sampled_from([", ", ",", " "]))
def test_numbers_are_read_in_any_brackets(index: int, brackets: str, between: str) -> None:
    numbers = between.join(str(number) for number in to_naslib(index).tolist())
    assert parse_naslib(brackets.format(numbers)) == index


@given(INDEX)
def test_any_text_that_names_its_convention_is_read(index: int) -> None:
    assert parse_any(format_architecture(index)) == parse_any(format_naslib(index)) == index


@pytest.mark.parametrize(
    "text", ["", "()", "(1, 2, 3)", "(0, 0, 0, 0, 0, 5)", "(0, 0, 0, 0, 0, 0", "0 0 0 0 0 0 0", "x"]
)
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"not an architecture of NASLib.*like"):
        parse_naslib(text)


def test_a_bare_list_is_nobodys() -> None:
    with pytest.raises(DataError, match="does not say whose operation numbers"):
        parse_any("[4, 0, 3, 1, 4, 3]", DataError)


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(UsageError, match=r"operation numbers are 0\.\.4"):
        from_naslib([0, 0, 0, 0, 0, 5])
    with pytest.raises(UsageError, match="6 integers"):
        from_naslib([0, 0, 0])


def test_csv_by_naslib(write: Write) -> None:
    indices = [3, 15624, 700]
    rows = [f'"{format_naslib(index)}",{value}' for value, index in enumerate(indices)]
    table = import_table(write("t.csv", ["naslib,x", *rows]), partial=True)
    assert table.column("x")[indices].tolist() == [0, 1, 2]
    with_both = [f'{format_architecture(index)},"{format_naslib(index)}",1' for index in indices]
    assert import_table(write("both.csv", ["arch,naslib,x", *with_both]), partial=True).covered.sum() == 3


def test_csv_whose_columns_contradict_each_other(write: Write) -> None:
    lines = ["arch,naslib,x", f'{KNOWN},"(4, 0, 3, 1, 4, 3)",1', f'{format_architecture(0)},"(4, 0, 3, 1, 4, 3)",1']
    with pytest.raises(DataError, match=r"row 3: `naslib` means \|avg_pool.*order"):
        import_table(write("t.csv", lines), partial=True)
    with pytest.raises(DataError, match=r"row 2: not an architecture of NASLib: 'abc'"):
        import_table(write("t.csv", ["naslib,x", "abc,1"]), partial=True)


def test_json_and_scores_by_tuple(write: Write) -> None:
    path = write("t.json", ['{"(4, 0, 3, 1, 4, 3)": 0.5, "(0, 0, 0, 0, 0, 0)": 0.25}'])
    assert import_table(path, partial=True).column("value")[parse_architecture(KNOWN)] == 0.5
    scores = read_score_file(path, allow_missing=True)
    skips = parse_architecture(
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|" + "+|skip_connect~0|skip_connect~1|skip_connect~2|"
    )
    assert sorted(scores.index_A.tolist()) == sorted([parse_architecture(KNOWN), skips])
    scores = read_score_file(write("s.csv", ["naslib,mine", "4 0 3 1 4 3,1"]), allow_missing=True)
    assert (scores.names, scores.index_A.tolist()) == (("mine",), [parse_architecture(KNOWN)])


@pytest.mark.parametrize(("policy", "classes"), [(CLASS_MEAN, 4930), (REFERENCE_CLASS_MEAN, 6466)])
def test_class_means_against_a_slow_count(table: TruthTable, policy: str, classes: int) -> None:
    made = apply_isomorphism(table, policy)
    class_A = functional_classes() if policy == CLASS_MEAN else reference_classes(collapse_zero=True)
    before, after = table.column("cifar10_test_200"), made.column("cifar10_test_200")
    for number in (0, 5, 100, int(class_A[-1])):
        members = [index for index in range(15625) if class_A[index] == number]
        np.testing.assert_allclose(after[members], sum(before[members]) / len(members), rtol=1e-12)
    np.testing.assert_array_equal(made.column("latency_ms"), table.column("latency_ms"))
    about = made.meta["isomorphism_policy"]
    assert about["policy"] == policy
    assert about["classes"] == classes
    assert about["columns"] == ["cifar10_test_200"]
    assert about["sha256_as_is"] == table.sha256 != made.sha256
    assert "isomorphism_policy" not in table.meta


def test_a_table_says_that_it_is_as_is_and_a_policy_is_applied_once(table: TruthTable) -> None:
    as_is = apply_isomorphism(table, "as is")
    assert as_is.sha256 == table.sha256
    assert as_is.meta["isomorphism_policy"] == {"policy": "as is"}
    mean = apply_isomorphism(as_is, CLASS_MEAN)
    assert apply_isomorphism(mean, CLASS_MEAN).sha256 == mean.sha256
    for other in set(ISOMORPHISM_POLICIES) - {CLASS_MEAN}:
        with pytest.raises(DataError, match="already under the isomorphism policy 'class mean'"):
            apply_isomorphism(mean, other)
    with pytest.raises(UsageError, match="no isomorphism policy 'best'; choose one of: as is, class mean"):
        apply_isomorphism(table, "best")


def test_missing_values_are_not_filled_and_do_not_count() -> None:
    class_A = functional_classes()
    members = np.flatnonzero(class_A == np.bincount(class_A).argmax())
    values = np.full(15625, np.nan)
    values[members[:2]] = [50.0, 60.0]
    table = TruthTable("t", {"cifar10_test_200": values}, None, {"partial": True})
    after = apply_isomorphism(table, CLASS_MEAN).column("cifar10_test_200")
    assert after[members[:2]].tolist() == [55.0, 55.0]
    assert np.isnan(np.delete(after, members[:2])).all()
