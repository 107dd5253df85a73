"""The environment record names no person, machine or folder."""

from __future__ import annotations

import getpass
import json
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nasbench_harness
from nasbench_harness.system import environment
from nasbench_harness.system.environment import environment_record, source_commit


def test_the_record_is_json_and_names_what_matters():
    record = environment_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["package"] == nasbench_harness.__version__
    assert record["python"] == platform.python_version()
    assert record["numpy"] == np.__version__
    assert record["device"] == "cpu"
    assert record["device_name"] == record["processor"]
    assert record["cores"] >= 1
    assert record["threads"] >= 1
    assert record["kernels"].endswith("images a vector") or record["kernels"].startswith("none: ")


def test_the_record_betrays_no_person_machine_or_folder():
    text = json.dumps(environment_record("cpu"))
    assert str(Path.cwd()) not in text
    assert str(Path(nasbench_harness.__file__).parents[1]) not in text
    assert platform.node() not in text
    if len(getpass.getuser()) > 3:
        assert getpass.getuser() not in text.split('"')


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with one commit that looks like this one."""
    package = tmp_path / "tree" / "nasbench_harness"
    package.mkdir(parents=True)
    (package / "environment.py").write_text("")
    (package.parent / "pyproject.toml").write_text("")
    monkeypatch.setattr(environment, "__file__", str(package / "system" / "environment.py"))
    return package.parent


def git(folder, *arguments):
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *settings, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_told_and_a_changed_package_is_marked(checkout):
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


def test_no_git_no_commit(checkout, monkeypatch):
    (checkout / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    assert source_commit() is None
