"""Options of `train-detector`, and the progress of a training."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from training.core.options import (
    NO_FLAG,
    Flag,
    Minutes,
    Resume,
    Statement,
    Threads,
    Version,
    reports,
)
from training.errors import DetectionDataError

DetectorSize = Literal["slim", "n"]

_STRIDE = 32
"""Stride of the network's coarsest scale: both sides of its input are multiples of this."""


@reports(DetectionDataError)
@dataclass(frozen=True, slots=True)
class DetectorRun:
    """The data and the folder of a run, its initial weights, and its model's metadata."""

    data: Annotated[
        tuple[Path, ...],
        Field(
            description="Puzzle sets, labelImg folders (classes.txt and a .txt for each picture, "
            "beside it or in a folder of their own) or data.yaml files. Not needed with --prompts."
        ),
        Flag(kind="argument"),
    ] = ()
    validation: Annotated[
        tuple[Path, ...],
        Field(
            description="Data to validate on, in the same formats. Without it, a random tenth of "
            "DATA is set aside."
        ),
    ] = ()
    prompts: Annotated[
        bool,
        Field(
            description="Train the detector of prompt pictures (prompt_detector.onnx), on pictures "
            "that are drawn during training and on the prompt pictures of DATA if given."
        ),
        Flag("--prompts"),
    ] = False
    classes: Annotated[
        str,
        Field(
            description="keep the classes of the labels, train one class for all boxes, or list "
            "the names of those to train, separated by commas."
        ),
        Flag(default="one if the classes name items (characters, icons), not kinds; else keep"),
    ] = "auto"
    out: Annotated[
        Path | None,
        Field(description="Folder of the run."),
        Flag(default="runs/detector, or runs/prompt-detector with --prompts"),
    ] = None
    resume: Resume = False
    start: Annotated[
        str,
        Field(
            description="Initial weights: shipped (those that come with clickorder), scratch "
            "(random), a checkpoint (.pt) or an exported .onnx file."
        ),
        Flag("--from", default="shipped, or scratch with --size n"),
    ] = ""
    mix: Annotated[
        int | None,
        Field(
            ge=0,
            description="Number of generated puzzles to mix in, so that the model does not forget "
            "what it knew; 0 for none.",
        ),
        Flag(
            default="one for each picture when fine-tuning on data of one class, if `clickorder "
            "ingredients` was run"
        ),
    ] = None
    frame: Annotated[
        str,
        Field(description="WIDTHxHEIGHT of the network's input in pixels, multiples of 32."),
        Flag("--input", default="384x256, or 384x96 with --prompts"),
    ] = ""
    name: Annotated[
        str,
        Field(description="Name of the model, for the file's metadata."),
        Flag(default="clickorder-detector, or clickorder-prompt-detector with --prompts"),
    ] = ""
    version: Version = "1.0.0"
    statement: Statement = ""


@reports(DetectionDataError)
@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How a detector is trained."""

    width: Annotated[
        int, Field(description="Width of the network's input in pixels, a multiple of 32."), NO_FLAG
    ] = 384
    height: Annotated[
        int,
        Field(
            description="Height of the network's input in pixels, a multiple of 32. Pictures are "
            "letterboxed into width x height."
        ),
        NO_FLAG,
    ] = 256
    size: Annotated[
        DetectorSize,
        Field(description="Width of the network: slim, or n for the channels of YOLO11n."),
    ] = "slim"
    epochs: Annotated[int, Field(ge=1, description="Maximum number of epochs.")] = 60
    minutes: Minutes = 0
    batch: Annotated[int, Field(ge=1, description="Batch size in pictures.")] = 16
    rate: Annotated[
        float,
        Field(ge=1e-6, description="Peak learning rate."),
        Flag(default="2e-3 from scratch, 5e-4 when fine-tuning"),
    ] = 2e-3
    warmup: Annotated[
        int,
        Field(
            description="Number of steps over which the learning rate rises to its peak, but no "
            "more than a tenth of all."
        ),
        NO_FLAG,
    ] = 200
    patience: Annotated[
        int, Field(ge=1, description="Epochs without improvement after which training stops.")
    ] = 12
    workers: Annotated[
        int,
        Field(
            ge=-1,
            description="Worker processes that load and augment pictures; 0 does so in the "
            "training process, -1 chooses by the device.",
        ),
    ] = -1
    threads: Threads = 0
    seed: Annotated[
        int, Field(description="Random seed of the weights, the order and the augmentation.")
    ] = 0
    save_minutes: Annotated[
        float, Field(description="Minutes between checkpoints within an epoch."), NO_FLAG
    ] = 5.0

    def __post_init__(self) -> None:
        if self.width % _STRIDE or self.height % _STRIDE or min(self.width, self.height) < _STRIDE:
            raise DetectionDataError(
                f"An input of {self.width}x{self.height} does not fit the network; both sides "
                f"must be multiples of {_STRIDE}."
            )

    @property
    def frame(self) -> tuple[int, int]:
        """`(width, height)` of the network's input."""
        return self.width, self.height


@dataclasses.dataclass(slots=True)
class Progress:
    """Progress of a training; saved with every checkpoint.

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


@dataclasses.dataclass(frozen=True, slots=True)
class StepReport:
    """Progress after a step, for display.

    Attributes:
        progress: Progress of the training.
        batches: Batches of this epoch.
        losses: Box, class and distance loss, averaged over the last steps.
        frames_per_s: Recent throughput.
        rate: The learning rate.
        share: Share of the whole training that is done, 0..1.
    """

    progress: Progress
    batches: int
    losses: tuple[float, float, float]
    frames_per_s: float
    rate: float
    share: float
