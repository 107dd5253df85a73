"""How long a file was not touched, whatever becomes of clocks: what stands for a process that cannot be asked.

Ages are differences of times that the folder's own file system has stamped; clocks of machines are never compared. A
clock that is set back makes them too small, for ever if it is by years. So it counts too for how long this process has
seen the file unchanged, by a clock that nobody sets. One that is set ahead by minutes makes files look silent until
they are touched again.
"""

from __future__ import annotations

import time
from pathlib import Path


class Silence:
    """Of files that their owners touch: silent after ``longest`` seconds."""

    def __init__(self, longest: float) -> None:
        self.longest = longest
        self._seen: dict[Path, tuple[str, float, float]] = {}

    def of(self, path: Path, token: str, now: Path) -> bool:
        """Whether ``path`` is silent; ``token`` tells it from earlier files there, ``now`` was written this moment.

        Raises ``FileNotFoundError`` where one of both is gone.
        """
        touched = path.stat().st_mtime
        if now.stat().st_mtime - touched > self.longest:
            return True
        seen = self._seen.get(path)
        if seen is None or seen[:2] != (token, touched):
            self._seen[path] = token, touched, time.monotonic()
            return False
        return time.monotonic() - seen[2] > self.longest
