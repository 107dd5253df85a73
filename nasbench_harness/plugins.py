"""Parts from single files: a researcher's partitioner needs no package.

An experiment names such files in ``plugins``; processes that receive the experiment load them too. Parts that are
installed as a package come through entry points instead, see ``registry``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nasbench_harness.errors import HarnessError, UsageError

_loaded: dict[Path, str] = {}  # file -> SHA-256 of what was loaded from it


@dataclass(frozen=True)
class PluginFile:
    """A file whose parts are registered; the digest is of its bytes and enters the identity of results."""

    path: Path
    sha256: str


def load_file(path: Path | str, sha256: str | None = None) -> PluginFile:
    """Run a Python file once, so that the parts it registers can be named; a changed file is run again.

    Raises ``UsageError`` when it cannot be read, raises an error itself, or is not the file that ``sha256`` names.
    """
    try:
        path = Path(path).resolve()
        if not path.is_file():  # nor a pipe, which would be waited for
            raise FileNotFoundError(0, "it is no plain file" if path.exists() else "No such file or directory")
        data = path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"no plug-in file {path}: {reason}; give a Python file") from error
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256:
        raise UsageError(f"plug-in {path} has changed since this experiment was loaded; start the command again")
    if _loaded.get(path) != digest:
        _run(path, data)
        _loaded[path] = digest
    return PluginFile(path, digest)


def _run(path: Path, data: bytes) -> None:
    # by path: two files of one name in two folders are two modules; the prefix keeps clear of installed ones
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"nasbench_harness_plugin_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}_{place}"
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        # compiled here and not by the import system: a cached byte-code file may be older than the text
        exec(compile(data, str(path), "exec"), module.__dict__)
    except KeyboardInterrupt:
        del sys.modules[name]
        raise
    except BaseException as error:  # whatever a stranger's file may raise
        del sys.modules[name]
        raise UsageError(f"plug-in {path} cannot be loaded: {_cause(error, path)}; fix the file") from error


def is_loaded(path: Path | str, digests: Iterable[str]) -> bool:
    """Whether the parts of a file that are at hand are those of one of these digests."""
    return _loaded.get(Path(path)) in set(digests)


def fault_of_plugin(error: BaseException) -> str | None:
    """A line on an error that was raised in a plug-in file, or by what it called; None for any other error."""
    files = {str(path) for path in _loaded}
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    if not places:
        return None
    said = " ".join(str(error).split())[:300]
    return f"plug-in {places[-1].filename}, line {places[-1].lineno}: {type(error).__name__}: {said}; fix the file"


def _cause(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    at = f"line {lines[-1]}: " if lines else ""
    kind = "" if isinstance(error, HarnessError) else f"{type(error).__name__}: "
    return f"{at}{kind}{' '.join(str(error).split())}"
