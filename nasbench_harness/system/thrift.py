"""Thrift's compact protocol, in which Parquet describes itself: structures read by their description, within bounds.

Readers that are generated from such a description take a field for what they expect, whatever type the file states; one
that believed the file would read something else from the same bytes. So both must agree here, and no field may come
twice. Fields that the description does not know are passed over, by the type that the file states.
Source: thrift.apache.org, "Thrift Compact protocol encoding".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BOOL, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT = 1, 3, 4, 5, 6, 7, 8, 9, 12
_FALSE = 2
_BITS = {I16: 16, I32: 32, I64: 64}
_DEEPEST = 20
_HIGHEST_FIELD = 1_000

Kind = int | list[Any] | Mapping[int, Any]
"""A type of the protocol, a list with the kind of its elements, or a structure: kinds by the numbers of fields."""


class Reader:
    """Values one after the other in ``data``, from ``position`` to ``end``; ``ValueError`` where they are not sound."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end

    def structure(self, fields: Mapping[int, Kind], depth: int = 0) -> dict[int, Any]:
        """A structure: values by the numbers of those ``fields`` that are there."""
        if depth > _DEEPEST:
            raise ValueError("its description is nested too deeply")
        found: dict[int, Any] = {}
        seen: set[int] = set()
        number = 0
        while header := self._byte():
            number = number + (header >> 4) if header >> 4 else self._integer(16)
            if number in seen or not 0 <= number <= _HIGHEST_FIELD:
                raise ValueError(f"its description has a field {number} twice, or out of bounds")
            seen.add(number)
            stated, kind = header & 15, fields.get(number)
            if kind is None:
                self._pass_over(stated, depth)
            elif _type_of(kind) != (BOOL if stated == _FALSE else stated):
                raise ValueError(f"its description has a field {number} of another type")
            else:
                found[number] = stated == BOOL if kind == BOOL else self._value(kind, depth)
        return found

    def _value(self, kind: Kind, depth: int) -> Any:
        if isinstance(kind, Mapping):
            return self.structure(kind, depth + 1)
        if isinstance(kind, list):
            count, stated = self._list_header()
            if count and stated != _type_of(kind[0]):
                raise ValueError("its description has a list of another type")
            return [self._value(kind[0], depth + 1) for _ in range(count)]
        if kind == BINARY:
            return self._take(self._unsigned())
        if kind in _BITS:
            return self._integer(_BITS[kind])
        return self._take({DOUBLE: 8}.get(kind, 1))

    def _pass_over(self, stated: int, depth: int) -> None:
        if stated == LIST and depth < _DEEPEST:
            count, inner = self._list_header()
            for _ in range(count):
                self._take(1) if inner in (BOOL, _FALSE) else self._pass_over(inner, depth + 1)
        elif stated == STRUCT:
            self.structure({}, depth + 1)
        elif stated in (BYTE, I16, I32, I64, DOUBLE, BINARY):
            self._value(stated, depth)
        elif stated not in (BOOL, _FALSE):
            raise ValueError(f"its description has a value of type {stated}")

    def _list_header(self) -> tuple[int, int]:
        header = self._byte()
        count = header >> 4 if header >> 4 < 15 else self._unsigned()
        if count > self.end - self.position:  # each takes a byte at least
            raise ValueError(f"its description promises {count:,} things in {self.end - self.position:,} bytes")
        return count, header & 15

    def _integer(self, bits: int) -> int:
        unsigned = self._unsigned()
        value = (unsigned >> 1) ^ -(unsigned & 1)
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise ValueError("its description has a number out of bounds")
        return value

    def _unsigned(self) -> int:
        value = 0
        for place in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << place
            if byte < 128:
                return value
        raise ValueError("its description has a number out of bounds")

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        start = self.position
        if count > self.end - start:
            raise ValueError("its description ends too early")
        self.position = start + count
        return self.data[start : self.position]


def _type_of(kind: Kind) -> int:
    if isinstance(kind, Mapping):
        return STRUCT
    return LIST if isinstance(kind, list) else kind
