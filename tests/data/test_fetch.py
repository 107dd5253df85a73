"""Fetching against a server on the loopback address: whole files arrive, faults end in one line and leave nothing."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from nasbench_harness.data import fetch
from nasbench_harness.errors import DataError, UsageError

from .conftest import CONTENT, Register, Server


class Recorder:
    """Progress that adds up."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, float, str]] = []
        self.done = 0.0

    def start(self, phase: str, total: float, unit: str) -> None:
        self.phases.append((phase, total, unit))
        self.done = 0.0

    def advance(self, amount: float) -> None:
        self.done += amount


def files(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_good_file_arrives_once(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    progress = Recorder()
    (item,) = fetch(["thing"], progress, pause=0)
    assert item.path == cache / "file.bin"
    assert item.path.read_bytes() == CONTENT
    assert files(cache) == ["file.bin"]
    assert progress.phases == [("fetch thing", 327.68, "kB")]
    assert progress.done == pytest.approx(327.68)
    fetch(["thing"], pause=0)
    assert len(server.seen) == 1


def test_a_group_brings_its_members(server: Server, cache: Path, register: Register) -> None:
    facts = [{"url": server.url(f"{n}"), "file": f"{n}.bin"} for n in range(3)]
    register({"both": ["a", "b"]}, a=facts[0], b=facts[1], c=facts[2])
    assert [item.entry.name for item in fetch(["both", "a"], pause=0)] == ["a", "b"]
    assert files(cache) == ["0.bin", "1.bin"]


def test_a_size_that_was_not_published_is_taken_from_the_server(
    server: Server, cache: Path, register: Register
) -> None:
    register(thing={"url": server.url(), "bytes": None, "checksum": f"md5:{hashlib.md5(CONTENT).hexdigest()}"})
    server.behave("truncated", "good")
    fetch(["thing"], pause=0)
    assert (cache / "file.bin").read_bytes() == CONTENT
    assert [asked for _, asked in server.seen] == [None, "bytes=163840-"]


def test_a_server_that_tells_no_length_is_read_to_its_end(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url(), "bytes": None})
    server.behave("without length")
    fetch(["thing"], pause=0)
    assert (cache / "file.bin").read_bytes() == CONTENT


def test_a_file_cut_off_is_taken_up_again_by_the_next_fetch(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    server.behave("truncated", "503")
    with pytest.raises(DataError, match="the server answered 503"):
        fetch(["thing"], pause=0)
    assert files(cache) == ["partial/file.bin.part"]
    assert (cache / "partial" / "file.bin.part").stat().st_size == 163_840
    server.behave("good")
    fetch(["thing"], pause=0)
    assert server.seen[-1][1] == "bytes=163840-"
    assert (cache / "file.bin").read_bytes() == CONTENT
    assert files(cache) == ["file.bin"]


def test_a_file_always_cut_off_is_an_error_that_says_where(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    server.behave("truncated")
    with pytest.raises(DataError, match=r"closed after 278,528 of 327,680 bytes, the next fetch resumes from there"):
        fetch(["thing"], pause=0)
    assert not (cache / "file.bin").exists()


def test_a_server_without_ranges_starts_over(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    server.behave("truncated", "no ranges")
    fetch(["thing"], pause=0)
    assert (cache / "file.bin").read_bytes() == CONTENT


def test_a_stale_beginning_does_not_spoil_the_file(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    part = cache / "partial" / "file.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"the beginning of something else")
    fetch(["thing"], pause=0)
    assert (cache / "file.bin").read_bytes() == CONTENT
    assert [asked for _, asked in server.seen] == ["bytes=31-", None]


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 7])
def test_a_beginning_as_long_as_the_file_is_dropped(
    length: int, server: Server, cache: Path, register: Register
) -> None:
    register(thing={"url": server.url()})
    part = cache / "partial" / "file.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(length))
    fetch(["thing"], pause=0)
    assert (cache / "file.bin").read_bytes() == CONTENT


def test_a_beginning_that_the_server_does_not_know_is_dropped(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url(), "bytes": None})
    part = cache / "partial" / "file.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(400_000))
    fetch(["thing"], pause=0)
    assert (cache / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviours", "tries", "reason"),
    [
        (["404"], 1, "the server answered 404 Not Found"),
        (["410"], 1, "the server answered 410 Gone"),
        (["500"], 3, "the server answered 500"),
        (["slow"], 3, r"no answer for 0\.2 s"),
    ],
)
def test_a_fault_of_the_server_is_one_line_with_the_remedy(
    behaviours: list[str], tries: int, reason: str, server: Server, cache: Path, register: Register
) -> None:
    register(thing={"url": server.url()})
    server.behave(*behaviours)
    with pytest.raises(DataError, match=reason) as caught:
        fetch(["thing"], pause=0, timeout=0.2)
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.exit_code == 3
    assert server.url() in text
    assert "nasbench-harness data add FILE" in text
    assert str(cache / "file.bin") in text
    assert len(server.seen) == tries
    assert files(cache) == []


def test_passing_trouble_is_tried_again(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    server.behave("503", "429", "good")
    fetch(["thing"], pause=0)
    assert (cache / "file.bin").read_bytes() == CONTENT


def test_a_connection_that_stalls_is_given_up_and_taken_up(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    server.behave("stalls", "good")
    fetch(["thing"], pause=0, timeout=0.2)
    assert (cache / "file.bin").read_bytes() == CONTENT
    assert server.seen[1][1] == "bytes=163840-"


def test_nobody_listening_is_one_line_with_the_remedy(cache: Path, register: Register, server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    register(thing={"url": f"http://127.0.0.1:{port}/file.bin"})
    with pytest.raises(DataError, match=r"the connection failed \(.*refused\).*Without internet here") as caught:
        fetch(["thing"], pause=0)
    assert "\n" not in str(caught.value)
    assert files(cache) == []


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_wrong_checksum_leaves_nothing(size: int | None, server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url(), "bytes": size})
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(DataError, match="does not have the published checksum"):
        fetch(["thing"], pause=0)
    assert len(server.seen) == 1
    assert files(cache) == []


@pytest.mark.parametrize("content", [CONTENT + b"more", CONTENT[:100]])
def test_another_size_is_refused_before_it_is_read(
    content: bytes, server: Server, cache: Path, register: Register
) -> None:
    register(thing={"url": server.url()})
    server.content = content
    with pytest.raises(DataError, match=f"has {len(content):,} bytes, expected 327,680"):
        fetch(["thing"], pause=0)
    assert files(cache) == []


def test_a_stream_that_does_not_end_where_it_should_is_refused(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    server.content = CONTENT + bytes(1000)
    server.behave("without length")
    with pytest.raises(DataError, match="sends more than the 327,680 bytes expected"):
        fetch(["thing"], pause=0)
    assert files(cache) == []


def test_a_file_placed_by_hand_needs_no_network(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    cache.mkdir()
    (cache / "file.bin").write_bytes(CONTENT)
    assert fetch(["thing"], pause=0)[0].path == cache / "file.bin"
    assert server.seen == []


def test_a_wrong_file_placed_by_hand_is_replaced(server: Server, cache: Path, register: Register) -> None:
    register(thing={"url": server.url()})
    cache.mkdir()
    (cache / "file.bin").write_bytes(b"something else")
    fetch(["thing"], pause=0)
    assert (cache / "file.bin").read_bytes() == CONTENT


def test_a_proxy_of_the_environment_is_used(
    server: Server, cache: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    register(thing={"url": "http://data.invalid/file.bin"})
    fetch(["thing"], pause=0)
    assert server.seen[0][0] == "http://data.invalid/file.bin"
    assert (cache / "file.bin").read_bytes() == CONTENT


def test_an_unknown_name_and_a_senseless_timeout_are_wrong_usage(cache: Path) -> None:
    with pytest.raises(UsageError, match="did you mean cifar10-binary"):
        fetch(["cifar10-binry"])
    with pytest.raises(UsageError, match="give more than 0"):
        fetch(["cifar10-binary"], timeout=0)
    assert not cache.exists()


def test_a_cache_that_is_a_file_is_told(
    server: Server, tmp_path: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_bytes(b"")
    monkeypatch.setenv("NASBENCH_HARNESS_DATA", str(tmp_path / "taken"))
    register(thing={"url": server.url()})
    with pytest.raises(UsageError, match="NASBENCH_HARNESS_DATA"):
        fetch(["thing"], pause=0)
