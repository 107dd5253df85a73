"""Roofline arithmetic against counts by hooks, the GPU script on the processor, memory and precision cases."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import arithmetic
import gpu
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

from nasbench_harness.errors import UsageError
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
    assert gpu.main(["--device", "cpu", "--quick", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "gpu.json").read_text())
    assert result["quick"] is True
    assert result["agreement"]["errors"]["gradients_float64"] < 1e-9
    assert set(result["training"]["ratio"]) == {"float32", "bfloat16"}
    assert set(result["scoring"]["ratio"]) == {"float32", "bfloat16", "bfloat16, 2 in flight"}
    assert result["graphs"] == {"skipped": "graphs are captured on CUDA devices only"}
    assert result["host_synchronises_in_a_step"] is None
    epochs = result["epochs"]
    assert epochs["steps"] == 250 * (64 // 8)
    measured = epochs["float32"]
    assert measured["whole_seconds"] == pytest.approx(measured["seconds"] / 3 * epochs["steps"])
    assert "QUICK: not a measurement" in capsys.readouterr().out


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
