"""A gate as a table: terminal, Markdown, annotations of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nasbench_harness.evidence import WORDS, Beside, Comparison, Gate, Sample
from nasbench_harness.evidence.gate import Numbers as Statistics
from nasbench_harness.evidence.prior import Prior
from nasbench_harness.records.summary import Estimate
from nasbench_harness.report.notes import MISSING, words
from nasbench_harness.report.tables import Numbers, Table, Value, markdown_of, show
from nasbench_harness.report.taus import TITLES, meanings

if TYPE_CHECKING:
    from rich.console import Console

_LEVELS = {"worse": "error", "undecided": "warning"}


def print_gate(gate: Gate, console: Console | None = None) -> None:
    """Print the verdicts, the worst first, and what one needs to read them."""
    show(gate_table(gate), console)


def gate_markdown(gate: Gate) -> str:
    """The same for a pull request; ends with a newline."""
    return markdown_of(gate_table(gate))


def github_annotations(gate: Gate) -> list[str]:
    """One workflow command of GitHub Actions for each verdict: ``::error``, ``::warning`` or ``::notice``."""
    return [
        f"::{_LEVELS.get(one.verdict.word, 'notice')} title={_property(one.pair.name)}::{_data(_sentence(one))}"
        for one in _sorted(gate)
    ]


def gate_heading(gate: Gate) -> str:
    return f"{gate.title}: {gate.summary}"


def _sorted(gate: Gate) -> list[Comparison]:
    return sorted(gate.comparisons, key=lambda one: (-WORDS.index(one.verdict.word), one.pair.name))


def gate_table(gate: Gate) -> Table:
    """A row a pair of strategies, the worst verdict first."""
    facts = {
        "candidate_run": gate.candidate,
        "baseline_run": gate.baseline,
        "truth": gate.truth,
        "sample": gate.sample,
        "metric": gate.metric,
        "signal": gate.signal,
        "margin": gate.rules.margin,
        "alpha": gate.rules.alpha,
        "interval_level": 1 - 2 * gate.rules.level,
    }
    notes = gate_notes(gate)
    caption = f"{gate_heading(gate)}. {' '.join(notes[:2])}"
    return Table(gate_heading(gate), tuple(gate_columns(gate)), tuple(notes), len(gate.comparisons), facts, caption)


def gate_columns(gate: Gate) -> list[Numbers]:
    rows = _sorted(gate)
    loss, seeds = f"P(loss > {gate.rules.margin:g})", [(one.pair.candidate.n, one.pair.baseline.n) for one in rows]

    def column(title: str, name: str, worth: int, found: Iterable[tuple[str, Value]], lower: bool = False) -> Numbers:
        cells, values = zip(*found, strict=True)
        return Numbers(title, cells, worth, name=name, values=values, lower_is_better=lower)

    more: dict[str, tuple[Value, ...]] = {
        "seeds_candidate": tuple(candidate for candidate, _ in seeds),
        "seeds_baseline": tuple(baseline for _, baseline in seeds),
    }
    beside = [
        column(
            TITLES[metric],
            f"difference_{metric}",
            worth,
            ((_difference(found), _estimate(found, one)) for one in rows for found in [_by(one, metric)]),
        )
        for worth, metric in enumerate(metrics_beside(gate), 2)
    ]
    return [
        column("strategy", "strategy", 0, ((_name(one), _name(one)) for one in rows)),
        column("verdict", "verdict", 0, ((one.verdict.word, one.verdict.word) for one in rows)),
        column(
            "difference [interval]",
            "difference",
            0,
            ((_difference(one.numbers), _estimate(one.numbers, one)) for one in rows),
        ),
        replace(column("seeds", "seeds", 1, ((text := f"{n} v {m}", text) for n, m in seeds)), more=more),
        column("p worse", "p_worse", 3, (_p(one, "p_worse") for one in rows)),
        *beside,
        column(loss, "loss_probability", 4, (_p(one, "loss_probability") for one in rows), lower=True),
        column("more seeds", "more_seeds", 5, (_further(one) for one in rows)),
        column("candidate", "candidate", 6, (_mean(one.pair.candidate) for one in rows)),
        column("baseline", "baseline", 7, (_mean(one.pair.baseline) for one in rows)),
        column("permutation p", "permutation_p", 8, (_p(one, "permutation_p") for one in rows)),
    ]


def metrics_beside(gate: Gate) -> list[str]:
    """Those that some verdict carries beside the one that decides."""
    return list(dict.fromkeys(found.metric for one in gate.comparisons for found in one.beside))


def _mean(sample: Sample) -> tuple[str, Value]:
    mean = float(sample.value_S.mean())
    return f"{mean:.3f}", mean


def _estimate(found: Statistics | Beside | None, one: Comparison) -> Estimate | None:
    if found is None:
        return None
    return Estimate(found.difference, None, one.pair.candidate.n, found.interval, "seeds")


def _by(one: Comparison, metric: str) -> Beside | None:
    return next((found for found in one.beside if found.metric == metric), None)


def _name(one: Comparison) -> str:
    return f"{one.pair.name} (across)" if one.pair.across else one.pair.name


def _difference(found: Statistics | Beside | None) -> str:
    if found is None:
        return MISSING
    low, high = found.interval
    return f"{found.difference:+.3f} [{low:+.3f}, {high:+.3f}]"


def _p(one: Comparison, name: str) -> tuple[str, Value]:
    value = getattr(one.numbers, name, None)
    return MISSING if value is None else "< .001" if value < 0.001 else f"{value:.3f}", value


def _further(one: Comparison) -> tuple[str, Value]:
    further = one.numbers and one.numbers.further
    if not further:
        return MISSING, None
    text = f"+{further.candidate}" + (f" v +{further.baseline}" if further.baseline else "")
    return text, text


def gate_notes(gate: Gate) -> list[str]:
    """What one needs to read the verdicts: one sentence a line."""
    tested = [one for one in gate.comparisons if one.verdict.tier == "statistical"]
    notes = (
        _rules(gate, len(tested)) if tested else [f"{gate.metric} by {words(gate.signal)}; no statistics were needed."]
    )
    if beside := metrics_beside(gate):
        notes.append(_beside_note(beside))
    if gate.sample is not None:
        notes.append(
            f"ranked: a sample of {gate.sample:,} architectures (scoring.architectures); what another sample would "
            "change is not in the intervals."
        )
    rows = _sorted(gate)
    reasons = ((one.pair.name, one.verdict.reason) for one in rows if one.verdict.tier != "statistical")
    notes += _shared(reasons, len(rows))
    if any(one.pair.across for one in gate.comparisons):
        notes.append("across: the protocols differ, on request, so the difference may be due to that:")
        found = {str(field): None for one in gate.comparisons for field in one.pair.across}
        notes += [f"  {field}" for field in found]
    return [*notes, *gate.notes, *_shared(((one.pair.name, note) for one in rows for note in one.notes), len(rows))]


def _beside_note(metrics: Sequence[str]) -> str:
    read = "candidate less baseline, with intervals of the same kind, to be read beside the verdict."
    return f"{meanings(metrics)}; {read}"


def _rules(gate: Gate, tests: int) -> list[str]:
    rules = gate.rules
    looks = " and ".join(str(look) for look in rules.looks)
    bound = f"looks at {looks} seeds, each at {100 * rules.level:.2g} %" if len(rules.looks) > 1 else "one look"
    return [
        f"{gate.metric} by {words(gate.signal)}, candidate less baseline, seeds as the units; margin {rules.margin:g}; "
        f'at most {100 * rules.alpha:g} % false "worse" in all (Holm over {tests}; {bound}).',
        f"interval: of one strategy alone, {100 * (1 - 2 * rules.level):.1f} %. Worse: below 0, estimate below "
        f"-{rules.margin / 2:g}; not worse: above -{rules.margin:g}; better: above 0; the first and last by Holm's p.",
        prior_note(gate.prior),
    ]


def _shared(found: Iterable[tuple[str, str]], everyone: int) -> list[str]:
    """Each text once, after the names of those that it is said of, or "all"."""
    names: dict[str, list[str]] = {}
    for name, text in found:
        names.setdefault(text, []).append(name)
    return [f"{'all' if len(of) == everyone > 1 else ', '.join(of)}: {text}" for text, of in names.items()]


def prior_note(prior: Prior) -> str:
    """The prior in words."""
    if prior.degrees == 0:
        return "variance prior: none, too few strategies or seeds to fit one; the ordinary t-test."
    degrees = f"{prior.degrees:.3g}" if prior.degrees < 1e6 else "infinite"
    source = f"fitted on {prior.strategies} strategies" if prior.strategies else "of published runs"
    return f"variance prior: d0 {degrees} degrees of freedom, s0 {prior.sd:.4f}, {source}."


def _sentence(one: Comparison) -> str:
    numbers = "" if one.numbers is None else f", difference {_difference(one.numbers)}"
    numbers += "".join(f", {TITLES[found.metric]} {_difference(found)}" for found in one.beside)
    return f"{one.verdict.word}{numbers}: {one.verdict.reason}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
