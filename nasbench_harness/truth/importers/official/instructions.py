"""The instructions of a pickle that the official files consist of, the few frequent ones of the reader's loop aside.

What is not listed here is refused. Codes and meanings: Python's ``pickletools``.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, Protocol

from nasbench_harness.system.safe_pickle import RefusedError
from nasbench_harness.truth.importers.official.names import Admitted, NumberType, admitted


class Machine(Protocol):
    """What instructions work on; ``PickleReader`` documents the members."""

    stack: list[Any]
    marks: list[int]

    def take(self, size: int) -> bytes: ...
    def number(self, kind: Struct) -> int: ...
    def line(self) -> str: ...
    def since_mark(self) -> list[Any]: ...
    def put(self, index: int) -> None: ...
    def get(self, index: int) -> None: ...
    def finish(self, target: dict[Any, Any]) -> None: ...


_INT, _UINT, _USHORT = Struct("<i"), Struct("<I"), Struct("<H")


def _ended(reader: Machine) -> None:
    raise EOFError("it ends early")


def _weights(reader: Machine) -> None:
    raise RefusedError("it holds trained weights: take the archive without weights (-simple), not the full one")


def _push(value: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda reader: reader.stack.append(value(reader))


def _tuple(size: int) -> Callable[[Machine], None]:
    def build(reader: Machine) -> None:
        reader.stack[-size:] = [tuple(reader.stack[-size:])]

    return build


def _append(reader: Machine) -> None:
    item = reader.stack.pop()
    reader.stack[-1].append(item)


def _extend(reader: Machine) -> None:
    items = reader.since_mark()
    reader.stack[-1].extend(items)


def _add_to_set(reader: Machine) -> None:
    items = reader.since_mark()
    reader.stack[-1].update(items)


def _set_items(reader: Machine, items: list[Any]) -> None:
    target = reader.stack[-1]
    if not isinstance(target, dict):
        raise TypeError(f"items are set on a {type(target).__name__}")
    target.update(zip(items[::2], items[1::2], strict=True))
    reader.finish(target)


def _set_item(reader: Machine) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    _set_items(reader, [key, value])


def _name(reader: Machine) -> None:
    module = reader.line()
    reader.stack.append(admitted(module, reader.line()))


def _name_on_stack(reader: Machine) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    reader.stack.append(admitted(str(module), str(name)))


def _call(reader: Machine) -> None:
    arguments, function = reader.stack.pop(), reader.stack.pop()
    if not isinstance(function, Admitted):
        raise TypeError(f"a {type(function).__name__} is called")
    made = function.call(*arguments)
    reader.stack.append(made)
    if isinstance(made, dict):
        reader.finish(made)


def _build(reader: Machine) -> None:
    state, target = reader.stack.pop(), reader.stack[-1]
    if isinstance(target, NumberType):
        target.set_order(state)
    elif isinstance(target, dict) and isinstance(state, dict):
        target.update(state)
        reader.finish(target)
    else:
        raise RefusedError(f"it sets the state of a {type(target).__name__}")


RARE: dict[int, Callable[[Machine], object]] = {
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
    ord("t"): _push(lambda reader: tuple(reader.since_mark())),
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
