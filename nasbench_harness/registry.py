"""Families of interchangeable parts (partitioners, samplers, strategies), found by name, built from plain options.

Parts of other distributions join through entry points, which are looked at only when a family is listed or a name is
not known; parts in single files through ``nasbench_harness.plugins``. Neither may take the name of a part of the
harness.
"""

from __future__ import annotations

import dataclasses
import difflib
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nasbench_harness.errors import UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

HARNESS = ""
"""Origin of the parts that ship with the package."""


_registries: weakref.WeakSet[Registry[Any]] = weakref.WeakSet()


@lru_cache(maxsize=1000)
def _adapter(member: type[Any]) -> TypeAdapter[Any]:
    """What builds a part from options; making it takes a hundred times as long as building the part."""
    from pydantic import TypeAdapter

    return TypeAdapter(member)


def near_names(wanted: str, known: list[str]) -> str:
    """A hint for an error message: the names that resemble ``wanted``, or all of them when none does."""
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"


def shown(value: object) -> str:
    """A value as Python writes it, cut where it is long: the end of an error message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists
        return f"a {type(value).__name__} that cannot be written ({str(error)[:40]})"
    return text if len(text) <= 200 else f"{text[:200]}..."


def without_young(options: Mapping[str, Any], young: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` without those that stand at their value in ``young``: what it was before they could be chosen."""
    return {name: value for name, value in options.items() if name not in young or value != young[name]}


class Registry(Generic[T]):
    """Names to frozen dataclasses; the fields of a class are its options and carry its defaults."""

    def __init__(self, family: str) -> None:
        """``family`` is the singular word used in messages, such as ``partitioner``."""
        self.family = family
        self.plural = f"{family[:-1]}ies" if family.endswith("y") else f"{family}s"
        self._members: dict[str, type[T]] = {}
        self._origins: dict[str, str] = {}
        self._distributions: dict[str, str] = {}
        self._broken: dict[str, str] = {}
        self._complete = False
        _registries.add(self)

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Class decorator that files a frozen dataclass under ``name``; a second claim on a name is an error.

        A file that is loaded again replaces its own parts.
        """

        def add(member: type[T]) -> type[T]:
            known, origin = self._members.get(name), origin_of(member)
            if known is not None:
                if self._origins[name] == HARNESS != origin:
                    raise UsageError(
                        f"{self.family} {name!r} is one of the harness and cannot be replaced; choose another name"
                    )
                if self._origins[name] != origin or known.__qualname__ != member.__qualname__:
                    raise UsageError(f"{self.family} {name!r} is registered twice; choose another name")
            self._members[name], self._origins[name] = member, origin
            return member

        return add

    def __iter__(self) -> Iterator[str]:
        self._load_entry_points()
        return iter(sorted(self._members))

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __getitem__(self, name: str) -> type[T]:
        if name not in self._members:
            self._load_entry_points()
        if name in self._members:
            return self._members[name]
        if name in self._broken:
            raise UsageError(self._broken[name])
        raise UsageError(f"unknown {self.family} {name!r}; {near_names(name, list(self))}")

    @property
    def broken(self) -> list[str]:
        """A line for each plug-in of another distribution that cannot be used, with the cause."""
        self._load_entry_points()
        return list(self._broken.values())

    def origin(self, name: str) -> str:
        """The file that registered ``name``; empty for parts of the harness."""
        return self._origins[name] if name in self else HARNESS

    def summary(self, name: str) -> str:
        """The first line of the member's docstring."""
        return (self[name].__doc__ or "").strip().splitlines()[0]

    def described(self, name: str) -> dict[str, str]:
        """``summary``, ``source`` and ``status`` of a member; the last two are empty where its class states none."""
        member = self[name]
        options = self.options(name)
        stated = {key: "" if key in options else str(getattr(member, key, "")) for key in ("source", "status")}
        return {"summary": self.summary(name), **stated}

    def options(self, name: str) -> list[str]:
        """Names of the member's options."""
        return [field.name for field in dataclasses.fields(self[name])]  # type: ignore[arg-type]

    def build(self, part: str | Mapping[str, Any]) -> T:
        """Build from a name alone, or from a table of ``name`` and options: ``{name = "random", leaves = 5}``."""
        if isinstance(part, str):
            return self.create(part, {})
        if not isinstance(part.get("name"), str):
            raise UsageError(f"a {self.family} needs a name; known: {', '.join(self)}")
        return self.create(part["name"], {key: value for key, value in part.items() if key != "name"})

    def canonical(self, part: str | Mapping[str, Any]) -> dict[str, Any]:
        """The part as a table with its name and every option, defaults included: equal parts give equal tables.

        A part of another distribution also states which one, in what version: its code decides the numbers too.
        What a class names in ``before_they_were_options`` (options younger than stored results, with what they stood
        for) is left out at that value, so that older results stay valid.
        """
        name = part if isinstance(part, str) else part["name"]
        built = self.build(part)
        table = {"name": name, **dataclasses.asdict(built)}  # type: ignore[call-overload]
        return without_young(table, getattr(built, "before_they_were_options", {})) | self.provenance(name)

    def provenance(self, name: str) -> dict[str, str]:
        """``{"distribution": "name version"}`` for a part that came through an entry point, else nothing."""
        return {"distribution": self._distributions[name]} if name in self._distributions else {}

    def create(self, name: str, options: Mapping[str, Any]) -> T:
        """Build member ``name``; raises ``UsageError`` for an option it does not have or cannot take."""
        from pydantic import ValidationError

        member = self[name]
        known = self.options(name)
        for option in options:
            if option not in known:
                hint = near_names(option, known) if known else "it takes none"
                raise UsageError(f"{self.family} {name!r} has no option {option!r}; {hint}")
        try:
            made: T = _adapter(member).validate_python(dict(options))  # type: ignore[arg-type]
            return made
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "options"
            message = first["msg"].removeprefix("Value error, ")
            raise UsageError(f"{self.family} {name!r}: {where}: {message}, found {shown(first['input'])}") from error

    def _load_entry_points(self) -> None:
        """Once: the parts that other distributions offer; one that cannot be had is noted and leaves no trace."""
        if self._complete:
            return
        self._complete = True
        from importlib.metadata import entry_points

        for point in entry_points(group=f"nasbench_harness.{self.plural}"):
            distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
            before = dict(self._members), dict(self._origins)
            try:
                self._load(point, distribution)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever a stranger's module may raise
                self._members, self._origins = before
                cause = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
                self._broken[point.name] = (
                    f"{self.family} {point.name!r} of {distribution} cannot be used ({' '.join(cause.split())}); "
                    "repair or uninstall that distribution"
                )

    def _load(self, point: EntryPoint, distribution: str) -> None:
        if point.name in self._members:
            owner = self._distributions.get(point.name, "the harness")
            raise UsageError(f"the name is taken by {owner}")
        before = set(self._members)
        loaded = point.load()
        if isinstance(loaded, type) and point.name not in self._members:
            self.register(point.name)(loaded)
        if point.name not in self._members:
            raise UsageError(f"{point.value} does not register it")
        if not dataclasses.is_dataclass(self._members[point.name]):
            raise UsageError(f"{point.value} is not a dataclass of its options")
        self._distributions |= dict.fromkeys(set(self._members) - before, distribution)


def origin_of(member: type) -> str:
    """The file that defines a class; empty for the harness itself, the module's name where there is no file."""
    if member.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return HARNESS
    return getattr(sys.modules.get(member.__module__), "__file__", None) or member.__module__


def names_from(origin: str) -> frozenset[str]:
    """Names of all parts, of any family, that one file or module has registered so far."""
    # a copy: another thread may make a registry meanwhile
    return frozenset(name for one in list(_registries) for name, found in one._origins.items() if found == origin)
