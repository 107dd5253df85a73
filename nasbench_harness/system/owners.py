"""Who owns a file that stands for work in progress: a process, on this machine or another that shares the folder."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

_TEXTS = ("host", "place", "started", "token", "since")


@dataclass(frozen=True)
class Owner:
    """A process, and one thing that it holds.

    ``place``: where its process id means something, which is one start of one machine, and one container. ``started``:
    when the process began, which tells it from a later one with the same id; empty where the system does not say.
    ``token``: unique to this thing. ``since``: when it was taken, by the clock of the host, to be shown.
    """

    host: str
    place: str
    pid: int
    started: str
    token: str
    since: str

    @classmethod
    def me(cls) -> Owner:
        """This process, with a new token."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(socket.gethostname(), _place(), os.getpid(), _start_of(os.getpid()), uuid.uuid4().hex, since)

    @classmethod
    def from_json(cls, value: Any) -> Owner | None:
        """What ``to_json`` gave; None for anything else."""
        if not isinstance(value, dict) or not isinstance(pid := value.get("pid"), int):
            return None
        texts = {name: value.get(name) for name in _TEXTS}
        if not all(isinstance(text, str) for text in texts.values()) or not str(texts["token"]).isalnum():
            return None
        return cls(pid=pid, **{name: str(text) for name, text in texts.items()})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def lives(self) -> bool | None:
        """Whether the process still runs; None where that cannot be seen from here, such as on another machine."""
        if self.place != _place():
            return None
        if not runs(self.pid):
            return False
        if not self.started:
            return None
        return self.started == _start_of(self.pid)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def runs(pid: int) -> bool:
    """Whether a process of this machine has the id; true where that cannot be asked without harm."""
    if os.name == "nt":  # there, a signal 0 ends the process
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return _start_of(pid) != "Z"


@cache
def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode():x}"


def _start_of(pid: int) -> str:
    """Clock ticks from the machine's start to that of the process, which no change of the clock touches.

    ``Z`` for a process that has ended and was not waited for; empty where it is not known.
    """
    try:
        # after the program's name, which may hold anything: the state is the 3rd field of the line, the start the 22nd
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "Z" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        return ""
