"""What an engine for other machines is, and the ones there are: they run commands, and the folder has all state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from nasbench_harness.engines.needs import Needs
from nasbench_harness.errors import UsageError

HERE = ("processes", "shard")
"""Engines that work on this machine."""
ELSEWHERE = {
    "slurm": ("nasbench_harness.engines.slurm", "Slurm", "submitit"),
    "ray": ("nasbench_harness.engines.ray", "Ray", "ray"),
}
"""Module and class of an engine, and the package that its extra of the same name installs."""


@dataclass(frozen=True)
class Task:
    """A command line of ``run``, after the program's name; ``title`` says in lines and logs which units it does.

    It is run in the working folder of the command that made it. Exit codes: 0 done, 75 stopped at a checkpoint (the
    same command goes on), others failed.
    """

    title: str
    arguments: tuple[str, ...]


class Batch(Protocol):
    """Tasks that an engine has begun."""

    @property
    def told(self) -> Mapping[str, Any]:
        """What the engine calls them, as plain JSON values: ``engine``, ``line`` (told a person), and its own."""

    def ended(self) -> Mapping[int, int | None]:
        """Tasks that have ended since the last call, by position, with exit codes (None: died without one)."""

    def leave(self) -> str:
        """Nobody waits any more: a line that says what goes on and how to end it, or that it was ended."""


class Elsewhere(Protocol):
    """An engine that runs commands on other machines, which share the folder of the run."""

    most_tasks: int
    """Of one batch; a task has several units where there are more of them."""
    detaches: bool
    """Whether its tasks go on when nobody waits."""

    def begin(self, tasks: Sequence[Task], needs: Needs, at_once: int | None, logs: Path) -> Batch:
        """Hand the tasks over, ``at_once`` at the same time at most (None: as many as there is room for).

        ``needs``: of each task. ``logs``: a folder of this batch alone, which does not exist yet. Raises ``UsageError``
        where the machines cannot be had, and for needs that they know no word for.
        """


def engine_elsewhere(name: str, **settings: Any) -> Elsewhere:
    """The engine of that name with its own ``settings``.

    ``UsageError`` where its extra is not installed, or it sees that it cannot work here.
    """
    module, kind, package = ELSEWHERE[name]
    if find_spec(package) is None:
        raise UsageError(f"--engine {name} needs the package {package}: pip install 'nasbench-harness[{name}]'")
    made: Elsewhere = getattr(import_module(module), kind)(**settings)
    return made
