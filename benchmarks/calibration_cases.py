"""What a calibration is fitted on: what both passes say of prompts, also of absent items."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from clickorder.local import LocalSolver
from labels.puzzles import Puzzle, PuzzleSet
from service.errors import ServiceError
from service.settings import Settings
from service.solving.calibration import (
    Calibration,
    ConfidenceInputs,
    Kind,
)
from service.solving.matching import assign
from service.solving.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt
from service.solving.recognition import doubt
from service.solving.scoring import Evidence
from service.solving.tta import FIRST_PASS, Augmentation, second_pass
from training.evaluation.scoring import in_order


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One puzzle with enough boxes at one look.

    Attributes:
        puzzle: With the truth.
        evidence: What the look gave.
        scores: `(M, N)` of the evidence without the detector's part.
        present: Whether everything that is asked for is in the picture.
        own: Whether the prompt is the puzzle's own.
    """

    puzzle: Puzzle
    evidence: Evidence
    scores: NDArray[np.float64]
    present: bool = True
    own: bool = True

    def weighed(self, weight: float) -> NDArray[np.float64]:
        """The scores with the detector's part at another weight."""
        return self.scores + doubt(self.evidence.scene, weight)

    def inputs(self, calibration: Calibration) -> ConfidenceInputs:
        """What the confidence in the best assignment is computed from."""
        own = calibration
        return _inputs(self, own.detector_weight, own.temperature, own.null_score)

    def right(self, weight: float) -> bool:
        """Whether the best assignment is right, with the detector at a weight."""
        if not self.present:
            return False
        result = assign(self.weighed(weight), keys=self.evidence.keys)
        clicks = [
            (round((x1 + x2) / 2), round((y1 + y2) / 2))
            for x1, y1, x2, y2 in self.evidence.scene.boxes[result.boxes].tolist()
        ]
        return in_order(self.puzzle.words, self.puzzle.targets, clicks)


OWN, SINGLE = "own", "one item alone"
"""Prompts that a picture answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A puzzle and what it is asked for.

    Attributes:
        puzzle: With the truth.
        folder: The folder of its set.
        prompt: For what its picture does not show; None for the puzzle's own.
        what: Which kind of prompt this is, for the report.
    """

    puzzle: Puzzle
    folder: Path
    prompt: Prompt | None
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What both passes give for one prompt.

    Attributes:
        kind: Whose calibration it is for.
        what: Which kind of prompt this is.
        first: The case of the first pass; None where that has too few boxes.
        close: That of the second pass, likewise.
    """

    kind: Kind
    what: str
    first: Case | None
    close: Case | None


@lru_cache(maxsize=1 << 19)
def _inputs(case: Case, weight: float, temperature: float, null_score: float) -> ConfidenceInputs:
    """The inputs of a case; both halves and the whole are fitted on the same ones."""
    scores, scene = case.weighed(weight), case.evidence.scene
    result = assign(scores / temperature, null_score=null_score, keys=case.evidence.keys)
    return ConfidenceInputs.of(
        result, scores, doubt(scene, weight), scene.scores, case.evidence.cut_share
    )


_solver: LocalSolver
"""The models of a worker process."""


def open_solver(settings: Settings) -> None:
    """Load the models, once in each worker process."""
    global _solver
    _solver = LocalSolver(settings)


def look_at(question: Asked) -> Looks:
    """Both passes over a puzzle with one prompt."""
    own = question.what == OWN
    puzzle, folder, prompt = question.puzzle, question.folder, question.prompt
    first = _case(_solver, puzzle, folder, FIRST_PASS, prompt, own=own)
    worst = first.inputs(first.evidence.calibration).worst_fit if first else -np.inf
    close = _case(_solver, puzzle, folder, second_pass(worst), prompt, own=own)
    seen = first or close
    return Looks(seen.evidence.kind if seen else "words", question.what, first, close)


def asked(solver: LocalSolver, puzzles: Sequence[tuple[PuzzleSet, Puzzle]]) -> Iterator[Asked]:
    """Every puzzle with its own prompt, and every second one with others.

    These are one of its items alone, where no other item leaves its box to it, and what its picture
    does not show.
    """
    rng = np.random.default_rng(5)
    for own_set, own in puzzles:
        yield Asked(own, own_set.folder, None, OWN)
    for own_set, own in puzzles[::2]:
        folder = own_set.folder
        others = [(s, p) for s, p in puzzles if p.family == own.family and p.id != own.id]
        if not others:
            continue
        if own.kind in ("words", "icons"):
            yield Asked(_alone(own, int(rng.integers(len(own.words)))), folder, None, SINGLE)
        other_set, other = others[int(rng.integers(len(others)))]
        mine, theirs = solver.prompt(own, folder), solver.prompt(other, other_set.folder)
        match mine, theirs:
            case WordsPrompt(words), WordsPrompt(foreign):
                foreign = tuple(word for word in foreign if word not in words)
                for what, strange in _mixed(words, foreign, rng):
                    yield Asked(own, folder, WordsPrompt(strange), what)
            case IconsPrompt(icons), IconsPrompt(foreign_icons):
                for what, strange_icons in _mixed(icons, foreign_icons, rng):
                    yield Asked(own, folder, IconsPrompt(strange_icons), what)
            case ImagePrompt(), ImagePrompt():
                yield Asked(own, folder, theirs, "the prompt picture of another puzzle")
            case RegionPrompt(), RegionPrompt((x1, y1, x2, y2)):
                picture = solver.background(other, other_set.folder)
                cut = ImagePrompt(picture[y1:y2, x1:x2])
                yield Asked(own, folder, cut, "the prompt picture of another puzzle")
            case _:
                pass


def _alone(puzzle: Puzzle, place: int) -> Puzzle:
    """The puzzle with one of its words or icons as the whole prompt."""
    items = cast("tuple[str, ...]", puzzle.prompt[puzzle.kind])
    return replace(
        puzzle,
        prompt={puzzle.kind: (items[place],)},
        words=(puzzle.words[place],),
        targets=(puzzle.targets[place],),
        accept=None,
    )


T = TypeVar("T")


def _mixed(
    own: tuple[T, ...], foreign: tuple[T, ...], rng: Generator
) -> Iterator[tuple[str, tuple[T, ...]]]:
    """One that is not there alone, one of several replaced by it, and nothing but such."""
    if not foreign:
        return
    absent = foreign[int(rng.integers(len(foreign)))]
    yield "absent alone", (absent,)
    if len(own) > 1:
        place = int(rng.integers(len(own)))
        yield "one of several absent", (*own[:place], absent, *own[place + 1 :])
    if len(foreign) > 1:
        yield "all absent", foreign[: len(own)]


def _case(
    solver: LocalSolver,
    puzzle: Puzzle,
    folder: Path,
    look: Augmentation,
    prompt: Prompt | None = None,
    *,
    own: bool = True,
) -> Case | None:
    """What one look gives; with a prompt, one that asks for what is not there."""
    try:
        evidence = solver.evidence(puzzle, folder, look, prompt=prompt)
    except ServiceError:
        return None
    items, boxes = evidence.scores.shape
    if items == 0 or boxes < items:
        return None
    plain = evidence.scores - doubt(evidence.scene, evidence.calibration.detector_weight)
    return Case(puzzle, evidence, plain, prompt is None, own)
