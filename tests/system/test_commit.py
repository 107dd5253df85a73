"""The commit that records name: of a checkout, of a wheel, of neither."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nasbench_harness.system import commit as module
from nasbench_harness.system.commit import BUILT_FROM, source_commit


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit that looks like this one."""
    package = tmp_path / "tree" / "nasbench_harness"
    package.mkdir(parents=True)
    (package / "environment.py").write_text("")
    (package.parent / "pyproject.toml").write_text("")
    monkeypatch.setattr(module, "__file__", str(package / "system" / "commit.py"))
    return package.parent


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *settings, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_told_and_a_changed_package_is_marked(checkout: Path) -> None:
    assert source_commit() is None
    git(checkout, "init", "--quiet")
    assert source_commit() is None
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "first")
    commit = git(checkout, "rev-parse", "HEAD")
    assert source_commit() == commit
    (checkout / "notes.txt").write_text("not part of the package")
    (checkout / "pyproject.toml").write_text("# neither is this")
    assert source_commit() == commit
    (checkout / "nasbench_harness" / "environment.py").write_text("changed = True")
    assert source_commit() == commit + "+changed"


def test_no_git_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    assert source_commit() is None


def test_an_installed_package_knows_what_its_wheel_was_built_from(checkout: Path) -> None:
    built_from = checkout / "nasbench_harness" / BUILT_FROM
    built_from.write_text("0123abc+changed\n")
    assert source_commit() == "0123abc+changed"
    built_from.write_text("")
    assert source_commit() is None
