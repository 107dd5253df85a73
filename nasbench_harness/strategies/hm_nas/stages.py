"""What HM-NAS trains: importances with the weights, then masks."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_EDGES
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.hm_nas.edges import INCOMING, MIXED
from nasbench_harness.strategies.hm_nas.loop import Loop, descend
from nasbench_harness.strategies.hm_nas.network import Mixture, binarise
from nasbench_harness.strategies.hm_nas.options import MaskSettings
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.training.settings import rate_of_step

OPERATION_GROUPS = tuple(tuple(range(edge * len(MIXED), (edge + 1) * len(MIXED))) for edge in range(N_EDGES))


def halves(images: DeviceImages, seed: int) -> tuple[DeviceImages, DeviceImages]:
    """A random half of the images and the other, views of neither."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).to(images.labels.device)
    middle = len(images) // 2
    return images.part(order[:middle]), images.part(order[middle : 2 * middle])


@dataclass(frozen=True)
class Importances:
    """Logits of operations ``alpha_EM`` ``[6, 4]`` and of edges ``beta_E`` ``[6]`` (``None``: all edges weigh 1)."""

    alpha_EM: Tensor
    beta_E: Tensor | None

    @property
    def operation_EM(self) -> Tensor:
        """Shares of the operations of each edge, rows add up to 1."""
        return self.alpha_EM.softmax(1)

    @property
    def edge_E(self) -> Tensor:
        """Weights of the edges; those that end in one node have mean 1."""
        if self.beta_E is None:
            return torch.ones_like(self.alpha_EM[:, 0])
        return torch.cat(
            [self.beta_E[incoming[0] : incoming[-1] + 1].softmax(0) * len(incoming) for incoming in INCOMING]
        )

    @property
    def learnt(self) -> dict[str, Tensor]:
        """The logits by name."""
        return {"alpha": self.alpha_EM} | ({} if self.beta_E is None else {"beta": self.beta_E})


class ImportanceLoop(Loop):
    """Weights on one half of the images, importances on the other, in turns (first order, as DARTS)."""

    def __init__(
        self,
        context: Context,
        updates: int,
        network: Supernet,
        halves: tuple[DeviceImages, DeviceImages],
        edge_level: bool,
        rate: float,
    ) -> None:
        """Draw the importances, near zero."""
        super().__init__(context, "mixture", updates, {"weights": halves[0], "importances": halves[1]})
        device, rng = context.train_images.labels.device, derive_rng(*context.seed_axes, "importances")
        drawn = torch.from_numpy(rng.normal(0.0, 1e-3, (N_EDGES, len(MIXED) + 1))).float().to(device)
        self.importances = Importances(
            drawn[:, :-1].clone().requires_grad_(), drawn[:, -1].clone().requires_grad_() if edge_level else None
        )
        self.network, self.mixture = network, Mixture(network)
        training, learnt = context.training, self.importances.learnt
        self._sgd = torch.optim.SGD(
            network.parameters(),
            lr=training.learning_rate,
            momentum=training.momentum,
            nesterov=training.nesterov,
            weight_decay=training.weight_decay,
        )
        self._adam = torch.optim.Adam(learnt.values(), lr=rate, betas=(0.5, 0.999), weight_decay=1e-3)
        self.optimisers = {"sgd": (self._sgd, dict(network.named_parameters())), "adam": (self._adam, learnt)}

    def _loss(self, name: str, weight_EM: Tensor) -> Tensor:
        x_NCHW, labels = self.batch(name)
        return F.cross_entropy(self.mixture(x_NCHW, weight_EM, name == "weights"), labels)

    def step(self) -> list[Tensor]:
        """One step of the importances, then one of the weights; the loss of the latter."""
        self.network.train()
        importances, training = self.importances, self.context.training
        loss = self._loss("importances", importances.operation_EM * importances.edge_E[:, None])
        descend(loss, list(importances.learnt.values()), self._adam)
        for group in self._sgd.param_groups:
            group["lr"] = rate_of_step(self.done, self.steps, self.steps_an_epoch, training)
        loss = self._loss("weights", (importances.operation_EM * importances.edge_E[:, None]).detach())
        descend(loss, list(self.network.parameters()), self._sgd, training.clip_norm)
        return [loss.detach()]


class MaskLoop(Loop):
    """Real-valued masks of operations, edges and weights, all else frozen; trained on the half of the importances."""

    def __init__(
        self,
        context: Context,
        updates: int,
        network: Supernet,
        images: DeviceImages,
        importances: Importances,
        settings: MaskSettings,
    ) -> None:
        """All masks start at their level's ``start``."""
        super().__init__(context, "masks", updates, {"masks": images})
        self.settings, self.network, self.mixture = settings, network, Mixture(network)
        self._operation_EM, self._edge_E = importances.operation_EM.detach(), importances.edge_E.detach()
        masked = {"alpha": self._operation_EM} | ({} if importances.beta_E is None else {"beta": self._edge_E})
        if settings.with_weights:
            masked |= {name: weight for name, weight in network.named_parameters() if name.startswith("cells.")}
        self.real = {
            name: torch.full_like(tensor, settings.of(name).start, requires_grad=False).requires_grad_()
            for name, tensor in masked.items()
        }
        self._adam = torch.optim.Adam(
            [{"params": [real], "lr": settings.of(name).rate} for name, real in self.real.items()]
        )
        self.optimisers = {"adam": (self._adam, self.real)}

    def mask(self, name: str) -> Tensor:
        """The binary mask of ``alpha``, ``beta`` or a weight."""
        groups = {"alpha": OPERATION_GROUPS, "beta": INCOMING}.get(name, ())
        return binarise(self.real[name], self.settings.threshold, groups)

    @property
    def operation_EM(self) -> Tensor:
        """Masked shares of the operations, ``[6, 4]``."""
        return self._operation_EM * self.mask("alpha")

    @property
    def edge_E(self) -> Tensor:
        """Masked weights of the edges, ``[6]``."""
        return self._edge_E * self.mask("beta") if "beta" in self.real else self._edge_E

    def masked_weights(self) -> dict[str, Tensor]:
        """Masked weights by their names in the network; empty without the level of weights."""
        own = {name: weight.detach() for name, weight in self.network.named_parameters() if name in self.real}
        return {name: weight * self.mask(name) for name, weight in own.items()}

    def logits(self, x_NCHW: Tensor) -> Tensor:
        """Logits ``[N, classes]`` of the masked mixture."""
        weights = {f"network.{name}": weight for name, weight in self.masked_weights().items()}
        weight_EM = self.operation_EM * self.edge_E[:, None]
        found: Tensor = functional_call(self.mixture, weights, (x_NCHW, weight_EM, self.settings.with_weights))
        return found

    def step(self) -> list[Tensor]:
        """One step of all masks; the loss without what presses on them."""
        x_NCHW, labels = self.batch("masks")
        loss = F.cross_entropy(self.logits(x_NCHW), labels)
        pressed = loss
        for pressure, masks in self._by_pressure().items():
            if pressure:
                pressed = pressed + pressure * sum(real.abs().sum() for real in masks)
        descend(pressed, list(self.real.values()), self._adam)
        return [loss.detach()]

    def _by_pressure(self) -> dict[float, list[Tensor]]:
        found: dict[float, list[Tensor]] = {}
        for name, real in self.real.items():
            found.setdefault(self.settings.of(name).pressure, []).append(real)
        return found

    def bake(self) -> Supernet:
        """A copy of the network with the masked weights in place."""
        network = copy.deepcopy(self.network)
        with torch.no_grad():
            for name, weight in self.masked_weights().items():
                network.get_parameter(name).copy_(weight)
        return network
