"""Prompt pictures drawn during the training of a prompt detector."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labels.puzzles import Box
from training.detector.frames import Frame, draw_frame
from training.detector.samples import Sample
from training.synthetic.clutter import resaved
from training.synthetic.ingredients.catalogue import Split
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.store import IngredientStore
from training.synthetic.prompts.pictures import PromptPainter

EPOCH_FRAMES = 4800
"""Frames between two validations."""

VALIDATION_PICTURES = 400
_VALIDATION_SEED = 41

_SAVED_SHARE = 0.3
"""Share of the pictures that are compressed lossily, as sites do."""


@lru_cache(maxsize=2)
def _painter(split: Split, cache: Path | None) -> PromptPainter:
    """One for each process."""
    return PromptPainter(Palette.of(IngredientStore.open(cache), split))


@dataclass(frozen=True, slots=True)
class _DrawnSample(Sample):
    """A prompt picture that exists in memory only."""

    pixels: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((1, 1, 3), np.uint8))

    def load(self) -> NDArray[np.uint8]:
        return self.pixels


@dataclass(frozen=True, slots=True)
class DrawnPrompts:
    """An endless source of prompt pictures; implements `FrameSource`.

    Attributes:
        split: Whose fonts, icons and photos are used.
        cache: Folder of the ingredients; None for the usual place.
        own: Prompt pictures of the user's own to mix in.
        own_share: How often one of them takes the place of a drawn one.
        epoch_size: Frames that count as one epoch.
    """

    split: Split = "train"
    cache: Path | None = None
    own: Sequence[Sample] = ()
    own_share: float = 0.5
    epoch_size: int = EPOCH_FRAMES

    def warm(self) -> None:
        """Open the ingredients now, so that the processes that draw share them.

        Raises:
            IngredientsMissingError: there is nothing to draw with.
        """
        _painter(self.split, self.cache).draw(np.random.default_rng(0))

    def frames(self, size: tuple[int, int], key: tuple[int, int], skip: int) -> "DrawnFrames":
        """The frames of one epoch; arguments as of `FrameSource.frames`."""
        return DrawnFrames(self, size, key, skip)

    def sample(self, rng: Generator) -> Sample:
        """One prompt picture, drawn or of the user's own."""
        if self.own and rng.random() < self.own_share:
            return self.own[int(rng.integers(len(self.own)))]
        drawn = _painter(self.split, self.cache).draw(rng)
        picture = drawn.picture
        if rng.random() < _SAVED_SHARE:
            picture = resaved(picture, rng)
        return _sample(Path("drawn"), drawn.boxes, np.asarray(picture))


class DrawnFrames:
    """The remaining frames of an epoch; each depends only on seed, epoch and index."""

    def __init__(
        self, source: DrawnPrompts, size: tuple[int, int], key: tuple[int, int], skip: int
    ) -> None:
        """Keep what the frames are made from; arguments as of `FrameSource.frames`."""
        self._source = source
        self._size = size
        self._key = key
        self._skip = skip

    def __len__(self) -> int:
        return max(0, self._source.epoch_size - self._skip)

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < len(self):
            raise IndexError(index)
        rng = np.random.default_rng([*self._key, self._skip + index + 1])
        return draw_frame([self._source.sample(rng)], self._size, rng, flips=True)


def validation_prompts(folder: Path, *, cache: Path | None = None) -> list[Sample]:
    """Prompt pictures of the validation split, the same each time, written out to be looked at.

    Args:
        folder: Where they go, as PNG files with labels in labelImg's YOLO format.
        cache: Folder of the ingredients; None for the usual place.

    Raises:
        IngredientsMissingError: there is nothing to draw with.
    """
    rng = np.random.default_rng(_VALIDATION_SEED)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("item\n", encoding="utf-8")
    samples = []
    for number in range(VALIDATION_PICTURES):
        drawn = _painter("validation", cache).draw(rng)
        file = folder / f"{number:04}.png"
        drawn.picture.save(file, compress_level=1)
        file.with_suffix(".txt").write_text(_lines(drawn.boxes, drawn.picture.size), "utf-8")
        samples.append(_sample(file, drawn.boxes, np.asarray(drawn.picture)))
    return samples


def _sample(picture: Path, boxes: Sequence[Box], pixels: NDArray[np.uint8]) -> Sample:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return _DrawnSample(picture, array, np.zeros(len(array), np.int64), True, None, pixels)


def _lines(boxes: Sequence[Box], size: tuple[int, int]) -> str:
    """Boxes as labelImg writes them: class, centre and sides as shares of the picture."""
    width, height = size
    return "".join(
        f"0 {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} "
        f"{(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n"
        for x1, y1, x2, y2 in boxes
    )
