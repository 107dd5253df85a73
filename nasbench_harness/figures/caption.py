"""A figure with its caption: what is drawn, by which truth, how many seeds, and what the intervals are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasbench_harness.records import Record
from nasbench_harness.records.summary import noise_ceiling, sample_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEX = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "%_&#{}$"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "τ": r"$\tau$",
    "→": r"$\rightarrow$",
    "\u00d7": r"$\times$",  # the multiplication sign
    "≥": r"$\geq$",
    "\N{MINUS SIGN}": "$-$",
}


@dataclass(frozen=True)
class Drawn:
    """A figure and its caption, plain text."""

    figure: Figure
    caption: str

    @property
    def tex(self) -> str:
        """The caption for LaTeX, a sentence a line."""
        return "".join(_TEX.get(letter, letter) for letter in self.caption).replace(". ", ".\n") + "\n"


class CannotDrawError(Exception):
    """These records have not what a figure needs; the message says what."""


def truth_words(record: Record) -> str:
    """The sentence on truth and n."""
    n, sample = record.truth["n"], sample_of(record)
    what = f"a sample of {n:,} architectures" if sample is not None else f"n = {n:,} architectures"
    return f"Truth: column {record.truth['policy']} of table {record.truth['table']}, {what}."


def seed_words(records: Sequence[Record]) -> str:
    """How many seeds each strategy has, and which."""
    by_strategy: dict[str, list[int]] = {}
    for record in records:
        by_strategy.setdefault(record.strategy, []).append(record.seed)
    counts = {len(seeds) for seeds in by_strategy.values()}
    if len(counts) > 1:
        return f"{min(counts)} to {max(counts)} seeds a strategy."
    every = {tuple(sorted(seeds)) for seeds in by_strategy.values()}
    named = _range(every.pop()) if len(every) == 1 else "not the same for all"
    return f"One seed a strategy ({named})." if counts == {1} else f"{counts.pop()} seeds a strategy ({named})."


def interval_words(records: Sequence[Record]) -> str:
    """What the intervals of means are, for these records."""
    counts = {name: sum(record.strategy == name for record in records) for name in {r.strategy for r in records}}
    words = []
    if any(count > 1 for count in counts.values()):
        words.append("Intervals: 95 % t-intervals of the mean over seeds.")
    if any(count == 1 for count in counts.values()):
        words.append(
            "Intervals of one seed: 95 % bootstrap over architectures, which tells nothing of other training seeds."
        )
    return " ".join(words)


def ceiling_words(record: Record) -> str:
    """What the noise ceiling is; empty where there is none."""
    ceiling = noise_ceiling(record)
    if ceiling is None:
        return ""
    proxy = f", measured on another column and standing in for {ceiling['proxy_for']}" if "proxy_for" in ceiling else ""
    return f"Noise ceiling: τ of two measurements of the truth{proxy}."


def joined(*sentences: str) -> str:
    """Sentences as one text; empty ones are left out."""
    return " ".join(sentence for sentence in sentences if sentence)


def _range(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
