"""The reference of the command line, made from the command line itself."""

from __future__ import annotations

import re

from nasbench_harness.cli.app import EXIT_CODES, GROUPS, VERBS, app

NAME = "nasbench-harness"


def pages() -> dict[str, str]:
    """Markdown by file name: a page for each verb and group of verbs, and ``index.md``, which lists them."""
    found = {f"{name}.md": _page(name) for name in (*VERBS, *GROUPS)}
    lines = ["# Command line", "", f"Made from `{NAME} --help`. {EXIT_CODES}", "", "| verb | does |", "|---|---|"]
    lines += [f"| [`{name}`]({name}.md) | {_purpose(name)} |" for name in (*VERBS, *GROUPS)]
    return {"index.md": "\n".join(lines) + "\n", **found}


def _page(name: str) -> str:
    text = app[name].generate_docs(heading_level=1, usage_name=f"{NAME} {name}")
    text = re.sub(r"^## Table of Contents\n.*?(?=^\*\*Commands)", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\*\*(\w+)\*\*:$", r"**\1**", text, flags=re.MULTILINE)
    return text.replace(" *[default: False]*", "").strip() + "\n"


def _purpose(name: str) -> str:
    first = str(app[name].help).strip().split("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|")
