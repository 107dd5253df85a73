"""The protocol card: what all units share, what each strategy was set to, what they were run on."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from nasbench_harness.evidence.protocol import fields_of, options_of, protocol_of, value_text
from nasbench_harness.records import Record, Run
from nasbench_harness.records.found import machine_of
from nasbench_harness.records.machines import short_commit
from nasbench_harness.report.page.markup import Html, element
from nasbench_harness.report.page.names import Look

_ENVIRONMENT = ("package", "commit", "engine", "python", "torch", "numpy", "platform")


def protocol_card(run: Run, look: dict[str, Look]) -> Html:
    """Definition lists by section; the options of the strategies are folded in."""
    first = run.records[0]
    fields = fields_of(protocol_of(first))
    sections = groupby(sorted(fields.items(), key=lambda one: _section(one[0])), key=lambda one: _section(one[0]))
    cards = [_card(section, [(_rest(name), value) for name, value in found]) for section, found in sections]
    truth = [(name, value) for name, value in first.truth.items() if name != "noise_ceiling"]
    truth += [(f"noise ceiling, {name}", value) for name, value in (first.truth["noise_ceiling"] or {}).items()]
    machines = list(dict.fromkeys(machine_of(record.environment) for record in run.records))
    made = [(name, _values(run, name)) for name in _ENVIRONMENT]
    method = first.column(None)["interval_method"]
    cards += [
        _card("judged by", [*truth, ("intervals over architectures", method)]),
        _card("run on", [("machine", "; ".join(machines)), *((name, value) for name, value in made if value)]),
    ]
    options = element(
        "details",
        element("summary", "Options of the strategies"),
        element("div", (_options(run.of(name)[0], look[name].label) for name in run.strategies), class_="cards"),
    )
    return Html(element("div", cards, class_="cards") + options)


def _card(title: str, rows: list[tuple[str, Any]]) -> Html:
    items = (
        (element("dt", name.replace("_", " ").replace(".", " ")), element("dd", _shown(value)))
        for name, value in rows
        if value is not None
    )
    return element("section", element("h3", title), element("dl", items), class_="card")


def _options(record: Record, label: str) -> Html:
    return _card(label, [(_rest(name), value) for name, value in options_of(record.experiment).items()])


def _section(name: str) -> str:
    head, dot, _ = name.partition(".")
    return head if dot else "budget"


def _rest(name: str) -> str:
    return name.partition(".")[2] or name


def _values(run: Run, name: str) -> str:
    """What the records' environments say of it, each once."""
    found = dict.fromkeys(str(value) for r in run.records if (value := r.environment.get(name)) is not None)
    return ", ".join(sorted(short_commit(value) if name == "commit" else value for value in found))


def _shown(value: Any) -> Html | str:
    text = value_text(value, nothing="None", between=", ")
    return element("code", text) if len(text) > 30 and " " not in text else text
