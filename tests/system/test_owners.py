"""Processes as owners: which are alive, and what a file says of one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from nasbench_harness.system.owners import Owner, runs


def test_this_process_lives_and_each_thing_it_holds_has_a_token_of_its_own() -> None:
    one, other = Owner.me(), Owner.me()
    assert one.lives() is True
    assert one.token != other.token
    assert replace(one, token="") == replace(other, token="", since=one.since)
    assert Owner.from_json(one.to_json()) == one


def test_a_process_that_ended_does_not_run_even_before_it_is_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert runs(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not runs(process.pid)
    process.communicate()
    assert not runs(process.pid)


@pytest.mark.parametrize("change", [{"pid": "1"}, {"token": "../x"}, {"host": None}, {"token": ""}])
def test_a_file_that_names_no_owner_gives_none(change: dict[str, object]) -> None:
    assert Owner.from_json(Owner.me().to_json() | change) is None
    assert Owner.from_json([]) is None
