"""Options of `train-names`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from training.core.options import (
    Finish,
    Flag,
    Minutes,
    Patience,
    Resume,
    Statement,
    Threads,
    Version,
    reports,
)
from training.core.schedule import Schedule
from training.errors import TrainingError


@reports(TrainingError)
@dataclass(frozen=True, slots=True)
class NamesRun:
    """The folder of a run, its crops, its initial weights, and how long it trains."""

    out: Annotated[Path, Field(description="Folder of the run.")] = Path("runs/names")
    resume: Resume = False
    finish: Finish = False
    start: Annotated[
        str,
        Field(
            description="Matcher whose trunk the network begins with: shipped, scratch (random), a "
            "run folder or checkpoint (.pt) of train-siamese, or a siamese.onnx."
        ),
        Flag("--from"),
    ] = "shipped"
    frozen_blocks: Annotated[
        int,
        Field(
            ge=0,
            le=4,
            description="How many of the trunk's four blocks stay as they are, the first ones. "
            "What they make of the crops is computed once, which is several times faster, and "
            "finds less.",
        ),
    ] = 0
    views: Annotated[
        int,
        Field(ge=1, description="With --frozen-blocks: how many changed copies of each crop."),
    ] = 3
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="Share of the head's inputs that are left out.")
    ] = 0.2
    crops: Annotated[
        int,
        Field(
            ge=100,
            description="Number of crops to draw; kept in the run's folder, and used many times, "
            "rotated and recoloured.",
        ),
    ] = 60_000
    trials: Annotated[int, Field(ge=100, description="Number of crops to draw for validation.")] = (
        4_000
    )
    cache: Annotated[
        Path | None,
        Field(description="Folder of the fonts, icons and photos."),
        Flag(default="the user's cache"),
    ] = None
    steps: Annotated[int, Field(ge=1, description="Total number of batches.")] = 6_000
    decay_steps: Annotated[
        int,
        Field(
            ge=1, description="Number of final steps over which the learning rate decays to zero."
        ),
    ] = 3_000
    minutes: Minutes = 0
    batch: Annotated[int, Field(ge=8, description="Batch size in crops.")] = 256
    rate: Annotated[float, Field(ge=1e-6, description="Peak learning rate.")] = 1.5e-3
    check_every: Annotated[
        int, Field(ge=1, description="Number of steps between two validations.")
    ] = 500
    patience: Patience = 8
    seed: Annotated[
        int, Field(description="Random seed of the weights, the crops and their order.")
    ] = 1
    threads: Threads = 0
    name: Annotated[
        str, Field(description="Prefix of the model's name, for the file's metadata.")
    ] = "clickorder"
    version: Version = "1.0.0"
    statement: Statement = ""

    def schedule(self) -> Schedule:
        """The schedule of the training."""
        return Schedule(
            steps=self.steps,
            decay_steps=min(self.decay_steps, self.steps),
            warmup_steps=min(100, max(1, self.steps // 10)),
            rate=self.rate,
            check_every=min(self.check_every, self.steps),
            patience=self.patience,
            seed=self.seed,
            minutes=self.minutes,
        )
