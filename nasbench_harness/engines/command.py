"""The command line of a run, made from its options: what an engine starts elsewhere, a person could have typed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path


def program() -> tuple[str, ...]:
    """How the harness is called with the Python of this process, on whatever machine that is."""
    return sys.executable, "-m", "nasbench_harness"


@dataclass(frozen=True)
class RunOptions:
    """What ``run`` was asked for, all but the engine and how to print; names and meanings are those of the verb."""

    experiment: str
    overrides: tuple[str, ...] = ()
    point: str | None = None
    images: Path | None = None
    split: Path | None = None
    truth: Path | None = None
    out: Path | None = None
    seeds: str | None = None
    strategies: str | None = None
    device: str = "cpu"
    threads: int | None = None
    workers: int | None = None
    stop_below: float | None = None
    keep_weights: bool = False
    tensorboard: Path | None = None
    shard: str | None = None
    stop_after: str | None = None
    replace: bool = False
    fetch: bool = False

    def arguments(self) -> list[str]:
        """The command line after the program's name: parsed, it gives these options again.

        Paths stay as they are, so the command belongs into the folder that they are relative to.
        """
        words = ["run", self.experiment, *self.overrides]
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if value == field.default:
                continue
            option = f"--{field.name.replace('_', '-')}"
            # with "=": a value may begin with a minus
            words.append(option if value is True else f"{option}={value}")
        return words
