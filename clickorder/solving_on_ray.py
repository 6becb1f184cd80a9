"""Puzzles solved on a Ray cluster; the answers are those of this process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clickorder.local import LocalSolver
from clickorder.ray_session import settings_for_workers
from labels.puzzles import Puzzle
from service.settings import Settings, load_settings
from training.core.journal import Journal
from training.core.ray_map import work_on_ray
from training.evaluation.evaluate import AnswerAll, Answered, Solve, timed

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SolverStart(Generic[R]):
    """Makes the solver of a worker; picklable.

    Attributes:
        settings: Settings of the solver, as `settings_for_workers` gives them.
        ask: Puts one puzzle to the solver, and measures; a function of a module.
        min_confidence: Below this the solver abstains.
    """

    settings: Mapping[str, Any]
    ask: Callable[[Solve, Puzzle, Path], R]
    min_confidence: float = 0.0

    def __call__(self) -> Callable[[tuple[Puzzle, Path]], R]:
        """Load the models."""
        solver = LocalSolver(load_settings(**self.settings), min_confidence=self.min_confidence)
        return lambda asked: self.ask(solver, *asked)


@contextmanager
def answers_on_ray(
    settings: Settings, min_confidence: float, file: Path, console: Console
) -> Iterator[AnswerAll]:
    """What solves all puzzles on the cluster that this process is connected to then.

    Args:
        settings: Settings of the solver; each node needs its model folder at the same path.
        min_confidence: Below this the solver abstains.
        file: Journal of the answers.
        console: Shows the progress.

    Raises:
        JournalError: the journal is of an evaluation with other settings.
    """
    sent = settings_for_workers(settings)
    job = {"evaluate": sent, "min_confidence": min_confidence}
    with Journal(file, job) as journal:

        def answer_all(asked: Sequence[tuple[Puzzle, Path]]) -> list[Answered]:
            items = {
                f"{folder.resolve()}/{puzzle.id}": (puzzle, folder.resolve())
                for puzzle, folder in asked
            }
            columns = TextColumn("on Ray"), BarColumn(), MofNCompleteColumn()
            with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
                task = progress.add_task("on Ray", total=len(items))
                for _ in work_on_ray(SolverStart(sent, timed, min_confidence), items, journal):
                    progress.advance(task)
            return [(body, wall_ms) for body, wall_ms in (journal.results[key] for key in items)]

        yield answer_all
