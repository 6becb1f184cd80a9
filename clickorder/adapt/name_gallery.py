"""A gallery of the names that a site asks for: pictures of its own items, at the labelled targets.

The names of the vocabulary are found without a picture of them; what a site's icons look like tells
more. Where the words of the puzzles are such names, some of the pictures that they stand for become
the gallery of the bundle, which comes before the vocabulary.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from clickorder.adapt.models import settings_of, solve
from clickorder.adapt.state import AdaptOptions
from clickorder.local import LocalSolver
from labels.puzzles import Puzzle, PuzzleSet
from service.models.backends import GALLERY
from service.solving.naming import things_of

PICTURES = 3
"""Pictures of one name at most: each one is compared with every item of a scene."""

_TRIAL = "with-gallery"
"""Folder of the bundle with its gallery, until it is decided whether it stays."""

_NO_FILE_NAME = frozenset('/\\:*?"<>|')
"""What some system does not allow in the name of a folder."""


def learn_gallery(
    bundle: Path,
    learned: PuzzleSet | None,
    checks: PuzzleSet | None,
    starting: LocalSolver,
    options: AdaptOptions,
    console: Console,
) -> str | None:
    """Give a bundle a gallery of the names in the puzzles, if that does not make it worse.

    Args:
        bundle: Folder of the models; a gallery that it has already stays, but for these names. A
            folder beside it is used for the trial.
        learned: Puzzles whose targets the pictures are taken from.
        checks: Puzzles by which it is decided whether the gallery stays; None keeps it.
        starting: The models from before the adaptation: a word that their classifier reads is a
            character rather than a name.
        options: For the number of threads.
        console: Where progress is shown.

    Returns:
        What became of it, one sentence; None where no word is a name.

    Raises:
        ServiceError: a picture cannot be read.
        OSError: a file cannot be written.
    """
    places = places_of_names(learned, starting)
    if learned is None or not places:
        return None
    trial = bundle.with_name(_TRIAL)
    shutil.rmtree(trial, ignore_errors=True)
    shutil.copytree(bundle, trial)
    solver = LocalSolver(settings_of(bundle, options))
    for name, targets in places.items():
        _write_pictures(trial / GALLERY / name, targets, learned, solver)
    before = _solved(bundle, checks, options, console)
    after = _solved(trial, checks, options, console)
    worse = after < before
    if not worse:
        for name in places:
            shutil.rmtree(bundle / GALLERY / name, ignore_errors=True)
            shutil.copytree(trial / GALLERY / name, bundle / GALLERY / name)
    shutil.rmtree(trial)
    shown = f"Gallery: {len(places)} names with pictures of their own"
    if checks is None:
        return f"{shown}; nothing was held back to compare with."
    return (
        f"{shown}; solved {after} of {len(checks)} validation pictures, {before} without: "
        f"{'not taken' if worse else 'taken'}."
    )


def places_of_names(
    puzzles: PuzzleSet | None, solver: LocalSolver
) -> Mapping[str, Sequence[tuple[Puzzle, int]]]:
    """Where the things are that words of puzzles name.

    Args:
        puzzles: Those whose prompt is words count.
        solver: Its vocabulary, and its classifier: what this reads is no name here.

    Returns:
        Word to at most `PICTURES` puzzles that ask for it and its place among their words, spread
        evenly over all that do.
    """
    asked = [p for p in puzzles or () if p.known and p.kind == "words"]
    classifier = solver.parts.classifier
    words = {word for puzzle in asked for word in puzzle.words}
    names = {
        word
        for word in things_of(solver.parts.namer, sorted(words))
        if not (classifier is not None and classifier.can_read(word)) and _is_file_name(word)
    }
    found: dict[str, list[tuple[Puzzle, int]]] = {name: [] for name in sorted(names)}
    for puzzle in asked:
        for place, word in enumerate(puzzle.words):
            if word in names:
                found[word].append((puzzle, place))
    return {name: _spread(places) for name, places in found.items()}


def _spread(places: list[tuple[Puzzle, int]]) -> list[tuple[Puzzle, int]]:
    chosen = np.linspace(0, len(places) - 1, min(PICTURES, len(places))).round().astype(int)
    return [places[at] for at in chosen]


def _write_pictures(
    folder: Path, places: Sequence[tuple[Puzzle, int]], puzzles: PuzzleSet, solver: LocalSolver
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, (puzzle, place) in enumerate(places, start=1):
        background = solver.background(puzzle, puzzles.folder)
        crop = _crop(background, puzzle.targets[place], solver)
        Image.fromarray(crop).save(folder / f"{number}.png")


def _crop(
    background: NDArray[np.uint8], target: tuple[int, int, int, int], solver: LocalSolver
) -> NDArray[np.uint8]:
    """What the matcher sees of a target."""
    matcher = solver.parts.matcher
    assert matcher is not None  # noqa: S101 - an adaptation starts from all three models
    return matcher.crop(background, np.array([target], np.float32))[0]


def _is_file_name(word: str) -> bool:
    return not word.startswith(".") and not _NO_FILE_NAME & set(word)


def _solved(
    bundle: Path, puzzles: PuzzleSet | None, options: AdaptOptions, console: Console
) -> int:
    return sum(outcome.score.solved for outcome in solve(bundle, puzzles, options, console))
