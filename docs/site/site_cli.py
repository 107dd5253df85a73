"""The reference of the command line, made from the command line itself."""

from __future__ import annotations

import re

from nasbench_harness.cli.app import EXIT_CODES, GROUPS, VERBS, app
from nasbench_harness.cli.examples import EXAMPLES

NAME = "nasbench-harness"


def pages() -> dict[str, str]:
    """Markdown by file name: a page for each verb and group of verbs, and ``index.md``, which lists them."""
    found = {f"{name}.md": _page(name) for name in (*VERBS, *GROUPS)}
    lines = ["# Command line", "", f"Made from `{NAME} --help`. {EXIT_CODES}", "", "| verb | does |", "|---|---|"]
    lines += [f"| [`{name}`]({name}.md) | {_purpose(name)} |" for name in (*VERBS, *GROUPS)]
    return {"index.md": "\n".join(lines) + "\n", **found}


def _page(name: str) -> str:
    text = app[name].generate_docs(heading_level=1, usage_name=f"{NAME} {name}")
    for verb in [f"{name} {below}" for below in GROUPS[name][1]] if name in GROUPS else [name]:
        text = _with_examples(text, verb)
    text = re.sub(r"^## Table of Contents\n.*?(?=^\*\*Commands)", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\*\*(\w+)\*\*:$", r"**\1**", text, flags=re.MULTILINE)
    return text.replace(" *[default: False]*", "").strip() + "\n"


def _with_examples(text: str, verb: str) -> str:
    """The section of a verb with its examples beneath its purpose, before the first list of what it takes."""
    lines = "\n".join(f"{NAME} {line}" for line in EXAMPLES.get(verb, ()))
    start = re.search(rf"^#+ {verb}\n", text, re.MULTILINE)
    if not lines or start is None:
        return text
    place = re.compile(r"^\*\*\w+\*\*:$|^#|\Z", re.MULTILINE).search(text, start.end())
    end = len(text) if place is None else place.start()
    return f"{text[:end].rstrip()}\n\n```sh\n{lines}\n```\n\n{text[end:]}"


def _purpose(name: str) -> str:
    first = str(app[name].help).strip().split("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|")
