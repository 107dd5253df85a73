"""The verdicts of a candidate against a baseline as a table with a drawing of each difference."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench_harness.evidence import WORDS, Beside, Comparison, Gate, Numbers
from nasbench_harness.report.notes import MISSING
from nasbench_harness.report.page.intervals import Axis, bar
from nasbench_harness.report.page.markup import Html, element
from nasbench_harness.report.taus import TITLES
from nasbench_harness.report.verdicts import gate_notes, metrics_beside

_SIGNS = {"better": "▲", "not worse": "●", "worse": "▼", "undecided": "?"}  # the others: "="
_HEADINGS = (
    "strategy",
    "verdict",
    "difference",
    "candidate less baseline",
    "seeds",
    "p worse",
    "candidate",
    "baseline",
)


def verdict_table(gate: Gate, number: int = 0) -> Html:
    """The verdicts, the worst first, beneath a line that counts them; then the rules."""
    rows = sorted(gate.comparisons, key=lambda one: (-WORDS.index(one.verdict.word), one.pair.name))
    ends = [abs(end) for one in rows if one.numbers for end in one.numbers.interval]
    reach = max([gate.rules.margin, *ends]) * 1.05
    axis = Axis(-reach, reach, (-gate.rules.margin,))
    drawn = any(one.numbers for one in rows)
    partners = {one.pair.baseline.strategy for one in rows}  # one of all stands in the title already
    beside = metrics_beside(gate)
    headings = [name for name in _HEADINGS if drawn or name != "candidate less baseline"]
    place = headings.index("seeds")
    headings[place:place] = [TITLES[metric] for metric in beside]
    head = (element("th", name, scope="col", class_=_class(name)) for name in headings)
    table = element(
        "table",
        element("caption", f"{gate.title}: {gate.summary}"),
        element("thead", element("tr", head)),
        element("tbody", (_row(one, axis, drawn, len(partners) > 1, beside) for one in rows)),
        class_="verdicts",
        id=f"verdicts-{number}",
    )
    notes = element("ul", (element("li", note) for note in gate_notes(gate)), class_="notes")
    return Html(
        element("div", table, class_="wide", role="region", tabindex=0, aria_label=f"Verdicts: {gate.title}")
        + element("details", element("summary", "How the verdicts were reached"), notes)
    )


def _row(one: Comparison, axis: Axis, drawn: bool, partner_named: bool, beside: Sequence[str]) -> Html:
    word, numbers = one.verdict.word, one.numbers
    name, partner = one.pair.candidate.strategy, one.pair.baseline.strategy
    below = [f"against {partner}"] if partner != name and partner_named else []
    below += ["across protocols"] if one.pair.across else []
    badge = element(
        "span", element("span", _SIGNS.get(word, "="), aria_hidden="true"), f" {word}", class_=f"verdict {_slug(word)}"
    )
    others = {found.metric: found for found in one.beside}
    drawing = (
        element("td", numbers and bar(axis, numbers.difference, numbers.interval), class_="plot") if drawn else None
    )
    p = MISSING if numbers is None else "< .001" if numbers.p_worse < 0.001 else f"{numbers.p_worse:.3f}"
    further = numbers and numbers.further
    more = f"+{further.candidate} would decide" if further else ""
    return element(
        "tr",
        element("th", name, element("small", ", ".join(below)) if below else None, scope="row", class_="name"),
        element("td", badge, class_="left"),
        _difference(numbers),
        drawing,
        (_difference(others.get(metric)) for metric in beside),
        element("td", f"{one.pair.candidate.n} v {one.pair.baseline.n}", element("small", more) if more else None),
        element("td", p),
        element("td", f"{one.pair.candidate.value_S.mean():.3f}"),
        element("td", f"{one.pair.baseline.value_S.mean():.3f}"),
    )


def _difference(found: Numbers | Beside | None) -> Html:
    if found is None:
        return element("td", MISSING)
    low, high = found.interval
    return element("td", f"{found.difference:+.3f}", element("small", f"{low:+.3f} to {high:+.3f}"))


def _class(heading: str) -> str | None:
    return {"strategy": "name", "verdict": "left", "candidate less baseline": "plot"}.get(heading)


def _slug(word: str) -> str:
    return word.replace(" ", "-")
