"""Several rankings as one, without labels, and what each of them adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.api.inputs import FloatArray, as_scores, as_truth, by_index
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.fusion import KNOWN, FusionSettings
from nasbench_harness.evaluation.fusion import fuse as fuse_members
from nasbench_harness.evaluation.members import PREDICTORS, Member, members_of, members_of_file
from nasbench_harness.evaluation.score_files import ScoreFile, write_score_file
from nasbench_harness.metrics import TAUS
from nasbench_harness.metrics.report import RESAMPLES
from nasbench_harness.report.fusion import fusion_html

if TYPE_CHECKING:
    import polars


def fuse(
    members: Any,
    truth: Any,
    *,
    policy: str | None = None,
    weights: Mapping[str, float] | None = None,
    rule: str = "rank-sum",
    predictors: Path | str = PREDICTORS,
    known: Sequence[int] = KNOWN,
    draws: int = 20,
    seed: int = 0,
    allow_missing: bool = False,
    resamples: int = RESAMPLES,
) -> Fusion:
    """Combine rankings without labels and judge the fusion, what each member adds, and a supervised stacking apart.

    ``members``: a list of texts as the verb ``fuse`` takes (``"RUN/strategy/seed-0:negative_loss"``,
    ``"live_flops:2"``, ``"naswot"``), a mapping {name: text, or scores with one column as ``evaluate`` takes}, or a
    data frame whose columns are members. ``truth``, ``policy``: as for ``evaluate``. ``weights``: {member: weight above
    0}, 1 where none is given. ``rule``: ``rank-sum``, ``rank-product``, ``rank-median`` or ``normal-scores``; all are
    judged, this one is taken apart and kept. ``predictors``: folder that ``predict --out`` wrote. ``known``, ``draws``:
    sizes of the supervised stacking's training sets, and random draws of each; ``known=()``: none. ``resamples``:
    bootstrap resamples behind the 95 % intervals.

    Raises ``UsageError`` for fewer than two members, an unknown or repeated one, a wrong weight or rule; ``DataError``
    for a constant member and for members that score different architectures.
    """
    found = _members(members, predictors, allow_missing)
    if unknown := sorted(set(weights or {}) - {member.name for member in found}):
        raise UsageError(f"weights name no member '{unknown[0]}'; there are {', '.join(one.name for one in found)}")
    found = [replace(member, weight=(weights or {}).get(member.name, member.weight)) for member in found]
    judged_by, _ = as_truth(truth, policy)
    return Fusion(*fuse_members(found, judged_by, FusionSettings(rule, resamples, tuple(known), draws, seed)))


@dataclass(frozen=True, eq=False)
class Fusion:
    """A fusion and its judgement; tables in a notebook.

    ``fused``: the scores under the rule's name. ``result``: all numbers, as ``nasbench-harness fuse --json`` prints.
    """

    fused: ScoreFile
    result: dict[str, Any]

    @property
    def scores(self) -> FloatArray:
        """The fused score by our index, float64 ``[15625]``, higher is better; NaN where the members have none."""
        return by_index(self.fused)

    @property
    def label_free(self) -> dict[str, dict[str, Any]]:
        """The measures of every member and every rule, by name: what was made without a look at labels."""
        members = {one["name"]: one for one in self.result["members"]}
        return {**members, **self.result["label_free"]}

    @property
    def added(self) -> dict[str, dict[str, Any]]:
        """By member: ``added`` (the fusion less the fusion without it) and ``added_intervals``, by measure."""
        return dict(self.result["without"])

    @property
    def supervised(self) -> list[dict[str, Any]]:
        """The stackings, which were fitted on known architectures: mean and sd over draws, by measure."""
        return list(self.result["supervised"])

    def value(self, measure: str = "kendall_tau", ranking: str | None = None) -> float | None:
        """``kendall_tau``, ``tau_within_flops`` or ``tau_with_flops`` of a member or rule; None: the chosen rule.

        None where it is undefined. Raises ``DataError`` for an unknown measure or ranking.
        """
        if measure not in TAUS:
            raise DataError(f"no measure {measure!r}; there are {', '.join(TAUS)}")
        name = self.result["rule"] if ranking is None else ranking
        if name not in self.label_free:
            raise DataError(f"no ranking {name!r}; there are {', '.join(self.label_free)}")
        value: float | None = self.label_free[name][measure]
        return value

    def to_frame(self) -> polars.DataFrame:
        """One row for each ranking and measure: ``kind`` (member, rule, added), ``name``, ``measure``, ``value``,
        ``low``, ``high`` (null: none). The supervised rows are not among them.
        """
        import polars as pl

        rules = list(self.result["label_free"])
        rows = []
        for name, one in self.label_free.items():
            kind = "rule" if name in rules else "member"
            rows += [(kind, name, each, one[each], *one["intervals"].get(each, (None, None))) for each in TAUS]
        for name, one in self.added.items():
            values, intervals = one["added"], one["added_intervals"]
            rows += [("added", name, each, values[each], *intervals.get(each, (None, None))) for each in TAUS]
        kinds = {"kind": pl.String, "name": pl.String, "measure": pl.String}
        return pl.DataFrame(rows, schema={**kinds, **dict.fromkeys(("value", "low", "high"), pl.Float64)}, orient="row")

    def save(self, path: Path | str) -> None:
        """Store the fused scores as CSV, JSON or Parquet by the ending of the name; ``evaluate`` reads the file."""
        write_score_file(self.fused, path)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as ``nasbench-harness fuse --json`` prints them."""
        return self.result

    def _repr_html_(self) -> str:
        return fusion_html(self.result)

    def __repr__(self) -> str:
        tau = self.value()
        names = ", ".join(one["name"] for one in self.result["members"])
        return f"Fusion({self.result['rule']} of {names}: tau-b {'undefined' if tau is None else f'{tau:.4f}'})"


def _members(members: Any, predictors: Path | str, allow_missing: bool) -> list[Member]:
    if isinstance(members, Mapping):
        return [one for name, value in members.items() for one in _named(str(name), value, predictors, allow_missing)]
    if isinstance(members, list | tuple):
        return members_of([str(text) for text in members], predictors, allow_missing)
    return members_of_file(as_scores(members, allow_missing))


def _named(name: str, value: Any, predictors: Path | str, allow_missing: bool) -> list[Member]:
    """One member under a name of the caller's."""
    if isinstance(value, str | Path):
        found = members_of([str(value)], predictors, allow_missing)
    else:
        found = members_of_file(as_scores(value, allow_missing))
    if len(found) != 1:
        raise UsageError(
            f"member '{name}' has {len(found)} score columns ({', '.join(m.name for m in found)}); give one"
        )
    return [replace(found[0], name=name)]
