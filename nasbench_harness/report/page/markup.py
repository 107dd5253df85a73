"""HTML and SVG as text that is escaped unless it is known to be markup."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

_VOID = frozenset({"circle", "input", "line", "img", "meta", "path", "rect"})
_OF_SVG = frozenset({"circle", "line", "path", "rect"})


class Html(str):
    """Text that is markup already; ``element`` takes it as it is and escapes any other."""

    __slots__ = ()


def element(name: str, *children: object, **attributes: object) -> Html:
    """One element. Children that are no ``Html`` are escaped, None is left out, an iterable counts as its items.

    Attributes: ``class_`` is ``class``, other underscores are hyphens; None and False leave one out, True gives it
    without a value.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    inside = join(children)
    if name in _VOID and not inside:
        return Html(f"<{name}{given}/>" if name in _OF_SVG else f"<{name}{given}>")
    return Html(f"<{name}{given}>{inside}</{name}>")


def join(children: Iterable[object]) -> Html:
    """The children one after the other, escaped as in ``element``."""
    return Html("".join(_child(child) for child in children))


def script_json(value: Any) -> str:
    """JSON for a script element: no character in it can end the element, and none is a line end to JavaScript."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))  # ASCII alone
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _child(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int | float):
        return escape(str(child))
    if isinstance(child, Iterable):
        return join(child)
    raise TypeError(f"no child of an element: {type(child).__name__}")


def _attribute(key: str, value: object) -> str:
    if value is False:
        return ""
    name = "viewBox" if key == "viewbox" else key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
