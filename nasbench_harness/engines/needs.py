"""What a unit needs of the machine that runs it: for schedulers, which place it by that."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nasbench_harness.errors import UsageError
from nasbench_harness.records import Record
from nasbench_harness.system.devices import MOST_AT_ONCE
from nasbench_harness.system.estimate import Spent
from nasbench_harness.system.stopping import seconds_of

MEMORY_MARGIN, TIME_MARGIN = 1.5, 2.0
"""What finished units took at most is multiplied by these: later ones may be larger, or on a slower machine."""
SHORTEST = 600.0
"""Seconds: the least time that is derived; a unit starts, reads its images and compiles kernels in it too."""

_NAMES = ("cores", "gpu", "memory", "time")
_MEMORY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([KMGT])(?:i?B)?", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True)
class Needs:
    """``cores``; ``gpu``: a share of one, or several; ``memory`` in bytes and ``time`` in seconds, None: not known.

    They place a unit and change no number of it, so they are in no identity.
    """

    cores: int = 1
    gpu: float = 0.0
    memory: int | None = None
    time: float | None = None

    @property
    def megabytes(self) -> int | None:
        """The memory in 2^20 bytes, rounded up."""
        return None if self.memory is None else math.ceil(self.memory / 2**20)

    def changed(self, text: str) -> Needs:
        """These needs with those of ``text``, such as ``cores=4,gpu=0.25,memory=8G,time=4h``, in their place.

        Raises ``UsageError`` for an unknown name or an impossible value.
        """
        needs, seen = self, set[str]()
        for part in text.split(","):
            name, equals, value = (word.strip() for word in part.partition("="))
            if name not in _NAMES or not equals or name in seen:
                raise UsageError(
                    f"--needs: cores, gpu, memory and time were expected, each once at most, such as "
                    f"cores=4,gpu=0.25,memory=8G,time=4h; found {part[:40]!r}"
                )
            seen.add(name)
            needs = _READERS[name](needs, value)
        return needs

    def __str__(self) -> str:
        words = [f"{self.cores} core{'s' * (self.cores > 1)}"]
        if self.gpu:
            words.append(f"{self.gpu:g} GPU")
        if self.megabytes is not None:
            words.append(f"{self.megabytes:,} MiB")
        if self.time is not None:
            words.append(f"{self.time / 60:,.0f} min")
        return ", ".join(words)


def needs_of(text: str | None, threads: int | None, device: str, finished: Sequence[Record] = ()) -> Needs:
    """What a unit needs: as ``text`` says, the rest from what is known.

    Cores: ``threads``, else one. GPU: one, where ``device`` is one. Memory and time: from the ``finished`` units of the
    same run, the largest with a margin, None before there is one. Raises ``UsageError`` as ``changed`` and
    ``processes_of``.
    """
    peaks = [record.cost.get("peak_memory_mb") for record in finished]
    seconds = [spent.all for record in finished if (spent := Spent.of(record.cost)) is not None]
    known = [peak for peak in peaks if isinstance(peak, int | float)]
    needs = Needs(
        max(1, threads or 1),
        float(device.startswith(("cuda", "mps"))),
        math.ceil(max(known) * MEMORY_MARGIN * 1e6) if known else None,
        max(SHORTEST, max(seconds) * TIME_MARGIN) if seconds else None,
    )
    if text is not None:
        needs = needs.changed(text)
    processes = processes_of(needs, threads)
    if needs.memory is not None and "memory" not in (text or ""):  # the peak is that of the largest process
        needs = replace(needs, memory=needs.memory * processes)
    return needs


def processes_of(needs: Needs, threads: int | None) -> int:
    """Processes of so many ``threads`` (None: all cores) that have room in the cores; ``UsageError`` for none."""
    if threads is not None and not 1 <= threads <= needs.cores:
        raise UsageError(f"threads must be from 1 to the cores that a unit gets, {needs.cores}, found {threads}")
    return 1 if threads is None else needs.cores // threads


def _cores(needs: Needs, value: str) -> Needs:
    if not re.fullmatch(r"[0-9]{1,9}", value) or not 1 <= int(value) <= MOST_AT_ONCE:
        raise UsageError(f"--needs: cores from 1 to {MOST_AT_ONCE:,} were expected, found {value[:40]!r}")
    return replace(needs, cores=int(value))


def _gpu(needs: Needs, value: str) -> Needs:
    number = float(value) if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", value) else -1.0
    if number < 0 or (number > 1 and number != int(number)):
        raise UsageError(f"--needs: gpu is a share from 0 to 1, or a whole number, found {value[:40]!r}")
    return replace(needs, gpu=number)


def _memory(needs: Needs, value: str) -> Needs:
    found = _MEMORY.fullmatch(value)
    if found is None or not float(found[1]):
        raise UsageError(f"--needs: memory such as 8G or 500M was expected, found {value[:40]!r}")
    return replace(needs, memory=math.ceil(float(found[1]) * 1024 ** _POWERS[found[2].upper()]))


def _time(needs: Needs, value: str) -> Needs:
    return replace(needs, time=seconds_of(value))


_READERS = {"cores": _cores, "gpu": _gpu, "memory": _memory, "time": _time}
