"""Several runs in one folder: each says what it runs there, and one of another protocol is refused before it trains."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment.description import Experiment
from nasbench_harness.experiment.folder import check_others, first_difference, write_description
from nasbench_harness.system.claims import Claims, living

LOCK = ".experiment.claim"
"""Held while a run looks at the others of its folder and adds itself: a moment."""


@contextmanager
def joined(
    experiment: Experiment,
    data: dict[str, Any],
    out: Path,
    asked: Collection[tuple[str, int]],
    claims: Claims,
    report: Callable[[str], None],
) -> Generator[None]:
    """Be one of the runs of ``out``, and have its description stored there.

    ``data``: what of the data can change the numbers; ``asked`` as for ``check_others``. Raises ``UsageError`` when
    another run that is under way, or a unit that is stored, has another protocol.
    """
    mine = out / f".run-{uuid.uuid4().hex}.json"
    protocol: dict[str, Any] = {
        "shared": experiment.shared(),
        "data": data,
        "seeds": list(experiment.seeds),
        "strategies": {name: experiment.unit(name, 0)["strategy"] for name in experiment.strategies},
        "plugins": {plugin.name: plugin.sha256 for plugin in experiment.plugins},
    }
    protocol = json.loads(json.dumps(protocol))  # as the others' are: lists for tuples
    with claims.locked(out / LOCK, lambda owner: report(f"waiting for {owner}, which starts in {out} too")):
        for path in out.glob(".run-*.json"):
            other = living(path, claims.stale_after)
            if other is None:
                path.unlink(missing_ok=True)
            elif difference := _difference(other[1].get("protocol"), protocol):
                raise UsageError(
                    f"{other[0]} runs another protocol in {out} ({difference}); choose another --out, or wait for it"
                )
        check_others(experiment, out, asked)
        claims.claim(mine, {"protocol": protocol})
        claims.sweep(out / LOCK)
        write_description(experiment, out)
    try:
        yield
    finally:
        claims.release(mine)


def _difference(there: Any, asked: dict[str, Any]) -> str | None:
    """In what two runs cannot share a folder; data may differ between units, as long as none belongs to both."""
    if not isinstance(there, dict) or set(there) != set(asked):
        return "that of another version of nasbench-harness"
    if difference := first_difference(there["shared"], asked["shared"]):
        return difference
    common = {name: there[name].keys() & asked[name].keys() for name in ("strategies", "plugins")}
    for name, keys in common.items():
        for key in sorted(keys):
            if difference := first_difference(there[name][key], asked[name][key], f"{name}.{key}"):
                return difference
    if common["strategies"] and set(there["seeds"]) & set(asked["seeds"]):
        return first_difference(there["data"], asked["data"], "data")
    return None
