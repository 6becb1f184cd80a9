"""What a run of `clickorder adapt` found out; its report is written from this."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.evaluation.evaluate import Outcome
from training.evaluation.statistics import wilson_interval


@dataclass(frozen=True, slots=True)
class Share:
    """`right` of `n`."""

    right: int
    n: int

    @property
    def rate(self) -> float:
        """0..1; 0 of nothing."""
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the rate."""
        return wilson_interval(self.right, self.n)


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure before and after, on pictures that were held back.

    Attributes:
        name: What is measured.
        before: With the models that were started from.
        after: With the bundle.
    """

    name: str
    before: Share
    after: Share


@dataclass(frozen=True, slots=True)
class Stage:
    """One model's fine-tuning.

    Attributes:
        role: `detector` or `matcher`.
        seconds: What it took.
        pictures: Learned from.
        generated: Generated pictures or crops mixed in.
        kept: Whether the new weights went into the bundle.
        why: Why, one sentence without a full stop.
        run: Its run folder.
    """

    role: str
    seconds: float
    pictures: int
    generated: int
    kept: bool
    why: str
    run: Path


@dataclass(frozen=True, slots=True)
class Adaptation:
    """All that is known of it.

    Attributes:
        folder: The pictures.
        bundle: The models.
        kind: What the data are: `puzzles`, `boxes` or `classes`.
        parts: Pictures in `train`, `validation` and `test`.
        faults: Sentences of the check.
        compared: Measures on the held-back pictures.
        stages: Trainings.
        outcomes: Outcomes of the held-back pictures, after; empty where they are no puzzles.
        class_counts: How often each class is labelled.
        unlabelled: Pictures without labels, the least certain first where that is known.
        seconds: What all of it took.
        hardware: Where it ran.
        versions: Role to name and version of the bundle's models.
        notes: What the user should know besides.
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
