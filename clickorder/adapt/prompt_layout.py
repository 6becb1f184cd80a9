"""What all prompt pictures of a site have in common: how many items, and where these are."""

import numpy as np

from clickorder.local import LocalSolver
from labels.puzzles import Puzzle, PuzzleSet, prompt_boxes
from service.solving.prompt_segmentation import candidates
from service.solving.prompt_slots import F32, Slots, find_slots
from service.solving.prompts import ImagePrompt

_FEW_COUNTS, _MANY_COUNTS = 12, 40
"""Prompt pictures from which their number of items is known: where all have the same one, and where
they have several."""

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
        size, boxes = _layout(puzzle, puzzles, solver)
        if len(boxes) == count[0]:
            layouts.append((size, boxes))
    return find_slots(layouts)


def _layout(puzzle: Puzzle, puzzles: PuzzleSet, solver: LocalSolver) -> tuple[tuple[int, int], F32]:
    """Width and height of a prompt picture, and the boxes of its items in its pixels."""
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
        return (width, height), labelled - np.array([left, top] * 2, np.float32)
    parts = solver.parts
    found = candidates(parts.prompt_detector or parts.detector, picture, (count, count))
    cuts = sorted(found.cuts, key=lambda cut: -cut.prior)
    return (width, height), found.boxes[list(cuts[0].rows)] if cuts else found.boxes


def _with_pictures(puzzles: PuzzleSet | None) -> list[Puzzle]:
    """Those whose prompt is a picture, or a region of the background."""
    shown = () if puzzles is None else puzzles.puzzles
    return [puzzle for puzzle in shown if puzzle.known and puzzle.kind in ("image", "region")]
