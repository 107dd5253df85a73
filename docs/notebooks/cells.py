"""The cells of a notebook that is written as a script: ``# %%`` begins one of code, ``# %% [markdown]`` one of text."""

from __future__ import annotations

import re


def cells_of(text: str) -> list[tuple[str, str]]:
    """("code" or "markdown", source) of each cell; text is written in comments."""
    cells = []
    for head, body in re.findall(r"^# %%(.*)\n((?:(?!# %%).*\n?)*)", text, re.MULTILINE):
        kind = "markdown" if "[markdown]" in head else "code"
        source = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if kind == "markdown" else body
        cells.append((kind, source.strip()))
    return cells
