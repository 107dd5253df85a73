"""What verbs print in a terminal of 80 and 100 columns: nothing wider, nothing cut; in a pipe nothing broken."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.latency import LatencyTable
from nasbench_harness.space import N_ARCHITECTURES, all_strings
from nasbench_harness.truth import TruthTable, benchmark_index


@pytest.fixture(scope="module")
def words(fake, tmp_path_factory):
    """Names of the made files: a run, a latency table, a truth, and scores."""
    folder = tmp_path_factory.mktemp("widths")
    fake.write_run(folder / "run", {"one-shot-balanced-multi": [0.5, 0.52, 0.51], "bad": [0.2, 0.21, 0.22]})
    ms_A = np.random.default_rng(0).uniform(1, 2, N_ARCHITECTURES)
    LatencyTable("T", {"gpu_1": ms_A, "gpu_32": ms_A * 1.005}).save(folder / "T.npz")
    TruthTable("accuracy", {"cifar10_test_200": np.round(ms_A * 40, 2)}, benchmark_index(), {}).save(folder / "A.npz")
    (folder / "S.json").write_text(json.dumps({name: float(i) for i, name in enumerate(all_strings())}))
    return {name: str(folder / name) for name in ("run", "run/bad/seed-0", "T.npz", "A.npz", "S.json")}


@pytest.fixture(params=[80, 100])
def width(request, monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "NO_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


SEARCH = "search --latency T.npz --device gpu_1 --device gpu_32 --window 1 1.006 --scores S.json --truth A.npz"
VERBS = [
    "ls",
    "ls strategies",
    "data ls",
    "leaderboard run",
    "results ls run",
    "results show run/bad/seed-0",
    "compare run run",
    "latency info T.npz",
    "latency matrix T.npz",
    "fuse S.json live_flops --truth A.npz --resamples 0 --known none",
    "score S.json --truth A.npz --resamples 0",
    "predict flops --truth A.npz --resamples 0",
]


def out(verb: str, words: dict[str, str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([words.get(word, word) for word in verb.split()]) == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut(verb, words, width, capsys) -> None:
    text = out(verb, words, capsys)
    # paths and architectures are never broken, for one copies them
    lines = [line for line in text.splitlines() if words["run"] not in line and "~0|" not in line]
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "…" not in text


def test_search_is_a_list_where_its_table_does_not_fit(words, width, capsys) -> None:
    lines = out(SEARCH, words, capsys).splitlines()
    [head] = [place for place, line in enumerate(lines) if line.startswith("gpu_32")]
    if width == 80:
        assert re.fullmatch(r"  candidates \d+; seen \d+; cost of best 1\.\d+; .*", lines[head + 1])
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("verb", ["ls methods", "results ls run", "leaderboard run"])
def test_a_pipe_gets_each_row_on_a_line(verb, words, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    name = "one-shot-balanced-multi" if "run" in verb else "efs-accum-k2"
    rows = [line for line in out(verb, words, capsys).splitlines() if line.startswith(name)]
    assert rows
    for row in rows:
        assert ("thresholds = [15]" in row) or "0.5" in row
