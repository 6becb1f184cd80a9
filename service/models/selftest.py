"""What a bundle must do before it is served."""

import base64
import math
from pathlib import Path

import numpy as np

from labels.puzzles import Puzzle, PuzzleSet, read_puzzles
from service.examples import EXAMPLE_BACKGROUND, EXAMPLE_ITEM, EXAMPLE_STRIP, EXAMPLE_WORDS
from service.models.bundle import BundleError
from service.pictures import decode_picture
from service.settings import Limits
from service.solving.answers import Answer
from service.solving.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt
from service.solving.solver import Picture, Solver

_MOST_PUZZLES = 20
"""Puzzles of a bundle's self-test that are solved; the first ones."""


def check_solver(solver: Solver, own: Path | None, limits: Limits) -> None:
    """Solve something with new models.

    Everybody solves a built-in puzzle with each kind of prompt that they have models for, where
    only the form of the answer counts: a bundle for one site need not read digits. A bundle's own
    puzzles must be solved.

    Args:
        solver: The bundle's solver.
        own: The bundle's puzzle set; None where it has none.
        limits: Limits on pictures.

    Raises:
        BundleError: an answer has no number in it, or a puzzle of the bundle's own is not solved.
        PuzzleSetError: the bundle's set cannot be read.
        ServiceError: a puzzle cannot be answered at all.
    """
    background = decode_picture(base64.b64decode(EXAMPLE_BACKGROUND), limits, "background")
    item = decode_picture(base64.b64decode(EXAMPLE_ITEM), limits, "icon")
    strip = decode_picture(base64.b64decode(EXAMPLE_STRIP), limits, "image")
    parts = solver.parts
    prompts: list[Prompt] = [ImagePrompt(strip)]
    if parts.matcher is not None:
        prompts.append(IconsPrompt((item,)))
    if parts.classifier is not None:
        readable = [word for word in EXAMPLE_WORDS if parts.classifier.can_read(word)]
        prompts += [WordsPrompt((word,)) for word in readable[:1]]
    if parts.text is not None:
        confidence = parts.text.read([strip])[0].confidence
        if not math.isfinite(confidence):
            raise BundleError("The text model reads the built-in picture as what is not a number.")
    prompts += [WordsPrompt((name,)) for name in list(parts.gallery.pictures)[:1]]
    if parts.namer is not None:
        things = parts.namer.vocabulary.things[:1]
        if not np.isfinite(parts.namer.score(things, [item])).all():
            raise BundleError("The names network finds in the built-in picture what is no number.")
        prompts += [WordsPrompt((f"<{thing.id}>",)) for thing in things if len(thing.id) > 1]
    for prompt in prompts:
        _check_form(solver.solve(background, prompt))
    if own is None:
        return
    puzzles = read_puzzles(own)
    for puzzle in puzzles.puzzles[:_MOST_PUZZLES]:
        answer = _solve(solver, puzzles, puzzle, limits)
        _check_form(answer)
        if not _right(puzzle, answer):
            raise BundleError(
                f"The models do not solve puzzle {puzzle.id} of the bundle's own selftest."
            )


def confidences_of(answer: Answer) -> list[float]:
    """All probabilities of an answer: its own, those of its clicks and those of its boxes."""
    clicks = [click.confidence for click in answer.clicks]
    return [answer.confidence, *clicks, *(box.confidence for box in answer.boxes)]


def _check_form(answer: Answer) -> None:
    if not all(map(math.isfinite, confidences_of(answer))):
        raise BundleError("The models answer the built-in puzzle with what is not a number.")


def _solve(solver: Solver, puzzles: PuzzleSet, puzzle: Puzzle, limits: Limits) -> Answer:
    def picture(name: str) -> Picture:
        return decode_picture((puzzles.folder / name).read_bytes(), limits, name)

    prompt: Prompt
    match puzzle.kind:
        case "words":
            prompt = WordsPrompt(puzzle.words)
        case "icons":
            prompt = IconsPrompt(tuple(picture(name) for name in puzzle.icons))
        case "image":
            assert puzzle.image is not None  # noqa: S101 - what its kind says
            prompt = ImagePrompt(picture(puzzle.image))
        case _:
            prompt = RegionPrompt(puzzle.region)
    return solver.solve(picture(puzzle.background), prompt)


def _right(puzzle: Puzzle, answer: Answer) -> bool:
    """Whether every click, in order, lies where it counts."""
    if len(answer.clicks) != len(puzzle.targets):
        return False
    accept = puzzle.accept or (None,) * len(puzzle.targets)
    for click, target, wider in zip(answer.clicks, puzzle.targets, accept, strict=True):
        x1, y1, x2, y2 = wider or target
        if not (x1 <= click.x < x2 and y1 <= click.y < y2):
            return False
    return True
