"""The user's own labelled pictures as training data: scenes and groups of items.

Whatever the layout, a picture gives a scene with the boxes of all its items, for the detector, and
a *group* of items that were seen together, for the matcher: those of one puzzle must be told apart.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labels.annotations import Annotations, LabelledPicture, Layout
from labels.puzzles import prompt_boxes, read_puzzles
from training.detector.data import strips_of
from training.detector.samples import Sample as Scene
from training.matcher.items import Group, labelled_groups, puzzle_group


@dataclass(frozen=True, slots=True)
class OwnPictures:
    """Training data from some pictures of a folder.

    Attributes:
        scenes: Pictures with boxes of one class, for the detector; among them prompt pictures
            whose items have boxes.
        groups: Items that were seen together, for the matcher.
    """

    scenes: tuple[Scene, ...]
    groups: tuple[Group, ...]

    @property
    def words(self) -> dict[str, int]:
        """Number of items of each word, sorted by word."""
        counts: dict[str, int] = {}
        for item in (item for group in self.groups for item in group):
            if item.word is not None:
                counts[item.word] = counts.get(item.word, 0) + 1
        return dict(sorted(counts.items()))


def own_pictures(annotations: Annotations, chosen: Collection[Path]) -> OwnPictures:
    """Make training data from some of the pictures of a folder.

    Args:
        annotations: Labels of the folder: a puzzle set, boxes, or a class for each picture.
        chosen: Files of the pictures to use.

    Raises:
        PuzzleSetError: it is a puzzle set that does not fit its format.
    """
    pictures = [picture for picture in annotations.pictures if picture.path in chosen]
    scenes = [_scene(picture) for picture in pictures if picture.label is None]
    if annotations.layout is not Layout.PUZZLES:
        return OwnPictures(tuple(scenes), tuple(labelled_groups(pictures)))
    folder = annotations.folder
    puzzles = [p for p in read_puzzles(folder) if folder / p.background in chosen]
    # Items that nobody boxed must not be taught to be ground.
    unknown = {folder / p.background for p in puzzles if p.kind == "region" and not prompt_boxes(p)}
    scenes = [scene for scene in scenes if scene.picture not in unknown]
    strips = [strip for puzzle in puzzles for strip in strips_of(folder, puzzle)]
    return OwnPictures((*scenes, *strips), tuple(puzzle_group(folder, p) for p in puzzles))


def _scene(picture: LabelledPicture) -> Scene:
    boxes = np.array([box.xyxy for box in picture.boxes], np.float32).reshape(-1, 4)
    return Scene(picture.path, boxes, np.zeros(len(boxes), np.int64))
