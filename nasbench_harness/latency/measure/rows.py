"""Rows of an unfinished measurement: one JSON line a chunk, under a first line that tells the conditions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.latency.measure.clock import Timing
from nasbench_harness.system.files import write_text


class Rows:
    """Finished rows, kept in a file. ``found``: our index -> timing; ``references``: one for each chunk.

    Raises ``UsageError`` where the file tells of other conditions.
    """

    def __init__(self, path: Path, conditions: dict[str, Any]) -> None:
        self.path = path
        self.found: dict[int, Timing] = {}
        self.references: list[Timing] = []
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write({"conditions": conditions}, "w")
            return
        first, *lines = path.read_text(encoding="utf-8").split("\n")
        if _parsed(first) != {"conditions": conditions}:
            raise UsageError(
                f"{path} holds rows measured under other conditions; measure under those again, remove it, or choose "
                "another --to"
            )
        whole = [parsed for parsed in map(_parsed, lines) if parsed is not None]  # a torn last line is measured again
        for line in whole:
            self.references.append(Timing(*line["reference"]))
            self.found |= {int(index): Timing(*values) for index, values in line["rows"]}
        self._rewrite(first, whole)

    def _rewrite(self, first: str, whole: list[dict[str, Any]]) -> None:
        write_text(self.path, "\n".join([first, *map(json.dumps, whole)]) + "\n")

    def add(self, chunk: list[int], timings: list[Timing], reference: Timing) -> None:
        """Keep a finished chunk."""
        self.references.append(reference)
        self.found |= dict(zip(chunk, timings, strict=True))
        rows = [[index, _listed(timing)] for index, timing in zip(chunk, timings, strict=True)]
        self._write({"reference": _listed(reference), "rows": rows}, "a")

    def _write(self, line: dict[str, Any], mode: str) -> None:
        try:
            with open(self.path, mode, encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}; choose another --to") from error

    def remove(self) -> None:
        """Forget the file: the table is written."""
        self.path.unlink(missing_ok=True)


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _listed(timing: Timing) -> list[float]:
    return [timing.median, timing.iqr, timing.passes, timing.outliers]
