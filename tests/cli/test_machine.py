"""The checks of ``doctor`` always answer, each with what was found and a remedy."""

from __future__ import annotations

import io
import json
import sys
import types

from rich.console import Console

from nasbench_harness.cli import machine
from nasbench_harness.cli.machine import Check, examine, print_checks
from nasbench_harness.errors import DataError


def by_name(checks):
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def test_the_doctor_looks_at_everything_and_is_json(monkeypatch):
    monkeypatch.delenv("NASBENCH_HARNESS_IMAGES", raising=False)
    monkeypatch.delenv("NASBENCH_HARNESS_TRUTH", raising=False)
    checks = examine()
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
    checks = by_name(examine())
    assert checks["embedded table"].status == "ok", checks["embedded table"].found
    assert checks["digits images"] == Check("digits images", "ok", "1797 images")


def test_missing_optional_data_fails_only_when_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("NASBENCH_HARNESS_IMAGES", str(tmp_path / "no-images"))
    monkeypatch.setenv("NASBENCH_HARNESS_TRUTH", str(tmp_path / "no-table.npz"))
    checks = by_name(examine())
    for name in ("NASBENCH_HARNESS_IMAGES", "NASBENCH_HARNESS_TRUTH"):
        assert checks[name].status == "fail"
        assert str(tmp_path) in checks[name].found
    assert checks["python"].status == "ok"


def test_a_check_that_breaks_is_a_check_that_fails(monkeypatch):
    def broken():
        raise OSError("libsomething.so is missing")

    def told():
        raise DataError("the table is damaged; install again")

    monkeypatch.setattr(machine, "_check_torch", broken)
    monkeypatch.setattr(machine, "_check_embedded_table", told)
    checks = by_name(examine())
    assert checks["torch"].status == "fail"
    assert "libsomething.so" in checks["torch"].found
    assert checks["embedded table"].found == "the table is damaged; install again"


def test_too_old_a_python_fails(monkeypatch):
    monkeypatch.setattr(machine.sys, "version_info", (3, 10, 14))
    assert machine._check_python().status == "fail"


def test_packages_are_compared_with_the_requirements(monkeypatch):
    needs = ["numpy>=1.26", "nonexistent-package>=1", 'other>=3; extra == "report"', "rich<1"]
    monkeypatch.setattr(machine.importlib.metadata, "requires", lambda _: needs)
    check = machine._check_packages()
    assert check.status == "fail"
    assert "nonexistent-package missing" in check.found
    assert "rich" in check.found
    assert "numpy" not in check.found
    assert "other" not in check.found


def test_more_threads_than_cores_is_a_warning(monkeypatch):
    fake = types.ModuleType("torch")
    fake.get_num_threads = lambda: 64
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setattr(machine, "usable_cores", lambda: 2)
    check = machine._check_threads()
    assert check.status == "warn"
    assert "OMP_NUM_THREADS=2" in check.remedy


def test_little_space_is_a_warning():
    assert machine._enough("disk", 0.2, 1.0, "free some space").status == "warn"
    assert machine._enough("disk", 1.5, 1.0, "free some space") == Check("disk", "ok", "1.5 GiB free")
