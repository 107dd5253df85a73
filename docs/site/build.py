"""Writes the pages of the documentation site: those of docs/, the notebook, and the references made from the code.

``python docs/site/build.py FOLDER`` writes them to FOLDER/pages with FOLDER/zensical.toml, which is that of the
repository with the navigation of docs/index.md. ``zensical build --config-file FOLDER/zensical.toml`` does the rest,
into FOLDER/html. ``tox -e docs`` runs both.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import site_api
import site_cli
import site_links
import site_notebook

ROOT = Path(__file__).parents[2]
MAP = Path("docs/index.md")
HOMES = {Path("README.md"): Path("index.md"), MAP: Path("all-pages.md")}
CLI, API = Path("reference/cli"), Path("reference/python-api.md")
HOME = "Overview"
BESIDE = {Path("CHANGELOG.md"): Path("changelog.md"), Path("CONTRIBUTING.md"): Path("contributing.md")}

Navigation = list[tuple[str, list[tuple[str, Path]]]]
"""Sections, and the title and place of their pages."""


def homes() -> dict[Path, Path]:
    """The place of each page on the site, by its place in the repository."""
    found = {path.relative_to(ROOT): path.relative_to(ROOT / "docs") for path in sorted((ROOT / "docs").rglob("*.md"))}
    found |= {path.relative_to(ROOT): path.relative_to(ROOT / "docs").with_suffix(".md") for path in notebooks()}
    return found | HOMES | {path: place for path, place in BESIDE.items() if (ROOT / path).is_file()}


def notebooks() -> list[Path]:
    """The executed notebooks."""
    return sorted((ROOT / "docs").rglob("*.ipynb"))


def stage(folder: Path) -> dict[Path, str]:
    """Write all pages and pictures below ``folder``, and return the pages by their place."""
    places = homes()
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in places}
    pictures: dict[Path, bytes] = {Path("look.css"): (ROOT / "docs/site/look.css").read_bytes()}
    for path in (path for path in places if path.suffix == ".ipynb"):
        texts[path], figures = site_notebook.page_of(texts[path], path.stem)
        pictures |= {places[path].parent / name: data for name, data in figures.items()}
    titles = {path: site_links.title_of(text) for path, text in texts.items()} | {Path("README.md"): HOME}
    pages = {CLI / name: text for name, text in site_cli.pages().items()} | {API: site_api.page()}
    for path, text in texts.items():
        pages[places[path]], shown = site_links.moved(text, path, places[path], places, titles)
        pictures |= {place: (ROOT / picture).read_bytes() for picture, place in shown.items()}
    for place, content in {**{place: text.encode() for place, text in pages.items()}, **pictures}.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(content)
    return pages


def navigation(pages: dict[Path, str]) -> Navigation:
    """Sections of docs/index.md with title and place of the pages that each links to, a page where first linked."""
    text, places, seen = (ROOT / MAP).read_text(encoding="utf-8"), homes(), set[Path]()
    sections: Navigation = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        linked = [Path("docs", address.partition("#")[0]) for _, _, address in site_links.LINK.findall(part)]
        found = [places[path] for path in map(site_links.plain, linked) if path in places]
        found = [place for place in dict.fromkeys(found) if place not in seen]
        seen |= set(found)
        sections.append((part.splitlines()[0], [(title(place, pages), place) for place in found]))
    verbs = [(place.stem, place) for place in sorted(pages) if place.parent == CLI and place.stem != "index"]
    sections.append(("Reference", [(title(place, pages), place) for place in (API, HOMES[MAP])]))
    sections.append(("Command line", [("Overview", CLI / "index.md"), *verbs]))
    return sections


def title(place: Path, pages: dict[Path, str]) -> str:
    """What the navigation calls a page."""
    return HOME if place == HOMES[Path("README.md")] else site_links.title_of(pages[place])


def configured(sections: Navigation) -> str:
    """The repository's zensical.toml with places and navigation, as TOML."""
    lines = ['docs_dir = "pages"', 'site_dir = "html"', "nav = ["]
    for section, pages in sections:
        inside = ", ".join(f"{{{json.dumps(title)} = {json.dumps(place.as_posix())}}}" for title, place in pages)
        lines.append(f"  {{{json.dumps(section)} = [{inside}]}},")
    text = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    return text.replace("[project]\n", "\n".join(["[project]", *lines, "]", ""]), 1)


def main(folder: Path) -> None:
    """Write the pages and the configuration anew."""
    shutil.rmtree(folder / "pages", ignore_errors=True)
    sections = navigation(stage(folder / "pages"))
    (folder / "zensical.toml").write_text(configured(sections), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/site/build.py FOLDER")
    main(Path(sys.argv[1]))
