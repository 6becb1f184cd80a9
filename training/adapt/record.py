"""Results of a run of `clickorder adapt`, from which its report is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.evaluation.evaluate import Outcome
from training.evaluation.statistics import wilson_interval


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion.

    Attributes:
        right: Number of successes.
        n: Number of trials.
    """

    right: int
    n: int

    @property
    def rate(self) -> float:
        """Share of successes, 0..1; 0 where there were no trials."""
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the rate."""
        return wilson_interval(self.right, self.n)


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure before and after, on held-back pictures.

    Attributes:
        name: Name of the measure.
        before: Share with the initial models.
        after: Share with the models of the bundle.
    """

    name: str
    before: Share
    after: Share


@dataclass(frozen=True, slots=True)
class Stage:
    """Fine-tuning of one model.

    Attributes:
        role: `detector`, `prompt_detector` or `matcher`.
        seconds: Duration in seconds.
        pictures: Number of the user's own training pictures.
        generated: Number of generated pictures or crops that were mixed in.
        kept: Whether the new weights went into the bundle.
        why: Reason for that, one sentence without a full stop.
        run: Run folder of the training.
    """

    role: str
    seconds: float
    pictures: int
    generated: int
    kept: bool
    why: str
    run: Path

    @property
    def name(self) -> str:
        """The role in words."""
        return self.role.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Results of an adaptation.

    Attributes:
        folder: Folder of the user's pictures.
        bundle: Folder of the resulting models.
        kind: Kind of labels: `puzzles`, `boxes` or `classes`.
        parts: Number of pictures in `train`, `validation` and `test`.
        faults: Faults that the check of the labels found, a sentence each.
        compared: Measures on the held-back pictures, the most important first.
        stages: Trainings, in the order they ran.
        outcomes: Outcomes of the held-back puzzles with the bundle; empty without puzzles.
        class_counts: Number of labels of each class.
        unlabelled: Pictures without labels, the least certain first where that is known.
        seconds: Duration of the whole adaptation in seconds.
        hardware: Processor, or GPU, that it ran on.
        versions: Role to name and version of the models of the bundle.
        notes: Further sentences for the user.
    """

    folder: Path
    bundle: Path
    kind: str
    parts: Mapping[str, int]
    faults: tuple[str, ...]
    compared: tuple[Compared, ...]
    stages: tuple[Stage, ...]
    outcomes: tuple[Outcome, ...]
    class_counts: Mapping[str, int]
    unlabelled: tuple[Path, ...]
    seconds: float
    hardware: str
    versions: Mapping[str, str]
    notes: tuple[str, ...]
