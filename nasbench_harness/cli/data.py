"""The verbs on data that does not ship with the package: fetch, add, ls, where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.cli.options import Json, Wide
from nasbench_harness.cli.output import emit

if TYPE_CHECKING:
    from rich.console import Console


def fetch(*names: str, timeout: float = 30.0, json: Json = False) -> None:
    """Bring data into the cache and check it; a download that breaks off resumes where it was.

    The cache is the platform's folder for it, or NASBENCH_HARNESS_DATA. Proxies are taken from the environment.

    Parameters
    ----------
    names
        Names or groups of ``data ls``, such as ``benchmark`` (CIFAR-10, the accuracy table and GPU latencies).
    timeout
        Seconds without a byte before a try is given up.
    """
    from rich.console import Console

    from nasbench_harness.data import fetch as fetch_into_cache
    from nasbench_harness.errors import UsageError
    from nasbench_harness.system.progress import terminal_progress

    if not names:
        raise UsageError("name what to fetch, such as benchmark; `nasbench-harness data ls` lists what there is")
    with terminal_progress(Console(stderr=True)) as progress:
        items = [item.to_json() for item in fetch_into_cache(names, progress, timeout=timeout)]
    emit(items, json, lambda console: _print_paths(items, console))


def add(path: Path, /, *paths: Path, json: Json = False) -> None:
    """Copy files that are already on disk into the cache, checked like a download.

    Parameters
    ----------
    path
        A file of the registry, recognised by name or checksum, or a folder that holds CIFAR-10 unpacked.
    paths
        More of them.
    """
    from nasbench_harness.data import add as add_to_cache

    items = [add_to_cache(one).to_json() for one in (path, *paths)]
    emit(items, json, lambda console: _print_paths(items, console))


def ls(*, wide: Wide = False, json: Json = False) -> None:
    """What can be fetched, from where, under which licence, and what is here already."""
    from nasbench_harness.data import cache_folder, listing
    from nasbench_harness.data.registry import groups

    items = [item.to_json() for item in listing()]
    found = {"folder": str(cache_folder()), "groups": groups(), "data": items}
    emit(found, json, lambda console: _print_listing(found, console), wide)


def where(name: str | None = None, /, *, json: Json = False) -> None:
    """The folder of the cache, or the path of one thing in it (exit code 3 when it is not there).

    Parameters
    ----------
    name
        A name of ``data ls``; none: the folder.
    """
    from nasbench_harness.data import cache_folder, entry, find
    from nasbench_harness.errors import DataError

    path: Path | None = cache_folder()
    if name is not None:
        path = find(entry(name))
        if path is None:
            raise DataError(f"{name} is not here; run `nasbench-harness data fetch {name}`")
    text = str(path)
    emit({"path": text}, json, lambda console: console.print(text, highlight=False, markup=False, soft_wrap=True))


def _print_paths(items: list[dict[str, Any]], console: Console) -> None:
    for item in items:
        console.print(f"{item['name']}: {item['path']}", highlight=False, markup=False, soft_wrap=True)


def _print_listing(found: dict[str, Any], console: Console) -> None:
    from nasbench_harness.system.tables import print_rows

    rows = []
    for item in found["data"]:
        size = "?" if item["bytes"] is None else f"{item['bytes'] / 1000:,.0f}"
        state = "-" if item["state"] == "absent" else item["state"]
        rows.append([item["name"], state, size, item["licence"], item["what"], item["note"] or ""])
    headings = ["name", "here", "kB", "licence", "what", "note"]
    texts, spare = ["what", "note"], ["licence", "note"]
    print_rows("data that can be fetched", headings, rows, console, labels=["here"], texts=texts, spare=spare)
    for name, members in found["groups"].items():
        console.print(f"group {name}: {len(members)} of these", highlight=False, markup=False)
    console.print(f"cache: {found['folder']}", highlight=False, markup=False, soft_wrap=True)
