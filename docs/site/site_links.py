"""A page of the repository as a page of the site: its links lead to others of the site, its pictures come along."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from os.path import normpath, relpath
from pathlib import Path

FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
BLOCK = re.compile(r"(?:[-*] |\d+\. |\|)")
CODE = re.compile(r"`[^`]+`")
NESTED = re.compile(r" {2,3}(?=[-*] |\d+\. )")


def moved(
    text: str, source: Path, target: Path, homes: Mapping[Path, Path], titles: Mapping[Path, str]
) -> tuple[str, dict[Path, Path]]:
    """The text of page ``source`` as it stands at ``target``, and the pictures that it shows with their new places.

    ``homes``: the place of every page on the site, by its place in the repository; all paths are relative to these two.
    ``titles``: their titles, which stand in place of the names of files. A link to a file that is no page of the site,
    such as a source file, becomes its own text.
    """
    pictures: dict[Path, Path] = {}

    def lead(link: re.Match[str]) -> str:
        picture, words, address = link.groups()
        if re.match(r"[a-z]+:|#", address):
            return link[0]
        path, hash_sign, anchor = address.partition("#")
        meant = plain(source.parent / path)
        if picture:
            place = pictures[meant] = Path("pictures") / meant
        elif meant in homes:
            place = homes[meant]
            words = titles[meant] if words.endswith((".md", ".ipynb")) else words
        else:
            return words
        address = Path(relpath(place, target.parent)).as_posix()
        return f"{picture}[{words}]({address}{hash_sign}{anchor})"

    return outside_fences(text, lambda prose: as_python_markdown(LINK.sub(lead, prose))), pictures


def plain(path: Path) -> Path:
    """The path without ``..``."""
    return Path(normpath(path))


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """The text with ``change`` (text to text) made to what stands between its blocks of code."""
    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [change(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(text[end:])])


def as_python_markdown(prose: str) -> str:
    """GitHub's Markdown as Python-Markdown reads it.

    Lists and tables that follow a line of text get a blank line before them, lists inside lists four spaces; bars in
    the code of a table's cell lose their backslash.
    """
    lines: list[str] = []
    for line in prose.split("\n"):
        before = lines[-1] if lines else ""
        if NESTED.match(line):
            apart = not before.startswith("    ")
        else:
            apart = BLOCK.match(line) and before.strip() and not BLOCK.match(before) and before[0] not in " #"
        text = CODE.sub(lambda code: code[0].replace(r"\|", "|"), line) if line.startswith("|") else line
        lines += [""] * bool(apart) + [NESTED.sub("    ", text)]
    return "\n".join(lines)


def title_of(text: str) -> str:
    """The first heading of a page up to a colon, a comma or a bracket, without marks of code."""
    heading = re.search(r"^# +(.+?) *$", text, re.MULTILINE)
    return re.split(r"[:,(]", heading[1].replace("`", ""))[0].strip() if heading else "untitled"
