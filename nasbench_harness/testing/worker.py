"""A second process, kept for all checks, in which pickled parts have to work as they do here."""

from __future__ import annotations

import atexit
import importlib
import multiprocessing
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from nasbench_harness.testing.outcome import PromiseError


def in_worker(function: Callable[..., Any], part: Any, *arguments: Any) -> Any:
    """``function(part, *arguments)`` computed in another process from the pickled part.

    ``function`` must be importable from this package. Raises ``PromiseError`` when the part cannot be pickled, and the
    errors of the function.
    """
    try:
        data = pickle.dumps(part)
    except Exception as error:
        raise PromiseError(
            f"it cannot be pickled ({error}); keep its options plain values, its class at the top"
        ) from error
    module = type(part).__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    return _pool().submit(_call, module, file, data, function, arguments).result()


@lru_cache(maxsize=1)
def _pool() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    atexit.register(pool.shutdown, cancel_futures=True)
    return pool


def _call(module: str, file: str | None, data: bytes, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    _provide(module, file)
    return function(pickle.loads(data), *arguments)


def _provide(module: str, file: str | None) -> None:
    """Make a module importable by its name, from its file where it is not on the path."""
    try:
        importlib.import_module(module)
    except ImportError:
        if file is None:
            raise
        loaded = ModuleType(module)
        loaded.__file__ = file
        sys.modules[module] = loaded
        # not by the import system: a cached byte-code file may be older than the text
        exec(compile(Path(file).read_bytes(), file, "exec"), loaded.__dict__)
