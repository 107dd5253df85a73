"""Parquet files that promise more than they hold are refused before the reader sees them; sound ones are not."""

from __future__ import annotations

import gzip
import io
import struct
from typing import Any

import numpy as np
import polars as pl
import pytest

from nasbench_harness.system import parquet_bounds
from nasbench_harness.system.frames import read_frame
from nasbench_harness.system.parquet_bounds import LONGEST, MOST_COLUMNS, MOST_ROWS, check_promises
from nasbench_harness.system.thrift import BINARY, BOOL, I16, I32, I64, Reader
from tests.system import parquet_files
from tests.system.parquet_files import BY_DICTIONARY, FIXED, GZIP, INT64, REPEATING, TEXT, page, parquet, varint

FIVE = struct.pack("<5q", *range(5))
SOUND = page(FIVE, 5)
INDICES = b"\1" + varint(5 << 1) + b"\0"  # one bit wide, five times the first
GROUPS = 20_000
ALIKE = {1: INT64, 3: 0, 4: b"a"}

HOSTILE: dict[str, tuple[bytes, str]] = {
    "page of 2 GB": (parquet([page(gzip.compress(FIVE), 5, size=2_000_000_000)], 5, codec=GZIP), "2,000,000,000 bytes"),
    "many pages": (parquet([page(gzip.compress(FIVE), 5, size=90_000_000)] * 3, 15, codec=GZIP), "270,000,000 bytes"),
    "page of 2e9 values": (parquet([page(FIVE, 2_000_000_000)], 5), "32,000,000,000 bytes"),
    "values of the file": (parquet([SOUND], 5, chunk={5: 1 << 40}), "bytes unpacked"),
    "dictionary of 2e9 values": (
        parquet([page(FIVE, 2_000_000_000, dictionary=True), page(INDICES, 5, BY_DICTIONARY)], 5, dictionary=True),
        "bytes unpacked",
    ),
    "billions of rows": (parquet([SOUND], 5, file={3: 5_000_000_000}), "5,000,000,000"),
    "billions of rows in a group": (parquet([SOUND], 1 << 40), "more than 20,000 rows"),
    "rows below zero": (parquet([SOUND], 5, file={3: -1}), "rows"),
    "wide values": (
        parquet([page(bytes(10), 5)], 5, FIXED, schema=[{4: b"s", 5: 1}, {1: FIXED, 2: 2_000_000_000, 4: b"a"}]),
        "values of 2,000,000,000 bytes",
    ),
    "one long text": (
        parquet([page(gzip.compress(bytes(10**6)), 1, size=10**6)], 1, TEXT, GZIP),
        "texts of more than 1,000 bytes",
    ),
    "texts that repeat": (parquet([page(FIVE, 5, REPEATING)], 5, TEXT), "DELTA_BYTE_ARRAY"),
    "groups in groups": (
        parquet([SOUND], 5, schema=[{4: b"s", 5: 1}, *[{4: b"g", 5: 1}] * GROUPS, ALIKE]),
        "nested too deeply",
    ),
    "many columns": (parquet([SOUND], 5, schema=[{4: b"s", 5: 10_001}, *[ALIKE] * 10_001]), "10,001 columns"),
    "columns in no group": (parquet([SOUND], 5, schema=[{4: b"s", 5: 1}, ALIKE, ALIKE]), "in no group"),
    "column outside": (parquet([SOUND], 5, chunk={7: 10**6}), "outside of the file"),
    "column before the file": (parquet([SOUND], 5, chunk={9: -8}), "outside of the file"),
    "size below zero": (parquet([page(FIVE, 5, size=-1)], 5), "a size of -1"),
    "page beyond its column": (parquet([SOUND], 5, chunk={7: len(SOUND) - 1}), "longer than its column"),
    "column of another file": (
        parquet([SOUND], 5, file={4: [{1: [{1: b"/etc/passwd", 2: 4}], 3: 5}]}),
        "lies elsewhere",
    ),
    "no end": (b"PAR1" + bytes(20), "neither begins nor ends"),
    "description longer than all": (b"PAR1" + bytes(8) + b"\xff\xff\xff\x7f" + b"PAR1", "longer than the file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_before_the_reader_sees_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, said = HOSTILE[name]
    assert len(data) < 1_000_000

    def read(*_: object, **__: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(pl, "read_parquet", read)
    monkeypatch.setattr(pl, "read_parquet_schema", read)
    with pytest.raises(ValueError, match=said):
        read_frame(data)


@pytest.mark.parametrize("body", [FIVE, gzip.compress(FIVE)], ids=["plain", "gzip"])
def test_a_file_made_by_hand_is_read(body: bytes) -> None:
    """So the hostile ones are hostile for what their names say alone."""
    codec = parquet_files.UNCOMPRESSED if body is FIVE else GZIP
    frame = read_frame(parquet([page(body, 5, size=len(FIVE))], 5, codec=codec))
    assert frame["a"].to_list() == [0, 1, 2, 3, 4]


def test_pages_that_hold_more_than_they_promise_are_read_as_far_as_that() -> None:
    """A run of a billion zeros, packed a thousand times, behind the promise of 40 bytes: 40 are unpacked."""
    body = gzip.compress(bytes(20_000_000))
    assert read_frame(parquet([page(body, 5, size=40)], 5, codec=GZIP))["a"].to_list() == [0] * 5
    runs = page(struct.pack("<q", 7), 1, dictionary=True), page(b"\1" + varint(2_000_000_000 << 1) + b"\0", 9, 8)
    assert read_frame(parquet(runs, 9, dictionary=True))["a"].to_list() == [7] * 9


def test_one_long_text_in_a_dictionary_is_refused_without_being_repeated() -> None:
    long = struct.pack("<I", 10**6) + bytes(10**6) + bytes(4) * 1_000
    indices = b"\1" + varint(MOST_ROWS << 1) + b"\0"
    pages = page(long, 1_001, dictionary=True), page(indices, MOST_ROWS, BY_DICTIONARY)
    with pytest.raises(ValueError, match="a value of 1,000,000 parts"):
        read_frame(parquet(pages, MOST_ROWS, TEXT, dictionary=True))


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"])
def test_files_of_the_largest_size_are_read(compression: Any) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "arch": [f"{number:080}" for number in range(MOST_ROWS)],
            "naslib": [[1, 2, 3, 4, 5, 6]] * MOST_ROWS,
            "score": rng.normal(size=MOST_ROWS).astype(np.float32),
            "few": rng.integers(0, 3, MOST_ROWS),
            "none": [None, 1.5] * (MOST_ROWS // 2),
        }
    )
    stream = io.BytesIO()
    frame.write_parquet(stream, compression=compression, row_group_size=7_000, data_page_size=10_000)
    assert read_frame(stream.getvalue()).equals(frame)


def test_all_types_and_no_rows_and_many_columns_are_read() -> None:
    kinds = pl.DataFrame(
        {
            "text": pl.Series(["a", None], dtype=pl.Categorical),
            "time": pl.Series([1, 2], dtype=pl.Datetime),
            "decimal": pl.Series(["1.5", "2"]).cast(pl.Decimal(10, 2)),
            "short": pl.Series([1, 2], dtype=pl.Int8),
            "bytes": pl.Series([b"x", None]),
            "flag": [True, None],
            "fixed": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)),
        }
    )
    wide = pl.DataFrame({f"c{number}": [1.0] for number in range(1_000)})
    for frame in (kinds, pl.DataFrame({"a": []}), wide):
        stream = io.BytesIO()
        frame.write_parquet(stream)
        check_promises(stream.getvalue())
        assert read_frame(stream.getvalue()).shape == frame.shape


def test_values_of_other_kinds_are_refused() -> None:
    stream = io.BytesIO()
    pl.DataFrame({"arch": [{"x": "y" * 10}]}).write_parquet(stream)
    with pytest.raises(ValueError, match=r"column 'arch' holds Struct.*expected numbers or texts"):
        read_frame(stream.getvalue())


def test_bounds_are_those_of_all_tables() -> None:
    assert (MOST_ROWS, MOST_COLUMNS, LONGEST) == (20_000, 10_000, 1_000)


def read(data: bytes, fields: Any) -> dict[int, Any]:
    return Reader(data, 0, len(data)).structure(fields)


def test_a_structure_is_read_as_it_was_written() -> None:
    fields: Any = {1: I32, 2: BINARY, 3: [I64], 4: BOOL, 5: {1: I16, 40: BOOL}, 90: [{2: BINARY}]}
    value = {1: -5, 2: b"abc", 3: list(range(-10, 10)), 4: True, 5: {1: 7, 40: False}, 90: [{2: b"x"}, {}]}
    data = parquet_files.encoded(value, fields)
    assert read(data, fields) == value
    assert read(data, {5: fields[5]}) == {5: value[5]}  # the others are passed over
    for short in range(len(data)):
        with pytest.raises(ValueError, match="description"):
            read(data[:short], fields)


@pytest.mark.parametrize(
    ("data", "fields", "said"),
    [
        (b"\x15\x02\x05\x02\x02\0", {1: I32}, "field 1 twice"),
        (b"\x18\x02\x15\x02\0", {1: I32}, "another type"),  # bytes, which a generated reader would take for fields
        (b"\x13\x02\0", {1: I32}, "another type"),
        (b"\x11\0", {1: I32}, "another type"),
        (b"\x15" + varint(1 << 40) + b"\0", {1: I32}, "out of bounds"),
        (b"\x16" + b"\xff" * 10 + b"\0", {1: I64}, "out of bounds"),
        (b"\x19\xf5" + varint(1 << 31) + b"\0", {1: [I32]}, "2,147,483,648 things in 1 bytes"),
        (b"\x19\x18\x01a\0", {1: [I32]}, "list of another type"),
        (b"\x1b\0\0", {}, "value of type 11"),
        (b"\x1c" * 100, {}, "nested too deeply"),
        (b"\x19\x19" + b"\x19" * 100, {}, "of type 9"),
        (b"\x05\x01", {}, "out of bounds"),
    ],
)
def test_unsound_structures_are_refused(data: bytes, fields: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(data, fields)


def test_every_page_header_is_described() -> None:
    header = {1: 3, 2: 40, 3: 40, 8: {1: 5, 2: 0, 3: 5, 4: 0, 5: 0, 6: 0, 7: False}}
    data = parquet_files.encoded(header, parquet_bounds._PAGE) + FIVE
    assert read_frame(parquet([data], 5))["a"].to_list() == [0, 1, 2, 3, 4]
