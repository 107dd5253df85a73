"""How many operations a device is asked to start: by a training step, and by an architecture that is scored.

Counted on torch's "meta" device, which takes the way of a GPU through the code and computes nothing, so no device is
needed. What only looks at memory in another way is no operation. An operation may start more than one kernel: a
normalisation two, one on a list of tensors one for some fifty of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # absent with PYTHONSAFEPATH
sys.path.append(str(HERE.parent))  # last: an installed package goes before the checkout's

import numpy as np  # noqa: E402
import plain  # noqa: E402
import torch  # noqa: E402
from network_cases import CLASSES, distinct_cells, draw_windows  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from nasbench_harness.seeding import derive_rng  # noqa: E402
from nasbench_harness.space import Subspace, index_to_code  # noqa: E402
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes  # noqa: E402
from nasbench_harness.supernet.scoring.edge_cache import steps_of  # noqa: E402
from nasbench_harness.supernet.scoring.group_engine import GroupNetwork  # noqa: E402
from nasbench_harness.supernet.scoring.group_plan import plan_cell  # noqa: E402
from nasbench_harness.supernet.scoring.scores import SupernetScorable  # noqa: E402

META = torch.device("meta")
TENSORS_A_KERNEL = 50
GROUPS = (4, 16, 64)


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations inside ``with``."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.started = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Count, then do as asked."""
        if starts_something(func):
            tensors = len(args[0]) if "_foreach_" in func.name() else 1
            self.started += -(-tensors // TENSORS_A_KERNEL)
        return func(*args, **(kwargs or {}))


def starts_something(func: Any) -> bool:
    """Whether an operation computes: not where it gives memory, or looks at its input in another way."""
    name = func.name()
    if "aten::" not in name or "empty" in name or "detach" in name:
        return False
    returned = [value.alias_info for value in func._schema.returns]
    return not returned or any(alias is None or alias.is_write for alias in returned)


def counted(work: Callable[[], object]) -> int:
    """Operations that ``work`` starts."""
    counter = Counter()
    with counter:
        work()
    return counter.started


def training(channels: int, cells: int, side: int, batch: int = 64, steps: int = 12) -> dict[str, float]:
    """Operations of a training step, mean over uniformly drawn architectures: of the reference, and of the engine."""
    engine = Supernet(NetworkShape(channels, cells, 3, CLASSES)).to(META)
    reference = plain.PlainSupernet(channels, cells, 3, CLASSES).to(META)
    x_NCHW = torch.empty(batch, 3, side, side, device=META).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.int64, device=META)
    drawn = Subspace.full().sample(steps, derive_rng("benchmark", "launches"))
    ours, theirs = (
        torch.optim.SGD(network.parameters(), lr=0.025, momentum=0.9, nesterov=True, weight_decay=5e-4, foreach=True)
        for network in (engine, reference)
    )

    def step(code: tuple[int, ...]) -> None:
        ours.zero_grad(set_to_none=True)
        F.cross_entropy(engine(x_NCHW, code), labels).backward()  # type: ignore[no-untyped-call]
        ours.step()

    pairs = list(zip(live_codes(drawn), index_to_code(drawn).tolist(), strict=True))
    return {
        "reference": sum(
            counted(lambda c=c: plain.training_step(reference, theirs, x_NCHW, labels, c))  # type: ignore[misc]
            for _, c in pairs
        )
        / steps,
        "engine": sum(counted(lambda c=c: step(c)) for c, _ in pairs) / steps,  # type: ignore[misc]
        "engine, forward pass": sum(counted(lambda c=c: engine(x_NCHW, c)) for c, _ in pairs) / steps,  # type: ignore[misc]
    }


@torch.inference_mode()
def scoring(channels: int, cells: int, side: int, images: int = 500, window: int = 64) -> dict[str, float]:
    """Operations of an architecture on one batch, mean over neighbours in the order of codes."""
    engine = Supernet(NetworkShape(channels, cells, 3, CLASSES)).to(META)
    reference = plain.PlainSupernet(channels, cells, 3, CLASSES).to(META)
    x_NCHW = torch.empty(images, 3, side, side, device=META)
    some = draw_windows(1, window, derive_rng("benchmark", "launches", "scoring"))[0]
    scorable = SupernetScorable(engine)
    runs, _ = scorable.runs(some)
    answer = scorable.engine()(x_NCHW)
    few = index_to_code(some[:: max(1, window // 8)]).tolist()
    plainly = sum(counted(lambda c=c: reference(x_NCHW, c)) for c in few)  # type: ignore[misc]
    whole = {
        "reference": plainly * window / len(few),
        "one by one": sum(counted(lambda run=run: answer(run)) for run in runs),  # type: ignore[misc]
    }
    batch = GroupNetwork(scorable.sharing()).on_batch(x_NCHW)
    for size in (size for size in GROUPS if size <= window):
        parts = [runs[start : start + size] for start in range(0, len(runs), size)]
        whole[f"groups of {size}"] = sum(counted(lambda part=part: batch(part)) for part in parts)  # type: ignore[misc]
    return {name: count / window for name, count in whole.items()}


def calls_a_cell(size: int) -> float:
    """Operation calls of a cell behind the first for groups of so many neighbours, mean over the whole space."""
    cells = distinct_cells()[1:]
    plans = []
    for start in range(0, len(cells) - size + 1, max(size, len(cells) // 40)):
        steps = [steps_of(code) for code in live_codes(cells[start : start + size])]
        plans.append(plan_cell(steps, np.zeros(size, dtype=np.int64), np.arange(size)).calls)
    return float(np.mean(plans))


def counts(shapes: Sequence[tuple[int, int, int]] = ((16, 5, 32), (8, 1, 16))) -> dict[str, Any]:
    """All counts as plain JSON values, by shape."""
    found: dict[str, Any] = {
        "{}-{}-{}".format(*shape): {"training": training(*shape), "scoring": scoring(*shape)} for shape in shapes
    }
    return found | {"calls_a_cell": {str(size): calls_a_cell(size) for size in (1, *GROUPS, 256)}}


def main() -> int:
    """Print the counts as JSON."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(json.dumps(counts(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
