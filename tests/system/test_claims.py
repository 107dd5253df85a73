"""Claims: one owner at a time, whoever comes, dies or stays silent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.system.claims import STALE_AFTER, Claims, living, read_claim, stands
from nasbench_harness.system.owners import Owner

HERE = Owner.me()
DEAD = replace(HERE, started="1", token="dead")  # this process id, of another process
ELSEWHERE = replace(HERE, host="gpu7", place="gpu7 and its start", token="elsewhere")


@pytest.fixture
def claims() -> Iterator[Claims]:
    with Claims(beat=None) as made:
        yield made


def left(path: Path, owner: Owner, age: float = 0.0) -> None:
    """A claim that ``owner`` left there and touched ``age`` seconds ago."""
    path.write_text(json.dumps(owner.to_json()))
    then = time.time() - age
    os.utime(path, (then, then))


def test_a_claim_is_held_by_one_and_free_when_it_is_given_up(tmp_path: Path, claims: Claims) -> None:
    path = tmp_path / "unit" / "claim.json"
    owner = claims.claim(path, {"what": "a unit"})
    assert claims.holds(path)
    assert read_claim(path) == (owner, {"what": "a unit", **owner.to_json()})
    with Claims(beat=None) as others:
        assert others.claim(path) == owner
        assert not others.holds(path)
    assert stands(path, owner.token), "who does not hold it gives nothing up"
    claims.release(path)
    assert list(path.parent.iterdir()) == []
    assert claims.claim(path) != owner


def test_a_claim_of_a_living_other_is_looked_at_without_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, silent = tmp_path / "here", tmp_path / "there", tmp_path / "silent"
    left(here, replace(HERE, token="other"))
    left(there, ELSEWHERE)
    left(silent, ELSEWHERE, STALE_AFTER + 5)
    with Claims() as claims:
        claims.claim(tmp_path / "mine")  # by whose touches the age of others is seen

        def refused(*_: object) -> None:
            raise AssertionError("something was written")

        with monkeypatch.context() as patched:
            patched.setattr(os, "link", refused)
            assert [claims.claim(path).token for path in (here, there)] == ["other", "elsewhere"]
            with pytest.raises(AssertionError):
                claims.claim(silent)
            then = time.monotonic() + STALE_AFTER + 5
            patched.setattr(time, "monotonic", lambda: then)
            with pytest.raises(AssertionError):
                claims.claim(there)  # seen unchanged for too long, whatever its times say
        claims.claim(silent)
        assert claims.holds(silent)


def test_claims_are_given_up_at_the_end_of_their_block(tmp_path: Path) -> None:
    with Claims() as claims:
        claims.claim(tmp_path / "claim.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("owner", "age", "lives"),
    [
        (HERE, 10 * STALE_AFTER, True),  # a process that is there needs no beat: it may be stopped
        (DEAD, 0.0, False),
        (replace(HERE, pid=2**31 - 1, token="gone"), 0.0, False),
        (replace(DEAD, started=""), 0.0, True),  # a system that does not say when processes began
        (replace(DEAD, started=""), STALE_AFTER + 5, False),
        (ELSEWHERE, STALE_AFTER - 5, True),
        (ELSEWHERE, STALE_AFTER + 5, False),
        (replace(ELSEWHERE, host=HERE.host), STALE_AFTER - 5, True),  # another container, or machine of that name
    ],
)
def test_a_claim_is_stale_when_its_process_is_gone_or_silent(
    tmp_path: Path, claims: Claims, owner: Owner, age: float, lives: bool
) -> None:
    path = tmp_path / "claim.json"
    left(path, owner, age)
    assert (living(path) is not None) == lives
    found = claims.claim(path)
    assert (found == owner) == lives
    assert claims.holds(path) == (not lives)
    assert [file.name for file in tmp_path.iterdir()] == ["claim.json"]


def test_ages_are_measured_by_the_clock_of_the_folder(
    tmp_path: Path, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock here that is hours ahead, or behind, makes no claim stale and keeps none alive."""
    path = tmp_path / "claim.json"
    left(path, ELSEWHERE)
    now = time.time()
    for hours in (-5, 5):
        monkeypatch.setattr(time, "time", lambda hours=hours: now + 3600 * hours)
        assert claims.claim(path) == ELSEWHERE


@pytest.mark.parametrize("years", [1, -1])
def test_a_clock_that_is_set_back_keeps_no_claim_alive_for_ever(tmp_path: Path, years: int) -> None:
    """The claim of a machine that is gone bears a time that comes in a year; one that is touched is never stale."""
    path, claims = tmp_path / "claim.json", Claims(beat=None, stale_after=0.3)
    left(path, ELSEWHERE, -years * 365 * 86400)
    if years > 0:
        for touch in range(4):
            assert claims.claim(path) == ELSEWHERE
            time.sleep(0.1)
            left(path, ELSEWHERE, -(365 * 86400 + touch))
        assert claims.claim(path) == ELSEWHERE
        time.sleep(0.35)
    claims.claim(path)
    assert claims.holds(path)


def test_rights_that_the_dead_left_are_swept_and_those_of_the_living_stay(tmp_path: Path, claims: Claims) -> None:
    path = tmp_path / "claim.json"
    mine = claims.claim(path)
    dead, silent, living_other, dying = (path.with_name(f".{name}.ending") for name in ("a", "b", "c", mine.token))
    left(dead, DEAD)
    left(silent, ELSEWHERE, STALE_AFTER + 5)
    left(living_other, ELSEWHERE)
    claims.sweep(path)
    assert {file.name for file in tmp_path.iterdir()} == {path.name, living_other.name}
    left(dead, DEAD)
    left(dying, ELSEWHERE)  # somebody is about to take this process for dead
    claims.sweep(path)
    assert dead.exists()
    assert dying.exists()


def test_a_damaged_claim_is_waited_for_and_then_replaced(tmp_path: Path, claims: Claims) -> None:
    path = tmp_path / "claim.json"
    path.write_text("{")
    assert not claims.holds(path)
    assert str(claims.claim(path)).endswith("unknown host")
    os.utime(path, (0, 0))
    claims.claim(path)
    assert claims.holds(path)


def test_a_stale_claim_has_one_winner_among_many(tmp_path: Path) -> None:
    """Again and again, by threads that start at the same moment, with a taker that died while it took over."""
    for attempt in range(20):
        path = tmp_path / str(attempt) / "claim.json"
        path.parent.mkdir()
        left(path, DEAD)
        if attempt % 2:
            left(path.with_name(f".{DEAD.token}.ending"), replace(DEAD, token="taker"))
        takers = [Claims(beat=None) for _ in range(8)]
        start = threading.Barrier(len(takers))

        def take(claims: Claims, path: Path = path, start: threading.Barrier = start) -> bool:
            start.wait()
            claims.claim(path)
            return claims.holds(path)

        with ThreadPoolExecutor(len(takers)) as pool:
            assert sum(pool.map(take, takers)) == 1
        winner = next(claims for claims in takers if claims.holds(path))
        assert stands(path, winner.token(path))
        assert [file.name for file in path.parent.iterdir()] == ["claim.json"]


def test_a_late_taker_leaves_the_claim_that_stands_there_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It saw a stale claim; before it acts, another has taken that over."""
    path = tmp_path / "claim.json"
    left(path, DEAD)
    first, late = Claims(beat=None), Claims(beat=None)
    look = Owner.lives

    def slow(owner: Owner) -> bool | None:
        if owner == DEAD and not first.holds(path):
            monkeypatch.setattr(Owner, "lives", look)
            first.claim(path)
        return look(owner)

    monkeypatch.setattr(Owner, "lives", slow)
    late.claim(path)
    assert first.holds(path)
    assert not late.holds(path)
    assert stands(path, first.token(path))


def test_who_was_taken_for_dead_gives_up_nothing_of_the_other(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    silent, other = Claims(beat=None), Claims(beat=None)
    silent.claim(path)
    path.unlink()
    other.claim(path)
    silent.release(path)
    assert stands(path, other.token(path))


def test_claims_are_touched_while_they_are_held(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    with Claims(beat=0.01) as claims:
        claims.claim(path)
        os.utime(path, (0, 0))
        until = time.monotonic() + 10
        while path.stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert path.stat().st_mtime > 0


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "lock", 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        with Claims(beat=None).locked(path):
            inside += 1
            most = max(most, inside)
            time.sleep(0.005)
            inside -= 1

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert most == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, claims: Claims) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot claim .*; choose a folder that can be written"):
        claims.claim(tmp_path / "file" / "claim.json")


@pytest.mark.slow
def test_processes_that_are_killed_leave_claims_that_others_take(tmp_path: Path) -> None:
    """Each process holds the claim for a moment and writes when; some are killed while they hold it."""
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom nasbench_harness.system.claims import Claims\n"
        "folder, killed = Path(sys.argv[1]), sys.argv[2] == 'killed'\n"
        "with Claims() as claims, claims.locked(folder / 'claim.json'):\n"
        "    taken = os.open(folder / 'inside', os.O_CREAT | os.O_EXCL)\n"
        "    time.sleep(0.05)\n    os.unlink(folder / 'inside')\n"
        "    (folder / f'done-{os.getpid()}').touch()\n"
        "    os.kill(os.getpid(), 9) if killed else None\n"
    )
    kinds = ["killed", "ends"] * 3
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), kind]) for kind in kinds]
    assert [process.wait(60) for process in started] == [-9, 0] * 3
    assert len(list(tmp_path.glob("done-*"))) == len(kinds)
