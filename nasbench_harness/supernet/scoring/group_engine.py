"""Logits of a group of architectures at once: each operation of a cell is one call for all that choose it.

The same mathematics as ``torch_engine``, architecture by architecture. What a device spends on starting operations is
shared by the group; what it spends on arithmetic and memory is not, and rows are copied to lie side by side. So this
pays where operations are short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.space import CONV_3X3, EDGES, N_EDGES, POOL, SKIP
from nasbench_harness.supernet.layers import Reduction
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.supernet.operations import avg_pool_2x2, avg_pool_3x3
from nasbench_harness.supernet.scoring.edge_cache import Step
from nasbench_harness.supernet.scoring.group_plan import Call, CellPlan, NodePlan, Rows, plan_cell
from nasbench_harness.supernet.scoring.group_rows import Form


@dataclass(frozen=True, eq=False)
class Sharing:
    """How the runs of a ``Scorable`` share the weights of a network.

    ``member``: operation and set of weights of each edge of a run, and the copy of each cell that it uses. ``weight``:
    the convolution at a position of the network, by copy, operation and set. ``edge_weight_E`` multiplies what edges
    give; 0: absent.
    """

    network: Supernet
    member: Callable[[Any], tuple[tuple[Step, ...], Sequence[int]]]
    weight: Callable[[int, int, int, int], Tensor]
    edge_weight_E: Sequence[float] = (1.0,) * N_EDGES


class PlacedPlan:
    """A plan with its row numbers on the device; None stands for all rows in their order."""

    def __init__(self, plan: CellPlan, input_rows: int, device: torch.device) -> None:
        self.plan = plan
        rows_of_node = (input_rows, *(node.rows for node in plan.nodes))
        wanted: list[tuple[Rows, int]] = []
        for node in plan.nodes:
            wanted += [(call.inputs, rows_of_node[EDGES[call.edge][0]]) for call in node.calls]
            count = sum(len(call.inputs) for call in node.calls)
            wanted += [(rows, count) for rows in node.terms]
        wanted.append((plan.output_M, plan.nodes[-1].rows))
        # one transfer for all of them
        whole = torch.from_numpy(np.concatenate([rows for rows, _ in wanted])).to(device)
        parts = torch.split(whole, [len(rows) for rows, _ in wanted])
        placed = iter(
            None if np.array_equal(rows, np.arange(count)) else part
            for (rows, count), part in zip(wanted, parts, strict=True)
        )
        self.nodes = [
            (node, [next(placed) for _ in node.calls], [next(placed) for _ in node.terms]) for node in plan.nodes
        ]
        self.output_M = next(placed)


class GroupNetwork:
    """A network ready for groups of runs; its weights must not change meanwhile."""

    def __init__(self, sharing: Sharing) -> None:
        self.sharing, self.network = sharing, sharing.network
        self.dtype = sharing.network.activation_dtype
        self._weights: dict[tuple[int, ...], Tensor] = {}
        self.stem = self.network.stem.detach().to(self.dtype)
        blocks: list[Reduction] = list(self.network.reductions)  # type: ignore[arg-type]
        self.reductions = [
            [weight.detach().to(self.dtype) for weight in (block.conv_a, block.conv_b, block.shortcut)]
            for block in blocks
        ]

    def weight(self, position: int, call: Call) -> Tensor:
        """The convolution of a call at a position of the network, in the working precision."""
        place = (position, call.copy, call.op, call.weights)
        found = self._weights.get(place)
        if found is None:
            found = self._weights[place] = self.sharing.weight(*place).detach().to(self.dtype)
        return found

    def on_batch(self, x_NCHW: Tensor) -> GroupBatch:
        """Ready for these images."""
        return GroupBatch(self, x_NCHW)


class GroupBatch:
    """One batch of images: a group of runs in, logits ``[M, N, classes]`` out."""

    def __init__(self, group: GroupNetwork, x_NCHW: Tensor) -> None:
        self.group, self.network = group, group.network
        count, _, height, width = x_NCHW.shape
        self.form = Form(count, self.network.shape.channels, height, width)
        x = x_NCHW.to(group.dtype).contiguous(memory_format=torch.channels_last)
        self.stem_1D = self.form.normalised(F.conv2d(x, group.stem, padding=1))

    def __call__(self, runs: Sequence[Any]) -> Tensor:
        """Logits ``[M, N, classes]``, in float32 or better."""
        steps, routes = zip(*map(self.group.sharing.member, runs), strict=True)
        route_MP = np.array(routes, dtype=np.int64)
        plans: dict[tuple[bytes, bytes], PlacedPlan] = {}
        x_RD, form, row_M, chosen_M = self.stem_1D, self.form, np.zeros(len(runs), dtype=np.int64), None
        for position in range(self.network.shape.cell_count):
            stage, within = divmod(position, self.network.shape.cells)
            if stage and not within:
                x_RD, form = self._reduction(x_RD, form, stage - 1)
            copy_M = route_MP[:, position]
            key = copy_M.tobytes(), row_M.tobytes()
            if key not in plans:
                plan = plan_cell(steps, copy_M, row_M, self.group.sharing.edge_weight_E)
                plans[key] = PlacedPlan(plan, len(x_RD), x_RD.device)
            x_RD = CellPass(self.group, plans[key], position, form, x_RD).output()
            row_M, chosen_M = plans[key].plan.output_M, plans[key].output_M
        logits_RNK = self._head(x_RD, form)
        return logits_RNK if chosen_M is None else logits_RNK.index_select(0, chosen_M)

    def _reduction(self, x_RD: Tensor, form: Form, number: int) -> tuple[Tensor, Form]:
        """The residual block that halves the image and doubles the channels, for all rows."""
        conv_a, conv_b, shortcut = self.group.reductions[number]
        a = F.conv2d(form.as_images(F.relu(x_RD)), conv_a, stride=2, padding=1)
        half = Form(form.images, *a.shape[1:])
        inner = half.as_images(half.normalised(a).relu_())
        output_RD = half.normalised(F.conv2d(inner, conv_b, padding=1))
        output_RD += half.as_rows(F.conv2d(avg_pool_2x2(form.as_images(x_RD)), shortcut))
        return output_RD, half

    def _head(self, x_RD: Tensor, form: Form) -> Tensor:
        """Logits ``[R, N, classes]`` from the output of the last cell."""
        classifier = self.network.classifier
        relu_RD = form.normalised(form.as_images(x_RD)).relu_()
        relu_RNPC = relu_RD.view(len(x_RD), form.images, form.height * form.width, form.channels)
        logits: Tensor = classifier(relu_RNPC.mean(2, dtype=classifier.weight.dtype))
        return logits


class CellPass:
    """One cell of the network on the rows of a group."""

    def __init__(self, group: GroupNetwork, placed: PlacedPlan, position: int, form: Form, x_RD: Tensor) -> None:
        self.group, self.placed, self.position, self.form = group, placed, position, form
        self.nodes = [x_RD]
        self.relus: dict[int, Tensor] = {}

    def output(self) -> Tensor:
        """The rows of the last node, ``[R, D]``."""
        for node, inputs, terms in self.placed.nodes:
            self.nodes.append(self._sum(node, self._operations(node, inputs), terms))
        return self.nodes[-1]

    def _operations(self, node: NodePlan, inputs: Sequence[Tensor | None]) -> Tensor:
        """The terms ``[T, D]`` of a node."""
        counts = [len(call.inputs) for call in node.calls]
        terms_TD = self.nodes[0].new_empty(sum(counts), self.form.size)
        for call, rows, out_RD in zip(node.calls, inputs, torch.split(terms_TD, counts), strict=True):
            self._operate(call, rows, out_RD)
            weight = self.group.sharing.edge_weight_E[call.edge]
            if weight != 1:
                out_RD.mul_(weight)
        return terms_TD

    def _operate(self, call: Call, rows: Tensor | None, out_RD: Tensor) -> None:
        source = EDGES[call.edge][0]
        if call.op in (SKIP, POOL):
            x_RD = self.nodes[source]
            if rows is None:
                taken_RD = x_RD
            elif call.op == SKIP:
                torch.index_select(x_RD, 0, rows, out=out_RD)
                return
            else:
                taken_RD = x_RD.index_select(0, rows)
            images = self.form.as_images(taken_RD)
            out_RD.copy_(taken_RD if call.op == SKIP else self.form.as_rows(avg_pool_3x3(images)))
            return
        if source not in self.relus:
            self.relus[source] = F.relu(self.nodes[source])
        relu_RD = self.relus[source]
        images = self.form.as_images(relu_RD if rows is None else relu_RD.index_select(0, rows))
        weight = self.group.weight(self.position, call)
        self.form.normalised(F.conv2d(images, weight, padding=1 if call.op == CONV_3X3 else 0), out_RD)

    def _sum(self, node: NodePlan, terms_TD: Tensor, numbers: Sequence[Tensor | None]) -> Tensor:
        """The rows of a node from its terms; see ``NodePlan``."""
        if not numbers:
            return terms_TD.new_zeros(node.rows, self.form.size)
        if len(numbers) == 1 and numbers[0] is None and node.rows == len(terms_TD):
            return terms_TD
        total_RD = terms_TD.new_empty(node.rows, self.form.size)
        for place, (rows, number) in enumerate(zip(node.terms, numbers, strict=True)):
            part_RD = total_RD[: len(rows)]
            if place:
                part_RD += terms_TD if number is None else terms_TD.index_select(0, number)
            elif number is None:
                part_RD.copy_(terms_TD)
            else:
                torch.index_select(terms_TD, 0, number, out=part_RD)
                total_RD[len(rows) :].zero_()
        return total_RD
