"""What is shown of long work: a bar where one fits, silence on request, and a receiver of one's own."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from nasbench_harness.api import progress
from nasbench_harness.api.progress import NotebookProgress, in_notebook, shown_progress
from nasbench_harness.system.progress import Silent


def test_a_notebook_shows_a_bar_for_each_part_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_DRAWINGS", 0.0)
    shown: list[str] = []
    whole = NotebookProgress(shown.append)
    first, second = whole.fork("<a>"), whole.fork("b")
    first.start("train", 10, "steps")
    second.start("score", 4, "cells")
    first.advance(5)
    assert shown[-1].count("<progress") == 2
    assert "&lt;a&gt; · train: 5 of 10 steps" in shown[-1]
    first.close()
    first.close()
    assert "train" not in shown[-1]
    second.close()
    assert shown[-1] == ""


def test_it_is_not_redrawn_at_every_step() -> None:
    shown: list[str] = []
    bar = NotebookProgress(shown.append)
    bar.start("train", 1000, "steps")
    for _ in range(1000):
        bar.advance(1)
    assert len(shown) < 100


def test_only_a_kernel_is_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    for shell, answer in ((None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel=1), True)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert in_notebook() is answer
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    for silent in (None, False):
        with shown_progress(silent) as shown:
            assert isinstance(shown, Silent)
    mine = Silent()
    with shown_progress(mine) as shown:
        assert shown is mine
    with shown_progress(True) as shown:
        shown.start("train", 3, "steps")
    assert "train: 3 steps" in capsys.readouterr().err


def test_a_notebook_gets_its_display(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(progress, "_display", lambda: shown.append)
    with shown_progress(True) as bar:
        bar.start("train", 3, "steps")
    assert "train" in shown[-2]
    assert shown[-1] == ""
