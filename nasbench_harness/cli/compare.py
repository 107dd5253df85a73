"""The verb ``compare``: a verdict for each strategy of a candidate, by the spread over seeds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Json, JudgingPolicies, Signal, TruthFile, items
from nasbench_harness.cli.output import emit, note
from nasbench_harness.cli.tables import PLAIN_TABLE, TableOptions
from nasbench_harness.errors import RegressionError, UsageError

if TYPE_CHECKING:
    from nasbench_harness.evidence import Gate, Rules, Sample

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown GitHub Actions shows; set there in every step."""


def compare(
    candidate: Path | None = None,
    baseline: Path | None = None,
    /,
    *,
    metric: str = "kendall_tau",
    margin: float = 0.03,
    alpha: float = 0.05,
    looks: str = "3,5",
    signal: Signal = None,
    across: Annotated[list[str] | None, Parameter(negative="")] = None,
    also: Annotated[list[Path] | None, Parameter(name="--and", negative="")] = None,
    strict: Flag = False,
    truth: TruthFile = None,
    policy: JudgingPolicies = None,
    table: TableOptions = PLAIN_TABLE,
    github: Flag = False,
    power: Flag = False,
    self_test: Path | None = None,
    json: Json = False,
) -> None:
    """Whether a candidate ranks worse than a baseline, with seeds as the units (exit code 1: it does).

    Verdicts: better, not worse, worse, or undecided with the number of seeds that would decide.

    Parameters
    ----------
    candidate
        Folder of a run, ``RUN/strategy``, or a score file, a column a seed.
    baseline
        Likewise. Strategies are paired by name; one named as ``RUN/strategy`` is the partner of all.
    metric
        ``kendall_tau``, ``tau_within_flops``, ``tau_with_flops``, ``spearman`` or ``pearson``.
    margin
        The loss that you accept.
    alpha
        Most false "worse" in all, over all strategies and looks.
    looks
        Numbers of the candidate's seeds at which you look, such as ``5`` or ``3,5,8``.
    across
        Field or section of the protocol that may differ, such as ``training.unsampled_weights``; repeat the option.
    also
        Another run folder of the candidate's protocol, whose seeds join it; repeat the option.
    strict
        Exit code 1 for undecided too.
    github
        Append the table to the job summary of GitHub Actions, and print annotations.
    power
        Print the chance to find a loss, by the seeds of the first folder; none: by published ones.
    self_test
        Folder of a baseline: split its seeds in halves many times, and print the rate of false alarms.
    """
    from nasbench_harness.evidence import Rules, check_metric

    rules = Rules(margin, alpha, _numbers(looks))
    check_metric(metric)
    if power or self_test is not None:
        if baseline is not None or (self_test is not None and (power or candidate is not None)):
            raise UsageError(
                "--power takes one folder or none, --self-test the folder behind it; give one of them alone"
            )
        if self_test is None:
            _power(candidate, rules, metric, signal, json)
        else:
            _self_test(self_test, rules, metric, signal, json)
        return
    if candidate is None or baseline is None:
        raise UsageError("compare needs two results: nasbench-harness compare CANDIDATE BASELINE")
    summary = _summary_file() if github else None
    from nasbench_harness.api.compare import compare as judge
    from nasbench_harness.report.verdicts import gate_table

    policies: list[str | None] = [*items(policy)]
    gates: list[Gate] = [
        judge(
            candidate,
            baseline,
            metric=metric,
            margin=margin,
            alpha=alpha,
            looks=rules.looks,
            signal=signal,
            across=across or (),
            truth=truth,
            policy=name,
            also=also or (),
        )
        for name in (policies or [None])
    ]
    found = [gate.to_json() for gate in gates]
    shown = dict(zip(policies, found, strict=True)) if len(policies) > 1 else found[0]
    table.emit(shown, json, [gate_table(gate) for gate in gates])
    _annotate(gates, summary)
    if failed := [gate for gate in gates if gate.failed(strict)]:
        raise RegressionError("; ".join(f"{gate.title}: {gate.summary}" for gate in failed))


def _annotate(gates: list[Gate], summary: Path | None) -> None:
    from nasbench_harness.report.verdicts import gate_markdown, github_annotations

    text = "\n".join(gate_markdown(gate) for gate in gates)
    if summary is not None:
        try:
            with summary.open("a", encoding="utf-8") as stream:
                stream.write(text + "\n")
        except OSError as error:
            raise UsageError(f"cannot write {summary}: {error.strerror}; {SUMMARY_VARIABLE} names it") from error
        for gate in gates:
            for line in github_annotations(gate):
                note(line)


def _summary_file() -> Path:
    named = os.environ.get(SUMMARY_VARIABLE)
    if not named:
        raise UsageError(
            f"--github: {SUMMARY_VARIABLE} names no file; GitHub Actions sets it, elsewhere use --markdown FILE"
        )
    return Path(named)


def _numbers(looks: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in items(looks))
    except ValueError:
        raise UsageError(f"--looks: expected numbers of seeds such as 3,5, found {looks!r}") from None


def _power(folder: Path | None, rules: Rules, metric: str, signal: str | None, json: bool) -> None:
    from nasbench_harness.evidence import power_table
    from nasbench_harness.report.rates import print_power

    table = power_table(rules, () if folder is None else _samples(folder, metric, signal))
    emit(table.to_json(), json, lambda console: print_power(table, console))


def _self_test(folder: Path, rules: Rules, metric: str, signal: str | None, json: bool) -> None:
    from nasbench_harness.evidence import self_test
    from nasbench_harness.report.rates import print_self_test

    found = self_test(_samples(folder, metric, signal), rules, str(folder))
    emit(found.to_json(), json, lambda console: print_self_test(found, console))


def _samples(folder: Path, metric: str, signal: str | None) -> tuple[Sample, ...]:
    from nasbench_harness.evidence import baseline_side, read_side

    return (baseline_side(folder, metric, signal, None) or read_side(folder, metric, signal)).samples
