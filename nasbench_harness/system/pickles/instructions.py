"""The instructions of a pickle that build plain values, the few frequent ones of the reader's loop aside.

What is not listed here is refused. Codes and meanings: Python's ``pickletools``.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, Protocol

from nasbench_harness.system.pickles.values import (
    Admitted,
    NewArray,
    NumberType,
    RefusedError,
    checked_keys,
)


class Machine(Protocol):
    """What instructions work on; ``PickleReader`` documents the members."""

    stack: list[Any]
    marks: list[int]
    unfilled: int

    def take(self, size: int) -> bytes: ...
    def number(self, kind: Struct) -> int: ...
    def line(self) -> bytes: ...
    def since_mark(self) -> list[Any]: ...
    def hold(self, count: int) -> None: ...
    def tuple_of(self, items: list[Any]) -> tuple[Any, ...]: ...
    def old_text(self, raw: bytes) -> str | bytes: ...
    def admitted(self, module: Any, name: Any) -> Admitted: ...
    def put(self, index: int) -> None: ...
    def get(self, index: int) -> None: ...
    def finish(self, target: dict[Any, Any]) -> None: ...
    def replace(self, new: NewArray) -> None: ...


Instructions = Mapping[int, Callable[[Machine], object]]

_INT, _UINT, _USHORT = Struct("<i"), Struct("<I"), Struct("<H")


def _ended(reader: Machine) -> None:
    raise EOFError("it ends early")


def _weights(reader: Machine) -> None:
    raise RefusedError("it holds trained weights: take the archive without weights (-simple), not the full one")


def _push(value: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda reader: reader.stack.append(value(reader))


def _tuple(size: int) -> Callable[[Machine], None]:
    def build(reader: Machine) -> None:
        reader.stack[-size:] = [reader.tuple_of(reader.stack[-size:])]

    return build


def _append(reader: Machine) -> None:
    item = reader.stack.pop()
    reader.hold(1)
    reader.stack[-1].append(item)


def _extend(reader: Machine) -> None:
    items = reader.since_mark()
    reader.stack[-1].extend(items)


def _add_to_set(reader: Machine) -> None:
    items = reader.since_mark()
    checked_keys(items)
    reader.stack[-1].update(items)


def _set_items(reader: Machine, items: list[Any]) -> None:
    target = reader.stack[-1]
    if not isinstance(target, dict):
        raise TypeError(f"items are set on a {type(target).__name__}")
    checked_keys(items[::2])
    target.update(zip(items[::2], items[1::2], strict=True))
    reader.finish(target)


def _set_item(reader: Machine) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    reader.hold(2)
    _set_items(reader, [key, value])


def _new_dict(reader: Machine) -> None:
    items = reader.since_mark()
    reader.stack.append({})
    _set_items(reader, items)


def _name(reader: Machine) -> None:
    module = reader.line().decode()
    reader.stack.append(reader.admitted(module, reader.line().decode()))


def _name_on_stack(reader: Machine) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise TypeError("a name is no text")
    reader.stack.append(reader.admitted(module, name))


def _call(reader: Machine) -> None:
    arguments, function = reader.stack.pop(), reader.stack.pop()
    if not isinstance(function, Admitted):
        raise TypeError(f"a {type(function).__name__} is called")
    made = function.call(*arguments)
    reader.stack.append(made)
    if isinstance(made, dict):
        reader.finish(made)
    elif isinstance(made, NewArray):
        reader.unfilled += 1


def _build(reader: Machine) -> None:
    state, target = reader.stack.pop(), reader.stack[-1]
    if isinstance(target, NumberType):
        target.set_order(state)
    elif isinstance(target, NewArray):
        target.fill(state)
        reader.replace(target)
    elif isinstance(target, dict) and isinstance(state, dict):
        target.update(state)
        reader.finish(target)
    else:
        raise RefusedError(f"it sets the state of a {type(target).__name__}")


def _quoted(reader: Machine) -> str | bytes:
    line = reader.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a text lacks its quotes")
    return reader.old_text(codecs.escape_decode(line[1:-1])[0])


def _integer(reader: Machine) -> int | bool:
    line = reader.line()
    return {b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line)


RARE: Instructions = {
    0x00: _ended,
    0x80: lambda reader: reader.take(1),  # PROTO
    0x95: lambda reader: reader.take(8),  # FRAME
    ord("("): lambda reader: reader.marks.append(len(reader.stack)),
    ord("0"): lambda reader: reader.stack.pop(),
    ord("1"): lambda reader: reader.since_mark(),
    ord("N"): _push(lambda _: None),
    0x88: _push(lambda _: True),
    0x89: _push(lambda _: False),
    ord("J"): _push(lambda reader: reader.number(_INT)),
    ord("M"): _push(lambda reader: reader.number(_USHORT)),
    0x8A: _push(lambda reader: int.from_bytes(reader.take(reader.take(1)[0]), "little", signed=True)),
    ord("X"): _push(lambda reader: reader.take(reader.number(_UINT)).decode()),
    ord("B"): _push(lambda reader: reader.take(reader.number(_UINT))),
    ord("C"): _push(lambda reader: reader.take(reader.take(1)[0])),
    ord("}"): _push(lambda _: {}),
    ord("]"): _push(lambda _: []),
    ord(")"): _push(lambda _: ()),
    0x8F: _push(lambda _: set()),
    0x90: _add_to_set,
    ord("a"): _append,
    ord("e"): _extend,
    ord("s"): _set_item,
    ord("u"): lambda reader: _set_items(reader, reader.since_mark()),
    ord("t"): _push(lambda reader: reader.tuple_of(reader.since_mark())),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("q"): lambda reader: reader.put(reader.take(1)[0]),
    ord("h"): lambda reader: reader.get(reader.take(1)[0]),
    ord("j"): lambda reader: reader.get(reader.number(_UINT)),
    ord("c"): _name,
    0x93: _name_on_stack,
    ord("R"): _call,
    0x81: _call,  # NEWOBJ
    ord("b"): _build,
    ord("P"): _weights,
    ord("Q"): _weights,
}
"""Of protocols 2 to 5, as the official archives are written."""

TEXTUAL: Instructions = {
    ord("I"): _push(_integer),
    ord("L"): _push(lambda reader: int(reader.line().removesuffix(b"L"))),
    ord("F"): _push(lambda reader: float(reader.line())),
    ord("S"): _push(_quoted),
    ord("V"): _push(lambda reader: reader.line().decode("raw-unicode-escape")),
    ord("T"): _push(lambda reader: reader.old_text(reader.take(reader.number(_UINT)))),
    ord("U"): _push(lambda reader: reader.old_text(reader.take(reader.take(1)[0]))),
    ord("p"): lambda reader: reader.put(int(reader.line())),
    ord("g"): lambda reader: reader.get(int(reader.line())),
    ord("d"): _new_dict,
    ord("l"): _push(lambda reader: reader.since_mark()),
}
"""Of protocols 0 and 1, and texts of Python 2."""
