"""The environment record names no person, machine or folder; the doctor always answers."""

from __future__ import annotations

import getpass
import io
import json
import platform
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import nasbench_harness
from nasbench_harness.errors import DataError
from nasbench_harness.system import environment
from nasbench_harness.system.environment import Check, doctor, environment_record, print_checks, source_commit


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


def by_name(checks):
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def test_the_doctor_looks_at_everything_and_is_json(monkeypatch):
    monkeypatch.delenv("NASBENCH_HARNESS_IMAGES", raising=False)
    monkeypatch.delenv("NASBENCH_HARNESS_TRUTH", raising=False)
    checks = doctor()
    assert {"python", "torch", "devices", "kernels", "threads", "packages", "memory", "disk", "results folder"} <= set(
        by_name(checks)
    )
    assert "NASBENCH_HARNESS_TRUTH" not in by_name(checks)
    json.dumps([check.to_json() for check in checks])
    for check in checks:
        assert check.found
        assert check.remedy or check.status == "ok"


def test_checks_are_printed_with_their_remedies():
    stream = io.StringIO()
    checks = [Check("disk", "warn", "0.2 GiB [free]", "free some space"), Check("python", "ok", "3.11.7")]
    print_checks(checks, Console(file=stream, width=80))
    assert stream.getvalue().splitlines() == [
        "warn disk    0.2 GiB [free]",
        "             free some space",
        "ok   python  3.11.7",
    ]


def test_the_embedded_data_is_found():
    checks = by_name(doctor())
    assert checks["embedded table"].status == "ok", checks["embedded table"].found
    assert checks["digits images"] == Check("digits images", "ok", "1797 images")


def test_missing_optional_data_fails_only_when_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("NASBENCH_HARNESS_IMAGES", str(tmp_path / "no-images"))
    monkeypatch.setenv("NASBENCH_HARNESS_TRUTH", str(tmp_path / "no-table.npz"))
    checks = by_name(doctor())
    for name in ("NASBENCH_HARNESS_IMAGES", "NASBENCH_HARNESS_TRUTH"):
        assert checks[name].status == "fail"
        assert str(tmp_path) in checks[name].found
    assert checks["python"].status == "ok"


def test_a_check_that_breaks_is_a_check_that_fails(monkeypatch):
    def broken():
        raise OSError("libsomething.so is missing")

    def told():
        raise DataError("the table is damaged; install again")

    monkeypatch.setattr(environment, "_check_torch", broken)
    monkeypatch.setattr(environment, "_check_embedded_table", told)
    checks = by_name(doctor())
    assert checks["torch"].status == "fail"
    assert "libsomething.so" in checks["torch"].found
    assert checks["embedded table"].found == "the table is damaged; install again"


def test_too_old_a_python_fails(monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 14))
    assert environment._check_python().status == "fail"


def test_packages_are_compared_with_the_requirements(monkeypatch):
    needs = ["numpy>=1.26", "nonexistent-package>=1", 'other>=3; extra == "report"', "rich<1"]
    monkeypatch.setattr(environment.importlib.metadata, "requires", lambda _: needs)
    check = environment._check_packages()
    assert check.status == "fail"
    assert "nonexistent-package missing" in check.found
    assert "rich" in check.found
    assert "numpy" not in check.found
    assert "other" not in check.found


def test_more_threads_than_cores_is_a_warning(monkeypatch):
    fake = types.ModuleType("torch")
    fake.get_num_threads = lambda: 64
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setattr(environment, "usable_cores", lambda: 2)
    check = environment._check_threads()
    assert check.status == "warn"
    assert "OMP_NUM_THREADS=2" in check.remedy


def test_little_space_is_a_warning():
    assert environment._enough("disk", 0.2, 1.0, "free some space").status == "warn"
    assert environment._enough("disk", 1.5, 1.0, "free some space") == Check("disk", "ok", "1.5 GiB free")
