"""What a strategy says of its own decisions by a truth, found again from a stored record."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasbench_harness.errors import HarnessError
from nasbench_harness.experiment.description import StrategySection, identity
from nasbench_harness.plugins import is_loaded
from nasbench_harness.records import Record
from nasbench_harness.registry import HARNESS
from nasbench_harness.strategies import Strategy, strategies


def reported(record: Record, true_A: np.ndarray) -> dict[str, Any] | None:
    """The ``analysis`` of the record's strategy by a truth ``[15625]`` (NaN = unknown), from the stored details.

    None where it cannot be found: the strategy is not at hand as it was, such as one of a plug-in or with a latency
    table, the details are of a version that did not keep all that is asked for today, or the truth knows too little.
    """
    strategy = _strategy_of(record)
    if strategy is None:
        return None
    try:
        return strategy.analysis(record.training["details"], true_A)
    except (LookupError, TypeError, ValueError):
        return None


def _strategy_of(record: Record) -> Strategy | None:
    """The strategy that a record describes; None unless its description comes out again, code of others included."""
    described = record.experiment.get("strategy")
    if not isinstance(described, dict):
        return None
    described = {option: value for option, value in described.items() if option != "name"}
    kind = str(described.get("kind"))
    try:
        version = strategies.provenance(kind)  # of another distribution; stands beside the options
        options = {option: value for option, value in described.items() if option not in version}
        section = StrategySection(**options)
        if identity(section.canonical()) != identity(described):
            return None
        strategy = section.create()
    except HarnessError:
        return None
    origin = strategies.origin(kind)
    return strategy if version or origin == HARNESS or is_loaded(origin, record.experiment.get("plugins", ())) else None
