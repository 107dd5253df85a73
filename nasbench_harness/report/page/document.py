"""The whole page: its parts put into the template, and a policy that lets nothing in from elsewhere."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness._version import __version__
from nasbench_harness.errors import UsageError
from nasbench_harness.evidence import Gate
from nasbench_harness.records import Run
from nasbench_harness.report.cells import table_of
from nasbench_harness.report.leaderboard import Leaderboard
from nasbench_harness.report.page.board import board_notes, board_table
from nasbench_harness.report.page.chosen import Chosen, choose
from nasbench_harness.report.page.glance import glance
from nasbench_harness.report.page.heat import heat_tables
from nasbench_harness.report.page.markup import Html, element, join, script_json
from nasbench_harness.report.page.names import colour_rules, looks
from nasbench_harness.report.page.payload import payload
from nasbench_harness.report.page.pictures import Pictures, gallery_section
from nasbench_harness.report.page.protocol import protocol_card
from nasbench_harness.report.page.verdicts import verdict_table
from nasbench_harness.report.separated import csv_of
from nasbench_harness.space import N_ARCHITECTURES

MOST_BYTES = 3_000_000
"""Of a page, unless asked otherwise."""

_PROGRAM = ("base", "data", "tau", "cell", "scatter", "chart", "table", "sections", "main")
NO_PICTURES = Pictures()
_NOTE = 1000
"""Bytes for the note on what was left out."""
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Page:
    """``html``: the page. ``contents``: what is on it, as plain JSON values.

    ``damaged``: a line on each score file that cannot be read, whose unit is there without scores.
    """

    html: str
    contents: dict[str, Any]
    damaged: tuple[str, ...] = ()


def build_page(
    run: Run,
    board: Leaderboard,
    gates: Sequence[Gate] = (),
    truth_A: npt.NDArray[np.float64] | None = None,
    signal: str | None = None,
    most_bytes: int = MOST_BYTES,
    notes: Sequence[str] = (),
    pictures: Pictures = NO_PICTURES,
) -> Page:
    """The page of a run: its leaderboard, verdicts, scores against the truth, curves and protocol.

    ``truth_A``: float64 ``[15625]`` by our index, percent, NaN where unknown; None: scores are shown against each other
    alone. ``signal``: what ``board`` is judged by. ``most_bytes``: units beyond it are there without their scores, one
    seed of each strategy last. ``notes``: stand at the top. ``pictures``: of ``draw_pictures``. The same records give
    the same bytes. Raises ``UsageError`` where the page is longer even without scores.
    """
    look, colours = looks(run.strategies)
    style = _asset("page.css") + colour_rules(colours)
    program = '"use strict";\n(() => {\n' + "".join(_asset(f"{name}.js") for name in _PROGRAM) + "})();\n"
    heat, method = heat_tables(run, board, look, signal), board_notes(board)
    parts = {
        "policy": _policy(style, program, bool(pictures.shown)),
        "style": style,
        "program": program,
        "title": element("title", f"{run.name}: {len(run.strategies)} strategies"),
        "name": join([run.name]),
        "summary": join([_summary(run, board)]),
        "notes": element("ul", (element("li", note) for note in notes), class_="notes warn") if notes else "",
        "glance": glance(board, look),
        "board": board_table(board, look),
        "board_notes": method,
        "verdicts": _verdicts(gates),
        "verdicts_link": element("a", "Verdicts", href="#verdicts") if gates else "",
        "heat": _heat(heat),
        "heat_link": element("a", "Where it errs", href="#errs") if heat else "",
        "figures": gallery_section(pictures),
        "figures_link": element("a", "Figures", href="#figures") if pictures.shown else "",
        "protocol": protocol_card(run, look),
        "version": join([__version__]),
    }
    sheet = {"csv": csv_of([table_of(board)])}
    without = payload(run, board, look, Chosen(np.arange(N_ARCHITECTURES), (), ()), truth_A, signal) | sheet
    fixed = sum(len(part.encode()) for part in (*parts.values(), script_json(without), _asset("template.html")))
    chosen = choose(run, signal, most_bytes - fixed - _NOTE)
    data = payload(run, board, look, chosen, truth_A, signal) | sheet
    parts["left_out"] = _left_out(chosen, len(run.records))
    parts["data"] = script_json(data)
    html = _PLACE.sub(lambda found: parts[found[1]], _asset("template.html"))
    size = len(html.encode())
    if size > most_bytes:
        raise UsageError(f"the page takes {size:,} bytes, more than {most_bytes:,}; allow more, or give fewer units")
    return Page(html, _contents(run, board, gates, chosen, data, size, pictures), chosen.damaged)


def _contents(
    run: Run,
    board: Leaderboard,
    gates: Sequence[Gate],
    chosen: Chosen,
    data: dict[str, Any],
    size: int,
    pictures: Pictures,
) -> dict[str, Any]:
    return {
        "experiment": run.name,
        "bytes": size,
        "policy": board.truth_policy,
        "signal": data["signal"],
        "strategies": list(run.strategies),
        "units": len(run.records),
        "architectures": len(chosen.index),
        "truth": data["truth"] is not None,
        "scores": [
            {"strategy": held.record.strategy, "seed": held.record.seed, "signals": list(held.scores)}
            for held in chosen.held
        ],
        "without_scores": [{"strategy": one.strategy, "seed": one.seed} for one in chosen.left_out],
        "trajectories": data["training"] is not None,
        "figures": [picture.name for picture in pictures.shown],
        "verdicts": [{"title": gate.title, "summary": gate.summary} for gate in gates],
    }


def _summary(run: Run, board: Leaderboard) -> str:
    strategies, units = len(run.strategies), len(run.records)
    return (
        f"{strategies} strateg{'y' if strategies == 1 else 'ies'}, {units} unit{'' if units == 1 else 's'}, "
        f"{board.n_architectures:,} architectures, judged by {board.truth_policy} of {board.truth_table}"
    )


def _verdicts(gates: Sequence[Gate]) -> Html | str:
    if not gates:
        return ""
    tables = (verdict_table(gate, number) for number, gate in enumerate(gates))
    return element("section", element("h2", "Verdicts", id="verdicts"), tables, aria_labelledby="verdicts")


def _heat(tables: Html | None) -> Html | str:
    if tables is None:
        return ""
    return element("section", element("h2", "Where the rankings err", id="errs"), tables, aria_labelledby="errs")


def _left_out(chosen: Chosen, units: int) -> Html | str:
    if not chosen.left_out:
        return ""
    text = (
        f"Scores of {len(chosen.held)} of {units} units are on this page, of each strategy the seed with the median "
        "tau first; the others did not fit, are of other architectures, or cannot be read."
    )
    return element("p", text, class_="quiet")


def _policy(style: str, program: str, pictures: bool) -> Html:
    """Nothing is loaded or run but what stands in the page: its style and program are named by their digests."""
    rules = (
        "default-src 'none'",
        f"style-src {_digest(style)}",
        f"script-src {_digest(program)}",
        *(["img-src data:"] if pictures else []),
        "base-uri 'none'",
        "form-action 'none'",
    )
    return element("meta", http_equiv="Content-Security-Policy", content="; ".join(rules))


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'"


def _asset(name: str) -> str:
    return files("nasbench_harness.report.page").joinpath("assets", name).read_text(encoding="utf-8")
