"""The reference of the Python front door, made from signatures and docstrings as they stand in the source.

Nothing is imported but the table of names: the site is built where torch is not installed.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import nasbench_harness as nh

PACKAGE = Path(nh.__file__).parent
SPACE = "space"  # the one public name that is a module


def page() -> str:
    """Markdown: a section for each public name of the package, functions and classes apart, then ``nh.space``."""
    found = {name: node for name in nh._HOMES if (node := definition(name)) is not None}
    parts = [
        "# Python API",
        "What `import nasbench_harness as nh` gives, from its docstrings; a guide with examples: "
        "[From Python](../python.md).",
    ]
    for title, kind in (("Functions", ast.FunctionDef), ("Classes", ast.ClassDef)):
        parts.append(f"## {title}")
        for name, node in found.items():
            if isinstance(node, kind):
                parts += _section(f"nh.{name}", node, 3)
    parts += ["## Architectures: `nh.space`", *_of_space()]
    return "\n\n".join(parts) + "\n"


def definition(name: str) -> ast.FunctionDef | ast.ClassDef | None:
    """Where a public name is defined, followed through the packages that pass it on; None for what is not found."""
    return _defined(f"nasbench_harness.{nh._HOMES[name]}", name)


def _defined(module: str, name: str) -> ast.FunctionDef | ast.ClassDef | None:
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and node.module and name in {each.name for each in node.names}:
            return _defined(node.module, name)
    return None


def _tree(module: str) -> ast.Module:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _of_space() -> Iterator[str]:
    names = ast.literal_eval(next(n.value for n in _tree("nasbench_harness.space").body if isinstance(n, ast.Assign)))
    for name in names:
        node = _defined("nasbench_harness.space", name)
        if isinstance(node, ast.FunctionDef):
            yield from _section(f"nh.space.{name}", node, 3)


def _section(name: str, node: ast.FunctionDef | ast.ClassDef, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{name}`"
    if isinstance(node, ast.FunctionDef):
        yield f"```python\n{_signature(name, node)}\n```"
        yield ast.get_docstring(node) or ""
        return
    yield ast.get_docstring(node) or ""
    fields = [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)]
    if fields and any("dataclass" in ast.unparse(each) for each in node.decorator_list):
        yield "```python\n" + "\n".join(fields) + "\n```"
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            yield from _member(node.name, method, level + 1)


def _member(owner: str, method: ast.FunctionDef, level: int) -> Iterator[str]:
    kinds = {ast.unparse(each) for each in method.decorator_list}
    yield f"{'#' * level} `{owner}.{method.name}`"
    if kinds & {"property", "cached_property"}:
        yield f"```python\n{method.name}: {ast.unparse(method.returns) if method.returns else 'object'}\n```"
    else:
        yield f"```python\n{_signature(method.name, method)}\n```"
    yield inspect.cleandoc(ast.get_docstring(method) or "")


def _signature(name: str, node: ast.FunctionDef) -> str:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    shown = [_argument(each, default) for each, default in zip(positional, defaults, strict=True)]
    shown = shown[1:] if positional and positional[0].arg in ("self", "cls") else shown
    if arguments.vararg:
        shown.append(f"*{_argument(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        shown.append("*")
    shown += [
        _argument(each, default) for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{name}({', '.join(shown)}){result}"
    if len(line) <= 88:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in shown) + f"){result}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    text = argument.arg + (f": {ast.unparse(argument.annotation)}" if argument.annotation else "")
    equals = " = " if argument.annotation else "="
    return text if default is None else f"{text}{equals}{ast.unparse(default)}"
