"""What a run leaves in the folder of a finished unit when it is killed just after it stored the record."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from nasbench_harness.records.scores import RECORD_FILE
from nasbench_harness.records.store import CHECKPOINTS, CLAIM_FILE
from nasbench_harness.system.claims import Claims


def tidy(folder: Path, claims: Claims) -> None:
    """Remove claims and half-written files of the dead, and the checkpoints that led to the record.

    Newer ones stay: they are of a ``--replace`` that was stopped. Nothing is touched where a living run has the unit.
    """
    work, path = folder / CHECKPOINTS, folder / CLAIM_FILE
    if not work.exists() and not path.exists() and next(folder.glob(".*"), None) is None:
        return
    claims.claim(path)
    if not claims.holds(path):
        return
    claims.sweep(path, work)
    with contextlib.suppress(FileNotFoundError):  # somebody removes the record
        stored = (folder / RECORD_FILE).stat().st_mtime_ns
        if all(kept.stat().st_mtime_ns <= stored for kept in work.glob("*.safetensors")):
            shutil.rmtree(work, ignore_errors=True)
    claims.release(path)
