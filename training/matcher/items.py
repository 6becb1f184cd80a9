"""Items of labelled pictures, in groups of those that were seen together.

The matcher must tell apart the items of one group: those of one puzzle, or of one picture.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labels.annotations import ITEM, LabelledPicture
from labels.puzzles import Puzzle, prompt_boxes
from siamese.glyphs import can_draw
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


def labelled_groups(pictures: Sequence[LabelledPicture]) -> Iterable[Group]:
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
