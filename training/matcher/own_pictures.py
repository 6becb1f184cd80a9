"""The user's own labelled pictures, as what the models learn from: scenes and groups of items.

Whatever the layout, a picture gives a scene with the boxes of all its items, for the detector, and
a *group* of items that were seen together, for the matcher: those of one puzzle must be told apart.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labels.annotations import ITEM, Annotations, LabelledPicture, Layout
from labels.puzzles import Puzzle, read_puzzles
from siamese.glyphs import can_draw
from training.detector.data import Sample as Scene
from training.detector.data import prompt_boxes, strips_of
from training.matcher.pictures import Sample


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a picture.

    Attributes:
        scene: Where it is.
        word: What it is called; None where nobody said.
        prompt: The picture that asks for it; None where there is none.
        drawn: Whether the service draws the word to ask for it, as it does with `7K`.
    """

    scene: Sample
    word: str | None = None
    prompt: Sample | None = None
    drawn: bool = False


Group = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class OwnPictures:
    """One part of a folder.

    Attributes:
        scenes: For the detector, one class; prompt pictures whose items are boxed among them.
        groups: For the matcher.
    """

    scenes: tuple[Scene, ...]
    groups: tuple[Group, ...]

    @property
    def words(self) -> dict[str, int]:
        """How often each word occurs."""
        counts: dict[str, int] = {}
        for item in (item for group in self.groups for item in group):
            if item.word is not None:
                counts[item.word] = counts.get(item.word, 0) + 1
        return dict(sorted(counts.items()))


def own_pictures(annotations: Annotations, chosen: Collection[Path]) -> OwnPictures:
    """What some of the pictures of a folder teach.

    Args:
        annotations: The folder; of a puzzle set, or with boxes, or with a class for each picture.
        chosen: The pictures that count.

    Raises:
        PuzzleSetError: it is a puzzle set with a fault.
    """
    pictures = [picture for picture in annotations.pictures if picture.path in chosen]
    scenes = [_scene(picture) for picture in pictures if picture.label is None]
    if annotations.layout is not Layout.PUZZLES:
        return OwnPictures(tuple(scenes), tuple(_labelled_groups(pictures)))
    folder = annotations.folder
    puzzles = [p for p in read_puzzles(folder) if folder / p.background in chosen]
    # Items that nobody boxed must not be taught to be ground.
    unknown = {folder / p.background for p in puzzles if p.kind == "region" and not prompt_boxes(p)}
    scenes = [scene for scene in scenes if scene.picture not in unknown]
    strips = [strip for puzzle in puzzles for strip in strips_of(folder, puzzle)]
    return OwnPictures((*scenes, *strips), tuple(puzzle_group(folder, p) for p in puzzles))


def puzzle_group(folder: Path, puzzle: Puzzle) -> Group:
    """The items of a puzzle: the targets in click order, then what is not to be clicked."""
    background = folder / puzzle.background
    asked: list[Sample | None] = [*_prompt_samples(folder, puzzle)]
    asked = asked or [None] * len(puzzle.words)
    targets = [
        Item(
            Sample(background, box),
            word,
            prompt,
            drawn=puzzle.kind == "words" and len(word) > 1 and can_draw(word),
        )
        for word, box, prompt in zip(puzzle.words, puzzle.targets, asked, strict=True)
    ]
    return (*targets, *(Item(Sample(background, box)) for box in puzzle.distractors))


def _prompt_samples(folder: Path, puzzle: Puzzle) -> Iterator[Sample]:
    """The pictures that ask for the targets, in order; none where they are unknown."""
    if puzzle.icons:
        yield from (Sample(folder / icon, prompt=True) for icon in puzzle.icons)
        return
    boxes = prompt_boxes(puzzle)
    if len(boxes) != len(puzzle.words):
        return
    file = folder / (puzzle.image or puzzle.background)
    yield from (Sample(file, box, prompt=True) for box in boxes)


def _scene(picture: LabelledPicture) -> Scene:
    boxes = np.array([box.xyxy for box in picture.boxes], np.float32).reshape(-1, 4)
    return Scene(picture.path, boxes, np.zeros(len(boxes), np.int64))


def _labelled_groups(pictures: Sequence[LabelledPicture]) -> Iterable[Group]:
    """Boxes of a picture together; pictures with one class each by themselves."""
    for picture in pictures:
        if picture.label is not None:
            yield (Item(Sample(picture.path), picture.label),)
            continue
        items = tuple(
            Item(
                Sample(picture.path, _whole(box.xyxy)),
                None if box.label == ITEM else box.label,
                drawn=len(box.label) > 1 and box.label != ITEM and can_draw(box.label),
            )
            for box in picture.boxes
        )
        if items:
            yield items


def _whole(box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    left, top = round(x1), round(y1)
    return left, top, max(round(x2), left + 1), max(round(y2), top + 1)
