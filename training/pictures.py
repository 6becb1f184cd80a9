"""Labelled pictures of the user's own: what lies in a folder, and what is wrong with it.

Three layouts are read:

    class/picture.png        a folder for each class, named as `labels.class_names` says
    label_hash.png           as dddd_trainer names pictures; the label ends at the last underscore
    puzzles.jsonl            a puzzle set: a class for each word, with its targets and prompt icons
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from labels.class_folders import class_folders, named_pictures
from labels.puzzles import PUZZLES_FILE, read_puzzles
from training.errors import TrainingError

U8 = NDArray[np.uint8]

_SHOWN_FAULTS = 12
_CONTENT_DIFFERENCE = 24
_CACHED_PICTURES = 256


class PicturesError(TrainingError):
    """A folder of labelled pictures cannot be trained on."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled picture, or a part of one.

    Attributes:
        path: The file.
        box: `x1, y1, x2, y2` of the item in its pixels, end exclusive; None for all of it.
        prompt: Whether it shows the item as a prompt does.
    """

    path: Path
    box: tuple[int, int, int, int] | None = None
    prompt: bool = False


@dataclass(frozen=True, slots=True)
class Classes:
    """Pictures by label.

    Attributes:
        source: Where they lie.
        samples: By label, labels sorted.
        skipped: What was left out, one sentence each.
    """

    source: Path
    samples: Mapping[str, tuple[Sample, ...]]
    skipped: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(self.samples)

    def __len__(self) -> int:
        return sum(len(samples) for samples in self.samples.values())


def read_classes(folder: Path, *, skip_faulty: bool = False) -> Classes:
    """Read a folder of any of the three layouts, and look at every picture.

    Args:
        folder: Class folders, `label_hash.png` files, or a puzzle set.
        skip_faulty: Leave out what cannot be used instead of refusing all; it is in `skipped`.

    Raises:
        PicturesError: the folder has no known layout, or (by name) unreadable files, empty
            classes, classes of one picture; or fewer than two classes are left.
        PuzzleSetError: it is a puzzle set with a fault.
    """
    if not folder.is_dir():
        raise PicturesError(f"{folder} is no folder; give a folder of labelled pictures.")
    if (folder / PUZZLES_FILE).is_file():
        found = _puzzle_samples(folder)
        # Nobody chooses how often a puzzle set repeats a word, so this is no fault of the data.
        single = [label for label, samples in found.items() if len(samples) < 2]
        faults = _unreadable(found)
        skipped = [f"{len(single)} words occur only once and are left out."] if single else []
    else:
        found = _folder_samples(folder) or _named_samples(folder)
        if not found:
            raise PicturesError(
                f"{folder} has neither class folders with pictures, nor pictures named "
                f"label_hash.png, nor {PUZZLES_FILE}; sort the pictures into one folder per class."
            )
        faults = _unreadable(found)
        single, skipped = [], []
    unreadable = set(faults)
    usable = {
        label: tuple(s for s in samples if s.path not in unreadable)
        for label, samples in sorted(found.items())
        if label not in single
    }
    sentences = [*faults.values(), *_count_faults(usable)]
    if sentences and not skip_faulty:
        shown = " ".join(sentences[:_SHOWN_FAULTS])
        more = len(sentences) - _SHOWN_FAULTS
        rest = f" And {more} more." if more > 0 else ""
        raise PicturesError(f"{shown}{rest} Mend them, or leave them out with --skip-faulty.")
    kept = {label: samples for label, samples in usable.items() if len(samples) >= 2}
    if len(kept) < 2:
        raise PicturesError(
            f"{folder} has {len(kept)} classes with at least two pictures, but training needs two "
            "or more."
        )
    return Classes(folder, kept, (*skipped, *sentences))


def load_picture(path: Path) -> U8:
    """A picture as a person sees it, `(H, W, 3)` uint8 RGB, what is transparent on white."""
    return _loaded(path)


def content_box(picture: U8) -> tuple[int, int, int, int]:
    """The box of what differs from the picture's corner, the whole picture where nothing does.

    Args:
        picture: `(H, W, 3)` uint8 RGB.
    """
    image = Image.fromarray(picture)
    ground = Image.new("RGB", image.size, tuple(int(v) for v in picture[0, 0]))
    difference = ImageChops.difference(image, ground).convert("L")
    box = difference.point(lambda v: 255 if v > _CONTENT_DIFFERENCE else 0).getbbox()
    return box or (0, 0, image.width, image.height)


def _folder_samples(folder: Path) -> dict[str, list[Sample]]:
    """Class folders; a folder without pictures is a class without pictures."""
    found = _samples(class_folders(folder))
    return found if any(found.values()) else {}


def _named_samples(folder: Path) -> dict[str, list[Sample]]:
    """Pictures named `label_hash.png`."""
    return _samples(named_pictures(folder))


def _samples(found: Mapping[str, Sequence[Path]]) -> dict[str, list[Sample]]:
    return {label: [Sample(path) for path in paths] for label, paths in found.items()}


def _puzzle_samples(folder: Path) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for puzzle in read_puzzles(folder):
        for word, target in zip(puzzle.words, puzzle.targets, strict=True):
            found.setdefault(word, []).append(Sample(folder / puzzle.background, target))
        for word, icon in zip(puzzle.words, puzzle.icons, strict=False):
            found.setdefault(word, []).append(Sample(folder / icon, prompt=True))
    return found


def _unreadable(found: Mapping[str, Sequence[Sample]]) -> dict[Path, str]:
    """A sentence for every file that is no whole picture, each file looked at once."""
    faults = {}
    for path in dict.fromkeys(s.path for samples in found.values() for s in samples):
        try:
            with Image.open(path) as picture:
                picture.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            faults[path] = f"{path} is not a readable picture."
    return faults


def _count_faults(found: Mapping[str, Sequence[Sample]]) -> list[str]:
    """A sentence for every class with too few pictures."""
    sentences = []
    for label, samples in found.items():
        if not samples:
            sentences.append(f"The class {label!r} is empty.")
        elif len(samples) == 1:
            sentences.append(
                f"The class {label!r} has one picture ({samples[0].path.name}), but needs two."
            )
    return sentences


@lru_cache(maxsize=_CACHED_PICTURES)
def _loaded(path: Path) -> U8:
    with Image.open(path) as picture:
        seen = picture.convert("RGBA")
    paper = Image.new("RGBA", seen.size, (255, 255, 255, 255))
    paper.alpha_composite(seen)
    return np.asarray(paper.convert("RGB"))
