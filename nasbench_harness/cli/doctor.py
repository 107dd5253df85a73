"""The verb ``doctor``: whether this machine has what a run needs."""

from __future__ import annotations

from nasbench_harness.cli.options import Json
from nasbench_harness.cli.output import emit
from nasbench_harness.errors import DataError


def doctor(*, json: Json = False) -> None:
    """Check this machine: Python, torch, devices, memory, disk, packages, data (exit code 3: something is missing)."""
    from nasbench_harness.cli.machine import examine, print_checks

    checks = examine()
    emit([check.to_json() for check in checks], json, lambda console: print_checks(checks, console))
    failed = [check.name for check in checks if check.status == "fail"]
    if failed:
        raise DataError(f"{len(failed)} checks failed ({', '.join(failed)}); their remedies stand above")
