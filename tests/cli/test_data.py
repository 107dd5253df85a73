"""The data verbs and ``run --fetch`` as their users meet them: paths on stdout, one-line errors, exit codes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.data import registry
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth import TruthTable, benchmark_index

CONTENT = b"0.5 ms\n" * 2000


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path != "/latency.txt":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def listed(address: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A registry of one file that is there and one that is gone."""
    facts = {"what": "made-up [latency]", "licence": "MIT", "bytes": len(CONTENT)}
    facts["checksum"] = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    made = {
        "latency": facts | {"url": f"{address}/latency.txt", "file": "latency.txt", "note": "made up"},
        "gone": facts | {"url": f"{address}/gone.txt", "file": "gone.txt"},
    }
    monkeypatch.setattr(registry, "_registry", lambda: {"entries": made, "groups": {"all": ["latency", "gone"]}})
    registry.entries.cache_clear()
    yield
    monkeypatch.undo()
    registry.entries.cache_clear()


def lines_of(capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """What stdout got, and the lines of stderr without the time that a log has before them."""
    captured = capsys.readouterr()
    return captured.out, [re.sub(r"^\d{4}-\d\d-\d\dT[\d:+-]+ ", "", line) for line in captured.err.splitlines()]


@pytest.mark.usefixtures("listed")
def test_fetch_where_and_ls_tell_the_same_path(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "latency"]) == 0
    out, told = lines_of(capsys)
    assert out == f"latency: {cache / 'latency.txt'}\n"
    assert told == ["fetch latency: 14 kB"]
    assert main(["data", "where", "latency"]) == 0
    assert capsys.readouterr().out == f"{cache / 'latency.txt'}\n"
    assert (cache / "latency.txt").read_bytes() == CONTENT
    assert main(["data", "ls", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["folder"] == str(cache)
    assert {item["name"]: item["state"] for item in found["data"]} == {"latency": "ready", "gone": "absent"}
    assert main(["data", "ls"]) == 0
    drawn = capsys.readouterr().out
    assert "made-up [latency] made up" in " ".join(drawn.split())
    assert "group all: 2 of these" in drawn


@pytest.mark.usefixtures("listed")
def test_a_file_that_is_gone_ends_in_one_line(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "all"]) == 3
    out, told = lines_of(capsys)
    assert out == ""
    assert len(told) == 2
    assert told[0].startswith("fetch latency")
    assert told[1].startswith("nasbench-harness: cannot fetch gone from http://127.0.0.1")
    assert "404" in told[1]
    assert [path.name for path in cache.iterdir()] == ["latency.txt"]


@pytest.mark.usefixtures("listed")
def test_add_copies_what_is_on_disk(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "from elsewhere"
    source.write_bytes(CONTENT)
    assert main(["data", "add", str(source), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["path"] == str(cache / "latency.txt")
    assert (cache / "latency.txt").read_bytes() == CONTENT
    assert source.exists()


def test_where_tells_the_folder(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "where", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(cache)}
    monkeypatch.delenv("NASBENCH_HARNESS_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert main(["data", "where"]) == 0
    assert "nasbench-harness" in capsys.readouterr().out
    assert not cache.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["data", "fetch"], 2, "data ls"),
        (["data", "fetch", "cifar10-binry"], 2, "did you mean cifar10-binary"),
        (["data", "fetch", "latency", "--timeout", "0"], 2, "timeout"),
        (["data", "where", "cifar10-split"], 3, "data fetch cifar10-split"),
        (["data", "where", "nothing"], 2, "nothing"),
        (["data", "add", "missing.tar.gz"], 3, "missing.tar.gz"),
        (["data", "add"], 2, "PATH"),
        (["run", "cifar10-fast"], 3, "--fetch"),
        (["run", "cifar10-fast", "truth.policy=cifar10_valid_200", "--fetch"], 3, "--truth FILE"),
    ],
)
def test_an_error_is_one_line_and_writes_nothing(
    arguments: list[str],
    code: int,
    named: str,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    out, told = lines_of(capsys)
    assert out == ""
    assert len(told) == 1
    assert named in told[0]
    assert list(tmp_path.iterdir()) == []


def test_run_looks_into_the_cache_and_says_what_is_missing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cache.mkdir()
    values = np.linspace(10, 94, N_ARCHITECTURES)
    TruthTable("nas-bench-201", {"cifar10_test_200": values}, benchmark_index(), {}).save(cache / "nas-bench-201.npz")
    assert main(["run", "cifar10-fast"]) == 3
    assert "the images of cifar10 are not here: give --fetch" in capsys.readouterr().err
    (cache / "cifar-10-batches-bin").mkdir()
    assert main(["run", "cifar10-fast"]) == 3
    assert f"{cache / 'cifar-10-batches-bin'} lacks data_batch_1.bin" in capsys.readouterr().err


def test_run_fetches_what_it_needs_before_it_starts(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []

    def brought(names: list[str], progress: object) -> list[object]:
        asked.extend(names)
        cache.mkdir(exist_ok=True)
        (cache / registry.entry(names[0]).product).mkdir()
        return [type("Item", (), {"path": cache / registry.entry(names[0]).product})]

    monkeypatch.setattr("nasbench_harness.data.needs.fetch_entries", brought)
    assert main(["run", "cifar10-fast", "--fetch"]) == 3  # what this fetch brings are empty folders
    assert asked == ["nas-bench-201-accuracy", "cifar10-binary"]
    assert "nas-bench-201.npz" in capsys.readouterr().err


def test_data_verbs_need_no_torch() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from nasbench_harness.cli import main; main(['data', 'ls']); main(['data', 'fetch']); "
        "print([name for name in ('torch', 'polars', 'sklearn', 'scipy.stats') if name in sys.modules], "
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
