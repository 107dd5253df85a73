"""A reader of pickles that cannot run code and forgets what it has handed over.

A pickle is a program that may call any function. This reader interprets the few instructions that the official
benchmark files consist of, and calls nothing but the functions listed in ``names``; any other name or
instruction is refused. Python's own unpickler could be restricted likewise, but not made to forget: it keeps every
object of the file until its end, some 30 GB for a whole archive. Here each architecture is handed to ``visit`` as soon
as its last value is read, and dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from struct import Struct
from struct import error as StructError
from typing import Any, BinaryIO

from nasbench_harness.system.safe_pickle import RefusedError
from nasbench_harness.truth.importers.official.instructions import RARE
from nasbench_harness.truth.importers.official.names import Admitted, NumberType

BUDGET_KEYS = (("12", "200"), ("less", "full"))  # keys of an architecture's results: NATS-Bench, NAS-Bench-201

_BLOCK = 1 << 20  # bytes read at once
_SLACK = 512  # more than any instruction with its short arguments
_LONGEST = 1 << 20  # bytes of one text: the official ones have below 100
_COPIES = 64  # equal constants kept as targets of later references
_MOST_KEPT = 1 << 20  # constants kept in all
_MOST_OBJECTS = 1 << 21  # memorised objects of one architecture: the official ones have some 11,000
_SHORT = 256  # bytes of a text that surely lies in the buffer
_DOUBLE, _UINT = Struct(">d"), Struct("<I")

# what reading a damaged pickle may raise
DAMAGED = (EOFError, IndexError, KeyError, TypeError, ValueError, AttributeError, StructError)


class PickleReader:
    """Reads the pickles of a stream one after the other.

    ``visit`` gets every finished mapping that holds an architecture's results (the keys of ``BUDGET_KEYS``) and returns
    what is to stay of it. ``load`` raises ``RefusedError`` for anything the official files do not need, and one of
    ``DAMAGED`` when the pickle is not whole.
    """

    def __init__(self, stream: BinaryIO, visit: Callable[[dict[Any, Any]], dict[Any, Any]]) -> None:
        self._stream, self._visit = stream, visit
        self._buffer, self._at, self._ended = b"", 0, False

    def load(self) -> Any:
        """The value of the next pickle, architectures replaced by what ``visit`` left of them."""
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self._recent: dict[int, Any] = {}  # memorised since the last architecture
        self._kept: dict[int, Any] = {}
        self._copies: dict[Hashable, int] = {}
        self._n_memorised = 0
        while self._run():
            self._refill()
        return self.stack.pop()

    def _run(self) -> bool:
        """Instructions until the buffer runs low (True) or the pickle ends (False); the frequent ones inline."""
        buffer, at, stack, recent, n = self._buffer, self._at, self.stack, self._recent, self._n_memorised
        push, double, uint = stack.append, _DOUBLE.unpack_from, _UINT.unpack_from
        limit = len(buffer) - _SLACK
        while at < limit:
            instruction = buffer[at]
            at += 1
            if instruction == 0x47:  # BINFLOAT
                push(double(buffer, at)[0])
                at += 8
            elif instruction == 0x94:  # MEMOIZE
                recent[n] = stack[-1]
                n += 1
            elif instruction == 0x8C:  # SHORT_BINUNICODE
                end = at + 1 + buffer[at]
                push(buffer[at + 1 : end].decode())
                at = end
            elif instruction == 0x4B:  # BININT1
                push(buffer[at])
                at += 1
            elif instruction == 0x72:  # LONG_BINPUT
                recent[uint(buffer, at)[0]] = stack[-1]
                at += 4
            elif instruction == 0x58 and (size := uint(buffer, at)[0]) <= _SHORT:  # BINUNICODE
                end = at + 4 + size
                push(buffer[at + 4 : end].decode())
                at = end
            elif instruction == 0x2E:  # STOP
                self._at = at
                return False
            else:
                self._at = at
                rare = RARE.get(instruction)
                if rare is None:
                    raise RefusedError(f"it holds the instruction {bytes([instruction])!r}")
                rare(self)
                buffer, at = self._buffer, self._at
                limit = len(buffer) - _SLACK
        self._at, self._n_memorised = at, n
        return True

    def _refill(self) -> None:
        if len(self._recent) > _MOST_OBJECTS or len(self.stack) > _MOST_OBJECTS:
            raise RefusedError("it holds something larger than any architecture's results")
        if self._ended:
            raise EOFError("it ends early")
        more = self._stream.read(_BLOCK)
        if not more:  # zeros let the last instructions run; none of them begins with a zero
            self._ended = True
            more = bytes(_SLACK + 1)
        self._buffer, self._at = self._buffer[self._at :] + more, 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size > _LONGEST:
            raise RefusedError(f"it holds a text of {size} bytes")
        while len(self._buffer) - self._at < size:
            self._refill()
        taken = self._buffer[self._at : self._at + size]
        self._at += size
        return taken

    def number(self, kind: Struct) -> int:
        """The next bytes as a number."""
        value: int = kind.unpack(self.take(kind.size))[0]
        return value

    def line(self) -> str:
        """The text up to the end of the line."""
        end = self._buffer.index(b"\n", self._at, self._at + _SLACK // 2)
        return self.take(end + 1 - self._at)[:-1].decode()

    def since_mark(self) -> list[Any]:
        """The values above the last mark, taken off."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def put(self, index: int) -> None:
        """Memorise the topmost value."""
        self._recent[index] = self.stack[-1]

    def get(self, index: int) -> None:
        """Push a memorised value."""
        known = self._recent if index in self._recent else self._kept
        if index not in known:
            raise RefusedError("it refers back to a value of an earlier architecture")
        self.stack.append(known[index])

    def finish(self, target: dict[Any, Any]) -> None:
        """Hand over a mapping if it is an architecture, and forget everything but small constants.

        Later architectures refer back to what Python shares, such as names of attributes. A shared value stands in the
        file once, so a bounded number of equal ones is enough to find it; a miss is an error, never a mix-up.
        """
        if not any(first in target and second in target for first, second in BUDGET_KEYS):
            return
        left = self._visit(target)
        target.clear()
        target.update(left)
        for index, value in self._recent.items():
            if isinstance(value, Admitted | NumberType):
                self._kept[index] = value
            elif isinstance(value, Hashable) and len(self._kept) < _MOST_KEPT:
                try:
                    copies = self._copies.get(value, 0)
                except TypeError:  # a tuple with something mutable in it
                    continue
                if copies < _COPIES:
                    self._copies[value] = copies + 1
                    self._kept[index] = value
        self._recent.clear()
