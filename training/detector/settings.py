"""How a detector is trained, and where its training stands."""

from dataclasses import dataclass
from typing import Literal

from training.errors import DetectionDataError

DetectorSize = Literal["slim", "n"]

_STRIDE = 32
"""Of the network's coarsest scale: both sides of its input are multiples of this."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How to train.

    Attributes:
        width: Width of the network's input in pixels, a multiple of 32.
        height: The same downwards. Pictures are letterboxed into width x height.
        size: Channels of the network, `slim` or `n`.
        epochs: Passes over the training pictures at most.
        minutes: Time for training at most; 0 for no limit.
        batch: Frames in one step.
        rate: Highest learning rate.
        warmup: Steps until it is reached, but no more than a tenth of all.
        patience: Epochs without a better fitness after which training stops.
        workers: Processes that prepare frames; 0 prepares them in the training process, and -1
            does so on a CPU and takes up to eight beside a GPU.
        threads: CPU threads; 0 leaves the choice to torch.
        seed: Random seed.
        save_minutes: Time between checkpoints inside an epoch.
    """

    width: int = 384
    height: int = 256
    size: DetectorSize = "slim"
    epochs: int = 60
    minutes: float = 0.0
    batch: int = 16
    rate: float = 2e-3
    warmup: int = 200
    patience: int = 12
    workers: int = -1
    threads: int = 0
    seed: int = 0
    save_minutes: float = 5.0

    def __post_init__(self) -> None:
        if self.width % _STRIDE or self.height % _STRIDE or min(self.width, self.height) < _STRIDE:
            raise DetectionDataError(
                f"An input of {self.width}x{self.height} does not fit the network; both sides "
                f"must be multiples of {_STRIDE}."
            )
        for name in ("epochs", "batch", "patience"):
            if getattr(self, name) < 1:
                raise DetectionDataError(f"{name} is {getattr(self, name)}; it must be at least 1.")

    @property
    def frame(self) -> tuple[int, int]:
        """`(width, height)` of the network's input."""
        return self.width, self.height


@dataclass(slots=True)
class Progress:
    """Where a training stands; saved with every checkpoint.

    Attributes:
        epoch: Epochs completed.
        batch: Batches completed of the next one.
        step: Batches completed in all.
        elapsed_s: Time spent training, over all sessions.
        best: Highest fitness so far.
        best_epoch: The epoch that had it.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    elapsed_s: float = 0.0
    best: float = -1.0
    best_epoch: int = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """What is shown while training.

    Attributes:
        progress: Where it stands.
        batches: Batches of this epoch.
        losses: Box, class and distance loss, averaged over the last steps.
        frames_per_s: Lately.
        rate: The learning rate.
        share: How much of the whole training is done, 0..1.
    """

    progress: Progress
    batches: int
    losses: tuple[float, float, float]
    frames_per_s: float
    rate: float
    share: float
