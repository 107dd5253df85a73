"""Nodes of a Ray cluster on this machine, by loopback addresses, and processes that are ended as machines end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STORE = 80_000_000
"""Bytes of a node's object store: about the least that Ray accepts."""
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_raylet_start_wait_time_s": "120",  # where a core is shared by many
}


def session_of(pid: int) -> int | None:
    """The session of a process; None where it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def processes_of(session: int) -> list[int]:
    """All processes of a session that have not ended."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and session_of(int(name)) == session:
            try:
                state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state != "Z":
                found.append(int(name))
    return found


def kill_session(session: int) -> int:
    """End all its processes as a power cut would; how many there were."""
    killed = set()
    while running := processes_of(session):
        for pid in running:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.add(pid)
        time.sleep(0.02)
    return len(killed)


class Nodes:
    """A head with ``cores`` and further nodes of as many, each in a session of its own."""

    def __init__(self, folder: Path, nodes: int, cores: int = 1) -> None:
        self.folder, self.count, self.cores = folder, nodes, cores
        self.sessions: list[int] = []
        self.address = ""

    def start(self) -> None:
        """Start all; the head has an address of this machine, the others 127.0.0.2 and so on."""
        port = _free_port()
        client = _free_port()
        self._node(["--head", f"--port={port}", f"--ray-client-server-port={client}", "--include-dashboard=False"])
        self.address = f"127.0.0.1:{port}"
        for number in range(1, self.count):
            self._node([f"--address={self.address}", f"--node-ip-address=127.0.0.{number + 1}"])

    def kill(self, number: int) -> int:
        """End all processes of a node at once; how many there were."""
        return kill_session(self.sessions[number])

    def stop(self) -> None:
        """End all nodes."""
        for session in self.sessions:
            kill_session(session)
        self.sessions = []

    def _node(self, options: list[str]) -> None:
        log = self.folder / f"node-{len(self.sessions)}.log"
        command = [str(Path(sys.executable).parent / "ray"), "start", *options, f"--num-cpus={self.cores}"]
        command += [f"--object-store-memory={STORE}", "--disable-usage-stats"]
        command += [f"--temp-dir={self.folder}"] if "--head" in options else []
        with open(log, "w") as stream:
            started = subprocess.Popen(
                command, stdout=stream, stderr=stream, env=os.environ | SETTINGS, start_new_session=True
            )
            self.sessions.append(started.pid)
            if started.wait(timeout=240):
                raise RuntimeError(log.read_text())


@contextmanager
def ray_nodes(nodes: int) -> Iterator[Nodes]:
    """A cluster in a short-named folder (Ray has sockets in it), gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    cluster = Nodes(folder, nodes)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))
        return int(one.getsockname()[1])


def harness(words: Sequence[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A command of the harness in a session of its own; what it says goes to ``log``."""
    with open(log, "ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "nasbench_harness", *words],
            stdout=stream,
            stderr=stream,
            env=os.environ | SETTINGS | environment,
            start_new_session=True,
        )
