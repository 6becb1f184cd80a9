"""What training adds to the solver: `clickorder adapt` with 0, 25, 50 and 100 labelled puzzles."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console

from clickorder.adapt.pipeline import BUNDLE, adapt
from clickorder.adapt.state import AdaptOptions
from clickorder.audit.attack import Adapted, labelling_minutes
from clickorder.local import LocalSolver
from labels.puzzles import PUZZLES_FILE, PuzzleSet, read_puzzles, write_puzzles
from service.settings import Settings
from training.evaluation.evaluate import evaluate

COUNTS = (0, 25, 50, 100)

_FEWEST_ASKED = 20
"""Puzzles that are to be left for measuring."""

_VALIDATION = 0.1
"""Share of the labels by which it is decided whether new weights are taken."""


@dataclass(frozen=True, slots=True)
class Adapting:
    """Trains and measures.

    Attributes:
        settings: Settings of the solver; training starts from its models.
        minutes: Minutes of training for each number of labels.
        console: Where progress is shown.
        counts: Numbers of labels.
    """

    settings: Settings
    minutes: float
    console: Console
    counts: Sequence[int] = COUNTS

    def __call__(self, puzzles: PuzzleSet, out: Path) -> list[Adapted]:
        """The solve rate after training on the first puzzles, each time on the same others.

        Args:
            puzzles: The first ones teach; fewer numbers are tried where there are few.
            out: Gets a folder for each number; what an interrupted run left is gone on with.

        Returns:
            A row for each number, the smallest first; none where there are too few puzzles.

        Raises:
            CommandError: a training cannot be done.
            TrainingError: see `CommandError`.
            OSError: a file cannot be read or written.
        """
        possible = [count for count in self.counts if len(puzzles) - count >= _FEWEST_ASKED]
        if not any(possible):
            return []
        asked = PuzzleSet(puzzles.folder, puzzles.puzzles[max(possible) :])
        items = sum(len(p.targets) + len(p.distractors) for p in puzzles) / len(puzzles)
        return [self._row(count, puzzles, asked, items, out) for count in possible]

    def _row(
        self, count: int, puzzles: PuzzleSet, asked: PuzzleSet, items: float, out: Path
    ) -> Adapted:
        settings, minutes = self.settings, 0.0
        if count:
            learned = _written(puzzles, count, out / f"puzzles-{count}")
            folder = out / f"labels-{count}"
            began = perf_counter()
            options = AdaptOptions(
                minutes=self.minutes,
                validation=_VALIDATION,
                test=0.0,
                models_dir=settings.models_dir,
            )
            adapt(learned, folder, options, self.console)
            minutes = (perf_counter() - began) / 60
            settings = settings.model_copy(update={"models_dir": folder / BUNDLE})
        outcomes = evaluate([asked], LocalSolver(settings), console=self.console)
        solved = sum(outcome.score.solved for outcome in outcomes)
        return Adapted(count, len(outcomes), solved, labelling_minutes(count, items), minutes)


def _written(puzzles: PuzzleSet, count: int, folder: Path) -> Path:
    """A set of the first puzzles with their pictures."""
    if (folder / PUZZLES_FILE).is_file():
        return read_puzzles(folder).folder
    learned = puzzles.puzzles[:count]
    for puzzle in learned:
        for name in puzzle.files:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(puzzles.folder / name, target)
    write_puzzles(folder, learned)
    return folder
