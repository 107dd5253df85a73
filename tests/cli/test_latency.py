"""The latency verbs: what they print, what they write, how they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.latency import LatencyTable, open_latency
from nasbench_harness.latency.predict.features import features
from nasbench_harness.space import N_ARCHITECTURES, all_strings
from nasbench_harness.truth.order import benchmark_order

MS = features("kind", "all") @ np.array([3.0, 0.0, 1.0, 2.5, 0.4])


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Two devices; the second has two impossible values."""
    phone = MS.copy()
    phone[benchmark_order()[[4, 8]]] = 0.01
    rows = (f"{i},{MS[ours]},{phone[ours]}" for i, ours in enumerate(benchmark_order().tolist()))
    (tmp_path / "wide.csv").write_text("\n".join(["index,server,phone", *rows]) + "\n")
    return tmp_path / "wide.csv"


def asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main(["latency", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], code: int, text: str, *arguments: object) -> None:
    assert main(["latency", *map(str, arguments)]) == code
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.err.strip().splitlines()[-1].startswith("nasbench-harness: ")


def test_import_tells_what_it_left_out(wide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latency", "import", str(wide), "--batch", "4"]) == 0
    captured = capsys.readouterr()
    assert "phone 2" in captured.err
    assert "below-floor" in captured.out
    found = asked(capsys, "info", wide.with_suffix(".npz"), "--excluded")
    assert found["columns"]["phone"]["excluded"] == 2
    assert [row["benchmark_index"] for row in found["excluded"]["phone"]["rows"]] in ([4, 8], [8, 4])
    assert found["columns"]["server"]["batch_size"] == 4
    assert main(["latency", "info", str(wide.with_suffix(".npz")), "--excluded"]) == 0
    assert "0.01 ms" in capsys.readouterr().out


def test_fit_reports_every_device_beside_the_plain_model(wide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "fit", wide, "--samples", 10, "--repeats", 2)
    assert [row["device"] for row in found["devices"]] == ["server", "phone"]
    for row in found["devices"]:
        assert row["spearman"]["mean"] > 0.99
        assert set(row["plain_additive"]) == {"samples", "spearman", "tau", "mape"}
    assert main(["latency", "fit", str(wide), "--samples", "10", "--repeats", "2", "--device", "phone"]) == 0
    drawn = capsys.readouterr().out
    assert "phone" in drawn
    assert "server" not in drawn


def test_ten_measured_rows_become_a_full_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, fitted = tmp_path / "cpu.npz", tmp_path / "cpu.json"
    small = ["--channels", 2, "--cells", 1, "--image-size", 8, "--repeats", 2, "--warm-up", 1]
    measured = asked(capsys, "measure", "--to", table, *small)
    assert measured["columns"]["cpu_1_float32"]["n"] == 10
    found = asked(capsys, "fit", table, "--to", fitted)
    assert found["devices"][0]["models"] == {"kind/live": 1}
    assert open_latency(fitted).covered("cpu_1_float32").all()
    assert asked(capsys, "info", fitted, "--batch", 1)["columns"]["cpu_1_float32"]["predicted"]
    refused(capsys, 2, "holds for batch size 1, asked for 32", "info", fitted, "--batch", 32)
    refused(capsys, 2, "holds for precision float32", "info", fitted, "--precision", "bfloat16")


def test_plan_can_be_handed_to_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "plan", "--samples", 10)
    strings = [row["arch"] for row in found["architectures"]]
    assert len(set(strings)) == 10
    assert all(all_strings()[row["index"]] == row["arch"] for row in found["architectures"])
    assert main(["latency", "plan"]) == 0
    assert capsys.readouterr().out.split() == strings
    assert not set(strings) & {row["arch"] for row in asked(capsys, "plan", "--design", 1)["architectures"]}


def test_wrong_requests_and_data_have_their_exit_codes(wide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = wide.parent
    refused(capsys, 3, "did you mean server", "fit", wide, "--device", "servre")
    refused(capsys, 3, "no latency table", "info", folder / "absent.npz")
    refused(capsys, 2, "no CUDA device", "measure", "--device", "cuda:77", "--to", folder / "x.npz")
    refused(capsys, 2, "stored as .npz", "measure", "--to", folder / "x.csv")
    refused(capsys, 2, "expected 6 to", "plan", "--samples", 3)
    refused(capsys, 2, "--repeats", "fit", wide, "--repeats", 0)
    (folder / "short.csv").write_text(f"arch,a\n{all_strings()[0]},1\n")
    refused(capsys, 3, "1 of 15625 architectures", "import", folder / "short.csv")
    (folder / "bad.csv").write_text(f"arch,a\n{all_strings()[0]},-1\n")
    refused(capsys, 3, "column 'a': -1 ms", "import", folder / "bad.csv", "--partial")


def test_a_column_of_few_rows_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ms_A = np.full(N_ARCHITECTURES, np.nan)
    ms_A[:4] = 1.0
    LatencyTable("t", {"a": ms_A}).save(tmp_path / "t.npz")
    refused(capsys, 3, "4 measured architectures", "fit", tmp_path / "t.npz")
