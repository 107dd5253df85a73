"""The engine for Ray, with a stand-in for the cluster: what is handed over when, and what its answers mean.

A real cluster is in ``tests/cluster``.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra ray")

from nasbench_harness.engines import ray as engine
from nasbench_harness.engines.elsewhere import Task
from nasbench_harness.engines.needs import Needs
from nasbench_harness.engines.ray import Ray, RayBatch
from nasbench_harness.errors import RunError, UsageError

exceptions = engine.ray.exceptions
TASKS = [Task(f"unit {number}", ("run", "study.toml", f"--shard={number}/4")) for number in range(1, 5)]


class Cluster:
    """Stands for the module ``ray``: a task ends when its number is put into ``ends``, with what stands there."""

    exceptions = exceptions

    def __init__(self) -> None:
        self.ends: dict[int, Any] = {}
        self.begun: list[tuple[str, ...]] = []
        self.options: dict[str, Any] = {}
        self.given: tuple[Any, dict[str, Any]] | None = None
        self.cancelled: list[tuple[int, bool]] = []
        self.up, self.stubborn, self.down = True, set[int](), False
        self.resources = [{"CPU": 2.0}, {"CPU": 4.0, "GPU": 1.0, "memory": 8e9}]
        self.head = socket.create_server(("127.0.0.1", 0))

    def init(self, address: str, **more: Any) -> None:
        self.given = address, more
        if self.down:
            raise Exception("the node timed out during startup")
        if address == "nowhere:1":
            raise ConnectionError("could not connect\nmore")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def shutdown(self) -> None:
        self.up = False

    def put(self, value: Any) -> Any:
        return value

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": each} for each in self.resources] + [{"Alive": False, "Resources": {}}]

    def get_runtime_context(self) -> Any:
        host, port = self.head.getsockname()
        return SimpleNamespace(gcs_address=f"{host}:{port}")

    def remote(self, function: Any) -> Any:
        def options(**options: Any) -> Any:
            self.options = options
            return SimpleNamespace(remote=self.begin)

        return SimpleNamespace(options=options)

    def begin(self, setting: Any, arguments: tuple[str, ...]) -> int:
        self.begun.append(arguments)
        return len(self.begun) - 1

    def wait(self, refs: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        return [ref for ref in refs if ref in self.ends], [ref for ref in refs if ref not in self.ends]

    def get(self, ref: int) -> Any:
        if isinstance(self.ends[ref], Exception):
            raise self.ends[ref]
        return self.ends[ref]

    def cancel(self, ref: int, force: bool = False) -> None:
        self.cancelled.append((ref, force))
        if ref not in self.stubborn:
            self.ends[ref] = exceptions.TaskCancelledError()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster()
    monkeypatch.setattr(engine, "ray", made)
    yield made
    made.head.close()


def begin(at_once: int | None = None, address: str | None = "head:1", needs: Needs | None = None) -> RayBatch:
    return Ray(address).begin(TASKS, needs or Needs(), at_once, Path("logs"))


def test_all_tasks_are_handed_over_with_their_needs(cluster: Cluster) -> None:
    batch = begin(needs=Needs(4, 0.25, 2**30))
    assert cluster.begun == [task.arguments for task in TASKS]
    assert cluster.options == {"num_cpus": 4, "num_gpus": 0.25, "memory": 2**30, "max_retries": engine.RETRIES}
    assert "4 tasks of 4 cores, 0.25 GPU, 1,024 MiB on 2 nodes with 6 cores and 1 GPUs" in batch.told["line"]
    cluster.ends = {2: 0, 0: 75}
    assert batch.ended() == {2: 0, 0: 75}
    assert batch.ended() == {}
    cluster.ends |= {1: 0, 3: 4}
    assert batch.ended() == {1: 0, 3: 4}
    assert not cluster.up, "the cluster is left when all has ended"


def test_no_more_at_once_than_asked(cluster: Cluster) -> None:
    batch = begin(at_once=2)
    assert len(cluster.begun) == 2
    cluster.ends = {1: 0}
    assert batch.ended() == {1: 0}
    assert len(cluster.begun) == 3


def test_a_task_whose_process_died_too_often_has_no_code(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    batch = begin()
    cluster.ends = {0: exceptions.WorkerCrashedError(), 1: ModuleNotFoundError("No module named 'nasbench_harness'")}
    assert batch.ended() == {0: None, 1: None}
    said = capsys.readouterr().err.splitlines()
    assert [line.startswith("Ray: ") for line in said] == [True, True]
    assert said[1] == "Ray: No module named 'nasbench_harness'"


def test_a_cluster_that_is_gone_ends_the_run(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SECONDS_BETWEEN_CALLS", 0.0)
    batch = begin()
    batch.heard -= engine.PATIENCE + 1
    assert batch.ended() == {}, "it answers now"
    cluster.head.close()
    monkeypatch.setattr(cluster, "get_runtime_context", lambda: SimpleNamespace(gcs_address="127.0.0.1:1"))
    assert batch.ended() == {}, "it may come back"
    batch.heard -= engine.PATIENCE + 1
    with pytest.raises(RunError, match=r"head of the Ray cluster at 127\.0\.0\.1:1 is gone"):
        batch.ended()
    assert not cluster.up


def test_without_a_node_on_this_machine_the_run_ends(cluster: Cluster) -> None:
    batch = begin()
    cluster.ends = {0: exceptions.LocalRayletDiedError()}
    with pytest.raises(RunError, match="node on this machine is gone"):
        batch.ended()


def test_who_leaves_cancels_and_then_kills(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SECONDS_TO_END", 0.01)
    batch = begin(at_once=2)
    cluster.stubborn = {1}
    assert batch.leave().startswith("Ray: 4 tasks cancelled")
    assert (0, False) in cluster.cancelled
    assert [ref for ref, force in cluster.cancelled if force] == [1]
    assert len(cluster.begun) == 2, "what was not begun is not begun any more"
    assert not cluster.up


def test_its_own_cluster_has_room_for_what_is_asked_and_tells_nobody(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    before = signal.getsignal(signal.SIGTERM)
    begin(at_once=3, address=None, needs=Needs(2))
    assert cluster.given is not None
    assert (cluster.given[0], cluster.given[1]["num_cpus"]) == ("local", 6)
    assert engine.os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert signal.getsignal(signal.SIGTERM) == before, "Ray takes it for itself"
    with pytest.raises(UsageError, match="no room for a task of 1 core, 2 GPU"):
        begin(address=None, needs=Needs(1, 2.0))


def test_an_existing_cluster_may_grow(cluster: Cluster) -> None:
    assert begin(needs=Needs(64)).told["line"].endswith("no node has room for one yet")


def test_no_cluster_at_the_address_is_one_line(cluster: Cluster) -> None:
    with pytest.raises(UsageError, match=r"^no Ray cluster at nowhere:1 \(could not connect\); see --ray-address"):
        begin(address="nowhere:1")


def test_a_machine_that_is_too_busy_for_ray_is_one_line(cluster: Cluster) -> None:
    cluster.down = True
    with pytest.raises(RunError, match=r"^Ray cannot be started on this machine: the node timed out during startup$"):
        begin(address=None)


def test_images_go_along_to_other_machines_alone(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASBENCH_HARNESS_DATA", "/mine")
    monkeypatch.setenv("NASBENCH_HARNESS_KERNELS", "0")
    (tmp_path / "cifar-10-batches-bin").mkdir()
    (tmp_path / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(b"1")
    tasks = [Task("unit", ("run", "study.toml", f"--images={tmp_path}"))]
    for address, count in (("head:1", 1), (None, 0)):
        setting = Ray(address).begin(tasks, Needs(), None, Path("logs")).setting
        assert len(setting.stored) == count
        assert setting.variables["NASBENCH_HARNESS_KERNELS"] == "0"
        assert "NASBENCH_HARNESS_DATA" not in setting.variables, "each node has a cache of its own"
        assert bool(setting.images) == bool(count)
