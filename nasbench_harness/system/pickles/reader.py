"""The interpreter: runs the instructions of a pickle over a stack of plain values, and forgets what it has handed over.

Python's own unpickler keeps every object of a file until its end, some 30 GB for an official archive. Here a value is
handed to ``visit`` as soon as it is complete, and what stood in it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import islice
from struct import Struct
from struct import error as StructError
from typing import Any, BinaryIO

from nasbench_harness.system.pickles.kinds import Kind
from nasbench_harness.system.pickles.values import Admitted, NewArray, NumberType, RefusedError, is_key

Visit = Callable[[dict[Any, Any]], dict[Any, Any] | None]

_BLOCK = 1 << 20  # bytes read at once
_SLACK = 512  # more than any instruction with its short arguments
_COPIES = 64  # equal constants kept as targets of later references
_MOST_KEPT = 1 << 20  # constants kept in all
_MOST_MARKS = 1 << 10  # containers that are open at the same time
_LOOK_BACK = 64  # what is memorised between an array and its numbers: ten values
_SHORT = 256  # bytes of a text that surely lies in the buffer
_DOUBLE, _UINT = Struct(">d"), Struct("<I")

# what reading a damaged pickle may raise
DAMAGED = (EOFError, IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError, StructError)


class PickleReader:
    """Reads the pickles of a stream one after the other.

    ``visit`` gets every finished mapping and returns what is to stay of it, or None for a mapping that it does not
    know; where it does, everything read before but small constants is forgotten. ``load`` raises ``RefusedError`` for
    anything that files of this ``kind`` do not need, and one of ``DAMAGED`` when the pickle is not whole.
    """

    def __init__(self, stream: BinaryIO, kind: Kind, visit: Visit | None = None) -> None:
        self._stream, self._kind, self._visit = stream, kind, visit
        self._buffer, self._at, self._ended = b"", 0, False
        self._rare = dict(kind.instructions)

    def load(self) -> Any:
        """The value of the next pickle, mappings that ``visit`` knows replaced by what it left of them."""
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self._recent: dict[int, Any] = {}  # memorised since the last architecture
        self._kept: dict[int, Any] = {}
        self._copies: dict[Hashable, int] = {}
        self.unfilled = 0  # arrays that are announced and have no numbers yet
        self._n_memorised = self._n_held = self._n_bytes = self._n_text = 0
        self._deep: dict[int, tuple[tuple[Any, ...], int]] = {}  # tuples that hold tuples, and how deep they go
        while self._run():
            self._refill()
        if self.unfilled:
            raise EOFError("an array lacks its numbers")
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
                rare = self._rare.get(instruction)
                if rare is None:
                    raise RefusedError(f"it holds the instruction {bytes([instruction])!r}")
                rare(self)
                buffer, at = self._buffer, self._at
                limit = len(buffer) - _SLACK
        self._at, self._n_memorised = at, n
        return True

    def _refill(self) -> None:
        self._check_size()
        if self._ended:
            raise EOFError("it ends early")
        more = self._stream.read(_BLOCK)
        self._n_bytes += len(more)
        if not more:  # zeros let the last instructions run; none of them begins with a zero
            self._ended = True
            more = bytes(_SLACK + 1)
        self._buffer, self._at = self._buffer[self._at :] + more, 0

    def _check_size(self) -> None:
        most = self._kind.objects
        if (
            max(len(self._recent), len(self.stack), self._n_held) > most
            or len(self.marks) > _MOST_MARKS
            or self._n_bytes > self._kind.bytes_
        ):
            raise RefusedError("it holds more than any file of its kind, something larger than any of its results")

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size > _SLACK:
            self._n_text += size
            self._n_bytes -= size  # they are counted once
            if self._n_text > self._kind.longest:
                raise RefusedError(f"it holds a text of {size} bytes")
        if len(self._buffer) - self._at < size:
            self._gather(size)
        taken = self._buffer[self._at : self._at + size]
        self._at += size
        return taken

    def _gather(self, size: int) -> None:
        """Have ``size`` bytes in the buffer: blocks are joined once, not each with what came before it."""
        blocks, have = [self._buffer[self._at :]], len(self._buffer) - self._at
        while have < size:
            self._buffer, self._at = b"", 0
            self._refill()
            blocks.append(self._buffer)
            have += len(self._buffer)
        self._buffer, self._at = b"".join(blocks), 0

    def number(self, kind: Struct) -> int:
        """The next bytes as a number."""
        value: int = kind.unpack(self.take(kind.size))[0]
        return value

    def line(self) -> bytes:
        """The bytes up to the end of the line, which are the digits of a number, a name, or a text."""
        searched = 0
        while (end := self._buffer.find(b"\n", self._at + searched)) < 0:
            searched = len(self._buffer) - self._at
            if searched > self._kind.longest:
                raise RefusedError(f"it holds a line of more than {searched} bytes")
            self._refill()
        return self.take(end + 1 - self._at)[:-1]

    def old_text(self, raw: bytes) -> str | bytes:
        """A text as Python 2 wrote it."""
        return raw if self._kind.encoding == "bytes" else raw.decode(self._kind.encoding)

    def admitted(self, module: Any, name: Any) -> Admitted:
        """What stands behind a name."""
        return self._kind.admitted(module, name)

    def hold(self, count: int) -> None:
        """Count values that containers hold from now on."""
        self._n_held += count
        if self._n_held > self._kind.objects:
            self._check_size()

    def tuple_of(self, items: list[Any]) -> tuple[Any, ...]:
        """A tuple of the items; ``RefusedError`` where tuples lie in tuples deeper than any file needs."""
        self.hold(len(items))
        made = tuple(items)
        depth = max((self._deep.get(id(one), (one, 1))[1] for one in items if type(one) is tuple), default=0)
        if depth >= self._kind.depth:
            raise RefusedError("it holds tuples in tuples, deeper than any file of its kind")
        if depth:
            self._deep[id(made)] = made, depth + 1
        return made

    def since_mark(self) -> list[Any]:
        """The values above the last mark, taken off."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        self.hold(len(items))
        return items

    def put(self, index: int) -> None:
        """Memorise the topmost value."""
        self._recent[index] = self.stack[-1]

    def get(self, index: int) -> None:
        """Push a memorised value."""
        known = self._recent if index in self._recent else self._kept
        if index not in known:
            raise RefusedError("it refers back to a value that is not there, or of what was handed over")
        self.stack.append(known[index])

    def replace(self, new: NewArray) -> None:
        """Put an array that is filled now where its announcement stands: on top, and among what is memorised last."""
        self.stack[-1] = new.filled
        self.unfilled -= 1
        for index in islice(reversed(self._recent), _LOOK_BACK):
            if self._recent[index] is new:
                self._recent[index] = new.filled
                break

    def finish(self, target: dict[Any, Any]) -> None:
        """Hand over a mapping, and where ``visit`` took it, forget everything but small constants.

        Later mappings refer back to what Python shares, such as names of attributes. A shared value stands in the
        file once, so a bounded number of equal ones is enough to find it; a miss is an error, never a mix-up.
        """
        left = None if self._visit is None else self._visit(target)
        if left is None:
            return
        target.clear()
        target.update(left)
        for index, value in self._recent.items():
            if isinstance(value, Admitted | NumberType):
                self._kept[index] = value
            elif is_key(value) and len(self._kept) < _MOST_KEPT:
                copies = self._copies.get(value, 0)
                if copies < _COPIES:
                    self._copies[value] = copies + 1
                    self._kept[index] = value
        self._recent.clear()
        self._deep.clear()
        self._n_held = self._n_bytes = self._n_text = 0
