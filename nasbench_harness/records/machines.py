"""Records of several machines in one table: what in their environment changes the last bits, and so the end scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nasbench_harness.records.schema import Record

CHANGES_BITS = ("engine", "torch", "threads", "lanes", "vectors", "device_name")
"""Fields of the environment: version of the code that trains and scores, torch, threads, images in a vector of the
kernels, instructions that torch uses, and the device where it is no processor.
"""


def machine_differences(records: Iterable[Record]) -> dict[str, list[Any]]:
    """Each field of ``CHANGES_BITS`` in which the records differ, with its values in sorted order.

    Training grows a difference in the last bit until end scores differ as those of other seeds do, so such records may
    be compared over seeds, and not bit by bit. A record that is older than a field says nothing of it and is not held
    against the others; of its engine its commit speaks, where all records have one.
    """
    return environment_differences(record.environment for record in records)


def environment_differences(environments: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The same for the environments themselves."""
    cards = [_card(environment) for environment in environments]
    found = {}
    for field in (*CHANGES_BITS, "commit"):
        values = {card[field] for card in cards if card.get(field) is not None}
        if len(values) > 1:
            found[field] = sorted(values, key=str)
    if all("engine" in card for card in cards):
        found.pop("commit", None)  # most commits leave the engine as it was
    return found


def machine_note(differences: dict[str, list[Any]]) -> str | None:
    """The warning of a table, one sentence; None where nothing differs."""
    if not differences:
        return None
    listed = "; ".join(f"{field} {', '.join(_short(v) for v in values)}" for field, values in differences.items())
    return (
        f"warning: the records differ in what changes the last bits of training ({listed}); their end scores differ as "
        "those of other seeds do: compare means over seeds, never single numbers."
    )


def _short(value: Any) -> str:
    return short_commit(value) if isinstance(value, str) and len(value) >= 40 else str(value)


def short_commit(commit: str) -> str:
    """Seven digits of a commit, and whether the package was changed since."""
    return commit[:7] + "+changed" * commit.endswith("+changed")


def _card(environment: Mapping[str, Any]) -> dict[str, Any]:
    """The environment with what older records tell in other words."""
    kernels = str(environment.get("kernels") or "")
    count, _, words = kernels.partition(" ")
    lanes = environment.get("lanes", int(count) if words == "images a vector" else None)
    card = {**environment, "lanes": lanes}
    if "kernels" in environment and lanes is None:
        card["lanes"] = "none"
    if environment.get("device") in (None, "cpu"):
        card["device_name"] = None  # the model of a processor changes nothing that its vectors do not say
    return card
