"""Answers of the solver, kept on disk: an audit that was interrupted asks for the others only."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Protocol

from labels.puzzles import Puzzle

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


class AnswerLog:
    """Asks a solver, and remembers.

    Args:
        folder: Folder of the audit; made when missing.
        solver: Asked for what is not remembered. Other models, another puzzle or other pictures
            are asked anew.

    Raises:
        OSError: the folder cannot be written or its file not read.
    """

    def __init__(self, folder: Path, solver: Solver) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / ANSWERS_FILE
        self._solver = solver
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

    def ask(self, puzzle: Puzzle, folder: Path) -> Answer:
        """The answer to a puzzle.

        Raises:
            OSError: it cannot be kept.
        """
        key = self._key(puzzle, folder)
        if key not in self._known:
            wall, cpu = perf_counter(), process_time()
            body = self._solver(puzzle, folder)
            spent = Answer(body, (perf_counter() - wall) * 1000, process_time() - cpu)
            self._known[key] = spent
            row = {"key": key, "body": body, "wall_ms": round(spent.wall_ms, 3)}
            row["cpu_seconds"] = round(spent.cpu_seconds, 5)
            with self._file.open("a", encoding="utf-8") as file:
                file.write("\n" * self._torn + json.dumps(row, ensure_ascii=False) + "\n")
            self._torn = False
        return self._known[key]

    def _key(self, puzzle: Puzzle, folder: Path) -> str:
        digest = hashlib.sha256(puzzle.to_json().encode())
        digest.update(json.dumps(dict(self._solver.models), sort_keys=True).encode())
        for name in puzzle.files:
            file = folder / name
            digest.update(file.read_bytes() if file.is_file() else b"")
        return digest.hexdigest()
