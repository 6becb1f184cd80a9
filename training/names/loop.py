"""The training of the names network on drawn crops."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from siamese.names_network import NamesNetwork, Proxies
from siamese.vocabulary import shipped_vocabulary
from training.core.device import half_precision
from training.core.loop import Loop, parameter_groups
from training.core.run_folder import RunFolder
from training.core.schedule import Schedule
from training.names.augment import augmented
from training.names.crops import NamedCrops
from training.names.metrics import naming_measures

U8 = NDArray[np.uint8]

SCALE, MEAN, STD = 1 / 255, 0.5, 0.25
"""The matcher's, whose trunk the network begins with."""

_LABEL_SMOOTHING = 0.05
_NOTHING_WEIGHT = 0.3
_EVALUATED_AT_ONCE = 256

Batch = tuple[Tensor, Tensor]


class NamesModel(nn.Module):
    """The network, and the proxies that it is trained with."""

    def __init__(self, things: int, *, frozen_blocks: int = 0, dropout: float = 0.0) -> None:
        """Put both together.

        Args:
            things: Number of things.
            frozen_blocks: How many of the trunk's first blocks stay as they are.
            dropout: Share of the head's inputs that are left out in training.
        """
        super().__init__()
        self.network = NamesNetwork(dropout=dropout)
        self.proxies = Proxies(things, self.network.features)
        self.frozen_blocks = frozen_blocks
        for part in self._frozen():
            part.requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> "NamesModel":
        """Switch modes; frozen blocks stay in evaluation mode, statistics and all."""
        super().train(mode)
        for part in self._frozen():
            part.eval()
        return self

    def _frozen(self) -> list[nn.Module]:
        trunk = self.network.trunk
        return [trunk.stem, *trunk.blocks[: self.frozen_blocks]] if self.frozen_blocks else []


class CropBatches:
    """Batches of crops in random order, each of them changed every time; implements `Batches`."""

    def __init__(self, crops: NamedCrops, size: int, seed: int) -> None:
        """Take the crops as they are.

        Args:
            crops: What to learn from.
            size: Crops of a batch.
            seed: Random seed.
        """
        self._crops = crops
        self._size = size
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def drawn(self) -> int:
        """Number of different crops."""
        return len(self._crops)

    def batch(self) -> Batch:
        """`(size, 3, 64, 64)` float32, scaled as the network wants it, and `(size,)` labels."""
        rows = self._rng.integers(len(self._crops), size=self._size)
        changed = _changed(self._crops.pictures[rows], self._generator)
        return changed, torch.from_numpy(self._crops.labels[rows])


class MapBatches:
    """Batches of what the frozen blocks make of changed crops; implements `Batches`."""

    def __init__(
        self, crops: NamedCrops, model: NamesModel, size: int, seed: int, *, views: int
    ) -> None:
        """Run the frozen blocks over all crops.

        Args:
            crops: What to learn from.
            model: With frozen blocks, on the CPU.
            size: Crops of a batch.
            seed: Random seed.
            views: Changed copies of each crop.
        """
        generator = torch.Generator().manual_seed(seed)
        self._labels = torch.from_numpy(np.tile(crops.labels, views))
        self._size = size
        self._generator = generator
        parts = []
        model.eval()
        with torch.inference_mode(), half_precision("cpu"):
            for _ in range(views):
                for start in range(0, len(crops), _EVALUATED_AT_ONCE):
                    changed = _changed(
                        crops.pictures[start : start + _EVALUATED_AT_ONCE], generator
                    )
                    maps = model.network.trunk.early(changed, model.frozen_blocks)
                    parts.append(maps.bfloat16())
        self._maps = torch.cat(parts)

    @property
    def drawn(self) -> int:
        """Number of different views."""
        return len(self._labels)

    def batch(self) -> Batch:
        """Maps of `size` crops, and `(size,)` labels."""
        rows = torch.randint(len(self._labels), (self._size,), generator=self._generator)
        return self._maps[rows].float(), self._labels[rows]


class NamesLoop(Loop[Batch]):
    """A run; the metric is the share of small validation puzzles that are solved."""

    unit = "crops"

    def __init__(
        self, model: NamesModel, run: RunFolder, schedule: Schedule, trials: NamedCrops
    ) -> None:
        """Set up the optimiser.

        Args:
            model: The model to train, on the device.
            run: Where to leave checkpoints and metrics.
            schedule: How long and how fast.
            trials: Crops of the validation split.
        """
        super().__init__(model, run, schedule, "solved", parameter_groups(model, schedule))
        self._names = model
        self._trials = trials

    def losses(self, batch: Batch) -> tuple[Tensor, dict[str, float], int]:
        """Softmax over all things; crops of nothing are to be equally unlike all of them."""
        crops, labels = (part.to(self._device) for part in batch)
        blocks = self._names.frozen_blocks
        network = self._names.network
        embeddings = network.embed(crops, blocks) if blocks else network(crops)
        logits = self._names.proxies(embeddings)
        named = labels >= 0
        loss_name = functional.cross_entropy(
            logits[named], labels[named], label_smoothing=_LABEL_SMOOTHING
        )
        loss = loss_name
        parts = {"loss_name": float(loss_name.detach())}
        if not bool(named.all()):
            # The best cosine of a crop without an item is the one that does harm.
            loss_nothing = functional.softplus(
                torch.logsumexp(logits[~named], 1) - self._names.proxies.log_scale.exp() * 0.5
            ).mean()
            loss = loss + _NOTHING_WEIGHT * loss_nothing
            parts["loss_nothing"] = float(loss_nothing.detach())
        return loss, parts, len(labels)

    def validate(self) -> dict[str, float]:
        """Measures of naming the trials' crops."""
        with torch.inference_mode(), half_precision(self._device):
            logits = self._names.proxies(
                embedded(self._names.network, self._trials.pictures, self._device)
            )
            # A crop that is like many things says little of each: 69 % solved instead of 63 %.
            scores = torch.log_softmax(logits[:, : len(shipped_vocabulary())].float(), 1)
        return naming_measures(
            scores.cpu().numpy().astype(np.float64),
            self._trials.labels,
            np.random.default_rng(0),
        )

    def checkpoint_fields(self) -> dict[str, Any]:
        """The number of things."""
        return {"things": len(self._names.proxies.places)}


def _changed(pictures: U8, generator: torch.Generator) -> Tensor:
    """Input of the network from `(N, 64, 64, 3)` uint8 crops, each of them changed."""
    scaled = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return (augmented(scaled, generator) - MEAN) / STD


def embedded(network: NamesNetwork, pictures: U8, device: str) -> Tensor:
    """`(N, features)` embeddings of `(N, 64, 64, 3)` uint8 RGB crops."""
    parts = []
    for start in range(0, len(pictures), _EVALUATED_AT_ONCE):
        part = torch.from_numpy(pictures[start : start + _EVALUATED_AT_ONCE])
        parts.append(network(to_input(part).to(device)))
    return torch.cat(parts)


def to_input(pictures: Tensor) -> Tensor:
    """`(N, 3, 64, 64)` float32 of `(N, 64, 64, 3)` uint8, scaled as the network wants it."""
    return (pictures.permute(0, 3, 1, 2).float() * SCALE - MEAN) / STD
