"""Units in processes: results, progress, failures, deaths and interruptions."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch

from nasbench_harness.errors import RunError, SuspendedError, UsageError
from nasbench_harness.system import stopping
from nasbench_harness.system.memory import peak_memory
from nasbench_harness.system.progress import Progress, Silent
from nasbench_harness.system.workers import in_processes

pytestmark = pytest.mark.slow


def work(item: Any, progress: Progress) -> Any:
    """What the processes do, by the item's kind."""
    kind, value = item
    if kind == "nest":
        return list(in_processes(work, value, ["x"] * len(value), 2, torch.get_num_threads(), progress))
    if kind == "hold":
        hold(value, progress)
    if kind == "raise":
        raise RunError(value)
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "die sending":
        die_sending()
    if kind == "fill":
        bytearray(b"1") * value
    if kind == "until asked":
        progress.start("waiting", 1, "requests")
        while True:
            stopping.check()
            time.sleep(0.02)
    if kind == "sleep":
        progress.start("sleeping", 1, "naps")
        time.sleep(value)
    progress.start("counting", 10, "numbers")
    for _ in range(10):
        progress.advance(1)
    progress.close()
    return value, os.getpid(), torch.get_num_threads()


def die_sending() -> None:
    """End this process when half of the next message is in the pipe."""

    def half(self: Connection, data: bytes, write: Any = None) -> None:
        os.write(self.fileno(), data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    Connection._send = half  # type: ignore[attr-defined]


def hold(file: Path, progress: Progress) -> None:
    """Keep a lock, which the system takes away when the process ends; say so, and sleep."""
    with open(file, "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        progress.start("holding", 1, "locks")
        time.sleep(600)


def is_held(file: Path) -> bool:
    with open(file, "a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def comes_true(condition: Any, seconds: float = 120) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


class Listener(Silent):
    def __init__(self, title: str = "", heard: list[Any] | None = None) -> None:
        self.title, self.heard = title, [] if heard is None else heard

    def fork(self, title: str) -> Progress:
        return Listener(title, self.heard)

    def start(self, phase: str, total: float, unit: str) -> None:
        self.heard.append((self.title, phase, total, unit))

    def advance(self, amount: float) -> None:
        self.heard.append((self.title, amount))

    def close(self) -> None:
        self.heard.append((self.title, "closed"))


@pytest.fixture(scope="module")
def outcome() -> tuple[dict[int, Any], list[Any]]:
    listener = Listener()
    items = [("return", "one"), ("raise", "a unit failed"), ("die", None), ("return", "four")]
    found = dict(in_processes(work, items, ["a", "b", "c", "d"], 2, 1, listener))
    return found, listener.heard


def test_every_item_has_its_result_from_a_process_of_its_own(outcome: tuple[dict[int, Any], list[Any]]) -> None:
    found, _ = outcome
    assert sorted(found) == [0, 1, 2, 3]
    assert (found[0][0], found[3][0]) == ("one", "four")
    assert len({found[0][1], found[3][1], os.getpid()}) == 3
    assert found[0][2] == found[3][2] == 1


def test_an_error_of_the_work_and_a_death_are_results_too(outcome: tuple[dict[int, Any], list[Any]]) -> None:
    found, _ = outcome
    assert isinstance(found[1], RunError)
    assert str(found[1]) == "a unit failed"
    assert isinstance(found[2], RunError)
    assert "signal 9, probably for lack of memory" in str(found[2])


def test_a_death_in_the_middle_of_a_message_is_a_result_too() -> None:
    found = dict(in_processes(work, [("die sending", "x"), ("return", "y")], ["a", "b"], 1, 1, Silent()))
    assert isinstance(found[0], RunError)
    assert "signal 9" in str(found[0])
    assert found[1][0] == "y"


def test_the_largest_process_is_known_here(outcome: tuple[dict[int, Any], list[Any]]) -> None:
    assert 0 < peak_memory() <= peak_memory(processes=True)
    before = peak_memory(processes=True)
    list(in_processes(work, [("nest", [("fill", before + 10**8)])], ["a"], 1, 1, Silent()))
    assert peak_memory(processes=True) > before + 10**8
    assert peak_memory() < before + 10**8


def test_progress_arrives_under_the_item_s_title(outcome: tuple[dict[int, Any], list[Any]]) -> None:
    _, heard = outcome
    for title in ("a", "d"):
        mine = [event[1:] for event in heard if event[0] == title]
        assert mine[0] == ("counting", 10, "numbers")
        assert sum(event[0] for event in mine[1:-1]) == 10
        assert mine[-1] == ("closed",)


def test_an_interruption_ends_the_processes_at_once() -> None:
    class Interrupting(Listener):
        def fork(self, title: str) -> Progress:
            return Interrupting(title, self.heard)

        def start(self, phase: str, total: float, unit: str) -> None:
            raise KeyboardInterrupt

    started = time.monotonic()
    running: Iterator[Any] = in_processes(work, [("sleep", 600), ("sleep", 600)], ["a", "b"], 2, 1, Interrupting())
    with pytest.raises(KeyboardInterrupt):
        next(running)
    assert time.monotonic() - started < 120


class Interrupted(Listener):
    """Interrupts at the second process that holds its lock."""

    def fork(self, title: str) -> Progress:
        return Interrupted(title, self.heard)

    def start(self, phase: str, total: float, unit: str) -> None:
        self.heard.append(phase)
        if len(self.heard) == 2:
            raise KeyboardInterrupt


def test_processes_may_have_processes_and_an_interruption_ends_those_too(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "other"]
    items = [("nest", [("hold", file) for file in files])]
    with closing(in_processes(work, items, ["a"], 1, 1, Interrupted())) as running, pytest.raises(KeyboardInterrupt):
        next(running)
    assert comes_true(lambda: not any(map(is_held, files)))


def test_a_generator_that_is_closed_ends_its_processes(tmp_path: Path) -> None:
    files = [tmp_path / "one"]
    items = [("hold", files[0]), ("return", "done")]
    with closing(in_processes(work, items, ["a", "b"], 2, 1, Silent())) as running:
        assert next(running)[0] == 1
        assert comes_true(files[0].exists)
    assert not is_held(files[0])


def test_results_and_threads_come_from_processes_of_processes() -> None:
    [(_, found)] = in_processes(work, [("nest", [("return", 1), ("raise", "inside")])], ["a"], 1, 1, Silent())
    found = dict(found)
    value, process, threads = found[0]
    assert (value, threads) == (1, 1)
    assert process != os.getpid()
    assert isinstance(found[1], RunError)


def test_the_death_of_the_first_process_ends_all(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "other"]
    items = [("nest", [("hold", file) for file in files])]
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys\nsys.path[:] = {sys.path!r}\n"
        f"from {work.__module__} import work\nfrom pathlib import PosixPath\n"
        "from nasbench_harness.system.progress import Silent\n"
        "from nasbench_harness.system.workers import in_processes\n"
        f"if __name__ == '__main__':\n    list(in_processes(work, {items!r}, ['a'], 1, 1, Silent()))\n"
    )
    with subprocess.Popen([sys.executable, program], stderr=subprocess.PIPE) as first:
        try:
            assert comes_true(lambda: all(file.exists() and is_held(file) for file in files)), first.poll()
        finally:
            first.kill()
    assert comes_true(lambda: not any(map(is_held, files)))


def test_errors_keep_their_kind() -> None:
    """The exit code of the command line depends on it."""
    import pickle

    for error in (RunError("why"), UsageError("what")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)


class AskedWhenAllWork(Silent):
    """Asks the process that it is in to stop, once so many processes have begun."""

    def __init__(self, count: int) -> None:
        self.count = count

    def fork(self, title: str) -> Progress:
        return self

    def start(self, phase: str, total: float, unit: str) -> None:
        self.count -= 1
        if not self.count:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_request_to_stop_reaches_processes_of_processes_and_nothing_more_is_begun() -> None:
    items = [("until asked", 0), ("nest", [("until asked", 0)]), ("return", "never begun")]
    with stopping.listening():
        found = dict(in_processes(work, items, ["a", "b", "c"], 2, 1, AskedWhenAllWork(2)))
    assert isinstance(found[0], SuspendedError)
    assert str(found[0]).startswith("stopped by SIG")
    [(_, inner)] = found[1]
    assert isinstance(inner, SuspendedError)
    assert set(found) == {0, 1}


class Fatal:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.kill, (OfWhom(), signal.SIGKILL)


class OfWhom:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.getpid, ()


def test_a_process_that_dies_before_it_has_its_item_fails_that_alone() -> None:
    """More follows than a pipe holds, so this process is writing when the other dies."""
    items = [(Fatal(), bytes(1 << 22)), ("return", 1)]
    found = dict(in_processes(work, items, ["a", "b"], 1, 1, Silent()))
    assert isinstance(found[0], RunError)
    assert found[1][0] == 1
