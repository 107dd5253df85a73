"""What tables call the three taus of a ranking."""

from __future__ import annotations

from collections.abc import Iterable

TITLES = {"kendall_tau": "tau", "tau_within_flops": "within FLOPs", "tau_with_flops": "with FLOPs"}
"""Headings, in the order of ``metrics.TAUS``."""

MEANINGS = {
    "kendall_tau": "of scores and truth",
    "tau_within_flops": "tau among architectures of equal live FLOPs",
    "tau_with_flops": "tau of the sum of ranks by score and by live FLOPs",
}


def meanings(taus: Iterable[str]) -> str:
    """What some of them mean, each after its title, for a note."""
    return "; ".join(f"{TITLES[tau]}: {MEANINGS[tau]}" for tau in taus)
