"""Families of interchangeable parts (partitioners, samplers, strategies), found by name, built from plain options."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from nasbench_harness.errors import UsageError

T = TypeVar("T")


def near_names(wanted: str, known: list[str]) -> str:
    """A hint for an error message: the names that resemble ``wanted``, or all of them when none does."""
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"


class Registry(Generic[T]):
    """Names to frozen dataclasses; the fields of a class are its options and carry its defaults."""

    def __init__(self, family: str) -> None:
        """``family`` is the singular word used in messages, such as ``partitioner``."""
        self.family = family
        self._members: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Class decorator that files a frozen dataclass under ``name``; a second claim on a name is an error."""

        def add(member: type[T]) -> type[T]:
            if name in self._members:
                raise UsageError(f"{self.family} {name!r} is registered twice; choose another name")
            self._members[name] = member
            return member

        return add

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._members))

    def summary(self, name: str) -> str:
        """The first line of the member's docstring."""
        return (self[name].__doc__ or "").strip().splitlines()[0]

    def __getitem__(self, name: str) -> type[T]:
        if name not in self._members:
            raise UsageError(f"unknown {self.family} {name!r}; {near_names(name, list(self))}")
        return self._members[name]

    def build(self, part: str | Mapping[str, Any]) -> T:
        """Build from a name alone, or from a table of ``name`` and options: ``{name = "random", leaves = 5}``."""
        if isinstance(part, str):
            return self.create(part, {})
        if not isinstance(part.get("name"), str):
            raise UsageError(f"a {self.family} needs a name; known: {', '.join(self)}")
        return self.create(part["name"], {key: value for key, value in part.items() if key != "name"})

    def canonical(self, part: str | Mapping[str, Any]) -> dict[str, Any]:
        """The part as a table with its name and every option, defaults included: equal parts give equal tables."""
        name = part if isinstance(part, str) else part["name"]
        return {"name": name, **dataclasses.asdict(self.build(part))}  # type: ignore[call-overload]

    def create(self, name: str, options: Mapping[str, Any]) -> T:
        """Build member ``name``; raises ``UsageError`` for an option it does not have or cannot take."""
        from pydantic import TypeAdapter, ValidationError

        member = self[name]
        known = [field.name for field in dataclasses.fields(member)]  # type: ignore[arg-type]
        for option in options:
            if option not in known:
                hint = near_names(option, known) if known else "it takes none"
                raise UsageError(f"{self.family} {name!r} has no option {option!r}; {hint}")
        try:
            return TypeAdapter(member).validate_python(dict(options))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "options"
            message = first["msg"].removeprefix("Value error, ")
            raise UsageError(f"{self.family} {name!r}: {where}: {message}, found {first['input']!r}") from error
