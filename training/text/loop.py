"""The training loop of the text reader."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from torch import Tensor, nn

from training.core.distributed import of_all, sum_of_all, world_size
from training.core.loop import Loop, parameter_groups
from training.core.run_folder import RunFolder
from training.core.schedule import Schedule
from training.text.augment import augmented
from training.text.blocks import TextBlock
from training.text.measures import Alphabet, metrics_of, predict, to_input

METRIC = "accuracy"

_SMOOTHING = 0.02


@dataclass(frozen=True, slots=True)
class StoppingCriteria:
    """Validation metrics at which training stops early.

    Attributes:
        accuracy: Minimum accuracy of whole texts; 0 for none.
        cost: Maximum validation loss; 0 for none.
    """

    accuracy: float = 0.0
    cost: float = 0.0

    def reached(self, measures: dict[str, float]) -> bool:
        """Whether all criteria are met."""
        return (
            bool(self.accuracy or self.cost)
            and measures["accuracy"] >= self.accuracy
            and (not self.cost or measures["cost"] <= self.cost)
        )


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Augmentation of training pictures.

    Attributes:
        strength: Strength of the augmentation; 0 for none.
        wanted: Whether the last channel is the mask of the target colour.
        sharp: Whether pictures are binarised.
    """

    strength: float
    wanted: bool = False
    sharp: bool = False


class TextTraining(Loop[TextBlock]):
    """A training run of a text reader."""

    # Accuracy soon stands at 100 %, and the last of such weights were made at the lowest rate.
    prefers_newest = True

    def __init__(
        self,
        network: nn.Module,
        run: RunFolder,
        schedule: Schedule,
        alphabet: Alphabet,
        held_out: TextBlock,
        variation: Augmentation,
        *,
        enough: StoppingCriteria,
        facts: dict[str, Any],
        console: Console | None = None,
    ) -> None:
        """Set up the training.

        Args:
            network: The network to train, on the device.
            run: Where to leave checkpoints and metrics.
            schedule: How long and how fast.
            alphabet: Alphabet of its outputs.
            held_out: Validation pictures.
            variation: Augmentation of training pictures.
            enough: When to stop early.
            facts: Fields of checkpoints that describe the network.
            console: Where progress is shown.
        """
        groups = parameter_groups(network, schedule)
        super().__init__(network, run, schedule, METRIC, groups, console=console)
        self._alphabet = alphabet
        self._held_out = held_out
        self._variation = variation
        self._enough = enough
        self._facts = facts

    def losses(self, batch: TextBlock) -> tuple[Tensor, dict[str, float], int]:
        """The loss of a batch, the same by name, and the number of pictures."""
        vary = self._variation
        inputs = augmented(
            to_input(batch, self._device), vary.strength, wanted=vary.wanted, sharp=vary.sharp
        )
        loss = self._alphabet.loss(self._model(inputs), batch.words, smoothing=_SMOOTHING)
        count = len(batch.words)
        if world_size() > 1:
            # Each picture counts the same, whichever process has it.
            count = sum(of_all(count))
            loss = loss * (len(batch.words) * world_size() / count)
        mean = sum_of_all(loss.detach()) / world_size()
        return loss, {"loss": float(mean)}, count

    def validate(self) -> dict[str, float]:
        """Accuracy of texts and of characters, and the loss."""
        answers = predict(self._model, self._alphabet, self._held_out, self._device)
        return metrics_of(answers, self._held_out.words)

    def checkpoint_fields(self) -> dict[str, Any]:
        """Charset and architecture of the network."""
        return self._facts

    def stop_reason(self, measures: dict[str, float]) -> str | None:
        """The reason to stop once the stopping criteria are met."""
        if not self._enough.reached(measures):
            return None
        return (
            f"Step {self.step}: {measures['accuracy']:.2%} of the held-out pictures are right, at "
            f"a cost of {measures['cost']:.4f}; that was asked for, and training ends."
        )
