"""Labelled pictures as puzzles, to measure an adaptation by."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from labels.annotations import ITEM, Annotations, LabelledBox, LabelledPicture, Layout
from labels.puzzle_annotations import annotations_to_puzzles
from labels.puzzles import PUZZLES_FILE, PuzzleSet, read_puzzles

PUZZLES_FOLDER = "puzzles"

_MOST_ITEMS = 12
"""Items of a prompt that the service takes."""


def puzzles_of(annotations: Annotations, out: Path) -> PuzzleSet | None:
    """The pictures of a folder as puzzles.

    A puzzle set is one already. Elsewhere the named boxes with an order of clicks make a puzzle;
    where nobody gave an order, all named boxes of a picture do, from left to right: whether each is
    found and told from the others is what counts.

    Args:
        annotations: The folder.
        out: Gets the puzzles, in a folder `puzzles`; one that is there already is read.

    Returns:
        None where fewer than two names tell boxes apart.

    Raises:
        PuzzleSetError: a set has a fault.
        OSError: a file cannot be written.
    """
    if annotations.layout is Layout.PUZZLES:
        return read_puzzles(annotations.folder)
    names = {b.label for picture in annotations.pictures for b in picture.boxes} - {ITEM}
    if len(names) < 2:
        return None
    folder = out / PUZZLES_FOLDER
    if not (folder / PUZZLES_FILE).is_file():
        asked = [_asked(picture) for picture in annotations.pictures if picture.label is None]
        named = [
            picture for picture in asked if any(box.order is not None for box in picture.boxes)
        ]
        if not named:
            return None
        annotations_to_puzzles(replace(annotations, pictures=tuple(named), unlabelled=()), folder)
    return read_puzzles(folder)


def part_of(
    puzzles: PuzzleSet | None, annotations: Annotations, chosen: Collection[Path]
) -> PuzzleSet | None:
    """The puzzles whose pictures are among the chosen; None where there are none."""
    if puzzles is None:
        return None
    kept = tuple(p for p in puzzles if annotations.folder / p.background in chosen)
    return PuzzleSet(puzzles.folder, kept) if kept else None


def _asked(picture: LabelledPicture) -> LabelledPicture:
    """The picture with an order of clicks, from left to right where nobody gave one."""
    if any(box.order is not None for box in picture.boxes):
        return picture
    named: Sequence[LabelledBox] = sorted(
        (box for box in picture.boxes if box.label != ITEM), key=lambda box: box.x1
    )
    places = {id(box): place for place, box in enumerate(named[:_MOST_ITEMS])}
    return replace(
        picture, boxes=tuple(replace(box, order=places.get(id(box))) for box in picture.boxes)
    )
