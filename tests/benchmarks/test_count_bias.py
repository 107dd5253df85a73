"""How much of tau is a bias by count, of stored records."""

from __future__ import annotations

import sys
from pathlib import Path

import count_bias
import numpy as np
import pytest

from nasbench_harness.errors import DataError

RESULTS = Path(__file__).resolve().parents[2] / "results"


def test_seeds_of_a_deep_narrow_network_differ_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [RESULTS / name for name in ("cifar10-study", "cifar10-study-freeze")]
    monkeypatch.setattr(sys, "argv", ["count_bias.py", *map(str, folders), "--figures", str(tmp_path)])
    count_bias.main()
    said = capsys.readouterr().out
    by_loss = said[said.index("by negative loss") :]
    assert by_loss.count("one-shot-balanced/seed-") == 6
    rows = count_bias.rows_in(folders, "negative_loss")
    assert np.corrcoef([row["bias"] for row in rows], [row["kendall_tau"] for row in rows])[0, 1] < -0.9
    assert all((tmp_path / f"count_bias.{kind}").stat().st_size for kind in ("png", "pdf", "tex"))
    assert [row["bias"] for row in rows] == sorted(row["bias"] for row in rows)


def test_fewer_than_three_units_are_refused() -> None:
    with pytest.raises(DataError, match="found 1 units; at least 3"):
        count_bias.rows_in([RESULTS / "literature-c5-decay"], "accuracy")
