"""Scores of every form give the same judgement, and wrong ones an error that names the fault."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

import nasbench_harness as nh
from nasbench_harness.cli import main
from nasbench_harness.data import truths
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.truth import benchmark_index

STRINGS = nh.space.all_strings()
FLOPS = nh.space.flops()


class PandasLike:
    """What the harness uses of a pandas data frame: ``columns``, and columns with ``to_numpy``."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.data = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> Any:
        values = self.data[name]
        return SimpleNamespace(to_numpy=lambda: np.array(values, dtype=object if name == "arch" else None))


def forms(folder: Path) -> dict[str, Any]:
    """The FLOPs of every architecture as one score column, in every form that is taken."""
    csv = folder / "mine.csv"
    csv.write_text("arch,score\n" + "\n".join(f"{a},{s}" for a, s in zip(STRINGS, FLOPS, strict=True)))
    arch = list(STRINGS)
    return {
        "array": FLOPS,
        "list": FLOPS.tolist(),
        "mapping": dict(zip(STRINGS, FLOPS.tolist(), strict=True)),
        "mapping of arrays": {"score": FLOPS},
        "polars": pl.DataFrame({"arch": arch, "score": FLOPS}).sample(fraction=1, shuffle=True, seed=1),
        "pandas": PandasLike({"arch": arch, "score": FLOPS}),
        "benchmark index": pl.DataFrame({"benchmark_index": benchmark_index(), "score": FLOPS}),
        "path": csv,
        "text": str(csv),
    }


def test_every_form_of_scores_is_judged_alike(tmp_path: Path) -> None:
    for name, scores in forms(tmp_path).items():
        found = nh.evaluate(scores, "digits_test_5", resamples=2)
        assert list(found.scores) == ["score"], name
        assert found.scores["score"] == found.references["flops"], name
        assert found.truth["policy"] == "digits_test_5"
        assert found.truth["noise_ceiling"] or found.truth["noise_ceiling_proxy"]


def test_it_is_what_the_command_line_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = forms(tmp_path)["path"]
    table = Path(nh.__file__).parent / "truth" / "digits.npz"
    arguments = ["score", str(path), "--truth", str(table), "--policy", "digits_test_5", "--resamples", "3", "--json"]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert nh.evaluate(str(path), "digits_test_5", resamples=3).to_json() == printed
    assert nh.evaluate(path, table, policy="digits_test_5", resamples=3).to_json() == printed


def test_every_form_of_truth_gives_the_same_metrics() -> None:
    true_A = nh.truth_vector("digits_test_5")
    named = nh.evaluate(FLOPS, "digits_test_5", resamples=2).scores
    for truth in (true_A, dict(zip(STRINGS, true_A, strict=True)), pl.DataFrame({"arch": STRINGS, "t": true_A})):
        assert nh.evaluate(FLOPS, truth, resamples=2).scores == named
    table = nh.open_table()
    assert nh.evaluate(FLOPS, table, policy="digits_test_5", resamples=2).scores == named
    with pytest.raises(UsageError, match="policy="):
        nh.evaluate(FLOPS, table)
    true_A[5:] = np.nan
    assert nh.evaluate(FLOPS, true_A, resamples=2).value("n") == 5


def test_an_opened_api_is_a_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truths, "truth_from", lambda api: nh.open_table())
    api = SimpleNamespace(meta_archs=list(STRINGS), arch2infos_dict={})
    named = nh.evaluate(FLOPS, "digits_test_5", resamples=2)
    assert nh.evaluate(FLOPS, api, policy="digits_test_5", resamples=2).to_json() == named.to_json()
    np.testing.assert_array_equal(nh.truth_vector("digits_test_5", api), nh.truth_vector("digits_test_5"))
    np.testing.assert_array_equal(nh.truth_vector("digits_test_5", nh.open_table()), nh.truth_vector("digits_test_5"))


def test_numbers_by_name() -> None:
    found = nh.evaluate({"up": FLOPS, "down": -FLOPS}, "digits_test_5", resamples=20)
    tau, opposite = found.value(column="up"), found.value("kendall_tau", "down")
    assert tau is not None
    assert opposite is not None
    assert tau == pytest.approx(-opposite)
    interval = found.interval(column="up")
    assert interval is not None
    assert interval[0] < tau < interval[1]
    assert found.value("regret_at.10", "flops") == found.scores["up"]["regret_at"]["10"]
    with pytest.raises(UsageError, match="up, down"):
        found.value()
    with pytest.raises(DataError, match="sideways"):
        found.value(column="sideways")
    frame = found.to_frame()
    assert frame.columns == ["ranking", "metric", "value", "low", "high"]
    assert set(frame["ranking"]) == {"up", "down", "flops", "live_flops"}
    assert frame.filter(ranking="up", metric="kendall_tau")["value"].item() == tau
    assert repr(found).startswith(f"Evaluation(up: tau-b {tau:.4f}, down")


def test_a_notebook_shows_a_table_with_names_as_they_are() -> None:
    html = nh.evaluate({"<b>mine</b>": FLOPS}, "digits_test_5", resamples=2)._repr_html_()
    assert "<table>" in html
    assert "&lt;b&gt;mine&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "noise ceiling" in html


def test_missing_scores_are_an_error_unless_they_are_allowed() -> None:
    few = dict(zip(STRINGS[:100], FLOPS[:100], strict=True))
    gaps = np.where(np.arange(len(FLOPS)) < 100, FLOPS, np.nan)
    for scores, named in ((few, "100 of 15625"), (gaps, "not a score")):
        with pytest.raises(DataError, match=named):
            nh.evaluate(scores, "digits_test_5")
        assert nh.evaluate(scores, "digits_test_5", allow_missing=True, resamples=2).value("n") == 100


@pytest.mark.parametrize(
    ("scores", "error", "named"),
    [
        (FLOPS[:10], DataError, "15625"),
        (np.stack([FLOPS, FLOPS]), DataError, "shape"),
        ("missing.csv", DataError, r"missing\.csv"),
        ({"conv": 1.0}, UsageError, "conv"),
        ({}, DataError, "0 of 15625"),
        (object(), UsageError, "object"),
        ({STRINGS[0]: "high"}, UsageError, "numbers"),
        (pl.DataFrame({"index": np.arange(15625), "score": FLOPS}), DataError, "arch"),
        (pl.DataFrame({"benchmark_index": [-1], "score": [1.0]}), DataError, "benchmark_index"),
    ],
)
def test_a_wrong_value_is_named(scores: Any, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        nh.evaluate(scores, "digits_test_5")


def test_a_wrong_truth_is_named(tmp_path: Path) -> None:
    for truth in (tmp_path / "none.npz", "digits_test_7"):
        with pytest.raises(DataError, match=str(truth)):
            nh.evaluate(FLOPS, truth)
    with pytest.raises(UsageError, match="resamples"):
        nh.evaluate(FLOPS, "digits_test_5", resamples=-1)
