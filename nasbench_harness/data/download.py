"""One file over HTTP: resumed where an earlier try broke off, with timeouts and a few retries.

urllib3's ``Retry`` holds the number of tries and the pauses between them. It repeats a request that got no usable
answer by itself; an answer that breaks off halfway is ours to resume, because the next request asks for another part.
pooch stores the result only when its checksum is right; this is the downloader it is given. Proxies come from the
environment (``HTTPS_PROXY``, ``NO_PROXY``), as ``requests`` reads them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.system.progress import Progress

if TYPE_CHECKING:
    import requests
    from urllib3.util import Retry

CHUNK = 1 << 14  # bytes; what is lost when a connection breaks is less than one chunk
LARGEST = 4 << 30  # bytes; nothing of the registry comes near, and a wrong server shall not fill the disk
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers after which another try may succeed


class FetchError(Exception):
    """A download that failed; the text is the reason alone. ``passing``: another try could help.

    ``left``: the tries that are left after this one, None where no answer came within all of them.
    """

    def __init__(self, reason: str, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing
        self.left: Retry | None = None


@dataclass
class Downloader:
    """A downloader for pooch: called with the address and the file to write.

    ``partial``: the bytes so far, kept when the connection breaks and gone when the file is whole. ``timeout``: seconds
    without a byte. ``tries`` in all: the second at once, the third after twice ``pause`` seconds, doubled each time.
    After a call ``resumed`` tells whether earlier bytes were used: if the checksum is wrong then, they may be at fault.
    """

    title: str
    partial: Path
    size: int | None
    progress: Progress
    timeout: float = 30.0
    tries: int = 3
    pause: float = 1.0
    resumed: bool = False

    def __call__(self, url: str, output_file: Any, pooch: Any = None, check_only: bool = False) -> None:
        """Bring ``url`` into ``output_file``; raises ``FetchError`` with the reason."""
        del pooch, check_only  # part of pooch's protocol
        with _disk_errors(self.partial):
            with _exclusive(self.partial) as stream:
                self._persist(url, stream)
            os.replace(self.partial, output_file)
            self._tidy()

    def _persist(self, url: str, stream: BinaryIO) -> None:
        from urllib3.util import Retry

        retries: Retry | None = Retry(
            total=self.tries - 1,
            status_forcelist=PASSING,
            allowed_methods=["GET"],
            backoff_factor=self.pause,
            raise_on_status=False,  # the last answer is judged here, so that its status is named
            respect_retry_after_header=False,  # a server may ask for hours
        )
        while retries is not None:
            try:
                self._try(url, stream, retries)
            except FetchError as error:
                retries = _after(error, url)
                if retries is None:
                    if not error.passing or stream.tell() == 0:
                        self._tidy()
                    raise
                retries.sleep()
            else:
                break
        stream.flush()
        os.fsync(stream.fileno())

    def _tidy(self) -> None:
        """Leave neither a useless part nor an empty folder."""
        self.partial.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.partial.parent.rmdir()

    def _try(self, url: str, stream: BinaryIO, retries: Retry) -> None:
        import requests
        from requests.adapters import HTTPAdapter

        start = stream.seek(0, os.SEEK_END)
        if self.size is not None and start >= self.size:  # whole and yet not accepted
            start = _empty(stream)
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
        with requests.Session() as session:
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=retries))
            try:
                answer = session.get(url, headers=headers, stream=True, timeout=self.timeout)
            except requests.exceptions.InvalidURL as error:
                raise FetchError("the address is not valid") from error
            except requests.exceptions.RequestException as error:
                raise FetchError(self._reason(error, stream, None), passing=True) from error
            try:
                self._receive(answer, stream, start)
            except FetchError as error:
                error.left = answer.raw.retries
                raise

    def _receive(self, answer: requests.Response, stream: BinaryIO, start: int) -> None:
        """Append the answer's body to the stream."""
        import requests

        total = None
        try:
            with answer:
                total = self._begin(answer, stream, start)
                for chunk in answer.iter_content(CHUNK):
                    stream.write(chunk)
                    self.progress.advance(len(chunk) / 1000)
                    if stream.tell() > (total or LARGEST):
                        raise FetchError(f"the server sends more than the {total or LARGEST:,} bytes expected")
        except requests.exceptions.RequestException as error:
            raise FetchError(self._reason(error, stream, total), passing=True) from error
        if total is not None and stream.tell() < total:
            raise FetchError(self._cut_off(stream, total), passing=True)

    def _reason(self, error: Exception, stream: BinaryIO, total: int | None) -> str:
        """The innermost cause, which names the fault; the outer errors repeat the address."""
        cause: BaseException = error
        while (inner := cause.__cause__ or cause.__context__) is not None:
            cause = inner
        if isinstance(cause, TimeoutError):
            return f"no answer for {self.timeout:g} s"
        if total is not None and 0 < stream.tell() < total:
            return self._cut_off(stream, total)
        text = " ".join(str(cause).split()) or type(cause).__name__
        return f"the connection failed ({text[:160]})"

    def _cut_off(self, stream: BinaryIO, total: int) -> str:
        return f"the connection closed after {stream.tell():,} of {total:,} bytes, the next fetch resumes from there"

    def _begin(self, answer: requests.Response, stream: BinaryIO, start: int) -> int | None:
        """Judge the answer's head; the size that the whole file will have, where it is known."""
        status = answer.status_code
        if start and status == 416:
            _empty(stream)
            raise FetchError("the server does not know the rest of the file", passing=True)
        if status not in (200, 206):
            raise FetchError(f"the server answered {status} {answer.reason}".strip(), passing=status in PASSING)
        place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if status == 200:
            start = _empty(stream)  # the whole file comes: this server does not continue
        elif not place or int(place[1]) != start:
            _empty(stream)
            raise FetchError("the server sent another part than the one asked for", passing=True)
        stream.seek(0, os.SEEK_END)
        self.resumed = self.resumed or start > 0
        length = answer.headers.get("Content-Length", "")
        plain = answer.headers.get("Content-Encoding", "identity") == "identity"
        promised = start + int(length) if plain and length.isdigit() else None
        if self.size is not None and promised is not None and promised != self.size:
            raise FetchError(f"the file there has {promised:,} bytes, expected {self.size:,}")
        total = self.size if self.size is not None else promised
        self.progress.start(self.title, (total or start or 1) / 1000, "kB")
        self.progress.advance(start / 1000)
        return total


def _after(error: FetchError, url: str) -> Retry | None:
    """The tries that are left once this failure is counted, None where there are none."""
    from urllib3.exceptions import MaxRetryError

    if not error.passing or error.left is None:
        return None
    try:
        return error.left.increment("GET", url, error=error)
    except MaxRetryError:
        return None


def _empty(stream: BinaryIO) -> int:
    """Drop what the file holds; its new length, 0."""
    stream.truncate(0)
    return stream.seek(0)


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[BinaryIO]:
    """The file opened for adding to, for one process at a time; ``UsageError`` when another one holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as stream:
        try:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no such locks on Windows; the checksum still guards the content
            pass
        except BlockingIOError as error:
            raise UsageError(f"{path.stem} is being fetched by another process; wait for it to finish") from error
        yield stream


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            path.unlink(missing_ok=True)  # the space is needed more than the head start
            raise RunError(f"no disk space left to fetch into {path.parent}; free some") from error
        raise UsageError(
            f"cannot write in {path.parent}: {error.strerror}; name another folder in NASBENCH_HARNESS_DATA"
        ) from error
