"""The reader of pickles: equal to Python's own for plain content, and closed to everything else."""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.system.pickles import DAMAGED, PickleReader, RefusedError
from nasbench_harness.system.pickles import reader as pickle_reader
from nasbench_harness.truth.importers.official.kind import OFFICIAL, architectures

KEYS = st.text(max_size=40).filter(lambda text: text not in ("12", "less")) | st.integers(-(2**70), 2**70)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=400),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.tuples(inner, inner, inner, inner)
        | st.sets(KEYS, max_size=4)
    ),
    max_leaves=20,
)


def kept(entry: dict[Any, Any]) -> dict[Any, Any]:
    return {"kept": len(entry)}


def read(raw: bytes) -> Any:
    return PickleReader(io.BytesIO(raw), OFFICIAL, architectures(kept)).load()


@given(PLAIN, st.integers(2, 5), st.sampled_from([1, 7, 100_000]))
def test_plain_content_is_read_as_python_reads_it(content: Any, protocol: int, block: int) -> None:
    before = pickle_reader._BLOCK
    pickle_reader._BLOCK = block
    try:
        assert read(pickle.dumps(content, protocol)) == content
    finally:
        pickle_reader._BLOCK = before


@given(PLAIN, st.integers(2, 5), st.floats(0, 1, exclude_max=True))
def test_a_truncated_pickle_is_never_taken_for_whole(content: Any, protocol: int, part: float) -> None:
    raw = pickle.dumps(content, protocol)
    with pytest.raises((*DAMAGED, RefusedError)):
        read(raw[: int(part * len(raw))])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numpy_scalars_and_ordered_mappings_become_plain(protocol: int) -> None:
    content = {"a": np.float64(0.1), "b": np.int64(-3), "c": np.float32(0.5), "d": OrderedDict([(1, "x"), (0, "y")])}
    found = read(pickle.dumps(content, protocol))
    assert found == {"a": 0.1, "b": -3, "c": 0.5, "d": {1: "x", 0: "y"}}
    assert [type(found[key]) for key in "abcd"] == [float, int, float, dict]
    assert list(found["d"]) == [1, 0]


class Runs:
    """Creates a folder when it is unpickled without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_code_is_refused_by_name_and_not_run(tmp_path: Path, protocol: int) -> None:
    raw = pickle.dumps(Runs(tmp_path / "made"), protocol)
    with pytest.raises(RefusedError, match=r"asks for (posix|nt)\.mkdir"):
        read(raw)
    assert not (tmp_path / "made").exists()
    pickle.loads(raw)
    assert (tmp_path / "made").exists()  # the pickle was live indeed


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (Fraction(1, 3), r"fractions\.Fraction"),
        (np.arange(3), r"_reconstruct"),
        (np.datetime64(5, "s"), r"type 'M8'"),
        ("x" * (1 << 21), "text of 2097152 bytes"),
        (range(3), r"builtins\.range"),
        (print, r"builtins\.print"),
        (getattr, r"builtins\.getattr"),
        (Path("a"), r"pathlib"),
    ],
)
def test_what_no_official_file_needs_is_refused(content: object, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        read(pickle.dumps(content, 4))


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x02cbuiltins\nset\n(ctos\nR.",  # a name without end
        b"\x80\x02(I1\n.",  # an integer as text: no protocol of the official files
        b"\x80\x02K\x01)R.",  # calls a number
        b"\x80\x02K\x01}b.",  # sets the state of a number
        b"\x80\x02U\x01a.",  # a text of Python 2
        b"\x80\x02X\xff\xff\xff\xff.",  # a text of 4 GB
        b"\x80\x02q\x00.",  # memorises nothing
        b"\x80\x02]s.",  # sets an item on nothing
        b"\x80\x02}K\x01K\x02K\x03u.",  # items without a mark
        b".",
        b"",
        b"PK\x03\x04 not a pickle at all",
    ],
)
def test_malformed_pickles_raise(raw: bytes) -> None:
    with pytest.raises((*DAMAGED, RefusedError)):
        read(raw)


def test_weights_are_refused() -> None:
    class Persistent(pickle.Pickler):
        def persistent_id(self, content: Any) -> Any:
            return "storage" if isinstance(content, bytes) else None

    stream = io.BytesIO()
    Persistent(stream, 2).dump({"weights": b"123"})
    with pytest.raises(RefusedError, match=r"trained weights.*-simple"):
        read(stream.getvalue())


def architecture(number: int, shared: str) -> dict[str, Any]:
    fresh = "".join(["name", "s"])  # equal, but another object every time
    return {"12": {shared: number, fresh: 1}, "200": {shared: [number] * 3}}


def test_architectures_are_handed_over_one_by_one_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_reader, "_COPIES", 1)
    seen: list[dict[Any, Any]] = []

    def visit(entry: dict[Any, Any]) -> dict[Any, Any]:
        seen.append({key: dict(value) for key, value in entry.items()})
        return {"kept": len(seen)}

    shared = "a text that all refer to"
    entries = {number: architecture(number, shared) for number in range(2500)}  # more than a batch of a pickle
    reader = PickleReader(io.BytesIO(pickle.dumps({"all": entries}, 4)), OFFICIAL, architectures(visit))
    assert reader.load() == {"all": {number: {"kept": number + 1} for number in range(2500)}}
    assert seen == list(entries.values())
    assert len(reader._kept) == 5  # one each of: all, 12, 200, the shared text, the fresh one
    assert len(reader._recent) <= 4


def test_a_reference_to_a_forgotten_value_is_an_error_and_no_other_value() -> None:
    shared = [1, 2]
    entries = {n: {"12": {"list": shared}, "200": {}} for n in range(3)}
    with pytest.raises(RefusedError, match="refers back"):
        read(pickle.dumps(entries, 4))


def test_content_larger_than_any_architecture_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pickle_reader, "_BLOCK", 1000)
    small = replace(OFFICIAL, objects=1000)
    raw = pickle.dumps([str(n) for n in range(5000)], 4)
    with pytest.raises(RefusedError, match="larger than any"):
        PickleReader(io.BytesIO(raw), small).load()
    with pytest.raises(RefusedError, match="larger than any"):
        PickleReader(io.BytesIO(raw), replace(OFFICIAL, bytes_=10_000)).load()
