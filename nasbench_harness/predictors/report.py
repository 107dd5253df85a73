"""Scores of several predictors, judged: the flow behind the verb ``predict``."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.evaluation.columns import judge_column
from nasbench_harness.metrics.report import RESAMPLES
from nasbench_harness.predictors.base import FloatArray, PredictorContext, predictors
from nasbench_harness.space import N_ARCHITECTURES, all_strings
from nasbench_harness.system.files import write_atomically, write_json
from nasbench_harness.system.tables import print_rows
from nasbench_harness.truth import Truth

if TYPE_CHECKING:
    from rich.console import Console

SCORES_FILE = "scores.parquet"
REPORT_FILE = "predictors.json"


def selected(names: Sequence[str], context: PredictorContext) -> tuple[list[str], dict[str, str]]:
    """Names to score, and with the reason those that are left out.

    None, or ``all``: every predictor whose needs are met. A predictor that is named must be possible: ``UsageError``.
    """
    everything = not names or "all" in names
    wanted = list(predictors) if everything else list(dict.fromkeys(names))
    reasons = {name: predictors.create(name, {}).lacks(context) for name in wanted}
    left_out = {name: reason for name, reason in reasons.items() if reason is not None}
    if left_out and not everything:
        name, reason = next(iter(left_out.items()))
        raise UsageError(f"predictor {name}: {reason}")
    return [name for name in wanted if name not in left_out], left_out


def judge_predictors(
    names: Sequence[str], context: PredictorContext, truth: Truth, resamples: int = RESAMPLES
) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Scores ``{name: [15625]}``, and all that is to be said of them as one JSON object.

    Metrics are those of ``judge_column`` over the architectures of the truth. Times are not part of it: finished parts
    may come from ``context.work``.
    """
    chosen, left_out = selected(names, context)
    scores: dict[str, FloatArray] = {}
    rows: dict[str, Any] = {}
    for name in chosen:
        predictor = predictors.create(name, {})
        scores[name] = predictor.score(context)
        if scores[name].shape != (N_ARCHITECTURES,):
            raise RunError(f"predictor {name}: {scores[name].shape} scores, expected {N_ARCHITECTURES}; fix it")
        rows[name] = {
            "summary": predictors.summary(name),
            "direction": predictor.direction,
            "needs": predictor.needs,
            "source": predictor.source,
            "options": dataclasses.asdict(predictor),  # type: ignore[call-overload]
            "published": [number.to_json() for number in predictor.published],
            "metrics": judge_column(scores[name][truth.index_A], truth.accuracy_A, truth.index_A, resamples),
        }
    result = {
        "truth": truth.to_json(),
        "settings": context.settings(),
        "predictors": rows,
        "left_out": left_out,
    }
    return scores, result


def write_report(folder: Path, scores: dict[str, FloatArray], result: dict[str, Any]) -> list[Path]:
    """``scores.parquet``, which ``score`` reads, and ``predictors.json`` in a folder; their paths."""
    import polars as pl

    frame = pl.DataFrame({"index": range(N_ARCHITECTURES), "arch": all_strings(), **scores})
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd")
    write_atomically(folder / SCORES_FILE, lambda file: file.write(stream.getvalue()))
    write_json(folder / REPORT_FILE, result)
    return [folder / SCORES_FILE, folder / REPORT_FILE]


def print_report(result: dict[str, Any], console: Console) -> None:
    """A row a predictor, best tau first, published numbers beside the measured ones."""
    truth, settings = result["truth"], result["settings"]
    title = (
        f"against {truth['policy']} of {truth['table']}, n = {truth['n']:,}; untrained networks: "
        f"C{settings['channels']} N{settings['cells']}, {settings['size']} x {settings['size']}, "
        f"batch {settings['batch']}, seed {settings['seed']}"
    )
    headings = ["predictor", "sign", "tau-b", "within", "with", "Spearman", "top 10 %", "best of 10"]
    headings += ["tau publ.", "rho publ."]
    rows = []
    found = sorted(result["predictors"].items(), key=lambda item: -(item[1]["metrics"]["kendall_tau"] or -2.0))
    for name, row in found:
        metrics, [first, *others] = row["metrics"], row["published"] or [{}]
        rows.append(
            [
                name,
                row["direction"],
                _number(metrics["kendall_tau"]),
                _number(metrics["tau_within_flops"]),
                _number(metrics["tau_with_flops"]),
                _number(metrics["spearman"]),
                _number(metrics["precision_at"]["0.1"]),
                f"{metrics['top_k_accuracy']['10']:.2f}",
                *_published(first),
            ]
        )
        rows += [[f"{name}, published also", *[""] * 7, *_published(other)] for other in others]
    protocol = "protocol of the published numbers"
    print_rows(title, [*headings, protocol], rows, console, texts=[protocol])
    console.print("within, with: tau within equal live FLOPs, and of the sum of ranks with them", highlight=False)
    for name, reason in result["left_out"].items():
        console.print(f"left out: {name}, {reason}", highlight=False, markup=False)


def _published(number: dict[str, Any]) -> tuple[str, str, str]:
    if not number:
        return "-", "-", "none verified"
    return _number(number["kendall_tau"]), _number(number["spearman"]), number["protocol"]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
