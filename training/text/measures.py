"""Predictions of a text network on validation pictures, their loss and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from classifier.ctc import best_path
from training.core.device import half_precision
from training.text.blocks import TextBlock
from training.text.scoring import differing

F32 = NDArray[np.float32]

_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions for some pictures.

    Attributes:
        texts: Greedy decodings.
        confidences: Likelihood of each, 0..1.
        cost: Mean loss of a picture.
    """

    texts: tuple[str, ...]
    confidences: tuple[float, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Mapping between characters and the classes of a network.

    Attributes:
        characters: All of them; the number of the first is 1.
        places: Number of characters of a network of fixed length; 0 for CTC.
    """

    characters: str
    places: int = 0

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols in the order of the outputs."""
        return ("", *self.characters)

    def encode(self, words: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Encode texts as class indices and lengths.

        Returns:
            `(N, places)` int64 filled up with 0, or for CTC all in a row, `(sum of lengths,)`; and
            `(N,)` int64 lengths.
        """
        index = {character: at for at, character in enumerate(self.characters, start=1)}
        rows = [[index[character] for character in word] for word in words]
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        if self.places:
            filled = [row + [0] * (self.places - len(row)) for row in rows]
            return torch.tensor(filled, dtype=torch.int64), lengths
        return torch.tensor([number for row in rows for number in row], dtype=torch.int64), lengths

    def loss(self, logits: Tensor, words: Sequence[str], *, smoothing: float = 0.0) -> Tensor:
        """The mean loss of a batch.

        Args:
            logits: `(N, T, classes)`.
            words: What was to be read.
            smoothing: Label smoothing; CTC does without.
        """
        numbers, lengths = self.encode(words)
        numbers, lengths = numbers.to(logits.device), lengths.to(logits.device)
        if self.places:
            return functional.cross_entropy(
                logits.flatten(0, 1).float(), numbers.flatten(), label_smoothing=smoothing
            )
        return _ctc(logits, numbers, lengths, "mean")

    def confidences(self, logits: Tensor, texts: Sequence[str]) -> list[float]:
        """The likelihood of each text, 0..1.

        Args:
            logits: `(N, T, classes)`.
            texts: One for each picture.
        """
        numbers, lengths = self.encode(texts)
        numbers, lengths = numbers.to(logits.device), lengths.to(logits.device)
        if self.places:
            steps = functional.log_softmax(logits.float(), dim=2)
            likely = steps.gather(2, numbers[:, :, None]).sum(dim=(1, 2))
        else:
            likely = -_ctc(logits, numbers, lengths, "none")
        chances: list[float] = likely.exp().clamp(max=1).tolist()
        return chances

    def read(self, logits: F32) -> list[str]:
        """Decode greedily, along the most likely paths.

        Args:
            logits: `(N, T, classes)` float32.
        """
        if self.places:
            paths = [tuple(row) for row in logits.argmax(axis=2).tolist()]
        else:
            paths = best_path(logits)
        return ["".join(self.symbols[at] for at in path) for path in paths]


def to_input(block: TextBlock, device: str) -> Tensor:
    """`(N, C, H, W)` float in 0..1, channels last in memory."""
    values = torch.from_numpy(block.inputs).to(device).float() / 255
    return values.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def predict(
    network: nn.Module, alphabet: Alphabet, pictures: TextBlock, device: str
) -> Predictions:
    """Predict the texts of pictures with a network in evaluation mode."""
    found: list[str] = []
    sure: list[float] = []
    cost = 0.0
    for at in range(0, len(pictures.words), _AT_ONCE):
        part = TextBlock(pictures.inputs[at : at + _AT_ONCE], pictures.words[at : at + _AT_ONCE])
        with half_precision(device):
            logits = network(to_input(part, device)).float()
        cost += float(alphabet.loss(logits, part.words)) * len(part.words)
        texts = alphabet.read(logits.cpu().numpy())
        found += texts
        sure += alphabet.confidences(logits, texts)
    return Predictions(tuple(found), tuple(sure), cost / len(pictures.words))


def metrics_of(answers: Predictions, words: Sequence[str]) -> dict[str, float]:
    """Accuracy of whole texts and of characters, and the loss."""
    pairs = [(a, b) for a, b in zip(words, answers.texts, strict=True) if a != b]
    wrong = sum(len(differing(a, b)) for a, b in pairs)
    return {
        "accuracy": 1 - len(pairs) / len(words),
        "character_accuracy": max(0.0, 1 - wrong / max(1, sum(map(len, words)))),
        "cost": answers.cost,
    }


def _ctc(logits: Tensor, numbers: Tensor, lengths: Tensor, reduction: str) -> Tensor:
    frames = torch.full_like(lengths, logits.shape[1])
    steps = functional.log_softmax(logits.float(), dim=2).transpose(0, 1)
    loss: Tensor = functional.ctc_loss(
        steps, numbers, frames, lengths, reduction=reduction, zero_infinity=True
    )
    return loss
