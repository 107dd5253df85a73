"""What a Parquet file promises, added up before a reader believes it: some hundred bytes may promise gigabytes.

Read are the file's description at its end and the header of every page, which says how large the page is once it is
unpacked and how many values it has. Readers make room for both before they look at the page. What these numbers allow
is refused if it is too much, and so is an encoding in which small pages hold large texts. Bytes of pages are not read.
Source: github.com/apache/parquet-format, ``parquet.thrift`` of version 2.12.
"""

from __future__ import annotations

from typing import Any

from nasbench_harness.system.thrift import BINARY, BOOL, BYTE, I16, I32, I64, Kind, Reader

MOST_ROWS = 20_000
"""A table has a row for each of 15,625 architectures at most."""

MOST_COLUMNS = 10_000
MOST_UNPACKED = 256_000_000
"""Bytes: of all pages unpacked, and of all their values as a reader keeps them."""

LONGEST = 1_000
"""Bytes of one text, members of one list: an architecture's string has 80, its tuple six numbers."""

_MAGIC = b"PAR1"
_DEEPEST = 8  # groups in groups: a list is two
_EMPTY: dict[int, Kind] = {}
_PAIR: dict[int, Kind] = {1: BINARY, 2: BINARY}
_STATISTICS: dict[int, Kind] = {1: BINARY, 2: BINARY, 3: I64, 4: I64, 5: BINARY, 6: BINARY, 7: BOOL, 8: BOOL}
_TIME: dict[int, Kind] = {1: BOOL, 2: dict.fromkeys((1, 2, 3), _EMPTY)}
_LOGICAL: dict[int, Kind] = dict.fromkeys(range(1, 18), _EMPTY)
_LOGICAL |= {5: {1: I32, 2: I32}, 7: _TIME, 8: _TIME, 10: {1: BYTE, 2: BOOL}}
_LOGICAL |= {16: {1: BYTE}, 17: {1: BINARY}}
_ELEMENT: dict[int, Kind] = {**dict.fromkeys((1, 2, 3, 5, 6, 7, 8, 9), I32), 4: BINARY, 10: _LOGICAL}
_CHUNK: dict[int, Kind] = {
    **dict.fromkeys((1, 4, 15), I32),
    **dict.fromkeys((5, 6, 7, 9, 10, 11, 14), I64),
    **{2: [I32], 3: [BINARY], 8: [_PAIR], 12: _STATISTICS, 13: [dict.fromkeys((1, 2, 3), I32)]},
    16: {1: I64, 2: [I64], 3: [I64]},
}
_COLUMN: dict[int, Kind] = {1: BINARY, 2: I64, 3: _CHUNK, 4: I64, 5: I32, 6: I64, 7: I32, 9: BINARY}
_GROUP: dict[int, Kind] = {1: [_COLUMN], 2: I64, 3: I64, 4: [{1: I32, 2: BOOL, 3: BOOL}], 5: I64, 6: I64, 7: I16}
_FILE: dict[int, Kind] = {
    **{1: I32, 2: [_ELEMENT], 3: I64, 4: [_GROUP], 5: [_PAIR], 6: BINARY, 7: [{1: _EMPTY}], 9: BINARY}
}
_PAGE: dict[int, Kind] = {
    **dict.fromkeys((1, 2, 3, 4), I32),
    5: {**dict.fromkeys((1, 2, 3, 4), I32), 5: _STATISTICS},
    6: _EMPTY,
    7: {1: I32, 2: I32, 3: BOOL},
    8: {**dict.fromkeys((1, 2, 3, 4, 5, 6), I32), 7: BOOL, 8: _STATISTICS},
}

_TEXT, _FIXED = 6, 7
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, _TEXT: 16}
"""Bytes of a value in memory by its physical type; a text's are those that point to it."""

_LEVELS = 8  # bytes of what says whether a value is there, and in which list
_REPEATING = 7
"""Encoding whose texts begin as the one before them does."""


def check_promises(data: bytes) -> None:
    """``ValueError`` in a few words where a Parquet file is not sound, or promises more than fits the bounds above."""
    file, end = _description(data)
    _check_schema(file[2])
    groups = file[4]
    rows = max(file[3], sum(_amount(group, 3) for group in groups))
    if rows > MOST_ROWS or file[3] < 0:
        raise ValueError(f"it has more than {MOST_ROWS:,} rows ({rows:,}), a table of architectures has 15,625 at most")
    longest = max((_amount(element, 2) for element in file[2] if element.get(1) == _FIXED), default=0)
    if longest > LONGEST:
        raise ValueError(f"it has values of {longest:,} bytes, more than {LONGEST:,}")
    unpacked = kept = 0
    for group in groups:
        for column in group.get(1, []):
            of_pages, of_values = _promised(data, column, end)
            unpacked, kept = unpacked + of_pages, kept + of_values
            if max(unpacked, kept) > MOST_UNPACKED:
                raise ValueError(f"it promises {max(unpacked, kept):,} bytes unpacked, more than {MOST_UNPACKED:,}")


def _description(data: bytes) -> tuple[dict[int, Any], int]:
    """The file's, and the position at which it begins: all pages lie before that."""
    if len(data) < 12 or data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise ValueError("it neither begins nor ends as one")
    end = len(data) - 8
    start = end - int.from_bytes(data[end : end + 4], "little")
    if start < 4:
        raise ValueError("its description is longer than the file")
    file = Reader(data, start, end).structure(_FILE)
    if not file.keys() >= {2, 3, 4}:
        raise ValueError("its description has no columns or no rows")
    return file, start


def _check_schema(elements: list[dict[int, Any]]) -> None:
    """Names as many columns as are allowed, and groups of them that are not nested too deeply."""
    columns, open_groups = 0, [1]
    for element in elements:
        while open_groups and not open_groups[-1]:
            open_groups.pop()
        if not open_groups:
            raise ValueError("its columns are in no group")
        open_groups[-1] -= 1
        children = _amount(element, 5)
        columns += not children
        open_groups.append(children)
        if len(open_groups) > _DEEPEST + 2:
            raise ValueError("its columns are nested too deeply")
    if columns > MOST_COLUMNS:
        raise ValueError(f"it has {columns:,} columns, more than {MOST_COLUMNS:,}")


def _promised(data: bytes, column: dict[int, Any], end: int) -> tuple[int, int]:
    """Bytes that the pages of a column chunk are said to unpack to, and those of all their values in memory."""
    chunk = column.get(3)
    if chunk is None or 1 in column or not chunk.keys() >= {1, 7, 9}:
        raise ValueError("a column of it lies elsewhere")
    kind, start = chunk[1], chunk.get(11, chunk[9])
    pages = Reader(data, start, start + _amount(chunk, 7))
    if start < len(_MAGIC) or pages.end > end:
        raise ValueError("a column of it lies outside of the file")
    width = _LEVELS + _WIDTHS.get(kind, LONGEST)
    unpacked, kept = 0, 0
    while pages.position < pages.end:
        page = pages.structure(_PAGE)
        size, values = _amount(page, 2), max(_amount(page.get(place, {}), 1) for place in (5, 7, 8))
        pages.position += _amount(page, 3)
        if pages.position > pages.end:
            raise ValueError("a page of it is longer than its column")
        if _REPEATING in (page.get(5, {}).get(2), page.get(8, {}).get(4)):
            raise ValueError("a column of it is encoded as DELTA_BYTE_ARRAY; write it with a dictionary or plain")
        if kind == _TEXT and size > (values + 1) * (LONGEST + _LEVELS):
            raise ValueError(f"it promises texts of more than {LONGEST:,} bytes")
        unpacked, kept = unpacked + size, kept + values * width
    return unpacked, max(kept, _amount(chunk, 5) * width)


def _amount(values: dict[int, Any], number: int) -> int:
    """A count or size, 0 where the field is left out; ``ValueError`` below that."""
    amount: int = values.get(number, 0)
    if amount < 0:
        raise ValueError(f"its description has a size of {amount:,}")
    return amount
