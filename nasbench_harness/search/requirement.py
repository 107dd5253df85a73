"""What an evolutionary search needs beyond the package's own dependencies: pymoo, from the extra ``search``."""

from __future__ import annotations

from importlib.util import find_spec

from nasbench_harness.errors import UsageError

INSTALL = 'pip install "nasbench-harness[search]"'


def require_pymoo(who: str, otherwise: str = "") -> None:
    """Raise ``UsageError`` where pymoo is not installed; cheap, it does not import pymoo.

    ``who``: the subject of the message, such as "strategy pad-nas". ``otherwise``: what can be done without pymoo.
    """
    try:
        installed = find_spec("pymoo") is not None
    except (ImportError, ValueError):  # a module in its place that was blocked or half removed
        installed = False
    if not installed:
        raise UsageError(f"{who} needs pymoo for NSGA-II, which is not installed; {INSTALL}{otherwise}")
