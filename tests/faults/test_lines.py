"""What a user, a file or a plug-in can do wrong is one line and an exit code; a traceback stands for our own faults."""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nasbench_harness.cli import app, main
from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.plugins import load_file
from nasbench_harness.space import format_architecture
from nasbench_harness.system.faults import told

ARCH = format_architecture(0)
DEEP_JSON, DEEP_TOML = '{"a":' * 100_000, "a = " + "[" * 100_000
LONG = "x" * 300
EXPERIMENT = """
name = "x"
[images]
name = "digits"
[network]
channels = 4
cells = 1
[budget]
epochs = {epochs}
[scoring]
images = 20
[truth]
policy = "digits_test_5"
[strategies.one]
kind = "one-shot"
"""


def experiment(epochs: str = "1", top: str = "") -> str:
    return top + EXPERIMENT.format(epochs=epochs)


def npz(header: str, body: bytes = b"") -> bytes:
    """An archive with one part, whose array has this header."""
    padded = header.encode() + b" " * (-(11 + len(header)) % 64) + b"\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + body)
    return stream.getvalue()


def parquet(columns: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    pl.DataFrame(columns).write_parquet(stream)
    return stream.getvalue()


def line_of(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr; the exit code is the expected one."""
    found = main(arguments)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert found == code, captured.err
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert len(lines[0]) < app.LONGEST_LINE + 100
    assert lines[0].isprintable()
    return lines[0]


SCORES: dict[str, tuple[str, bytes | str, str]] = {
    "not UTF-8": (".csv", b"arch,s\n\xff\xfe,1\n", "not a CSV file in UTF-8"),
    "NUL": (".csv", f"arch,s\n{ARCH},\0\n", r"'\\x00' is not a number"),
    "a number with a separator of records": (".csv", "index,s\n5,1\x1e\n", "is not a number"),
    "no content": (".csv", "", "is empty"),
    "index of 5,000 digits": (".csv", f"index,s\n{'9' * 5000},1\n", "not a benchmark index"),
    "more rows than architectures": (".csv", "index,s\n" + "1,1\n" * 20_001, "more than 20,000 rows"),
    "more columns than a table": (".csv", ",".join(f"c{n}" for n in range(10_002)) + ",arch\n", "more than 10,000"),
    "deep JSON": (".json", DEEP_JSON, "nested too deeply"),
    "JSON number of 5,000 digits": (".json", f'{{"{ARCH}": {"9" * 5000}}}', "4300 digits"),
    "JSON number of 400 digits": (".json", f'{{"{ARCH}": {"9" * 400}}}', "beyond 1e308"),
    "JSON key of 5,000 digits": (".json", f'{{"{"9" * 5000}": 1}}', "not a benchmark index"),
    "no Parquet": (".parquet", b"PAR1" + b"\x15" * 400 + b"PAR1", "cannot be read as Parquet"),
    "more Parquet rows": (".parquet", parquet({"arch": [ARCH] * 30_000, "s": np.zeros(30_000)}), "more than 20,000"),
    "long Parquet texts": (".parquet", parquet({"arch": ["x" * 2_000] * 9, "s": np.zeros(9)}), "value of 2,000 parts"),
    "long Parquet lists": (".parquet", parquet({"naslib": [[1] * 2_000] * 9, "s": np.zeros(9)}), "value of 2,000"),
    "Parquet bytes": (".parquet", parquet({"arch": [b"\xff"] * 9, "s": np.zeros(9)}), "not an architecture"),
    "Parquet objects": (".parquet", parquet({"arch": [{"a": 1}] * 9, "s": np.zeros(9)}), "expected numbers or texts"),
}


@pytest.mark.parametrize("name", SCORES)
def test_score_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suffix, content, said = SCORES[name]
    path = tmp_path / f"scores{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = line_of(["score", str(path), "--policy", "digits_test_5"], 3, capsys)
    assert re.search(said, line), line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npz("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"), "in 128 bytes|in 0 bytes"),
        (npz("{'descr': '|V8', 'fortran_order': (((((, "), "not a plain numeric array"),
        (npz("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"12345678"), "not a plain numeric array"),
        (npz("{'descr': '|u1', 'fortran_order': False, 'shape': (600000,), }", DEEP_JSON[:-1].encode() + b" "), "JSON"),
        (b"PK\x03\x04 and nothing else", "not a whole truth table"),
    ],
)
def test_tables(content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "table.npz"
    path.write_bytes(content)
    line = line_of(["truth", "info", str(path)], 3, capsys)
    assert re.search(said, line), line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (DEEP_TOML, "nested too deeply"),
        (experiment("9" * 5000), "not valid TOML: Exceeds the limit"),
        (experiment("9" * 400), "budget.epochs"),
        (experiment("1e300"), "less than or equal to 1000000, found 1e"),
        (experiment("inf"), "finite number"),
        (experiment("nan"), "finite number"),
        (b"name = '\xff'", "not a text file in UTF-8"),
        (experiment(top='plugins = ["a\\u0000b.py"]\n'), r"no plug-in file .*x00b.py: "),
        (experiment(top='plugins = ["pipe.py"]\n'), "it is no plain file"),
        (experiment(top=f'plugins = ["{LONG}.py"]\n'), "no plug-in file"),
        (experiment().replace('name = "x"', 'name = "a\\u0000b"'), "should match pattern"),
        (experiment().replace('name = "x"', f'name = "{LONG}"'), "at most 200 characters"),
    ],
)
def test_experiment_files(content: str | bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    path = tmp_path / "x.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = line_of(["run", str(path), "--out", str(tmp_path / "out")], 2, capsys)
    assert re.search(said, line), line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["budget.epochs=1e300"], "less than or equal to"),
        (["budget.epochs=" + "9" * 5000], "budget.epochs"),
        (["budget.epochs=" + "[" * 100_000], "budget.epochs"),
        (["network.channels=100000000"], "network.channels"),
        (["network.cells=1000000000"], "network.cells"),
        (["training.batch_size=10000000000000000000000"], "training.batch_size"),
        (["training.learning_rate=inf"], "training.learning_rate"),
        (["name=a/../../b"], "should match pattern"),
        (["--seeds", "9" * 5000], "seeds are whole numbers"),
        (["--seeds", "0..999999999999"], "seeds are whole numbers"),
        (["--threads", "0"], "threads must be at least 1"),
        (["--threads", "1" + "0" * 30], "at most 4,096"),
        (["--workers", "1000000000"], "at most 4,096"),
        (["--device", "meta"], "device 'meta' cannot be used here"),
        (["--device", ""], "device '' cannot be used here"),
    ],
)
def test_settings(options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(["run", "quickstart", *options, "--out", str(tmp_path / "out")], 2, capsys)
    assert said in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "{}.csv"],
        ["run", "quickstart", "--out", "{}"],
        ["run", "/{}.toml"],
        ["leaderboard", "{}"],
        ["results", "ls", "{}"],
        ["baseline", "ls", "{}"],
        ["compare", "{}", "{}"],
        ["fuse", "{}", "flops", "--policy", "digits_test_5"],
        ["new", "partitioner", "{}"],
    ],
)
def test_names_of_300_letters(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line_of([word.format(LONG) for word in arguments], 2, capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "{}.csv", "--policy", "digits_test_5"],
        ["score", "{}.parquet", "--policy", "digits_test_5"],
        ["score", "{}.toml", "--truth", "{}.npz", "--policy", "digits_test_5"],
        ["truth", "info", "{}.npz"],
        ["truth", "import", "{}.csv", "--to", "new.npz"],
        ["latency", "import", "{}.pickle", "--to", "new.npz"],
        ["latency", "import", "{}.json", "--to", "new.npz"],
        ["latency", "info", "{}.npz"],
        ["data", "add", "{}.gz"],
    ],
)
def test_a_pipe_is_no_file_and_nothing_waits_for_it(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in (".csv", ".json", ".npz", ".parquet", ".pickle", ".gz", ".toml"):
        os.mkfifo(tmp_path / f"pipe{suffix}")
    line_of([word.format("pipe") for word in arguments], 3, capsys)
    assert not (tmp_path / "new.npz").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit(1)", "line 1: SystemExit: 1"),
        ("class Own(BaseException): pass\nraise Own('no')", "line 2: Own: no"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("def again(): again()\nagain()", "RecursionError"),
        ("(" * 100_000, "too many nested parentheses"),
        ("a = 1\0", "null bytes"),
        ("raise MemoryError", "MemoryError"),
    ],
)
def test_plug_ins_that_cannot_be_loaded(
    body: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plug.py"
    path.write_text(body)
    assert said in line_of(["check", str(path)], 2, capsys)


def test_an_error_inside_a_plug_in_is_a_line_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "plug.py"
    path.write_text("def work(error):\n    raise error\n")
    load_file(path)
    module = next(one for name, one in sys.modules.items() if getattr(one, "__file__", None) == str(path))
    for error in (KeyError("a"), SystemExit(1), MemoryError("x"), OSError(errno.ENOSPC, "full")):
        with pytest.raises(type(error)) as caught:
            module.work(error)
        line = told(caught.value)
        assert isinstance(line, RunError)
        assert str(line).startswith(f"plug-in {path}, line 2: {type(error).__name__}")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError("Unable to allocate 8 TiB"), 4, "fewer --workers"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
            4,
            "smaller",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "/full/x"), 4, "/full/x: no disk space left"),
        (PermissionError(errno.EACCES, "Permission denied", "/closed/x"), 2, "/closed/x: Permission denied"),
        (RecursionError("maximum"), 2, "nested too deeply"),
    ],
)
def test_errors_of_the_machine_are_a_line(error: Exception, code: int, said: str) -> None:
    line = told(error)
    assert line is not None
    assert line.exit_code == code
    assert said in str(line)
    assert told(KeyError("a fault of our own")) is None


def test_no_other_error_ends_with_the_code_of_a_regression(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class OwnError(BaseException):
        pass

    def raising(error: BaseException) -> Callable[..., None]:
        def verb(*_: object, **__: object) -> None:
            raise error

        return verb

    codes = {SystemExit(1): 4, SystemExit(0): 0, OwnError(): 4, KeyError(1): 4, UsageError("x"): 2, MemoryError(): 4}
    for error, code in codes.items():
        monkeypatch.setattr(app, "app", raising(error))
        assert main([]) == code
    monkeypatch.setattr(app, "app", raising(UsageError("a\x1b[31m\nb " + "c" * 10_000)))
    capsys.readouterr()
    line_of([], 2, capsys)


def run_in_shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    shell = f'set -o pipefail; program() {{ {sys.executable} -m nasbench_harness "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "codes", "said"),
    [
        ("program ls presets >&-", {0}, ""),
        ("program ls presets >/dev/full", {4}, "no disk space left"),
        ("program ls --json | head -c 1 >/dev/null", {0, 141}, ""),
        ("program leaderboard /nonexistent 2>&-", {3}, ""),
        ("PYTHONIOENCODING=ascii program ls methods", {0}, ""),
        ("unset HOME; program data where", {0}, ""),
        ("HOME=/nonexistent/x program data ls", {0}, ""),
    ],
)
def test_streams_and_homes_as_they_come(command: str, codes: set[int], said: str) -> None:
    done = run_in_shell(command)
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert said in done.stderr
