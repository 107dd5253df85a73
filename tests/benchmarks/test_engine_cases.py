"""Roofline arithmetic against counts by hooks, the GPU script on the processor, memory and precision cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import arithmetic
import gpu
import gpu_latency
import launches
import memory_case
import numpy as np
import plain
import precision
import processes_case
import pytest
import roofline
import torch
from cases import Effort, measure
from torch import nn

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.latency.measure.work import Conditions
from nasbench_harness.space import N_ARCHITECTURES, flops
from nasbench_harness.supernet.network import live_codes

ROOT = Path(__file__).resolve().parents[2]
TINY = Effort(repeats=2, steps=1, windows=1, window=2, batches=1, compared=1)


def counted(network: nn.Module, run: object) -> float:
    """Operations of all convolutions, from the shapes that they really meet."""
    total = 0.0

    def hook(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        weight = module.weight
        total += 2.0 * weight[0].numel() * output.numel()

    handles = [m.register_forward_hook(hook) for m in network.modules() if isinstance(m, nn.Conv2d)]
    run()  # type: ignore[operator]
    for handle in handles:
        handle.remove()
    return total


@pytest.mark.parametrize("code", [(3, 3, 3, 3, 3, 3), (2, 1, 4, 3, 2, 3), (0, 0, 0, 1, 0, 0), (3, 0, 0, 0, 2, 0)])
@pytest.mark.parametrize(("channels", "cells", "side"), [(4, 1, 8), (3, 2, 16)])
def test_operations_are_those_of_the_reference(code: tuple[int, ...], channels: int, cells: int, side: int) -> None:
    network = plain.PlainSupernet(channels, cells)
    expected = counted(network, lambda: network(torch.randn(1, 3, side, side), list(code)))
    assert arithmetic.forward(code, channels, cells, side).operations == expected
    assert arithmetic.training_step(code, channels, cells, side, 7).operations == 21 * expected


def test_operations_rank_architectures_as_the_space_counts_them() -> None:
    drawn = np.random.default_rng(0).choice(N_ARCHITECTURES, 300, replace=False)
    ours = [arithmetic.forward(code, 16, 5, 32).operations for code in live_codes(drawn)]
    assert np.corrcoef(ours, flops(live=True)[drawn])[0, 1] > 0.999


def test_bytes_of_a_cell_by_hand() -> None:
    size = 4 * 8 * 16 * 16
    skip, pool, one = (arithmetic.cell((0, 0, 0, op, 0, 0), 8, 16).bytes / size for op in (1, 4, 2))
    assert (skip, pool) == (0, 2)
    assert one == 2 + 2 + 3  # ReLU, convolution, normalisation in two passes
    assert arithmetic.cell((1, 0, 0, 1, 1, 0), 8, 16).bytes / size == 3  # one addition


def test_shares_of_the_ceilings() -> None:
    ceiling = {"matrix_product_float32_operations_per_second": 100.0, "bytes_per_second": 10.0}
    found = roofline.shares(arithmetic.Load(200.0, 10.0, 20.0), 8.0, ceiling)
    assert found["share_of_compute_ceiling"] == 0.25
    assert found["share_of_memory_ceiling"] == 0.375
    assert found["share_of_roofline"] == 0.5  # two seconds of convolution, then two of memory


def test_rates_of_the_ceilings() -> None:
    found = roofline.rates({"matrix product bfloat16": 2.0, "sum of arrays": 0.5, "training": 1.0})
    assert found == {
        "matrix_product_bfloat16_operations_per_second": float(roofline.SIDE**3),
        "bytes_per_second": 6.0 * roofline.ARRAY,
    }


@pytest.mark.slow
def test_peak_memory_counts_what_was_touched_and_not_the_parent() -> None:
    ballast = np.ones(1 << 29, dtype=np.uint8)
    assert memory_case.peak_bytes() > ballast.nbytes
    script = "import memory_case as m; a = m.peak_bytes(); b = b'x' * (1 << 27); print(a, m.peak_bytes())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT / "benchmarks",
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    before, after = map(float, done.stdout.split())
    assert before < ballast.nbytes
    assert 1 << 27 <= after - before < 1 << 28


def test_cells_of_the_memory_case_are_live_and_fill_what_is_remembered() -> None:
    codes = np.array(memory_case.FILLING)
    assert [tuple(c) for c in sorted(map(tuple, codes.tolist()))] == [tuple(c) for c in codes.tolist()]
    last = codes[codes[:, :3].tolist().index([3, 2, 4]) :]
    assert all({2, 3, 4} <= set(last[:, edge].tolist()) for edge in (3, 4, 5))


def test_gains_are_quotients() -> None:
    seconds = {"training float32": 3.0, "training bfloat16": 2.0, "scoring float32": 1.0, "scoring bfloat16": 4.0}
    assert precision.gains(seconds) == {"training_gain": 1.5, "scoring_gain": 0.25}


@pytest.mark.slow
def test_rankings_of_both_precisions_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = precision.enlarged_digits()
    monkeypatch.setattr(precision, "enlarged_digits", lambda: replace(digits, valid=digits.valid[:50]))
    (case,) = [case for case in precision.cases() if case.name == "precision-ranking"]
    work = case.prepare(TINY, Path())
    found = work.derive({"scoring float32": 2.0, "scoring bfloat16": 1.0})
    assert found["scoring_gain"] == 2.0
    assert found["tau_of_losses_float32_then_bfloat16"] > 0.7
    assert "tau_of_losses_bfloat16_then_bfloat16" in found


@pytest.mark.slow
def test_the_gpu_script_runs_on_the_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every case, in processes of their own where it has some, within a minute; what needs a GPU says so."""
    before = sum(os.times()[:4])
    assert gpu.main(["--device", "cpu", "--tiny", "--out", str(tmp_path)]) == 0
    assert sum(os.times()[:4]) - before < 60  # processor time, of its processes too: whatever else the machine does
    result = json.loads((tmp_path / "gpu.json").read_text())
    cases = result["cases"]
    assert list(cases) == ["smoke", *gpu.CASES, "latency", "supernet"]
    assert not [name for name, case in cases.items() if "error" in case]
    assert cases["agreement"]["errors"]["gradients_float64"] < 1e-9
    assert cases["agreement"]["groups_float64"] < 1e-10
    assert "skipped" in cases["waits"]
    assert "skipped" in cases["captured"]
    assert set(cases["training"]["ratio"]) == {"float32", "bfloat16"}
    [scored] = [case for case in cases["scoring"].values() if isinstance(case, dict)]
    assert set(scored["ratio"]) == {"float32", "float32, groups of 2", "bfloat16", "bfloat16, groups of 2"}
    extrapolated = cases["extrapolated"]
    assert extrapolated["steps"] == 250 * (64 // 8)
    assert set(cases["together"]["steps_a_second"]) == {"1", "2"}
    assert cases["supernet"]["steps"] > 0
    assert cases["supernet"]["scored"] > 0
    assert set(cases["latency"]["tables"]) >= {"cpu.npz", "cpu_1_float32.npz", "cpu_256_bfloat16.npz"}
    assert "TINY: not a measurement" in capsys.readouterr().out


def test_a_case_that_fails_is_noted_and_the_next_begins(tmp_path: Path) -> None:
    result: dict[str, Any] = {"cases": {}}

    def failing() -> dict[str, Any]:
        raise RunError("of no use")

    gpu._timed(result, "first", failing, tmp_path)
    kept = json.loads((tmp_path / "gpu.json").read_text())
    assert kept["cases"]["first"]["error"] == "RunError: of no use"
    gpu._timed(result, "second", dict, tmp_path)
    assert list(json.loads((tmp_path / "gpu.json").read_text())["cases"]) == ["first", "second"]


def test_without_time_everything_but_the_smoke_test_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu.gpu_cases, "agreement", lambda bench, clock: {})
    monkeypatch.setattr(gpu.gpu_cases, "supernet", lambda bench, clock: {})
    monkeypatch.setattr(gpu, "_latency", lambda *given: {})
    assert gpu.main(["--device", "cpu", "--tiny", "--minutes", "0", "--out", str(tmp_path)]) == 0
    cases = json.loads((tmp_path / "gpu.json").read_text())["cases"]
    assert {name for name, case in cases.items() if case.get("skipped") == "no time was left"} == set(gpu.CASES)
    assert "host waits in a stage: not asked" in capsys.readouterr().out


def test_latencies_fit_into_the_time_that_is_given() -> None:
    wanted, small = np.arange(1000), Conditions("cpu", 1, "float32", 2, 1, 8, repeats=1, warm_up=0)
    assert len(gpu_latency.fitting(small, wanted, None)) == 1000
    assert len(gpu_latency.fitting(small, wanted, 0.0)) == 1
    assert 1 < len(gpu_latency.fitting(small, wanted, 1.0)) <= 1000


def test_operations_that_start_something_are_counted() -> None:
    """By hand: a convolution, a normalisation and a ReLU; a view and memory that is given are nothing."""
    x = torch.empty(2, 3, 4, 4, device="meta")
    weight = torch.empty(5, 3, 1, 1, device="meta")

    def work() -> None:
        y = nn.functional.conv2d(x, weight)
        nn.functional.relu(nn.functional.batch_norm(y, None, None, training=True)).view(2, -1).detach()
        torch.empty_like(y)

    assert launches.counted(work) == 3
    many = [torch.empty(2, device="meta") for _ in range(120)]
    assert launches.counted(lambda: torch._foreach_add_(many, 1.0)) == 3


@pytest.mark.slow
def test_groups_start_fewer_operations_the_larger_they_are() -> None:
    found = launches.scoring(4, 1, 8, images=4, window=64)
    assert found["groups of 64"] < found["groups of 16"] < found["groups of 4"]
    assert found["groups of 64"] < found["one by one"] < found["reference"]
    assert launches.calls_a_cell(1) < 6
    assert 15 < launches.calls_a_cell(256) <= 24


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_the_script_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError):
        gpu.usable_device("cuda")
    assert gpu.main(["--out", str(tmp_path)]) == 2
    assert "no CUDA device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_threads_and_processes_do_the_same_number_of_steps() -> None:
    case = next(case for case in processes_case.cases() if case.name == "processes-8-1-16")
    result = measure(case, TINY)
    assert set(result["seconds"]) == {"one process", "one process per core"}
    assert result["derived"]["steps_gained_by_processes"] > 0
