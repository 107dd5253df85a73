"""Two results against each other: a verdict for each strategy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness import evidence
from nasbench_harness.api.inputs import as_scores, as_truth
from nasbench_harness.data.truths import table_for
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.judge import judge_scores
from nasbench_harness.evidence import Rules, Sample, Side
from nasbench_harness.evidence.looks import LOOKS
from nasbench_harness.experiment.rejudge import rejudge
from nasbench_harness.records import RECORD_FILE, SCORES_FILE, Run, read_run
from nasbench_harness.records.schema import lookup
from nasbench_harness.report.html import html_table
from nasbench_harness.report.latex import latex_of
from nasbench_harness.report.separated import csv_of
from nasbench_harness.report.verdicts import gate_columns, gate_heading, gate_markdown, gate_notes, gate_table


class Gate(evidence.Gate):
    """The verdicts: ``word`` (the worst), ``comparisons``, ``failed(strict)``; a table in a notebook."""

    def to_markdown(self) -> str:
        """The table as for a pull request."""
        return gate_markdown(self)

    def to_latex(self) -> str:
        """The leading columns as LaTeX (booktabs, siunitx), with a caption; the other notes as comments."""
        return latex_of(gate_table(self).leading())

    def to_csv(self) -> str:
        """Every number as CSV, with the rules as columns too."""
        return csv_of([gate_table(self)])

    def _repr_html_(self) -> str:
        columns = gate_columns(self)
        rows = [[column.cells[row] for column in columns] for row in range(len(self.comparisons))]
        return html_table(gate_heading(self), [column.title for column in columns], rows, gate_notes(self))


def compare(
    candidate: Any,
    baseline: Any,
    *,
    metric: str = "kendall_tau",
    margin: float = 0.03,
    alpha: float = 0.05,
    looks: Sequence[int] = LOOKS,
    signal: str | None = None,
    across: Sequence[str] = (),
    truth: Any = None,
    policy: str | None = None,
    also: Sequence[Run | Path | str] = (),
) -> Gate:
    """Whether a candidate ranks architectures worse than a baseline, by the spread over seeds.

    ``candidate``, ``baseline``: a run or its folder, ``RUN/strategy`` for one strategy of it, or scores as for
    ``evaluate``, a column a seed, which need a ``truth`` (and its ``policy``); with a ``policy`` the stored scores of
    runs are judged again, too. A baseline may also be a folder of stored baselines, or one of its files. Strategies are
    paired by name; a baseline that names one strategy is the partner of all others of the candidate. ``metric``: of
    ``evidence.METRICS``. ``margin``: the loss that is accepted. ``alpha``: most false "worse" in all. ``looks``: the
    candidate's numbers of seeds at which you look. ``signal``: the score column; None: the headline. ``across``: fields
    of the protocol that may differ. ``also``: more runs of the candidate's protocol, whose units join it.

    Raises ``UsageError`` for protocols that differ otherwise, nothing in common or an impossible rule, and
    ``DataError`` for missing or damaged data and a metric that is undefined for a seed.
    """
    rules = Rules(margin, alpha, tuple(looks))
    evidence.check_metric(metric)
    one = side_from(candidate, metric, signal, truth, policy, "candidate", also)
    stored = [record for sample in one.samples for record in sample.records]
    other = None
    if isinstance(baseline, str | Path):
        experiment = stored[0].experiment_name if stored else None
        other = evidence.baseline_side(Path(baseline), metric, signal, experiment)
    other = other or side_from(baseline, metric, signal, truth, policy, "baseline")
    sides = (one, other)
    by = signal or next((r.signal for side in sides for s in side.samples for r in s.records), "score")
    tiers = (evidence.structural, evidence.exact)
    return Gate(**vars(evidence.gate(sides[0], sides[1], rules, metric, by, across, tiers)))


def side_from(
    source: Any,
    metric: str,
    signal: str | None,
    truth: Any = None,
    policy: str | None = None,
    name: str = "scores",
    also: Sequence[Run | Path | str] = (),
) -> Side:
    """One side from whatever stands for it; ``name`` it gets where it has no file, ``also`` what joins a run.

    Errors as in ``compare``.
    """
    if isinstance(source, Run):
        run, strategy = source, None
    elif isinstance(source, str | Path) and not Path(source).is_file():
        run, strategy = evidence.open_side(source)
    elif also:
        raise UsageError(f"{source if isinstance(source, str | Path) else name}: scores; only runs are joined by --and")
    else:
        return _from_scores(source, metric, truth, policy, name)
    run = evidence.join([run, *(one if isinstance(one, Run) else read_run(one) for one in also)])
    if policy is not None:
        run = rejudge(run, table_for(policy, truth), policy, resamples=0)
    return evidence.side_of(run, metric, signal, strategy)


def _from_scores(source: Any, metric: str, truth: Any, policy: str | None, name: str) -> Side:
    """A score file as one strategy; its columns are seeds."""
    if isinstance(source, str | Path):
        path = Path(source)
        if path.name == SCORES_FILE and (path.parent / RECORD_FILE).is_file():
            raise UsageError(f"{path}: the scores of one seed of a run; give the folder of the strategy or of the run")
    scores = as_scores(source)
    if truth is None and policy is None:
        raise UsageError(f"{scores.source}: scores need a truth; give --truth TABLE, --policy COLUMN or both")
    known, table = as_truth(policy if truth is None else truth, policy)
    if policy in scores.names and str(truth) == str(source):
        scores = scores.without(policy)  # the truth is a column of the score file itself
    judged = judge_scores(scores, known, table, resamples=0)["scores"]
    values = {name: lookup(column, metric) for name, column in judged.items()}
    if undefined := [name for name, value in values.items() if value is None]:
        raise DataError(f"{scores.source}, column {undefined[0]!r}: {metric} is undefined; are its scores constant?")
    value_S = np.array([value for value in values.values() if value is not None])
    of_file = isinstance(source, str | Path)
    protocol = {"truth": {"policy": known.policy}, "data": {"truth_sha256": known.sha256}}
    where, strategy = (str(source), Path(source).stem) if of_file else (name, name)
    beside = evidence.beside_of(lambda metric: [lookup(column, metric) for column in judged.values()])
    sample = Sample(strategy, tuple(values), value_S, where, protocol, beside=beside)
    return Side(sample.source, (sample,), (sample,), False)
