"""Which architectures a measurement is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.latency.predict.design import plan
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import connected_live_cells, flops, live_cells, parse_architecture
from nasbench_harness.system.reading import read_text, why

IntArray = npt.NDArray[np.int64]


def architectures_from(text: str) -> IntArray:
    """The architectures that ``--architectures`` names, as our indices, none twice.

    ``plan`` or ``plan:N`` (the sample design), ``all`` (each live cell once), a number (a sample stratified by
    multiply-adds of the live edges), several of these joined by ``+``, or a text file of one architecture string a
    line. Raises ``UsageError`` for anything else.
    """
    if Path(text).is_file():
        return _listed(Path(text))
    parts = [_part(part) for part in text.split("+")]
    return np.array(list(dict.fromkeys(np.concatenate(parts).tolist())), dtype=np.int64)


def _part(text: str) -> IntArray:
    kind, _, number = text.partition(":")
    if text == "all":
        return live_cells()
    if kind == "plan" and (number.isdigit() or text == "plan"):
        return plan(int(number or 10))
    if text.isdigit():
        return _stratified(int(text))
    raise UsageError(f"--architectures '{text}': expected plan, plan:N, all, a number, or a file of strings")


def _stratified(n: int) -> IntArray:
    cells = connected_live_cells()
    if not 1 <= n <= len(cells):
        raise UsageError(f"{n} architectures: expected 1 to {len(cells)}, the different cells with a path")
    ordered = cells[np.lexsort((cells, flops(live=True)[cells]))]
    rng = derive_rng("latency sample", n)
    return np.array([int(rng.choice(stratum)) for stratum in np.array_split(ordered, n)], dtype=np.int64)


def _listed(path: Path) -> IntArray:
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {why(error)}; name a file with an architecture string a line") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path} names no architecture; write one string a line")
    return np.array(list(dict.fromkeys(int(parse_architecture(line)) for line in lines)), dtype=np.int64)
