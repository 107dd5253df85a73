"""Everything that is to be known of the engine on a GPU, in one call: ``python benchmarks/gpu.py --out DIR``.

A smoke test on a tiny network first, then the cases of ``gpu_cases.py`` and the latencies of ``gpu_latency.py``, each
in a share of the time (``--minutes``, 9 for all). Every case that has ended is in ``DIR/gpu.json`` at once, so that
what a call had measured stays when it is cut off; a case that fails is noted with its error and the next begins.
``--device cpu --tiny`` goes the same way in under a minute.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # absent with PYTHONSAFEPATH
sys.path.append(str(HERE.parent))  # last: an installed package goes before the checkout's

import gpu_cases  # noqa: E402
import gpu_latency  # noqa: E402
import torch  # noqa: E402
from gpu_bench import EPOCHS, TINY, Bench, Clock, Plan  # noqa: E402

from nasbench_harness.errors import HarnessError, UsageError  # noqa: E402
from nasbench_harness.system.environment import environment_record  # noqa: E402
from nasbench_harness.system.files import write_json  # noqa: E402

CASES: dict[str, tuple[gpu_cases.Case, float]] = {
    "agreement": (gpu_cases.agreement, 0.05),
    "waits": (gpu_cases.waits, 0.02),
    "training": (gpu_cases.training, 0.08),
    "extrapolated": (gpu_cases.extrapolated, 0.05),
    "scoring": (gpu_cases.scoring, 0.2),
    "captured": (gpu_cases.captured, 0.03),
    "counted": (gpu_cases.counted, 0.05),
    "together": (gpu_cases.together, 0.12),
}
"""What is measured, in this order, and the share of the time that each may take; the supernet gets the rest."""

LATENCY_SHARE = 0.2
TINY_LATENCY = ("--channels=2", "--cells=1", "--image-size=8", "--repeats=2", "--warm-up=1", "--architectures=plan:6")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 1 where a case failed, 2 where there is no device."""
    options = _options(words)
    out = Path(options.out)
    try:
        device = usable_device(options.device)
        result = measure(device, TINY if options.tiny else Plan(), out, options.minutes, options.tiny)
    except HarnessError as error:
        print(f"gpu: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(summary(result)))
    return 1 if any("error" in case for case in result["cases"].values()) else 0


def usable_device(name: str) -> torch.device:
    """The device, or ``UsageError`` when torch has none of that name."""
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("no CUDA device: torch.cuda.is_available() is false here; the way alone: --device cpu --tiny")
    return torch.device(name)


def measure(device: torch.device, plan: Plan, out: Path, minutes: float, tiny: bool) -> dict[str, Any]:
    """All cases, written to ``gpu.json`` as they end; raises what the smoke test raises."""
    whole = Clock(minutes)
    result: dict[str, Any] = {"schema_gpu": 2, "tiny": tiny, "minutes": minutes, "plan": asdict(plan), "cases": {}}
    result["environment"] = environment_record(device)
    _timed(result, "smoke", lambda: gpu_cases.agreement(Bench(device, TINY), whole), out)
    if "error" in result["cases"]["smoke"]:
        return result
    bench = Bench(device, plan)
    for name, (case, share) in CASES.items():
        own = Clock(min(minutes * share, max(whole.left(), 0.0) / 60))
        if own.left() > 0:
            _timed(result, name, lambda case=case, own=own: case(bench, own), out)
        else:
            _timed(result, name, lambda: {"skipped": "no time was left"}, out)
    _timed(result, "latency", lambda: _latency(device, out, minutes * LATENCY_SHARE, whole, tiny), out)
    _timed(result, "supernet", lambda: gpu_cases.supernet(bench, Clock(3 / 60) if tiny else whole), out)
    if device.type == "cuda":
        result["peak_device_bytes"] = torch.cuda.max_memory_allocated(device)
        write_json(out / "gpu.json", result)
    return result


def _timed(result: dict[str, Any], name: str, case: Any, out: Path) -> None:
    """One case with the seconds that it took; what it raises is noted, so that the next can begin."""
    start = time.monotonic()
    try:
        found: dict[str, Any] = case()
    except Exception as error:  # a device is lent once: whatever fails must not take the other cases with it
        found = {"error": f"{type(error).__name__}: {error}"}
    found["seconds_of_the_case"] = time.monotonic() - start
    result["cases"][name] = found
    write_json(out / "gpu.json", result)
    print(f"{name}: {found['seconds_of_the_case']:.1f} s {found.get('error', '')}", file=sys.stderr, flush=True)


def _latency(device: torch.device, out: Path, minutes: float, whole: Clock, tiny: bool) -> dict[str, Any]:
    given = min(minutes, max(whole.left(), 0.0) / 60)
    words = ["--out", str(out / "latency"), "--device", str(device), "--minutes", f"{given:.3f}"]
    code = gpu_latency.main([*words, *(TINY_LATENCY if tiny else ())])
    if code:
        raise RuntimeError(f"gpu_latency.py ended with {code}; its message stands above")
    return {"tables": sorted(path.name for path in (out / "latency").glob("*.npz"))}


def summary(result: dict[str, Any]) -> list[str]:
    """A few lines for the terminal."""
    cases = result["cases"]
    lines = [f"{result['environment']['device_name']}{', TINY: not a measurement' if result['tiny'] else ''}"]
    lines += [f"{name}: {case['error']}" for name, case in cases.items() if "error" in case]
    sound = {name: case for name, case in cases.items() if not case.keys() & {"error", "skipped"}}
    if "training" in sound:
        lines.append(f"training, times the reference: {_ratios(sound['training']['ratio'])}")
    for shape, found in sound.get("scoring", {}).items():
        if isinstance(found, dict):
            whole = ", ".join(f"{name} {value:.1f}" for name, value in found["whole_space_ratio"].items())
            lines.append(f"scoring of the whole space, {shape}, times the reference: {whole}")
    for precision, found in sound.get("extrapolated", {}).items():
        if isinstance(found, dict):
            lines.append(f"{EPOCHS} epochs, {precision}: {found['whole_seconds'] / 60:.2f} minutes")
    if "together" in sound:
        gains = ", ".join(f"{name} {gain:.2f}" for name, gain in sound["together"]["gain"].items())
        lines.append(f"steps of several processes, times those of one: {gains}")
    waits = sound.get("waits", {}).get("host_waits", "not asked")
    return [*lines, f"host waits in a stage: {waits}"]


def _ratios(ratios: dict[str, Any]) -> str:
    return ", ".join(f"{name} {ratio['median']:.2f}" for name, ratio in ratios.items())


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--out", default=os.environ.get("OUT", "benchmarks/results/gpu"), help="folder of gpu.json")
    line.add_argument("--device", default="cuda")
    line.add_argument("--minutes", type=float, default=9.0, help="time for everything")
    line.add_argument("--tiny", action="store_true", help="a tiny network, to see that it works")
    return line.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
