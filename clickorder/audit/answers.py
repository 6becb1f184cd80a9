"""Answers of the solver, kept on disk: an audit that was interrupted asks for the others only."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Protocol

from clickorder.ray_session import settings_for_workers
from clickorder.solving_on_ray import SolverStart
from labels.puzzles import Puzzle, PuzzleSet
from service.settings import Settings
from training.core.ray_map import map_on_ray
from training.evaluation.evaluate import Solve

ANSWERS_FILE = "answers.jsonl"


class Solver(Protocol):
    """What an audit asks: `LocalSolver`, or a stand-in of a test."""

    @property
    def models(self) -> Mapping[str, str]:
        """Role to name and version."""

    def __call__(self, puzzle: Puzzle, folder: Path) -> Mapping[str, object]:
        """The body of the answer to a puzzle, or of the problem."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer and what it cost.

    Attributes:
        body: As of `POST /solve`, or a problem.
        wall_ms: Wall time.
        cpu_seconds: CPU time, all cores together.
    """

    body: Mapping[str, object]
    wall_ms: float
    cpu_seconds: float


AskAll = Callable[[Mapping[str, tuple[Puzzle, Path]]], Iterable[tuple[str, Answer]]]
"""Solves puzzles, each with the folder of its pictures; gives the answers by the same keys, in any
order."""


def ask(solver: Solve, puzzle: Puzzle, folder: Path) -> Answer:
    """Solve one puzzle, and measure what it costs this process."""
    wall, cpu = perf_counter(), process_time()
    body = solver(puzzle, folder)
    return Answer(body, (perf_counter() - wall) * 1000, process_time() - cpu)


def one_by_one(solver: Solver) -> AskAll:
    """Solve puzzles in this thread."""
    return lambda puzzles: ((key, ask(solver, *asked)) for key, asked in puzzles.items())


def on_ray(settings: Settings) -> AskAll:
    """Solve puzzles on the Ray cluster that this process is connected to.

    Args:
        settings: Settings of the solver; each node needs its model folder, and the folder of the
            puzzles, at the same path.
    """

    def ask_all(puzzles: Mapping[str, tuple[Puzzle, Path]]) -> Iterator[tuple[str, Answer]]:
        items = {key: (puzzle, folder.resolve()) for key, (puzzle, folder) in puzzles.items()}
        return map_on_ray(SolverStart(settings_for_workers(settings), ask), items)

    return ask_all


class AnswerLog:
    """Remembers answers, and asks for those it lacks.

    Args:
        folder: Folder of the audit; made when missing.
        models: Role to name and version of what solves. Other models, another puzzle or other
            pictures are asked anew.

    Raises:
        OSError: the folder cannot be written or its file not read.
    """

    def __init__(self, folder: Path, models: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / ANSWERS_FILE
        self._models = json.dumps(dict(models), sort_keys=True).encode()
        self._known: dict[str, Answer] = {}
        content = self._file.read_text("utf-8") if self._file.is_file() else ""
        # A last line that a kill has cut off is asked for again, and must not take the next along.
        self._torn = bool(content) and not content.endswith("\n")
        for line in content.split("\n"):
            try:
                row = json.loads(line)
                self._known[row["key"]] = Answer(row["body"], row["wall_ms"], row["cpu_seconds"])
            except (ValueError, KeyError, TypeError):
                continue

    def answers(
        self, puzzles: PuzzleSet, ask_all: AskAll, advance: Callable[[], object] = lambda: None
    ) -> list[Answer]:
        """The answers to puzzles, in their order; each is kept as soon as it is there.

        Args:
            puzzles: The puzzles.
            ask_all: Solves those that are not remembered.
            advance: Called for each puzzle that has its answer.

        Raises:
            OSError: an answer cannot be kept, or a picture not read.
        """
        keys = [self._key(puzzle, puzzles.folder) for puzzle in puzzles]
        asked = {
            key: (puzzle, puzzles.folder)
            for key, puzzle in zip(keys, puzzles, strict=True)
            if key not in self._known
        }
        for _ in range(len(keys) - len(asked)):
            advance()
        for key, answer in ask_all(asked):
            self._keep(key, answer)
            advance()
        return [self._known[key] for key in keys]

    def _keep(self, key: str, answer: Answer) -> None:
        self._known[key] = answer
        row: dict[str, Any] = {"key": key, "body": answer.body}
        row["wall_ms"] = round(answer.wall_ms, 3)
        row["cpu_seconds"] = round(answer.cpu_seconds, 5)
        with self._file.open("a", encoding="utf-8") as file:
            file.write("\n" * self._torn + json.dumps(row, ensure_ascii=False) + "\n")
        self._torn = False

    def _key(self, puzzle: Puzzle, folder: Path) -> str:
        digest = hashlib.sha256(puzzle.to_json().encode())
        digest.update(self._models)
        for name in puzzle.files:
            file = folder / name
            digest.update(file.read_bytes() if file.is_file() else b"")
        return digest.hexdigest()
