"""Pictures with boxes, as a detector is trained and validated on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labels.annotations import ITEM
from labels.pictures import load_rgb
from labels.puzzles import Box
from training.errors import DetectionDataError


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture with its boxes.

    Attributes:
        picture: Its file.
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of the picture (of the crop, where
            there is one), `x2`/`y2` exclusive. N may be 0.
        classes: `(N,)` int64, index into the class names.
        strip: Whether it is a prompt picture, all of whose items are read from left to right.
        crop: The part of the file that counts, in its pixels; None for all of it.
    """

    picture: Path
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    strip: bool = False
    crop: Box | None = None

    def load(self) -> NDArray[np.uint8]:
        """The picture as displayed, transparent parts on white, `(H, W, 3)` uint8 RGB."""
        picture = load_rgb(self.picture)
        if self.crop is None:
            return picture
        x1, y1, x2, y2 = self.crop
        return np.ascontiguousarray(picture[y1:y2, x1:x2])


@dataclass(frozen=True, slots=True)
class DetectionData:
    """All that a training needs.

    Attributes:
        classes: Names in the order of the labels' numbers.
        train: Pictures to learn from.
        validation: Pictures to choose the best weights by.
        sources: Where they came from, for the model's own statement.
        note: What was decided about the classes, a sentence; empty where nothing was.
    """

    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    sources: tuple[str, ...]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.train or not self.validation:
            count = len(self.train) + len(self.validation)
            raise DetectionDataError(
                f"There {'is' if count == 1 else 'are'} only {count} labelled "
                f"picture{'' if count == 1 else 's'} in {', '.join(self.sources)}; at least 2 are "
                "needed, one to learn from and one to check against."
            )
        used = {int(c) for sample in self.train for c in np.unique(sample.classes)}
        if missing := [name for i, name in enumerate(self.classes) if i not in used]:
            raise DetectionDataError(
                f"{'The class' if len(missing) == 1 else 'The classes'} {', '.join(missing)} "
                f"{'has' if len(missing) == 1 else 'have'} no box in the training pictures of "
                f"{', '.join(self.sources)}; label some, take the name out of the class list, or "
                "choose --classes one to learn all boxes as one class."
            )


def item_sample(
    picture: Path, boxes: Sequence[Box], *, strip: bool = False, crop: Box | None = None
) -> Sample:
    """A picture whose boxes are all of one class.

    Args:
        picture: Its file.
        boxes: `x1, y1, x2, y2` in pixels of the picture, or of the crop.
        strip: Whether it is a prompt picture.
        crop: The part of the file that counts; None for all of it.
    """
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(picture, array, np.zeros(len(array), np.int64), strip, crop)


def prompts_only(data: DetectionData) -> DetectionData:
    """Only the prompt pictures; of a labelled folder, which cannot say, every picture.

    Raises:
        DetectionDataError: there are none to learn from or none to check against.
    """
    classes = (ITEM,)
    kept = []
    for samples in (data.train, data.validation):
        strips = [sample for sample in samples if sample.strip]
        kept.append(
            tuple(
                replace(sample, strip=True, classes=np.zeros(len(sample.boxes), np.int64))
                for sample in (strips or samples)
            )
        )
    return DetectionData(classes, kept[0], kept[1], data.sources)
