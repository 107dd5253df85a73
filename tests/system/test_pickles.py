"""The interpreter of pickles: equal to Python's own for numbers, and bounded. Files are tested where they are read."""

from __future__ import annotations

import io
import os
import pickle
from typing import Any

import numpy as np
import pytest

from nasbench_harness.system.pickles import (
    ARRAYS,
    ARRAYS_AND_SCALARS,
    DAMAGED,
    Kind,
    PickleReader,
    RefusedError,
    reader,
)

TABLE = Kind("table", ARRAYS_AND_SCALARS)


def load(raw: bytes, kind: Kind = TABLE) -> Any:
    return PickleReader(io.BytesIO(raw), kind).load()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("code", ["<f8", ">f8", "<f4", "<f2", "<i8", ">i2", "|u1", "|b1"])
@pytest.mark.parametrize("shape", [(), (0,), (6,), (2, 3), (3, 1, 2)])
def test_arrays_are_read_as_python_reads_them(protocol: int, code: str, shape: tuple[int, ...]) -> None:
    made = np.asarray((np.arange(np.prod(shape)) % 3 - 1).reshape(shape)).astype(code)
    array = np.asfortranarray(made) if len(shape) > 1 else made
    found = load(pickle.dumps({"a": array, "b": [array, array[..., :1] if shape else array], "c": None}, protocol))
    np.testing.assert_array_equal(found["a"], array)
    assert (found["a"].dtype, found["a"].shape) == (array.dtype, array.shape)
    assert found["b"][0] is found["a"]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_plain_values_are_read_as_python_reads_them(protocol: int) -> None:
    content = {"a": [1, -1, 2**40, -(2**70), 0.1, True, False, None], (1, "x"): ("ä\n'\\", b"\x00\xff"), 3: {}}
    assert load(pickle.dumps(content, protocol), Kind("table", ARRAYS)) == content
    assert load(pickle.dumps([np.float64(0.5), np.int32(-3)], protocol)) == [0.5, -3]


@pytest.mark.parametrize("function", [os.system, eval, np.load, pickle.loads])
def test_functions_are_refused_by_name(function: object) -> None:
    with pytest.raises(RefusedError, match=f"asks for .*{getattr(function, '__name__', '')}, which no table needs"):
        load(pickle.dumps(function, protocol=2))
    with pytest.raises(RefusedError, match=r"asks for numpy\._?core\.multiarray\.scalar, which no table needs"):
        load(pickle.dumps(np.float64(0.5), protocol=2), Kind("table", ARRAYS))


class State:
    """A pickle that asks for a type or an array and then sets whatever state it likes."""

    def __init__(self, made: tuple[Any, ...], state: Any) -> None:
        self.made, self.state = made, state

    def __reduce__(self) -> tuple[Any, ...]:
        return (*self.made, self.state)


ARRAY = (np.empty(0).__reduce__()[0], (np.ndarray, (0,), b"b"))
FLOAT = np.dtype("f8")


@pytest.mark.parametrize(
    "hostile",
    [
        # the state of a real dtype, with fields that lie outside it: ends Python's own process
        State((np.dtype, ("V8", False, True)), (3, "|", None, ("a",), {"a": (FLOAT, 1 << 40)}, 8, 1, 0)),
        State((np.dtype, ("O8", False, True)), (3, "|", None, None, None, -1, -1, 63)),
        State((np.dtype, ("f8", False, True)), (3, "?", None, None, None, -1, -1, 0)),
        State((np.dtype, ("f8", False, True)), 5),
        State(ARRAY, (1, (1 << 40,), FLOAT, False, b"")),
        State(ARRAY, (1, (1 << 30, 1 << 30, 1 << 30), FLOAT, False, b"")),
        State(ARRAY, (1, (-1,), FLOAT, False, b"12345678")),
        State(ARRAY, (1, (2,), FLOAT, False, b"12345678")),
        State(ARRAY, (1, (1,) * 70, FLOAT, False, b"12345678")),
        State(ARRAY, (1, (1,), "f8", False, b"12345678")),
        State(ARRAY, (1, (1,), FLOAT, False, [1.0])),
        State(ARRAY, (1, [1], FLOAT, False, b"12345678")),
        State(ARRAY, None),
    ],
)
def test_no_state_of_a_file_reaches_numpy(hostile: State) -> None:
    with pytest.raises((RefusedError, *DAMAGED)):
        load(pickle.dumps({"a": hostile}, protocol=2))


def test_an_order_from_the_file_is_kept() -> None:
    assert load(pickle.dumps(np.array([1, 2], ">i4"), 2)).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b")" + b"\x85" * 100 + b".", "tuples in tuples"),
        (b"}" + b")" + b"\x85" * 100 + b"Ns.", "tuples in tuples"),
        (b"})\x85\x85Ns.", "a tuple as a key"),
        (b"}]Ns.", "a list as a key"),
        (b"(" * 2_000 + b".", "more than any file"),
        (b"(" + b"N" * 3_000 + b"t.", "more than any file"),
        (b"(" + b"]" * 2_500 + b"l.", "more than any file"),
        (b"".join(b"N\x94" for _ in range(2_200)) + b".", "more than any file"),
        (b"N0" * 40_000 + b".", "more than any file"),
        (b"X\xff\xff\xff\x7f.", "a text of 2147483647 bytes"),
        (b"I" + b"1" * 5000 + b"\n.", "limit"),
        (b"S'" + b"x" * 20_000 + b"'\n.", "a line of more than|a text of"),
        (b"\x8b\xff\xff\xff\x7f.", "instruction"),
        (b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f.", "instruction"),
        (b"cos\nsystem\n.", r"asks for os\.system"),
        (b"ios\nsystem\n.", "instruction"),
        (b"(cos\nsystem\no.", "instruction|asks for"),
        (b"\x82\x01.", "instruction"),
        (b"h\x07.", "refers back"),
    ],
)
def test_what_a_file_may_hold_is_bounded(monkeypatch: pytest.MonkeyPatch, raw: bytes, reason: str) -> None:
    monkeypatch.setattr(reader, "_BLOCK", 1 << 10)
    small = Kind("table", ARRAYS_AND_SCALARS, longest=10_000, bytes_=20_000, objects=1_000)
    with pytest.raises(ValueError, match=reason):
        load(raw, small)
