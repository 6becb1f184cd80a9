"""Options of `train-siamese` and `train-classifier`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from training.core.options import (
    NO_FLAG,
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

Out = Annotated[Path, Field(description="Folder of the run.")]


@reports(TrainingError)
@dataclass(frozen=True, slots=True)
class MatcherRun:
    """The data and the folder of a run, its initial weights, and how long it trains."""

    data: Annotated[
        Path | None,
        Field(
            description="Labelled pictures: a folder for each class (nested ones too), pictures "
            "named label_hash.png, a labels.txt beside images/, or a puzzle set. Leave it out "
            "with --synthetic."
        ),
        Flag(kind="argument"),
    ] = None
    synthetic: Annotated[
        bool,
        Field(description="Train on an endless stream of drawn crops instead of DATA."),
        Flag("--synthetic"),
    ] = False
    hard_negatives: Annotated[
        tuple[Path, ...],
        Field(
            description="With --synthetic: puzzle sets on which the shipped detector's false "
            "alarms are mined, and join the drawn negatives."
        ),
        Flag("--hard-negatives"),
    ] = ()
    out: Out = Path("runs/siamese")
    resume: Resume = False
    finish: Finish = False
    start: Annotated[
        str,
        Field(
            description="Initial weights: shipped (those that come with clickorder), scratch "
            "(random), a run folder, a checkpoint (.pt) or an .onnx file of ours."
        ),
        Flag("--from"),
    ] = "shipped"
    mix: Annotated[
        bool | None,
        Field(
            description="Fill half of each batch with drawn crops, so that the model does not "
            "forget what it knew."
        ),
        Flag(
            "--mix/--no-mix",
            default="mix when fine-tuning, if `clickorder ingredients` was run",
        ),
    ] = None
    steps: Annotated[
        int | None,
        Field(ge=1, description="Total number of batches."),
        Flag(default="20000 with --synthetic, 2000 on pictures"),
    ] = None
    decay_steps: Annotated[
        int | None,
        Field(
            ge=1,
            description="Number of final steps over which the learning rate decays to zero.",
        ),
        Flag(default="10000 with --synthetic, 600 on pictures, at most a quarter of --steps"),
    ] = None
    minutes: Minutes = 0
    batch: Annotated[
        int, Field(ge=12, description="Batch size in pairs of crops, a multiple of 12.")
    ] = 96
    rate: Annotated[
        float | None,
        Field(ge=1e-6, description="Peak learning rate."),
        Flag(default="1.5e-3 from scratch, 1e-3 or 4e-4 when fine-tuning on crops or pictures"),
    ] = None
    check_every: Annotated[
        int | None,
        Field(ge=1, description="Number of steps between two validations."),
        Flag(default="1000 with --synthetic, 100 on pictures"),
    ] = None
    patience: Patience = 8
    seed: Annotated[
        int, Field(description="Random seed of the weights, the crops and their order.")
    ] = 1
    skip_faulty: Annotated[
        bool,
        Field(
            description="Leave out pictures that cannot be read and classes with too few "
            "pictures, instead of ending with an error."
        ),
        Flag("--skip-faulty"),
    ] = False

    @property
    def plan(self) -> tuple[int, int, int]:
        """Steps, decay steps and steps between validations, defaults filled in."""
        # Endless crops reward patience; a folder of pictures is soon learned.
        usual = (20_000, 10_000, 1_000) if self.synthetic else (2_000, 600, 100)
        steps = self.steps or usual[0]
        decay_steps = self.decay_steps or min(usual[1], max(1, steps // 4))
        return steps, decay_steps, self.check_every or min(usual[2], steps)

    def schedule(self, rate: float) -> Schedule:
        """The schedule of a training with this peak learning rate."""
        steps, decay_steps, check_every = self.plan
        return Schedule(
            steps=steps,
            decay_steps=decay_steps,
            warmup_steps=min(200, max(1, steps // 10)),
            rate=rate,
            check_every=check_every,
            patience=self.patience,
            seed=self.seed,
            minutes=self.minutes,
        )


@reports(TrainingError)
@dataclass(frozen=True, slots=True)
class ClassifierRun(MatcherRun):
    """The same for the classifier."""

    out: Out = Path("runs/classifier")


@reports(TrainingError)
@dataclass(frozen=True, slots=True)
class Settings:
    """How a matcher or a classifier is trained."""

    schedule: Annotated[Schedule, Field(description="How long and how fast."), NO_FLAG]
    batch_blocks: Annotated[
        int, Field(ge=1, description="Blocks of twelve pairs in a batch."), NO_FLAG
    ] = 8
    trials: Annotated[int, Field(ge=10, description="Number of small puzzles to validate on.")] = (
        200
    )
    workers: Annotated[
        int, Field(ge=1, description="Worker processes that draw or read crops.")
    ] = 1
    threads: Threads = 0
    uses: Annotated[int, Field(ge=1, description="How many times a crop is used at most.")] = 4
    name: Annotated[
        str, Field(description="Prefix of the model's name, for the file's metadata.")
    ] = "clickorder"
    version: Version = "1.0.0"
    statement: Statement = ""
