"""Measurement: the clock's statistics on known times, small networks on the CPU, going on after a stop."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.latency import LatencyTable, open_latency
from nasbench_harness.latency.measure import measure as measuring
from nasbench_harness.latency.measure.clock import Timing, interleaved
from nasbench_harness.latency.measure.measure import measure_latency
from nasbench_harness.latency.measure.rows import Rows
from nasbench_harness.latency.measure.sample import architectures_from
from nasbench_harness.latency.measure.work import Bench, Conditions
from nasbench_harness.space import CONV_3X3, POOL, SKIP, all_strings, connected, flops, live_cell_of

SMALL = Conditions(batch_size=1, channels=2, cells=1, image_size=8, repeats=3, warm_up=1)


def test_outliers_are_counted_and_kept_out() -> None:
    found = Timing.of([10.0, 10.1, 9.9, 10.0, 10.2, 9.8, 500.0])
    assert (found.median, found.passes, found.outliers) == (10.0, 6, 1)
    assert found.iqr < 0.3


def test_rounds_are_interleaved_and_warmed_up() -> None:
    calls: list[int] = []
    works = [lambda place=place: calls.append(place) for place in range(3)]
    timings = interleaved(works, 4, 2, lambda work: float(work() is None) * 7.0)
    assert calls[:6] == [0, 0, 1, 1, 2, 2]
    assert [sorted(calls[6 + 3 * round_ : 9 + 3 * round_]) for round_ in range(4)] == [[0, 1, 2]] * 4
    assert all(timing == Timing(7.0, 0.0, 4, 0) for timing in timings)


def test_a_measurement_gives_a_partial_table_and_operations(tmp_path: Path) -> None:
    index_n = [25, 75, 11718]
    table = measure_latency(SMALL, index_n, tmp_path / "cpu.npz")
    again = LatencyTable.load(tmp_path / "cpu.npz")
    assert again.sha256 == table.sha256
    assert np.flatnonzero(again.covered("cpu_1_float32")).tolist() == index_n
    info = again.devices["cpu_1_float32"]
    assert (info.batch_size, info.precision, info.image_size, info.repeats) == (1, "float32", 8, 3)
    assert info.device
    assert "torch" in info.software
    assert (again.meta["conditions"]["threads"], again.meta["measured"]) == (1, 3)
    assert again.meta["passes"] == 9
    operations = open_latency(tmp_path / "cpu.operations.json")
    assert operations.covered("cpu_1_float32_operations").all()
    costs = json.loads((tmp_path / "cpu.operations.json").read_text())["operations_ms"]
    assert min(costs["nor_conv_3x3"]) > max(costs["skip_connect"])
    assert not list(tmp_path.glob(".*"))


def test_bfloat16_is_measured_in_bfloat16() -> None:
    bench = Bench(Conditions(precision="bfloat16", channels=2, cells=1, image_size=8))
    assert {str(parameter.dtype) for parameter in bench.network.parameters()} == {"torch.bfloat16"}
    with bench.timing():
        assert str(bench.architecture(11718)().dtype) == "torch.bfloat16"  # type: ignore[attr-defined]


def test_operations_have_the_shapes_of_their_stage() -> None:
    bench = Bench(Conditions(batch_size=2, channels=4, cells=1, image_size=9))
    with bench.timing():
        shapes = [tuple(bench.operation(op, stage)().shape) for op in (SKIP, CONV_3X3, POOL) for stage in range(3)]  # type: ignore[attr-defined]
    assert shapes == [(2, 4, 9, 9), (2, 8, 5, 5), (2, 16, 3, 3)] * 3


def test_an_interrupted_measurement_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "CHUNK", 2)
    target, index_n = tmp_path / "cpu.npz", [25, 50, 75, 100, 11718]
    done: list[int] = []

    def stop(finished: int, total: int) -> None:
        done.append(finished)
        if finished == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_latency(SMALL, index_n, target, operations=False, progress=stop)
    kept = tmp_path / ".cpu.npz.rows.jsonl"
    first = json.loads(kept.read_text().splitlines()[1])["rows"]
    with open(kept, "a") as stream:
        stream.write('{"reference": [1, 0')  # a torn line
    timed: list[int] = []
    real = Bench.architecture
    monkeypatch.setattr(Bench, "architecture", lambda self, index: timed.append(index) or real(self, index))
    table = measure_latency(SMALL, index_n, target, operations=False)
    assert timed == [11718, 11718]  # the one that was left, and the reference
    assert table.vector("cpu_1_float32")[first[0][0]] == first[0][1][0]
    assert not kept.exists()


def test_a_row_that_was_changed_is_named_and_measured_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, timing = tmp_path / ".cpu.npz.rows.jsonl", Timing(1.5, 0.25, 3, 0)
    rows = Rows(path, {"threads": 1})
    for index in (3, 4):
        rows.add([index], [timing], timing)
    path.write_text(path.read_text().replace("[[3, [1.5", "[[3, [2.5"))
    assert Rows(path, {"threads": 1}).found == {4: timing}
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: lines that are not what was written: 1; measured again"
    ]


def test_rows_of_an_earlier_version_carry_no_digests(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text('{"conditions": {}}\n{"reference": [1, 0, 3, 0], "rows": [[5, [2, 0, 3, 0]]]}\n')
    assert Rows(path, {}).found == {5: Timing(2, 0, 3, 0)}


def test_rows_of_other_conditions_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / ".cpu.npz.rows.jsonl").write_text('{"conditions": {}}\n')
    with pytest.raises(UsageError, match="other conditions"):
        measure_latency(SMALL, [25], tmp_path / "cpu.npz")


def test_all_live_cells_make_a_complete_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "interleaved", lambda works, *rest: [Timing(1.0, 0.1, 3, 0)] * len(works))
    table = measure_latency(SMALL, architectures_from("all"), tmp_path / "cpu.npz", operations=False)
    assert table.covered("cpu_1_float32").all()
    assert table.meta["live_cells_complete"]


def test_architectures_can_be_named_in_several_ways(tmp_path: Path) -> None:
    assert len(architectures_from("plan")) == 10
    assert len(architectures_from("plan:12")) == 12
    sample = architectures_from("40")
    assert len(np.unique(live_cell_of()[sample])) == 40
    assert connected()[sample].all()
    assert (np.diff(flops(live=True)[sample]) >= 0).all()
    (tmp_path / "some.txt").write_text(f"{all_strings()[25]}\n\n{all_strings()[75]}\n")
    assert architectures_from(str(tmp_path / "some.txt")).tolist() == [25, 75]
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(DataError, match="names no architecture"):
        architectures_from(str(tmp_path / "none.txt"))
    both = architectures_from("plan+40")
    assert both[:10].tolist() == architectures_from("plan").tolist()
    assert set(both.tolist()) == {*architectures_from("plan").tolist(), *sample.tolist()}
    for wrong in ("0", "99999", "half", "plan:x"):
        with pytest.raises(UsageError):
            architectures_from(wrong)


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"precision": "int8"}, {"device": "tpu"}, {"warm_up": -1}, {"threads": 0}]
)
def test_impossible_conditions_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError):
        Conditions(**wrong)


def test_a_gpu_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UsageError, match="no CUDA device 'cuda:77'"):
        Bench(Conditions(device="cuda:77"))


def test_the_one_call_script_measures_every_setting(tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu_latency.py"
    spec = importlib.util.spec_from_file_location("gpu_latency", source)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    small = ["--channels", "2", "--cells", "1", "--image-size", "8", "--repeats", "2", "--architectures", "plan:6"]
    assert script.main(["--out", str(tmp_path), "--device", "cpu", "--batches", "1", "2", *small]) == 0
    together = LatencyTable.load(tmp_path / "cpu.npz")
    assert set(together.columns) == {f"cpu_{batch}_{kind}" for batch in (1, 2) for kind in ("float32", "bfloat16")}
    assert script.main(["--out", str(tmp_path / "none"), "--device", "cuda:77", *small]) == 2
