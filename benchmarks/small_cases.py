"""Cases without a network: opening a truth table, looking up all architectures, and starting the command line.

The reference for tables is the pattern of the benchmark's official interface, not that interface: a file holding one
nested record for each architecture (per data set, per seed), objects built for all of them on opening, and a query for
one architecture at a time that averages over seeds and answers with a dictionary. It reads JSON where the official
files are pickles, and holds final values only where they hold every epoch, so the official files are far larger and
open in their own, much longer time. Values are random; both sides hold the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from agreement import Agreement
from cases import ENGINE, REFERENCE, Case, Effort, Work
from timing import Candidate

from nasbench_harness.errors import RunError
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_ARCHITECTURES, all_strings
from nasbench_harness.truth import TruthTable

IMAGE_SETS = ("cifar10", "cifar100", "imagenet16_120")
SEEDS = ("777", "888")
TOLERANCE = 1e-12
ROOT = Path(__file__).resolve().parents[1]


def cases() -> Iterator[Case]:
    """Table opening, look-ups, start-up."""
    yield Case("table-opening", "opening a truth table", "opening", partial(_table, look_up=False))
    yield Case("table-lookups", "15,625 look-ups in an open table", "all look-ups", partial(_table, look_up=True))
    yield Case("cli-startup", "starting the command line", "start", _start_up)


class QueryPattern:
    """One record for each architecture, one query for each: the pattern of the official interface."""

    def __init__(self, path: Path) -> None:
        """Read every record and index them by the architecture's string."""
        stored = json.loads(path.read_text())
        self.names: list[str] = stored["architectures"]
        self.records: dict[int, dict[str, dict[str, float]]] = {int(k): v for k, v in stored["records"].items()}
        self.index_of = {name: number for number, name in enumerate(self.names)}

    def query(self, architecture: str, image_set: str) -> dict[str, float]:
        """Mean over seeds of one architecture's test accuracy, among what else is known of it."""
        if architecture not in self.index_of:
            raise ValueError(f"unknown architecture {architecture}")
        by_seed = self.records[self.index_of[architecture]][image_set]
        return {"test-accuracy": sum(by_seed.values()) / len(by_seed), "seeds": float(len(by_seed))}


def write_tables(folder: Path) -> tuple[Path, Path]:
    """The same random values as a file of records and as a table of ours; returns both paths."""
    rng = derive_rng("benchmark", "tables")
    value_DSA = np.round(rng.uniform(10, 95, (len(IMAGE_SETS), len(SEEDS), N_ARCHITECTURES)), 4)
    records = {
        str(a): {d: {s: float(value_DSA[i, j, a]) for j, s in enumerate(SEEDS)} for i, d in enumerate(IMAGE_SETS)}
        for a in range(N_ARCHITECTURES)
    }
    listing = folder / "records.json"
    listing.write_text(json.dumps({"architectures": list(all_strings()), "records": records}))
    columns = {f"{d}_test_200": value_DSA[i].mean(axis=0) for i, d in enumerate(IMAGE_SETS)}
    columns |= {f"{d}_test_200_seed{s}": value_DSA[i, j] for i, d in enumerate(IMAGE_SETS) for j, s in enumerate(SEEDS)}
    table = folder / "table.npz"
    TruthTable("random", columns, None, {}).save(table)
    return listing, table


def _table(effort: Effort, folder: Path, look_up: bool) -> Work:
    listing, compact = write_tables(folder)
    pattern, table = QueryPattern(listing), TruthTable.open(compact)
    wanted = derive_rng("benchmark", "look-ups").permutation(N_ARCHITECTURES)
    strings = [pattern.names[index] for index in wanted]

    def ask_pattern(repeat: int) -> list[float]:
        return [pattern.query(string, "cifar10")["test-accuracy"] for string in strings]

    def ask_table(repeat: int) -> np.ndarray:
        return table.column("cifar10_test_200")[wanted]

    agreement = Agreement({"values": _largest_error(ask_table(0), ask_pattern(0))}, N_ARCHITECTURES, TOLERANCE)
    settings: dict[str, Any] = {"reference": "the official interface's pattern on JSON, not that interface"}
    if look_up:
        return Work({REFERENCE: ask_pattern, ENGINE: ask_table}, 1, settings, agreement)
    settings |= {"reference_bytes": listing.stat().st_size, "engine_bytes": compact.stat().st_size}
    candidates: dict[str, Candidate] = {
        REFERENCE: lambda repeat: QueryPattern(listing),
        ENGINE: lambda repeat: TruthTable.open(compact),
    }
    return Work(candidates, 1, settings, agreement)


def _largest_error(here: np.ndarray, there: list[float]) -> float:
    error = float(np.abs(here / np.array(there) - 1).max())
    if not error < TOLERANCE:
        raise RunError(f"both tables should hold the same values; they differ by {error:.1e}")
    return error


def _start_up(effort: Effort, folder: Path) -> Work:
    _, table = write_tables(folder)
    package = ("-m", "nasbench_harness")
    commands = {
        "bare interpreter": ("-c", "pass"),
        "--help": (*package, "--help"),
        "truth info": (*package, "truth", "info", str(table)),
    }
    return Work({name: partial(_start, arguments) for name, arguments in commands.items()}, 1, {})


def _start(arguments: tuple[str, ...], repeat: int) -> None:
    """Run a Python process to its end; the checkout is its folder, so that an uninstalled package is found."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunError(f"`python {' '.join(arguments)}` ended with {done.returncode}: {done.stderr.strip()[-300:]}")
