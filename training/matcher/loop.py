"""The training loop of matcher and classifier, on batches of pairs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from training.core.device import default_device
from training.core.distributed import gather_rows, of_all, world_size
from training.core.loop import Loop
from training.core.run_folder import RunFolder
from training.core.schedule import Schedule
from training.matcher.imprinting import Imprinter
from training.matcher.joint_model import JointModel, LossWeights, same_items, to_input
from training.matcher.pairs import Block

_SYMBOL_EPS = 1e-3
"""Adam moves a row of weights by the full rate however small its gradient. Of nine thousand symbols
a hundred are in a batch; this keeps the others from wandering off."""

Measure = Callable[[JointModel, str], dict[str, float]]


class Training(Loop[Block]):
    """A training run of matcher and classifier."""

    unit = "pairs"
    skips_parameters = True

    def __init__(
        self,
        model: JointModel,
        run: RunFolder,
        schedule: Schedule,
        weighting: LossWeights,
        measure: Measure,
        metric: str,
        *,
        imprinter: Imprinter | None = None,
        imprint_from: int = 0,
        console: Console | None = None,
    ) -> None:
        """Set up optimiser and parameter groups.

        Args:
            model: The model to train; moved to the device.
            run: Where to leave checkpoints and metrics.
            schedule: How long and how fast.
            weighting: Weights of the losses.
            measure: Computes the validation metrics of the model, by name.
            metric: Name of the metric by which the best weights are chosen; larger is better.
            imprinter: Sets the symbols' rows, which then are not learned; already prepared.
            imprint_from: Step from which on it does.
            console: Where progress is shown.
        """
        model = model.to(default_device()).to(memory_format=torch.channels_last)
        rows = [] if model.characters is None else list(model.characters.symbols.parameters())
        own = {id(p) for p in rows}
        rest = [p for p in model.parameters() if id(p) not in own]
        rows = [p for p in rows if p.requires_grad]
        super().__init__(
            model,
            run,
            schedule,
            metric,
            [
                {
                    "params": [p for p in rest if p.ndim >= 2],
                    "weight_decay": schedule.weight_decay,
                },
                {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
                *([{"params": rows, "weight_decay": 0.0, "eps": _SYMBOL_EPS}] if rows else []),
            ],
            console=console,
        )
        self._joint = model
        self._weighting = weighting
        self._measure = measure
        self._imprinter = imprinter
        self._imprint_from = imprint_from

    def losses(self, batch: Block) -> tuple[Tensor, dict[str, float], int]:
        """The loss of a batch, its parts, and the number of pairs."""
        if world_size() > 1:
            return self._losses_of_all(batch)
        device = self._device
        loss, parts = self._joint.losses(
            to_input(batch.prompt, device),
            to_input(batch.scene, device),
            torch.from_numpy(same_items(batch.words)).to(device),
            torch.from_numpy(batch.labels).to(device),
            self._weighting,
            (
                to_input(batch.scene_negatives, device),
                to_input(batch.prompt_negatives, device),
            ),
        )
        return loss, parts, len(batch.words)

    def _losses_of_all(self, batch: Block) -> tuple[Tensor, dict[str, float], int]:
        """The loss of the batches of all processes.

        The trunk, which is nearly all of the work, computes this process's crops. The heads and
        the losses are computed on all of them in each process, with the same random numbers: the
        negatives of an item are in all batches.
        """
        device = self._device
        crops = (batch.prompt, batch.scene, batch.scene_negatives, batch.prompt_negatives)
        features = self._joint.siamese.trunk(torch.cat([to_input(part, device) for part in crops]))
        gathered = [gather_rows(part) for part in features.split([len(part) for part in crops])]
        words = tuple(word for part in of_all(batch.words) for word in part)
        labels = np.concatenate(of_all(batch.labels))
        torch.manual_seed(self._schedule.seed + self.step)
        loss, parts = self._joint.losses_of(
            torch.cat(gathered),
            len(gathered[2]),
            torch.from_numpy(same_items(words)).to(device),
            torch.from_numpy(labels).to(device),
            self._weighting,
        )
        return loss, parts, len(words)

    def validate(self) -> dict[str, float]:
        """Validation metrics, after all symbols' rows were set for the current trunk."""
        self.on_start()
        return self._measure(self._joint, self._device)

    def checkpoint_fields(self) -> dict[str, Any]:
        """The charset."""
        return {"charset": self._joint.charset}

    def on_start(self) -> None:
        """Set all symbols' rows."""
        if self._imprinter is not None and self.step >= self._imprint_from:
            self._model.eval()
            self._imprinter.every(self._joint, self._device)

    def on_step_end(self) -> None:
        """Update some of the symbols' rows for the changed trunk."""
        if self._imprinter is None or self.step < self._imprint_from:
            return
        self._model.eval()
        if self.step == self._imprint_from:
            self._imprinter.every(self._joint, self._device)
        else:
            self._imprinter.some(self._joint, self._device)
