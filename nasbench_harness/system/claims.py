"""Claims: files that say which process works on something, on a folder that several machines may share.

A claim is made by a link, which one process alone gets, and without locks of the file system: shared folders often
lack them. Its owner touches it every few seconds. It is stale at once when its process is known to be gone, and after
minutes without a touch when that cannot be seen (``system.silence``).

A stale claim is replaced by a rename. By itself a rename would take away whatever claim stands there by then, perhaps a
fresh one; so whoever ends a claim first claims the right to end that very one, named by its token, and looks again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.system.files import sweep, temporary_beside
from nasbench_harness.system.owners import Owner
from nasbench_harness.system.reading import parse_json
from nasbench_harness.system.silence import Silence

SECONDS_BETWEEN_BEATS = 10.0
STALE_AFTER = 180.0
"""Seconds without a beat: many missed ones, and more than a shared folder may show an old time for."""
SECONDS_BETWEEN_LOOKS = 0.2
ENDING = ".ending"
"""Of the name of a right to end a claim."""
UNKNOWN = Owner("an unknown host", "", 0, "", "unknown", "")


class Claims:
    """The claims of this process; within ``with`` they are kept fresh, at its end given up.

    ``beat`` and ``stale_after`` in seconds; ``beat`` None: they are not touched.
    """

    def __init__(self, beat: float | None = SECONDS_BETWEEN_BEATS, stale_after: float = STALE_AFTER) -> None:
        self.beat, self.stale_after = beat, stale_after
        self._silence = Silence(stale_after)
        self._held: dict[Path, tuple[Owner, int]] = {}
        self._lock, self._end = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._touch_all, name="claims", daemon=True)

    def __enter__(self) -> Claims:
        if self.beat is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.set()
        for path in list(self._held):
            self.release(path)

    def claim(self, path: Path, more: dict[str, Any] | None = None) -> Owner:
        """Claim ``path`` with ``more`` as its content, and return its owner: this process, or a living other.

        ``holds(path)`` tells which. Raises ``UsageError`` and ``RunError`` where the folder cannot be written.
        """
        if (other := self._seen_to_live(path)) is not None:
            return other
        me = Owner.me()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            owner = _acquire(path, me, more or {}, self._silence)
            if owner == me:
                with self._lock:
                    self._held[path] = me, os.open(path, os.O_RDONLY)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise RunError(f"no disk space left to claim {path.parent}; free some space") from error
            reason = f"{error.strerror}; choose a folder that can be written, with hard links"
            raise UsageError(f"cannot claim {path.parent}: {reason}") from error
        return owner

    def _seen_to_live(self, path: Path) -> Owner | None:
        """The living owner of ``path`` where nothing need be written to find it; None where it takes a try.

        A run of many processes looks at the claims of others far more often than it gets one.
        """
        if (found := read_claim(path)) is None:
            return None
        lives = found[0].lives()
        if lives is None and self.beat is not None and (mine := next(iter(self._held), None)) is not None:
            with contextlib.suppress(OSError):  # touched a beat ago at most, so that silence is seen a beat late
                lives = not self._silence.of(path, found[0].token, mine)
        return found[0] if lives else None

    def holds(self, path: Path) -> bool:
        """Whether this process has claimed ``path`` and not given it up."""
        return path in self._held

    def token(self, path: Path) -> str:
        """Of a claim that is held, for ``stands``."""
        return self._held[path][0].token

    def release(self, path: Path) -> None:
        """Give up a claim; one that was taken over meanwhile stays with the other."""
        with self._lock:
            held = self._held.pop(path, None)
        if held is None:
            return
        me, descriptor = held
        os.close(descriptor)
        with contextlib.suppress(OSError):  # the folder may be gone
            try:
                _end(path, me, None, {}, self._silence)
            except OSError:  # no room for the right to end it
                if stands(path, me.token):
                    path.unlink()

    @contextmanager
    def locked(self, path: Path, waiting: Callable[[Owner], object] | None = None) -> Generator[None]:
        """Hold ``path`` alone, waiting for others that do; ``waiting`` is told once for whom, after a second."""
        started, told = time.monotonic(), False
        while not self.holds(path):
            owner = self.claim(path)
            if self.holds(path):
                break
            if waiting is not None and not told and time.monotonic() - started > 1:
                waiting(owner)
                told = True
            time.sleep(SECONDS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            self.release(path)

    def sweep(self, path: Path, *folders: Path) -> None:
        """Remove what the dead left beside the claim ``path``, which is held, and temporary files in ``folders``."""
        now = path.stat().st_mtime
        for folder in (path.parent, *folders):
            sweep(folder, now, self.stale_after)
        if _right_to(path, self.token(path)).exists():
            return  # somebody takes this process for dead: nothing of that is touched
        for right in path.parent.glob(f".*{ENDING}"):
            # the claim that it was for stands no more: by now a process that still holds it can do nothing with it
            with contextlib.suppress(FileNotFoundError):
                lives = _owner(right).lives()
                if lives is False or (lives is None and now - right.stat().st_mtime > self.stale_after):
                    right.unlink()

    def _touch_all(self) -> None:
        while not self._end.wait(self.beat):
            with self._lock:
                for path, (_, descriptor) in self._held.items():
                    # by its descriptor, where that can be: the path may be another's by now
                    with contextlib.suppress(OSError):
                        os.utime(descriptor if os.utime in os.supports_fd else path)


def stands(path: Path, token: str) -> bool:
    """Whether the claim at ``path`` is still the one with that token."""
    try:
        return _owner(path).token == token
    except FileNotFoundError:
        return False


def read_claim(path: Path) -> tuple[Owner, dict[str, Any]] | None:
    """Owner and content of a claim; None where there is none, or none that can be read."""
    try:
        value = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    owner = Owner.from_json(value)
    return None if owner is None else (owner, value)


def living(path: Path, stale_after: float = STALE_AFTER) -> tuple[Owner, dict[str, Any]] | None:
    """As ``read_claim``, but None for a stale claim too. Writes a file for a moment where only the age can tell."""
    found = read_claim(path)
    if found is None or (lives := found[0].lives()) is False:
        return None
    if lives is None:
        probe = temporary_beside(path)
        try:
            probe.write_bytes(b"")
            if Silence(stale_after).of(path, found[0].token, probe):
                return None
        except FileNotFoundError:
            return None
        finally:
            probe.unlink(missing_ok=True)
    return found


def _acquire(path: Path, me: Owner, more: dict[str, Any], silence: Silence) -> Owner:
    """The owner of ``path`` after one try to be it."""
    while True:
        with _written(path, me, more) as mine:
            if _linked(mine, path):
                return me
            try:
                owner = _owner(path)
                lives = owner.lives()
                if lives or (lives is None and not silence.of(path, owner.token, mine)):
                    return owner
            except FileNotFoundError:
                continue  # given up a moment ago
        return me if _end(path, owner, me, more, silence) else owner


def _end(path: Path, old: Owner, new: Owner | None, more: dict[str, Any], silence: Silence) -> bool:
    """Replace the claim of ``old`` by one of ``new``, or remove it; False where another does, or has done it.

    Nobody changes a claim without holding the right to end it, which is a claim itself and may be stale in turn.
    """
    right, me = _right_to(path, old.token), Owner.me()
    if _acquire(right, me, {}, silence) != me:
        return False
    try:
        if not stands(path, old.token):
            return False
        if new is None:
            path.unlink()
        else:
            with _written(path, new, more) as mine:
                os.replace(mine, path)
        return True
    finally:
        if stands(right, me.token):
            right.unlink(missing_ok=True)


def _right_to(path: Path, token: str) -> Path:
    return path.with_name(f".{token}{ENDING}")


@contextmanager
def _written(path: Path, owner: Owner, more: dict[str, Any]) -> Generator[Path]:
    """A claim in a file of its own beside ``path``, gone at the end."""
    mine = temporary_beside(path)
    try:
        with open(mine, "wb") as stream:
            stream.write(json.dumps(more | owner.to_json(), indent=1).encode() + b"\n")
        # not synced: it need not outlive a crash of its machine, and one that is empty after it is an unknown owner's
        yield mine
    finally:
        mine.unlink(missing_ok=True)


def _linked(mine: Path, path: Path) -> bool:
    """Give ``mine`` the name ``path`` too, if nothing has it."""
    try:
        os.link(mine, path)
    except OSError as error:
        # the answer of a server may be lost after it has made the link
        if mine.stat().st_nlink == 2:
            return True
        # what had the name a moment ago may be gone by now, so that looking for it would tell nothing
        if isinstance(error, FileExistsError) or path.exists():
            return False
        raise
    return True


def _owner(path: Path) -> Owner:
    """Of the claim at ``path``; one that says nothing, because it is damaged, belongs to somebody unknown."""
    found = read_claim(path)
    if found is None:
        path.stat()  # FileNotFoundError where there is none
        return UNKNOWN
    return found[0]
