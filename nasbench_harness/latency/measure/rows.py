"""Rows of an unfinished measurement: one JSON line a chunk, under a first line that tells the conditions.

Each line carries a digest of itself; those of earlier versions have none.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.latency.measure.clock import Timing
from nasbench_harness.records.digests import with_digest, without_digest
from nasbench_harness.system.files import write_text
from nasbench_harness.system.reading import parse_json, read_file

_log = logging.getLogger(__name__)


class Rows:
    """Finished rows, kept in a file. ``found``: our index -> timing; ``references``: one for each chunk.

    Lines that are not what was written are named in a warning (logged) and measured again. Raises ``UsageError`` where
    the file tells of other conditions.
    """

    def __init__(self, path: Path, conditions: dict[str, Any]) -> None:
        self.path = path
        self.found: dict[int, Timing] = {}
        self.references: list[Timing] = []
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write({"conditions": conditions}, "w")
            return
        first, *lines = read_file(path).split(b"\n")
        if _parsed(first) != {"conditions": conditions}:
            raise UsageError(
                f"{path} holds rows measured under other conditions; measure under those again, remove it, or choose "
                "another --to"
            )
        found = [_parsed(line) for line in lines]
        whole = [line for line in found if line is not None]
        if None in found[:-1]:  # the last one is empty, or torn by an interruption
            _log.warning("%s: lines that are not what was written: %d; measured again", path, found[:-1].count(None))
        for line in whole:
            self.references.append(Timing(*line["reference"]))
            self.found |= {int(index): Timing(*values) for index, values in line["rows"]}
        write_text(path, "".join(map(_line, [{"conditions": conditions}, *whole])))

    def add(self, chunk: list[int], timings: list[Timing], reference: Timing) -> None:
        """Keep a finished chunk."""
        self.references.append(reference)
        self.found |= dict(zip(chunk, timings, strict=True))
        rows = [[index, _listed(timing)] for index, timing in zip(chunk, timings, strict=True)]
        self._write({"reference": _listed(reference), "rows": rows}, "a")

    def _write(self, line: dict[str, Any], mode: str) -> None:
        try:
            with open(self.path, mode, encoding="utf-8") as stream:
                stream.write(_line(line))
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}; choose another --to") from error

    def remove(self) -> None:
        """Forget the file: the table is written."""
        self.path.unlink(missing_ok=True)


def _line(content: dict[str, Any]) -> str:
    return json.dumps(with_digest(content)) + "\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = parse_json(line)
        return without_digest(value) if isinstance(value, dict) else None
    except ValueError:
        return None


def _listed(timing: Timing) -> list[float]:
    return [timing.median, timing.iqr, timing.passes, timing.outliers]
