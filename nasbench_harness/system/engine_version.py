"""A short name for the code that trains and scores: equal names compute alike, on one machine to the last bit."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ENGINE = (
    "seeding.py",
    "pipeline.py",
    "space",
    "native",
    "images",
    "supernet",
    "training",
    "partitioners",
    "strategies",
)
"""The modules and rooms whose code can change scores; what only judges, stores or prints is not among them."""


@cache
def engine_version() -> str:
    """12 hexadecimal digits of all code in ``ENGINE``; comments, docstrings and layout of Python files do not count."""
    return digest_of(Path(__file__).resolve().parents[1])


def digest_of(package: Path) -> str:
    """``engine_version`` of the package in that folder."""
    digest = hashlib.sha256()
    for name in ENGINE:
        place = package / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix == ".py":
                digest.update(f"{path.relative_to(package).as_posix()}\n".encode())
                for part in _code(ast.parse(path.read_bytes())):
                    digest.update(f"{part}\n".encode())
            elif path.suffix in (".c", ".h"):
                digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:12]


def _code(node: ast.AST) -> Iterator[str]:
    """What a node says, whatever version of Python parsed it: later ones add fields, which are then empty."""
    yield type(node).__name__
    for name, value in ast.iter_fields(node):
        inner = value if isinstance(value, list) else [value]
        if name == "body" and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [one for one in inner if not _is_text(one)]
        if name in ("ctx", "kind", "type_comment"):
            continue
        for one in inner:
            if isinstance(one, ast.AST):
                yield name
                yield from _code(one)
            elif one is not None:
                yield f"{name} {one!r}"
    yield "end"


def _is_text(node: object) -> bool:
    """A docstring, or a text that describes the name above it."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
