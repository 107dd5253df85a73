"""Parquet files put together by hand, so that each of their numbers may be a lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nasbench_harness.system import parquet_bounds
from nasbench_harness.system.thrift import BINARY, BOOL, BYTE, DOUBLE, I16, I32, I64, LIST, STRUCT

INT64, TEXT, FIXED = 2, 6, 7
PLAIN, DELTA_NUMBERS, REPEATING, BY_DICTIONARY = 0, 5, 7, 8
UNCOMPRESSED, GZIP = 0, 2


def varint(value: int) -> bytes:
    """Seven bits a byte, lowest first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def zigzag(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def encoded(value: Any, kind: Any) -> bytes:
    """A value of a kind as ``thrift.Reader`` takes it."""
    if isinstance(kind, Mapping):
        out, last = b"", 0
        for number, inner in sorted(value.items()):
            of = kind[number]
            stated = STRUCT if isinstance(of, Mapping) else LIST if isinstance(of, list) else of
            if of == BOOL:
                stated = 1 if inner else 2
            out += bytes([(number - last) << 4 | stated]) if number - last < 16 else bytes([stated]) + zigzag(number)
            out, last = out + (b"" if of == BOOL else encoded(inner, of)), number
        return out + b"\0"
    if isinstance(kind, list):
        stated = STRUCT if isinstance(kind[0], Mapping) else kind[0]
        count = bytes([len(value) << 4 | stated]) if len(value) < 15 else bytes([240 | stated]) + varint(len(value))
        return count + b"".join(encoded(inner, kind[0]) for inner in value)
    if kind == BINARY:
        return varint(len(value)) + bytes(value)
    return zigzag(value) if kind in (I16, I32, I64) else bytes(value) if kind in (BYTE, DOUBLE) else b""


def page(body: bytes, values: int, encoding: int = PLAIN, size: int | None = None, dictionary: bool = False) -> bytes:
    """A page with its header: so many values, and ``size`` bytes unpacked (as many as ``body`` has without it)."""
    told = {1: values, 2: encoding} if dictionary else {1: values, 2: encoding, 3: 3, 4: 3}
    header = {1: 2 if dictionary else 0, 2: len(body) if size is None else size, 3: len(body)}
    return encoded(header | {7 if dictionary else 5: told}, parquet_bounds._PAGE) + body


def parquet(
    pages: Sequence[bytes],
    rows: int,
    kind: int = INT64,
    codec: int = UNCOMPRESSED,
    dictionary: bool = False,
    schema: Sequence[dict[int, Any]] | None = None,
    file: Mapping[int, Any] | None = None,
    chunk: Mapping[int, Any] | None = None,
) -> bytes:
    """A file of one required column ``a``, whose first page may be its dictionary; the last three replace fields."""
    body = b"PAR1" + b"".join(pages)
    first = 4 + (len(pages[0]) if dictionary else 0)
    size = len(body) - 4
    told: dict[int, Any] = {1: kind, 2: [PLAIN], 3: [b"a"], 4: codec, 5: rows, 6: size, 7: size, 9: first}
    told |= ({11: 4} if dictionary else {}) | dict(chunk or {})
    columns: list[dict[int, Any]] = [{4: b"schema", 5: 1}, {1: kind, 3: 0, 4: b"a"}] if schema is None else [*schema]
    group = {1: [{2: 4, 3: told}], 2: size, 3: rows}
    end = encoded({1: 1, 2: columns, 3: rows, 4: [group]} | dict(file or {}), parquet_bounds._FILE)
    return body + end + len(end).to_bytes(4, "little") + b"PAR1"
