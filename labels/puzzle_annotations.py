"""Puzzle sets as labelled pictures, and the other way round.

A word becomes the label of its target's box, and its place in the prompt the order of clicks. What
is not to be clicked has the label `item`. The picture of a prompt, and prompt icons, have no
counterpart: on the way back the prompt is the words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labels.annotations import ITEM, Annotations, LabelledBox, LabelledPicture, Layout
from labels.atomic import write_atomically
from labels.class_lists import class_list_of
from labels.click_order import Order, picture_key, read_order, write_order
from labels.errors import AnnotationError, LayoutError, PuzzleSetError
from labels.pictures import displayed_size
from labels.puzzles import Box, Puzzle, read_puzzles, write_puzzles
from labels.yolo import read_class_list, write_classes, write_yolo_labels

FAMILY = "recorded"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that became no puzzle.

    Attributes:
        picture: Its file.
        reason: Why, one sentence.
    """

    picture: Path
    reason: str


def read_puzzle_annotations(folder: Path, *, recorded: bool = False) -> Annotations:
    """A puzzle set as labelled pictures.

    Targets are boxes with the word as label and their place in the prompt as order; distractors,
    and the items of a prompt that lies in the background itself, have the label `item` and no
    order. Where several puzzles share a background, it has the boxes of all of them and the order
    of the first.

    Args:
        folder: Folder of the set.
        recorded: Whether puzzles whose truth nobody knows yet are taken, with the boxes that a
            model has proposed, for a person to correct.

    Raises:
        PuzzleSetError: the set has a fault.
    """
    by_background: dict[str, list[Puzzle]] = {}
    for puzzle in read_puzzles(folder, recorded=recorded):
        by_background.setdefault(puzzle.background, []).append(puzzle)
    pictures = []
    for background, puzzles in by_background.items():
        path = folder / background
        size = displayed_size(path)
        first, *others = puzzles
        boxes = _boxes(first, size, ordered=True)
        for other in others:
            boxes = _merged(boxes, _boxes(other, size, ordered=False))
        pictures.append(LabelledPicture(path, *size, tuple(boxes)))
    classes = sorted({box.label for picture in pictures for box in picture.boxes})
    return Annotations(
        folder,
        Layout.PUZZLES,
        tuple(sorted(pictures, key=lambda picture: picture.path)),
        tuple(classes),
    )


def puzzles_to_yolo(folder: Path, out: Path) -> Iterator[Path]:
    """Write a puzzle set as a folder for labelImg, with the order of clicks in `order.json`.

    Pictures are copied. What `out` has already is left as it is, so an interrupted run can be
    repeated, and corrected labels stay corrected; names that its `classes.txt` lacks are added.
    Puzzles whose truth nobody knows yet come with the boxes that a model has proposed.

    Yields:
        Each picture of the set when it is done.

    Raises:
        PuzzleSetError: the set has a fault.
        LayoutError: `out` has another picture of the same name, or two pictures would share a
            label file.
        AnnotationError: a word cannot be the name of a class.
        OSError: a file cannot be written.
    """
    annotations = read_puzzle_annotations(folder, recorded=True)
    _check_stems(annotations)
    out.mkdir(parents=True, exist_ok=True)
    listed = class_list_of(out)
    known = read_class_list(listed) if listed.is_file() else ()
    added = (name for name in annotations.classes if name not in known)
    classes = (*known, *added)
    # Before any label file: their numbers mean nothing without it.
    write_classes(out, classes)
    order = read_order(out)
    for picture in annotations.pictures:
        key = picture_key(picture.path, folder)
        copy_new(picture.path, out / key)
        label_file = (out / key).with_suffix(".txt")
        if not label_file.exists():
            write_yolo_labels(picture, classes, label_file)
        places = tuple(box.order for box in picture.boxes)
        ordered = any(place is not None for place in places)
        if ordered and key not in order and _lines(label_file) == len(picture.boxes):
            order[key] = places
        yield picture.path
    write_order(out, order)


def annotations_to_puzzles(
    annotations: Annotations, out: Path
) -> tuple[list[Puzzle], list[LeftOut]]:
    """Write labelled pictures whose boxes have an order of clicks as a new puzzle set.

    The prompt is the words: the labels of the ordered boxes. All other boxes are distractors, and
    corners are rounded to whole pixels. Pictures are copied first and `puzzles.jsonl` comes last
    and whole, so an interrupted run can be repeated.

    Args:
        annotations: Pictures with boxes; see `click_order.with_order`.
        out: Folder of the set, made when missing.

    Returns:
        The puzzles, and the pictures that were left out.

    Raises:
        PuzzleSetError: `out` holds a set already, or no picture has an order of clicks.
        LayoutError: `out` has another picture of the same name.
        OSError: a picture cannot be copied.
    """
    puzzles: dict[str, tuple[LabelledPicture, Puzzle]] = {}
    left_out = [LeftOut(path, "It has no labels.") for path in annotations.unlabelled]
    for picture in annotations.pictures:
        key = picture_key(picture.path, annotations.folder)
        name = key.removesuffix(picture.path.suffix).replace("/", "-")
        # Two pictures whose names differ only in the suffix, or in the kind of dash.
        name = key if name in puzzles else name
        try:
            puzzles[name] = picture, _puzzle(picture, key, name)
        except (AnnotationError, PuzzleSetError) as error:
            left_out.append(LeftOut(picture.path, str(error)))
    if not puzzles:
        why = f" ({left_out[0].picture.name}: {left_out[0].reason})" if left_out else ""
        raise PuzzleSetError(
            f"{annotations.folder} has no picture that can be a puzzle{why}; say in which order "
            "its boxes are clicked, for example with `clickorder labels review`."
        )
    for picture, puzzle in puzzles.values():
        copy_new(picture.path, out / puzzle.background)
    made = [puzzle for _, puzzle in puzzles.values()]
    write_puzzles(out, made)
    return made, sorted(left_out, key=lambda one: one.picture)


def copy_new(source: Path, target: Path) -> None:
    """Copy a file to where there is none, or where the same one lies already.

    Raises:
        LayoutError: there is another file of that name.
        OSError: it cannot be read or written.
    """
    content = source.read_bytes()
    if target.exists():
        if target.read_bytes() != content:
            raise LayoutError(
                f"{target} exists and is not the same as {source}; give an empty folder, or one "
                "that an earlier run of the same command has begun."
            )
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, content)


def _boxes(puzzle: Puzzle, size: tuple[int, int], *, ordered: bool) -> list[LabelledBox]:
    if not puzzle.known:
        return list(_proposed(puzzle, size, ordered=ordered))
    targets = [
        LabelledBox(*target, label=word, order=place if ordered else None)
        for place, (word, target) in enumerate(zip(puzzle.words, puzzle.targets, strict=True))
    ]
    others = [*puzzle.distractors, *(_prompt_boxes(puzzle) if puzzle.kind == "region" else ())]
    return targets + [LabelledBox(*box) for box in others]


def _proposed(puzzle: Puzzle, size: tuple[int, int], *, ordered: bool) -> Iterator[LabelledBox]:
    """The boxes that a model has proposed, cut at the border; what does not fit is passed over."""
    proposals = puzzle.meta.get("proposals")
    width, height = size
    for proposal in proposals if isinstance(proposals, list) else ():
        box = _box_of(proposal.get("box")) if isinstance(proposal, dict) else None
        if box is None:
            continue
        x1, y1 = max(box[0], 0), max(box[1], 0)
        x2, y2 = min(box[2], width), min(box[3], height)
        if x1 >= x2 or y1 >= y2:
            continue
        label, place = proposal.get("label"), proposal.get("place")
        # A caller's word may have a line break in it, which no name of a class can.
        name = " ".join(label.split()) if isinstance(label, str) else ""
        is_place = isinstance(place, int) and not isinstance(place, bool) and place >= 0
        yield LabelledBox(
            x1, y1, x2, y2, label=name or ITEM, order=place if ordered and is_place else None
        )


def _prompt_boxes(puzzle: Puzzle) -> Iterator[Box]:
    """Boxes of the items in the prompt's region, which the generator keeps in `meta`."""
    boxes = puzzle.meta.get("prompt_boxes")
    for value in boxes if isinstance(boxes, list) else ():
        box = _box_of(value)
        if box is not None:
            yield box


def _box_of(value: object) -> Box | None:
    if isinstance(value, list) and len(value) == 4 and all(isinstance(v, int) for v in value):
        x1, y1, x2, y2 = value
        return x1, y1, x2, y2
    return None


def _merged(boxes: Sequence[LabelledBox], others: Sequence[LabelledBox]) -> list[LabelledBox]:
    """The boxes and those of the others that are new; what has a name is no longer an item."""
    named = {box.xyxy: box.label for box in others if box.label != ITEM}
    kept = [
        LabelledBox(*box.xyxy, label=named.get(box.xyxy, ITEM)) if box.label == ITEM else box
        for box in boxes
    ]
    known = {box.xyxy for box in kept}
    return kept + [box for box in others if box.xyxy not in known]


def _puzzle(picture: LabelledPicture, background: str, name: str) -> Puzzle:
    ordered = sorted(
        ((box.order, box) for box in picture.boxes if box.order is not None),
        key=lambda pair: pair[0],
    )
    places: Order = tuple(place for place, _ in ordered)
    if not ordered:
        raise AnnotationError("None of its boxes has a place in the order of clicks.")
    if len(set(places)) != len(places):
        raise AnnotationError(f"Two of its boxes have the same place in the order {list(places)}.")
    targets = [box for _, box in ordered]
    if any(box.label == ITEM for box in targets):
        raise AnnotationError(f"A box to be clicked is called {ITEM!r}, which is no word yet.")
    words = tuple(box.label for box in targets)
    return Puzzle(
        id=name,
        background=background,
        prompt={"words": words},
        words=words,
        targets=tuple(_rounded(box, picture) for box in targets),
        distractors=tuple(_rounded(box, picture) for box in picture.boxes if box.order is None),
        family=FAMILY,
    )


def _rounded(box: LabelledBox, picture: LabelledPicture) -> Box:
    """Whole pixels, inside the picture, at least one each way."""

    def sides(low: float, high: float, size: int) -> tuple[int, int]:
        first = min(max(round(low), 0), size - 1)
        return first, min(max(round(high), first + 1), size)

    (x1, x2), (y1, y2) = (
        sides(box.x1, box.x2, picture.width),
        sides(box.y1, box.y2, picture.height),
    )
    return x1, y1, x2, y2


def _lines(label_file: Path) -> int:
    """How many boxes a label file has."""
    return sum(bool(line.strip()) for line in label_file.read_bytes().splitlines())


def _check_stems(annotations: Annotations) -> None:
    seen: dict[str, Path] = {}
    for picture in annotations.pictures:
        stem = picture.path.with_suffix("").as_posix()
        if stem in seen:
            raise LayoutError(
                f"{seen[stem]} and {picture.path.name} would share one label file; rename one of "
                "them, in puzzles.jsonl too."
            )
        seen[stem] = picture.path
