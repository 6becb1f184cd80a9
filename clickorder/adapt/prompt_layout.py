"""Prompt pictures of a site: how many items they show, and where these are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clickorder.local import LocalSolver
from labels.puzzles import Puzzle, PuzzleSet, prompt_boxes
from service.solving.prompt_segmentation import candidates
from service.solving.prompt_slots import F32, Slots, find_slots
from service.solving.prompts import ImagePrompt
from training.detector.samples import Sample, item_sample

_FEW_COUNTS, _MANY_COUNTS = 12, 40
"""Prompt pictures from which their number of items is known: where all have the same one, and where
they have several."""

_SURE = 0.8
"""Probability from which on boxes that were found are learned from."""

_MOST_LOOKED_AT = 80
"""Pictures in which items are looked for to learn where they are."""


def prompt_count(puzzles: PuzzleSet | None) -> tuple[int, int] | None:
    """The least and the greatest number of items of a site's prompt pictures.

    None where too few pictures tell: one more would be likely to have another number.
    """
    counts = [len(puzzle.targets) for puzzle in _with_pictures(puzzles)]
    if not counts:
        return None
    least, greatest = min(counts), max(counts)
    needed = _FEW_COUNTS if least == greatest else _MANY_COUNTS
    return (least, greatest) if len(counts) >= needed else None


def prompt_slots(puzzles: PuzzleSet | None, solver: LocalSolver) -> Slots | None:
    """Where the items of a site's prompt pictures are.

    Args:
        puzzles: Learned from.
        solver: Finds the items where the labels do not say where they are.

    Returns:
        None where the number of items varies, too few pictures tell, or items lie elsewhere from
        picture to picture.

    Raises:
        ServiceError: a picture cannot be read.
    """
    count = prompt_count(puzzles)
    if puzzles is None or count is None or count[0] != count[1]:
        return None
    layouts = []
    for puzzle in _with_pictures(puzzles)[:_MOST_LOOKED_AT]:
        layout = _layout(puzzle, puzzles, solver)
        if len(layout.boxes) == count[0]:
            layouts.append((layout.size, layout.boxes))
    return find_slots(layouts)


def prompt_samples(puzzles: PuzzleSet | None, solver: LocalSolver) -> tuple[Sample, ...]:
    """The prompt pictures with the boxes of their items, to fine-tune a detector on.

    Where the labels do not say where the items are, they are found with their number known; a
    picture that leaves a doubt is left out.

    Args:
        puzzles: With their targets; others, and those without prompt pictures, do not count.
        solver: Finds the items.

    Raises:
        ServiceError: a picture cannot be read.
    """
    if puzzles is None:
        return ()
    samples = []
    for puzzle in _with_pictures(puzzles):
        layout = _layout(puzzle, puzzles, solver)
        if len(layout.boxes) != len(puzzle.targets) or layout.chance < _SURE:
            continue
        crop = puzzle.region if puzzle.kind == "region" else None
        file = puzzles.folder / (puzzle.background if puzzle.image is None else puzzle.image)
        boxes = [(x1, y1, x2, y2) for x1, y1, x2, y2 in layout.boxes.tolist()]
        samples.append(item_sample(file, boxes, strip=True, crop=crop))
    return tuple(samples)


class PromptPictures:
    """Prompt pictures to fine-tune a detector on, looked through when they are first asked for."""

    def __init__(
        self, learned: PuzzleSet | None, held: PuzzleSet | None, solver: LocalSolver
    ) -> None:
        """Keep the puzzles; the arguments are those of `prompt_samples`, `held` to measure on."""
        self._puzzles = learned, held
        self._solver = solver

    @cached_property
    def learned(self) -> tuple[Sample, ...]:
        """Those to learn from."""
        return prompt_samples(self._puzzles[0], self._solver)

    @cached_property
    def held(self) -> tuple[Sample, ...]:
        """Those to measure on while training."""
        return prompt_samples(self._puzzles[1], self._solver)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the items of one prompt picture are.

    Attributes:
        size: Width and height of the picture.
        boxes: `(K, 4)` float32 in its pixels.
        chance: Probability of these boxes among all ways to cut it into as many items.
    """

    size: tuple[int, int]
    boxes: F32
    chance: float = 1.0


def _layout(puzzle: Puzzle, puzzles: PuzzleSet, solver: LocalSolver) -> _Layout:
    prompt = solver.prompt(puzzle, puzzles.folder)
    left, top = 0, 0
    if isinstance(prompt, ImagePrompt):
        picture = prompt.image
    else:
        left, top, right, bottom = puzzle.region
        picture = solver.background(puzzle, puzzles.folder)[top:bottom, left:right]
    height, width = picture.shape[:2]
    count = len(puzzle.targets)
    labelled = np.array(prompt_boxes(puzzle), np.float32).reshape(-1, 4)
    if len(labelled) == count:
        return _Layout((width, height), labelled - np.array([left, top] * 2, np.float32))
    parts = solver.parts
    found = candidates(parts.prompt_detector or parts.detector, picture, (count, count))
    cuts = sorted(found.cuts, key=lambda cut: -cut.prior)
    if not cuts:
        return _Layout((width, height), found.boxes, chance=0.0)
    priors = np.array([cut.prior for cut in cuts], np.float64)
    chance = float(1 / np.exp(priors - priors[0]).sum())
    return _Layout((width, height), found.boxes[list(cuts[0].rows)], chance)


def _with_pictures(puzzles: PuzzleSet | None) -> list[Puzzle]:
    """Those whose prompt is a picture, or a region of the background."""
    shown = () if puzzles is None else puzzles.puzzles
    return [puzzle for puzzle in shown if puzzle.known and puzzle.kind in ("image", "region")]
