"""The words of a verdict, and which tier of evidence said it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Word = Literal["identical", "identical up to rounding", "better", "not worse", "undecided", "worse"]
Tier = Literal["exact", "structural", "statistical"]
WORDS: tuple[Word, ...] = ("identical", "identical up to rounding", "better", "not worse", "undecided", "worse")
"""From the best to the worst."""


@dataclass(frozen=True)
class Verdict:
    """``word``, the ``tier`` that gave it, and the ``reason`` in one sentence."""

    word: Word
    tier: Tier
    reason: str

    def to_json(self) -> dict[str, str]:
        """Plain JSON values."""
        return {"word": self.word, "tier": self.tier, "reason": self.reason}
