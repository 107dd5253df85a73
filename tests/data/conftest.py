"""A server on the loopback address that behaves as well or badly as a test asks, and a registry that points to it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from nasbench_harness.data import registry

CONTENT = np.random.default_rng(5).bytes(327_680)  # its half and quarter are whole chunks


@dataclass
class Server:
    """``behaviour`` and ``content`` of the answers to come, and the requests seen: (path, Range header or None)."""

    port: int
    content: bytes = CONTENT
    behaviours: list[str] = field(default_factory=list)  # one an answer; the last stays
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    patience: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "file.bin") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def behave(self, *behaviours: str) -> None:
        self.behaviours = list(behaviours)

    def next(self) -> str:
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        state: Server = self.server.state  # type: ignore[attr-defined]
        asked = self.headers.get("Range")
        state.seen.append((self.path, asked))
        content, behaviour = state.content, state.next()
        if behaviour.isdigit():
            self.send_error(int(behaviour))
            return
        if behaviour == "slow":
            state.patience.wait(5)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and behaviour != "no ranges" else 0
        if asked and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        body = content[start:]
        if behaviour != "without length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if behaviour in ("truncated", "stalls") else body)
        if behaviour == "stalls":
            self.wfile.flush()
            state.patience.wait(5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    listening.daemon_threads = True
    state = Server(listening.server_address[1])
    state.behave("good")
    listening.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        state.patience.set()
        listening.shutdown()
        listening.server_close()
        thread.join()


Register = Callable[..., None]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Register]:
    """Replaces the registry: ``register(name=facts, ...)``; size and checksum, if missing, are those of ``content``."""

    def replace(groups: dict[str, list[str]] | None = None, **named: dict[str, Any]) -> None:
        complete = {}
        for name, facts in named.items():
            content = facts.pop("content", CONTENT)
            known = {
                "what": f"made-up {name}",
                "licence": "none stated",
                "checksum": f"sha256:{hashlib.sha256(content).hexdigest()}",
                "bytes": len(content),
                "file": "file.bin",
            }
            complete[name.replace("_", "-")] = known | facts
        monkeypatch.setattr(registry, "_registry", lambda: {"entries": complete, "groups": groups or {}})
        registry.entries.cache_clear()

    yield replace
    monkeypatch.undo()
    registry.entries.cache_clear()
