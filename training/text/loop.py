"""The training loop of the text reader."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from torch import Tensor, nn

from training.core.loop import Loop, usual_groups
from training.core.run_folder import RunFolder
from training.core.schedule import Schedule
from training.text.augment import varied
from training.text.blocks import TextBlock
from training.text.measures import Alphabet, answers_of, measures_of, to_input

METRIC = "accuracy"

_SMOOTHING = 0.02


@dataclass(frozen=True, slots=True)
class Enough:
    """When training may end before its schedule does.

    Attributes:
        accuracy: Accuracy of whole pictures, at least; 0 for any.
        cost: At most; 0 for any.
    """

    accuracy: float = 0.0
    cost: float = 0.0

    def reached(self, measures: dict[str, float]) -> bool:
        """Whether all that was asked for is there."""
        return (
            bool(self.accuracy or self.cost)
            and measures["accuracy"] >= self.accuracy
            and (not self.cost or measures["cost"] <= self.cost)
        )


@dataclass(frozen=True, slots=True)
class Variation:
    """How training pictures are varied.

    Attributes:
        strength: 0 for not at all.
        wanted: Whether the last channel tells where the wanted colour is.
        sharp: Whether pictures are black and white.
    """

    strength: float
    wanted: bool = False
    sharp: bool = False


class TextTraining(Loop[TextBlock]):
    """One run of the loop."""

    # Accuracy soon stands at 100 %, and the last of such weights were made at the lowest rate.
    newest_of_equals = True

    def __init__(
        self,
        network: nn.Module,
        run: RunFolder,
        schedule: Schedule,
        alphabet: Alphabet,
        held_out: TextBlock,
        variation: Variation,
        *,
        enough: Enough,
        facts: dict[str, Any],
        console: Console | None = None,
    ) -> None:
        """Set everything up.

        Args:
            network: What to train, on the device.
            run: Where to leave checkpoints and metrics.
            schedule: How long and how fast.
            alphabet: Alphabet of its outputs.
            held_out: Pictures to measure on.
            variation: How the pictures to train on are varied.
            enough: When it may end early.
            facts: What checkpoints say of the network.
            console: Where progress is shown.
        """
        groups = usual_groups(network, schedule)
        super().__init__(network, run, schedule, METRIC, groups, console=console)
        self._alphabet = alphabet
        self._held_out = held_out
        self._variation = variation
        self._enough = enough
        self._facts = facts

    def losses(self, batch: TextBlock) -> tuple[Tensor, dict[str, float], int]:
        """The loss of a batch, again under its name, and its pictures."""
        vary = self._variation
        inputs = varied(
            to_input(batch, self._device), vary.strength, wanted=vary.wanted, sharp=vary.sharp
        )
        loss = self._alphabet.loss(self._model(inputs), batch.words, smoothing=_SMOOTHING)
        return loss, {"loss": float(loss.detach())}, len(batch.words)

    def measures(self) -> dict[str, float]:
        """Accuracy of pictures and of characters, and the cost."""
        answers = answers_of(self._model, self._alphabet, self._held_out, self._device)
        return measures_of(answers, self._held_out.words)

    def facts(self) -> dict[str, Any]:
        """What the network is made of."""
        return self._facts

    def finished(self, measures: dict[str, float]) -> str | None:
        """Whether it is good enough."""
        if not self._enough.reached(measures):
            return None
        return (
            f"Step {self.step}: {measures['accuracy']:.2%} of the held-out pictures are right, at "
            f"a cost of {measures['cost']:.4f}; that was asked for, and training ends."
        )
