"""Everything that is to be known of the engine on a GPU, in one call: ``python benchmarks/gpu.py --out DIR``.

Training and scoring of the 16-channel, 5-cell network against the plain reference on the same device, in float32 and
bfloat16; a captured graph of single architectures, which shows what the launches cost; several architectures in flight;
the time of 250 epochs, extrapolated from a stretch of real training or run in full. Writes ``gpu.json``.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # absent with PYTHONSAFEPATH
sys.path.append(str(HERE.parent))  # last: an installed package goes before the checkout's

import numpy as np  # noqa: E402
import plain  # noqa: E402
import torch  # noqa: E402
from agreement import compare_networks, compare_scores, copy_weights  # noqa: E402
from network_cases import CLASSES, distinct_cells, draw_windows, members_of, random_images  # noqa: E402
from timing import Candidate, interleave, paired_ratio, per_unit  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from nasbench_harness.errors import HarnessError, UsageError  # noqa: E402
from nasbench_harness.images.batches import Augmentation, DeviceImages  # noqa: E402
from nasbench_harness.seeding import derive_rng  # noqa: E402
from nasbench_harness.space import N_ARCHITECTURES, Subspace, index_to_code  # noqa: E402
from nasbench_harness.supernet.network import Code, NetworkShape, Supernet, live_codes  # noqa: E402
from nasbench_harness.supernet.scoring.scores import score_live_cells  # noqa: E402
from nasbench_harness.system.environment import environment_record  # noqa: E402
from nasbench_harness.system.files import write_json  # noqa: E402
from nasbench_harness.system.progress import Silent  # noqa: E402
from nasbench_harness.training.budget import Budget  # noqa: E402
from nasbench_harness.training.samplers import UniformSampler  # noqa: E402
from nasbench_harness.training.settings import Stage, TrainingSettings  # noqa: E402
from nasbench_harness.training.stage_run import StageRun  # noqa: E402

EPOCHS = 250
"""Of the supernet whose whole training is judged, on ``Plan.epoch_images`` images each."""


@dataclass(frozen=True)
class Plan:
    """Size of the network and of the measurement."""

    channels: int = 16
    cells: int = 5
    side: int = 32
    batch: int = 64
    scored_images: int = 1000
    epoch_images: int = 25_000
    repeats: int = 5
    steps: int = 20
    window: int = 32
    in_flight: int = 4
    stretch: int = 200
    """Steps of real training from which 250 epochs are extrapolated."""


QUICK = Plan(4, 1, 8, 8, 16, 64, repeats=2, steps=2, window=3, in_flight=2, stretch=3)


class Bench:
    """Networks with equal weights, images and architectures, all on one device."""

    def __init__(self, device: torch.device, plan: Plan) -> None:
        self.device, self.plan = device, plan
        torch.manual_seed(0)
        engine = Supernet(NetworkShape(plan.channels, plan.cells, 3, CLASSES))
        reference = plain.PlainSupernet(plan.channels, plan.cells, 3, CLASSES)
        copy_weights(engine, reference)
        self.engine, self.reference = engine.to(device), reference.to(device)
        self.half = copy.deepcopy(self.engine)
        self.half.precision = "bfloat16"
        images = random_images(max(plan.epoch_images, plan.scored_images), plan.side)
        self.training = DeviceImages(images, images.train[: plan.epoch_images], device)
        self.held_out = DeviceImages(images, images.train[: plan.scored_images], device)
        x_NCHW, self.labels = self.training.normalised(slice(0, plan.batch)), self.training.labels[: plan.batch]
        self.plain_NCHW = x_NCHW.contiguous()
        self.x_NCHW = x_NCHW.contiguous(memory_format=torch.channels_last)
        self.drawn = Subspace.full().sample(plan.steps, derive_rng("benchmark", "gpu"))
        self.codes = live_codes(self.drawn)

    def settle(self) -> None:
        """Wait until the device has done what it was given; nothing to wait for without one."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def timed(self, work: Callable[[], object]) -> Candidate:
        """A candidate that begins and ends with an idle device."""

        def candidate(repeat: int) -> None:
            work()
            self.settle()

        return candidate


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _options(words)
    try:
        device = usable_device(options.device)
        result = measure(device, QUICK if options.quick else Plan(), full=options.full, quick=options.quick)
        write_json(Path(options.out) / "gpu.json", result)
    except HarnessError as error:
        print(f"gpu: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(summary(result)))
    return 0


def usable_device(name: str) -> torch.device:
    """The device, or ``UsageError`` when torch has none of that name."""
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(
            "no CUDA device: torch.cuda.is_available() is false here; the path alone: --device cpu --quick"
        )
    return torch.device(name)


def measure(device: torch.device, plan: Plan, full: bool = False, quick: bool = False) -> dict[str, Any]:
    """All measurements as plain JSON values."""
    bench = Bench(device, plan)
    rng = derive_rng("benchmark", "gpu", "compared")
    agreement = compare_networks(
        bench.engine, bench.reference, Subspace.full().sample(2, rng), bench.plain_NCHW, bench.labels
    )
    result: dict[str, Any] = {"schema_gpu": 1, "quick": quick, "plan": asdict(plan), "agreement": agreement.to_json()}
    result["host_synchronises_in_a_step"] = synchronises(bench)
    result["training"] = training(bench)
    result["scoring"] = scoring(bench)
    result["graphs"] = graphs(bench)
    result["epochs"] = epochs(bench, full)
    result["environment"] = environment_record(device)
    if device.type == "cuda":
        result["peak_device_bytes"] = torch.cuda.max_memory_allocated(device)
    return result


def training(bench: Bench) -> dict[str, Any]:
    """Seconds of a step by candidate, and their ratios to the reference."""
    settings = TrainingSettings()
    choices = index_to_code(bench.drawn).tolist()

    def optimiser(network: torch.nn.Module) -> torch.optim.SGD:
        return torch.optim.SGD(
            network.parameters(), lr=settings.learning_rate, momentum=settings.momentum, nesterov=True
        )

    theirs = optimiser(bench.reference)

    def reference() -> None:
        for choice in choices:
            plain.training_step(bench.reference, theirs, bench.plain_NCHW, bench.labels, choice)

    def engine(network: Supernet, own: torch.optim.SGD) -> None:
        for code in bench.codes:
            own.zero_grad(set_to_none=True)
            _loss(network, bench, code).backward()  # type: ignore[no-untyped-call]
            own.step()

    candidates: dict[str, Callable[[], object]] = {"reference": reference}
    for name, network in (("float32", bench.engine), ("bfloat16", bench.half)):
        own = optimiser(network)
        candidates[name] = lambda network=network, own=own: engine(network, own)  # type: ignore[misc]
    return compare(bench, candidates, bench.plan.steps)


def scoring(bench: Bench) -> dict[str, Any]:
    """Seconds of one architecture on the held-out images by candidate, and what the whole space takes."""
    plan = bench.plan
    rng = derive_rng("benchmark", "gpu", "scoring")
    cells = draw_windows(1, plan.window, rng)[0]
    choices = index_to_code(members_of(cells, rng)).tolist()
    batches = [(x.contiguous(), labels) for x, labels in bench.held_out.equal_batches(plan.scored_images)]

    def engine(network: Supernet, some: np.ndarray = cells) -> Any:
        return score_live_cells(network, some, bench.held_out, plan.scored_images, Silent())

    def in_flight() -> None:
        if bench.device.type != "cuda":
            engine(bench.half)
            return
        from concurrent.futures import ThreadPoolExecutor

        def stretch(some: np.ndarray) -> None:
            with torch.cuda.stream(torch.cuda.Stream(bench.device)):  # type: ignore[no-untyped-call]
                engine(bench.half, some)

        with ThreadPoolExecutor(plan.in_flight) as pool:
            list(pool.map(stretch, np.array_split(cells, plan.in_flight)))

    agreement = compare_scores(engine(bench.engine), plain.score(bench.reference, choices, batches))
    candidates: dict[str, Callable[[], object]] = {
        "reference": lambda: plain.score(bench.reference, choices, batches),
        "float32": lambda: engine(bench.engine),
        "bfloat16": lambda: engine(bench.half),
        f"bfloat16, {plan.in_flight} in flight": in_flight,
    }
    result = compare(bench, candidates, len(cells))
    seconds = {name: spread["median"] for name, spread in result["seconds"].items()}
    whole = {name: value * len(distinct_cells()) for name, value in seconds.items()}
    whole["reference"] = seconds["reference"] * N_ARCHITECTURES
    return result | {
        "agreement": agreement.to_json(),
        "whole_space_seconds": whole,
        "whole_space_ratio": {name: whole["reference"] / value for name, value in whole.items()},
    }


def graphs(bench: Bench) -> dict[str, Any]:
    """Forward passes of single architectures, launched one by one and replayed as captured graphs.

    The gap is what launches cost. A graph holds one architecture and one batch size, so it pays where an architecture
    meets many batches.
    """
    if bench.device.type != "cuda":
        return {"skipped": "graphs are captured on CUDA devices only"}
    with torch.inference_mode():
        replays = []
        for code in bench.codes:
            bench.half(bench.x_NCHW, code)
            bench.settle()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                bench.half(bench.x_NCHW, code)
            replays.append(graph)

        def launched() -> None:
            with torch.inference_mode():
                for code in bench.codes:
                    bench.half(bench.x_NCHW, code)

        def captured() -> None:
            for graph in replays:
                graph.replay()

        return compare(bench, {"reference": launched, "captured": captured}, len(replays))


def epochs(bench: Bench, full: bool) -> dict[str, Any]:
    """Real training with augmentation and bookkeeping; the time of 250 epochs, extrapolated unless ``full``."""
    plan = bench.plan
    whole = EPOCHS * (plan.epoch_images // plan.batch)
    result: dict[str, Any] = {"epochs": EPOCHS, "steps": whole, "extrapolated": not full}
    for name, network in (("float32", bench.engine), ("bfloat16", bench.half)):
        steps = whole if full else plan.stretch
        stage = Stage("epochs", Subspace.full(), (steps + plan.stretch) * plan.batch, UniformSampler())
        settings = TrainingSettings(batch_size=plan.batch, augmentation=Augmentation(crop_padding=4))
        run = StageRun(network, stage, bench.training, settings, Budget(stage.updates), ("benchmark", "gpu"))
        run.advance(plan.stretch, Silent())  # warm-up
        bench.settle()
        start = time.perf_counter()
        run.advance(steps, Silent())
        bench.settle()
        seconds = time.perf_counter() - start
        result[name] = {"measured_steps": steps, "seconds": seconds, "whole_seconds": seconds / steps * whole}
    return result


def synchronises(bench: Bench) -> bool | None:
    """Whether a training step makes the host wait for the device; None where there is nothing to wait for."""
    if bench.device.type != "cuda":
        return None
    plan = bench.plan
    stage = Stage("quiet", Subspace.full(), 1000 * plan.batch, UniformSampler())
    settings = TrainingSettings(batch_size=plan.batch, augmentation=Augmentation(crop_padding=4))
    network = copy.deepcopy(bench.engine)
    run = StageRun(network, stage, bench.training, settings, Budget(stage.updates), ("benchmark", "quiet"))
    run.advance(3, Silent())
    try:
        with _forbidden_waits():
            run.advance(3, Silent())
    except RuntimeError:
        return True
    return False


@contextmanager
def _forbidden_waits() -> Iterator[None]:
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def compare(bench: Bench, work: dict[str, Callable[[], object]], units: int) -> dict[str, Any]:
    """Time candidates in turns; seconds of a unit, and how many times longer the first takes."""
    times = interleave({name: bench.timed(each) for name, each in work.items()}, bench.plan.repeats)
    seconds = {name: per_unit(spread, units) for name, spread in times.items()}
    base = seconds["reference"]
    return {
        "seconds": {name: spread.to_json() for name, spread in seconds.items()},
        "ratio": {name: paired_ratio(base, spread).to_json() for name, spread in seconds.items() if spread is not base},
    }


def summary(result: dict[str, Any]) -> list[str]:
    """A few lines for the terminal."""
    lines = [f"{result['environment']['device_name']}{', QUICK: not a measurement' if result['quick'] else ''}"]
    for part in ("training", "scoring"):
        ratios = ", ".join(f"{name} {ratio['median']:.2f}" for name, ratio in result[part]["ratio"].items())
        lines.append(f"{part}, times the reference: {ratios}")
    whole = ", ".join(f"{name} {value:.1f}" for name, value in result["scoring"]["whole_space_ratio"].items())
    lines.append(f"scoring of the whole space, times the reference: {whole}")
    for name in ("float32", "bfloat16"):
        lines.append(f"{EPOCHS} epochs, {name}: {result['epochs'][name]['whole_seconds'] / 60:.2f} minutes")
    return lines


def _loss(network: Supernet, bench: Bench, code: Code) -> Tensor:
    return F.cross_entropy(network(bench.x_NCHW, code), bench.labels)


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--out", default=os.environ.get("OUT", "benchmarks/results/gpu"), help="folder of gpu.json")
    line.add_argument("--device", default="cuda")
    line.add_argument("--quick", action="store_true", help="a tiny network, to see that it works")
    line.add_argument("--full", action="store_true", help=f"train all {EPOCHS} epochs instead of extrapolating")
    return line.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
