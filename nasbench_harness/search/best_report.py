"""How the engineer's answer looks in a terminal: one architecture drawn, what it costs and promises, alternatives."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from nasbench_harness.space.drawing import draw_cell
from nasbench_harness.system.lines import print_line

if TYPE_CHECKING:
    from rich.console import Console

_INDENT = " " * 9
_BREAKABLE = (_INDENT, "latency ", "cost ", "accuracy ", "score ", "  * ")
"""How lines begin that may be broken at the width of the terminal; architectures and drawings may not."""


def print_best(result: dict[str, Any], console: Console) -> None:
    """The answers one below the other; box characters where the terminal's encoding has them."""
    ascii_only = not console.encoding.startswith("utf")
    for number, answer in enumerate(result["answers"]):
        if number:
            print_line(console, "")
        for line in _lines(answer, result["truth"], ascii_only):
            parts = wrap(line, console.width, subsequent_indent=_INDENT) if line.startswith(_BREAKABLE) else [line]
            for part in parts:
                print_line(console, part)


def _lines(answer: dict[str, Any], truth: dict[str, Any] | None, ascii_only: bool) -> list[str]:
    best, unit = answer["best"], answer["unit"]
    lines = [f"{answer['device']}, {answer['constraint']}, by {answer['scores']}", "", best["arch"]]
    lines += [f"our index {best['index']}, benchmark index {best['benchmark_index']}", ""]
    lines += [f"    {line}" for line in draw_cell(best["index"], ascii_only).splitlines()] + [""]
    lines += _cost(answer) + _accuracy(answer, truth) + _score(answer)
    others = answer["alternatives"]
    lines += ["", f"alternatives on the front, which has {answer['front_size']}:" if others else "no alternative"]
    for row in others:
        lines.append(f"  * {_costs(row['cost'], unit)}; {_short_accuracy(row['accuracy'])}; score {row['score']:.6g}")
        lines.append(f"    {row['arch']}")
    return lines


def _costs(cost: dict[str, float | None], unit: str) -> str:
    parts = []
    if cost["measured"] is not None:
        parts.append(f"{cost['measured']:.4g} {unit}" + (" measured" if unit == "ms" else ""))
    if cost["predicted"] is not None:
        parts.append(f"{cost['predicted']:.4g} {unit} predicted")
    return ", ".join(parts)


def _cost(answer: dict[str, Any]) -> list[str]:
    cost, unit, prediction = answer["best"]["cost"], answer["unit"], answer["prediction"]
    label = "latency " if unit == "ms" else "cost    "
    if unit != "ms":
        return [f"{label} {cost['measured']:.4g} {unit} {answer['device']}, counted"]
    lines = [f"{label} {_costs(cost, unit)}"]
    if prediction is None:
        return lines
    if cost["measured"] is None and prediction["range_90"]:
        lines[0] += f"; 90 % of those so predicted take {cost['low']:.4g} to {cost['high']:.4g} {unit}"
        lines.append(_INDENT + f"not measured: admitted by its prediction with a margin of {_margin(prediction)}")
    elif cost["measured"] is None:
        lines.append(_INDENT + "not measured, and the predictor's error is not known: it may break the limit")
    lines += _predictor(prediction)
    out = answer["counts"]["outside_with_margin"]
    if out:
        lines.append(_INDENT + f"{out:,} others are predicted to hold the limit, but not with the margin")
    return lines


def _margin(prediction: dict[str, Any]) -> str:
    low, high = prediction["range_90"]
    return f"{100 * max(high - 1, 0):.1f} % above ({100 * max(1 - low, 0):.1f} % below)"


def _predictor(prediction: dict[str, Any]) -> list[str]:
    known = []
    if prediction["error"] is not None:
        known.append(f"error {100 * prediction['error']:.1f} % (root mean square, held out)")
    if prediction["samples"] is not None:
        known.append(f"fitted on {prediction['samples']} architectures")
    return [_INDENT + "predictor: " + ", ".join(known)] if known else []


def _accuracy(answer: dict[str, Any], truth: dict[str, Any] | None) -> list[str]:
    found = answer["best"]["accuracy"]
    if truth is None:
        return ["accuracy unknown: no truth was named (--truth FILE --policy COLUMN)", *_recorded(answer["ranking"])]
    name = f"{truth['policy']} of {truth['table']}"
    known = f"{found['truth']:.2f} %, by {name}" if found["truth"] is not None else f"not known to {name}"
    lines = [f"accuracy {known}"]
    expected = found["expected"]
    if expected:
        lines.append(
            _INDENT + f"{expected['mean']:.2f} % expected from the score alone; 90 % of the {expected['n']} of nearest "
            f"score within the limit: {expected['low']:.2f} to {expected['high']:.2f} %"
        )
    elif answer["ranking"] is not None:
        n = answer["ranking"]["n"]
        lines.append(_INDENT + f"nothing can be expected from the score: of those within the limit the truth knows {n}")
    return lines


def _recorded(ranking: dict[str, Any] | None) -> list[str]:
    if ranking is None or ranking["kendall_tau"] is None:
        return []
    told = f"by its record this score ranks {ranking['n']:,} architectures at tau {ranking['kendall_tau']:.3f} with "
    return [_INDENT + f"{told}{ranking['policy']}; its highest was {ranking['regret_at_1']:.2f} % below the best"]


def _score(answer: dict[str, Any]) -> list[str]:
    ranking, counts = answer["ranking"], answer["counts"]
    line = f"score    {answer['best']['score']:.6g}, the highest of {counts['admissible']:,} within the limit"
    if ranking is not None and ranking["among"] == "admissible" and ranking["kendall_tau"] is not None:
        line += f"; tau {ranking['kendall_tau']:.3f} with the truth among them"
    left = [f"{counts['without_cost']:,} without a cost"] * (counts["without_cost"] > 0)
    return [line, *(_INDENT + f"left out: {text}" for text in left)]


def _short_accuracy(accuracy: dict[str, Any]) -> str:
    expected = accuracy["expected"]
    parts = [f"accuracy {accuracy['truth']:.2f} %"] if accuracy["truth"] is not None else []
    if expected:
        parts.append(f"expected {expected['mean']:.2f} % ({expected['low']:.2f} to {expected['high']:.2f})")
    return ", ".join(parts) or "accuracy unknown"
