"""Units on a Ray cluster: a task is a process of Ray that runs one command line; Ray places, repeats and logs them.

State lies in the folder of the run alone. Ray repeats the tasks of a process or a node that died, elsewhere if need be;
the command finds what was stored, takes over the claim of the dead and goes on from the checkpoints. The command that
waits may die too: Ray ends its tasks then, and the same command goes on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from nasbench_harness.data.cache import VARIABLE
from nasbench_harness.engines.elsewhere import Task
from nasbench_harness.engines.needs import Needs
from nasbench_harness.engines.placed import digest_of, packed
from nasbench_harness.engines.ray_task import IMAGES, PASSED_ON, Setting, command
from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.images.cifar10 import BINARY, PYTHON
from nasbench_harness.system.environment import usable_cores

RETRIES = 3
"""Of a task whose process or node died; Ray's own default, stated because a run relies on it."""
PATIENCE = 45.0
"""Seconds without the cluster's head; after 60 Ray would end this process, with the exit code of a regression."""
SECONDS_BETWEEN_CALLS = 3.0
SECONDS_TO_END = 10.0
"""For tasks that are cancelled, before their processes are killed."""
STORE_MARGIN = 100_000_000
"""Bytes of Ray's object store on this machine, beside the images."""


@dataclass(frozen=True)
class Ray:
    """An existing cluster by ``address`` (``host:port``, or ``auto`` for one on this machine), else one of its own."""

    address: str | None = None
    most_tasks: int = 10_000
    detaches: bool = False

    def begin(self, tasks: Sequence[Task], needs: Needs, at_once: int | None, logs: Path) -> RayBatch:
        """See ``Elsewhere``; no ``logs`` are written, Ray brings those of the tasks here.

        Raises ``UsageError`` where there is no cluster at the address, or none of its nodes has room for a task.
        """
        del logs
        files = _images(tasks) if self.address else {}  # one's own cluster reads them where they are
        store = STORE_MARGIN + 2 * sum(len(content) for content in files.values())
        _connect(self.address, needs, at_once, store)
        try:
            told = _cluster(needs, len(tasks), own=not self.address)
            passed = [name for name in os.environ if name.startswith(PASSED_ON) and name != VARIABLE]
            variables = {name: os.environ[name] for name in passed}
            stored = [ray.put(files)] if files else []
            setting = ray.put(Setting(Path.cwd(), variables, digest_of(files) if files else "", stored))
        except BaseException:
            ray.shutdown()
            raise
        return RayBatch(tasks, needs, at_once, setting, told)


@dataclass
class RayBatch:
    """See ``Batch``."""

    tasks: Sequence[Task]
    needs: Needs
    at_once: int | None
    setting: Any
    told: Mapping[str, Any]
    next: int = 0
    running: dict[Any, int] = field(default_factory=dict)
    heard: float = field(default_factory=time.monotonic)
    called: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Begin."""
        remote: Any = ray.remote(unit)
        self._remote = remote.options(
            num_cpus=self.needs.cores,
            num_gpus=self.needs.gpu or None,
            memory=self.needs.memory,
            max_retries=RETRIES,
        )
        self._fill()

    def ended(self) -> Mapping[int, int | None]:
        """See ``Batch``. Raises ``RunError`` where the cluster is gone."""
        try:
            self._call_the_head()
            done = ray.wait([*self.running], num_returns=len(self.running), timeout=0)[0] if self.running else []
            codes = {self.running.pop(ref): _code(ref) for ref in done}
        except BaseException:
            ray.shutdown()
            raise
        self._fill()
        if not self.running:
            ray.shutdown()
        return codes

    def leave(self) -> str:
        """Cancel what runs, first as by Ctrl-C, then by killing its processes."""
        count = len(self.running) + len(self.tasks) - self.next
        self.next = len(self.tasks)
        until = time.monotonic() + SECONDS_TO_END
        left = [*self.running]
        while left and time.monotonic() < until:
            for ref in left:
                ray.cancel(ref)
            left = ray.wait(left, num_returns=len(left), timeout=1)[1]
        for ref in left:
            ray.cancel(ref, force=True)
        ray.shutdown()
        return f"Ray: {count} tasks cancelled; finished units and checkpoints are kept, the same command goes on"

    def _fill(self) -> None:
        """Hand over what may run now; all at once where Ray alone decides, so that a cluster that grows can see it."""
        while self.next < len(self.tasks) and (self.at_once is None or len(self.running) < self.at_once):
            self.running[self._remote.remote(self.setting, self.tasks[self.next].arguments)] = self.next
            self.next += 1

    def _call_the_head(self) -> None:
        now = time.monotonic()
        if now - self.called < SECONDS_BETWEEN_CALLS:
            return
        self.called = now
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        with contextlib.suppress(OSError):
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
            self.heard = now
        if now - self.heard > PATIENCE:
            raise RunError(
                f"the head of the Ray cluster at {host}:{port} is gone; start it again, then the same command goes on"
            )


def unit(setting: Setting, arguments: tuple[str, ...]) -> int:
    """A task; its name heads the lines that Ray brings of it."""
    return command(setting, arguments, ray.get)


def _code(ref: Any) -> int | None:
    try:
        code: int = ray.get(ref)
    except ray.exceptions.LocalRayletDiedError as error:
        raise RunError("Ray's node on this machine is gone; start it again, then the same command goes on") from error
    except (ray.exceptions.RayError, ModuleNotFoundError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        print(f"Ray: {lines[-1] if isinstance(error, ray.exceptions.RayTaskError) else lines[0]}", file=sys.stderr)
        return None
    return code


def _connect(address: str | None, needs: Needs, at_once: int | None, store: int) -> None:
    """Join the cluster, or start one on this machine with room for ``at_once`` tasks."""
    own: dict[str, Any] = {}
    if not address:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to Ray's makers unasked
        cores = needs.cores * at_once if at_once is not None else max(usable_cores(), needs.cores)
        own = {"num_cpus": cores, "object_store_memory": store, "include_dashboard": False}
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(address or "local", log_to_driver=True, logging_level=logging.ERROR, **own)
    except Exception as error:  # of any class, a bare Exception among them
        ray.shutdown()
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if address:
            raise UsageError(f"no Ray cluster at {address} ({said}); see --ray-address and RAY_ADDRESS") from error
        raise RunError(f"Ray cannot be started on this machine: {said}") from error
    finally:
        for each, handler in handlers.items():
            if handler is not None:  # Ray takes SIGTERM for itself
                signal.signal(each, handler)


def _cluster(needs: Needs, count: int, own: bool) -> dict[str, Any]:
    """What is told of the cluster; ``UsageError`` where its ``own`` machine could never have a task."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {"CPU": needs.cores, "GPU": needs.gpu, "memory": needs.memory or 0}
    fitting = [node for node in nodes if all(node.get(name, 0) >= much for name, much in wanted.items())]
    cores, gpus = (sum(node.get(name, 0) for node in nodes) for name in ("CPU", "GPU"))
    address = ray.get_runtime_context().gcs_address
    size = f"{len(nodes)} node{'s' * (len(nodes) > 1)} with {cores:g} cores" + (f" and {gpus:g} GPUs" if gpus else "")
    if own and not fitting:
        raise UsageError(f"Ray on this machine has {size}, and no room for a task of {needs}; ask for less by --needs")
    line = f"Ray: {count} task{'s' * (count > 1)} of {needs} on {size} at {address}"
    line += "" if fitting else "; no node has room for one yet"
    return {"engine": "ray", "line": line, "address": address, "nodes": len(nodes), "logs": "see the lines above"}


def _images(tasks: Sequence[Task]) -> dict[str, bytes]:
    """The image files that the commands read, so that each node gets them once; none for images that are shipped."""
    folders = {word.removeprefix(IMAGES) for task in tasks for word in task.arguments if word.startswith(IMAGES)}
    if len(folders) != 1:
        return {}
    return packed(Path(folders.pop()), (BINARY, PYTHON))
