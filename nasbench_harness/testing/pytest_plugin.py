"""The plug-in for pytest: a fixture that fails a test where a part became worse.

pytest loads this module in every environment that has the package, so nothing heavy is imported until a test asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from nasbench_harness.api.compare import Gate

CACHE = "nasbench-harness"
"""Folder in pytest's cache that keeps the trained units between runs."""


class RegressionGate(Protocol):
    """What the fixture gives; see ``regression_gate``."""

    def __call__(
        self,
        part: str | Mapping[str, Any],
        *,
        seeds: int = 5,
        experiment: Path | str = "regress",
        overrides: Sequence[str] = (),
        baseline: Path | str | None = None,
        baseline_seeds: int = 10,
        margin: float = 0.03,
        metric: str = "kendall_tau",
        signal: str | None = None,
        strict: bool = False,
        folder: Path | str | None = None,
        workers: int = 1,
    ) -> Gate:
        """The verdict; fails the test otherwise."""


@pytest.fixture
def regression_gate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RegressionGate:
    """``regression_gate("my-partitioner", seeds=5)``: its checks, its runs, and a verdict against a baseline.

    ``part``: a partitioner, sampler or strategy by its name or as a table of ``name`` and options, or a strategy of the
    experiment. ``experiment``, ``overrides``: a preset or file and changes such as ``budget.epochs=20``. ``baseline``:
    a strategy of the experiment, trained with ``baseline_seeds`` seeds, or a folder or file of stored results or
    baselines; None: ``random-partition`` for a partitioner, else ``one-shot-uniform``. ``margin``, ``metric``,
    ``signal``: as of ``nasbench_harness.compare``. ``strict``: undecided fails too. ``folder``: of the trained units,
    which are trained once; None: a folder of pytest's cache. ``workers``: processes at the same time.
    """

    def gate(
        part: str | Mapping[str, Any],
        *,
        strict: bool = False,
        folder: Path | str | None = None,
        **asked: Any,
    ) -> Gate:
        from nasbench_harness.errors import HarnessError
        from nasbench_harness.testing.gate import gate_part, run_name

        place = Path(folder) if folder is not None else _cache(request, tmp_path_factory) / run_name(part, **asked)
        found, fault = None, ""
        try:
            found = gate_part(part, place, **asked)
        except HarnessError as error:
            fault = str(error)
        if found is None:  # outside the handler: pytest would show both errors
            pytest.fail(fault, pytrace=False)
        if found.failed(strict):
            pytest.fail(f"{found.summary}\n\n{found.to_markdown()}", pytrace=False)
        return found

    return gate


def _cache(request: pytest.FixtureRequest, temporary: pytest.TempPathFactory) -> Path:
    """A folder that pytest keeps; without its cache one that it removes later."""
    cache = getattr(request.config, "cache", None)
    return temporary.mktemp(CACHE) if cache is None else Path(cache.mkdir(CACHE))
