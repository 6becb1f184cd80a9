"""Labelled pictures of the user's own: what lies in a folder, and what is wrong with it.

These layouts are read:

    class/picture.png        a folder for each class, named as `labels.class_names` says
    part/class/picture.png   the same, one or two folders deeper: `images_background/lion/1.png`
    labels.txt, images/      a line for each picture in `images/` with its label, of dddd_trainer
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

from labels.class_folders import class_folders, named_pictures, refuse_unknown_set
from labels.class_names import class_of_folder, holds_class
from labels.duplicates import pixel_digest
from labels.errors import LayoutError
from labels.pictures import UNREADABLE, find_pictures, load_rgb
from labels.puzzles import PUZZLES_FILE, read_puzzles
from labels.texts import LABELS_TEXT, read_texts
from training.errors import TrainingError

U8 = NDArray[np.uint8]

_SHOWN_FAULTS = 12
_DEEPEST = 3
_CONTENT_DIFFERENCE = 24
_CACHED_PICTURES = 256
_BLANK_RANGE = 8
"""Smallest difference of pixel values, 0..255, at which a picture shows anything."""


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


def read_classes(folder: Path, *, skip_faulty: bool = False, single: bool = False) -> Classes:
    """Read a folder of any of these layouts, and look at every picture.

    Args:
        folder: Class folders, `label_hash.png` files, a `labels.txt`, or a puzzle set.
        skip_faulty: Leave out what cannot be used instead of refusing all; it is in `skipped`.
        single: Whether a class may have a single picture.

    Raises:
        PicturesError: the folder has no known layout, or (by name) unreadable files, blank
            pictures, the same picture in two classes, empty classes, classes of one picture; or
            fewer than two classes are left.
        PuzzleSetError: it is a puzzle set with a fault.
    """
    if not folder.is_dir():
        raise PicturesError(f"{folder} is no folder; give a folder of labelled pictures.")
    often = 1 if single else 2
    few, skipped = [], []
    if (folder / PUZZLES_FILE).is_file():
        found = _puzzle_samples(folder)
        # Nobody chooses how often a puzzle set repeats a word, so this is no fault of the data.
        few = [label for label, samples in found.items() if len(samples) < 2]
        if few:
            skipped = [f"{len(few)} words occur only once and are left out."]
    else:
        found = _listed_samples(folder) or _folder_samples(folder) or _named_samples(folder)
        try:
            refuse_unknown_set(folder, [name for name, samples in found.items() if samples])
        except LayoutError as error:
            raise PicturesError(
                str(error).replace(
                    ", or say --layout classes where", ", or rename the folders where"
                )
            ) from error
        if not found and (found := _deeper_samples(folder)):
            skipped = [f"The class folders of {folder} lie deeper, as in {next(iter(found))!r}."]
        if not found:
            raise PicturesError(
                f"{folder} has neither class folders with pictures, nor pictures named "
                f"label_hash.png, nor {LABELS_TEXT}, nor {PUZZLES_FILE}; sort the pictures into "
                "one folder per class."
            )
    faults = _useless(found)
    usable = {
        label: tuple(s for s in samples if s not in faults)
        for label, samples in sorted(found.items())
        if label not in few
    }
    sentences = [*dict.fromkeys(faults.values()), *_count_faults(usable, often)]
    if sentences and not skip_faulty:
        shown = " ".join(sentences[:_SHOWN_FAULTS])
        more = len(sentences) - _SHOWN_FAULTS
        rest = f" And {more} more." if more > 0 else ""
        raise PicturesError(f"{shown}{rest} Mend them, or leave them out with --skip-faulty.")
    kept = {label: samples for label, samples in usable.items() if len(samples) >= often}
    if len(kept) < 2:
        least = "a picture" if single else "at least two pictures"
        raise PicturesError(
            f"{folder} has {len(kept)} classes with {least}, but training needs two or more."
        )
    if alone := sum(len(samples) == 1 for samples in kept.values()):
        skipped.append(
            f"{alone} of {len(kept)} classes have a single picture, of which variations are drawn: "
            "turned, brighter or darker, cut otherwise."
        )
    return Classes(folder, kept, (*skipped, *sentences))


def load_picture(path: Path) -> U8:
    """A picture as a person sees it, `(H, W, 3)` uint8 RGB; the last ones are kept."""
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


def _listed_samples(folder: Path) -> dict[str, list[Sample]]:
    """What a `labels.txt` says; nothing where there is none, or one that names no picture."""
    if not (folder / LABELS_TEXT).is_file():
        return {}
    found: dict[str, list[Sample]] = {}
    for picture in read_texts([folder]).pictures:
        found.setdefault(picture.label, []).append(Sample(picture.path))
    return found


def _deeper_samples(folder: Path) -> dict[str, list[Sample]]:
    """Class folders in folders: `images_background/lion`, or `alphabet/character` in that.

    A class is called by its own folder, and by those above too where there are several of these.
    """
    places: dict[tuple[str, ...], list[Sample]] = {}
    for file in find_pictures(folder):
        steps = file.relative_to(folder).parts[:-1]
        if 2 <= len(steps) <= _DEEPEST and all(map(holds_class, steps)):
            places.setdefault(steps, []).append(Sample(file))
    shared = 0
    while places and all(len(steps) > shared + 1 for steps in places):
        if len({steps[shared] for steps in places}) > 1:
            break
        shared += 1
    return {
        "/".join(class_of_folder(step) for step in steps[shared:]): samples
        for steps, samples in places.items()
    }


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


def _useless(found: Mapping[str, Sequence[Sample]]) -> dict[Sample, str]:
    """A sentence for every sample that nothing can be learnt from, each file decoded once.

    Unreadable files, blank pictures, and pictures that have the same pixels in several classes: of
    those a model learns at best to guess.
    """
    places: dict[Path, list[tuple[str, Sample]]] = {}
    for label, samples in found.items():
        for sample in samples:
            places.setdefault(sample.path, []).append((label, sample))
    faults: dict[Sample, str] = {}
    shown: dict[str, dict[str, list[Sample]]] = {}
    blank: dict[str, list[tuple[Sample, U8]]] = {}
    for path, uses in places.items():
        try:
            picture = load_rgb(path)
        except UNREADABLE as error:
            faults |= dict.fromkeys(
                (sample for _, sample in uses), f"{path} is not a readable picture ({error})."
            )
            continue
        for label, sample in uses:
            x1, y1, x2, y2 = sample.box or (0, 0, picture.shape[1], picture.shape[0])
            part = picture[y1:y2, x1:x2]
            if int(np.ptp(part, axis=(0, 1)).max(initial=0)) < _BLANK_RANGE:
                blank.setdefault(label, []).append((sample, part[0, 0]))
            else:
                classes = shown.setdefault(pixel_digest(part), {})
                classes.setdefault(label, []).append(sample)
    return faults | _blank(found, blank) | _shared(shown)


def _blank(
    found: Mapping[str, Sequence[Sample]], blank: Mapping[str, Sequence[tuple[Sample, U8]]]
) -> dict[Sample, str]:
    """Blank pictures; only a class that is nothing but one colour of its own may have them."""
    colours = {
        label: np.array([colour for _, colour in samples], np.int64)
        for label, samples in blank.items()
    }
    faults = {}
    for label, samples in blank.items():
        others = [colours[other] for other in colours if other != label]
        rivals = np.concatenate(others) if others else np.empty((0, 3), np.int64)
        apart = np.abs(colours[label][:, None] - rivals[None]).max(axis=2)
        alike = bool((apart < _CONTENT_DIFFERENCE).any())
        if len(samples) < len(found[label]) or alike:
            for sample, _ in samples:
                part = "" if sample.box is None else f" in the box {list(sample.box)}"
                faults[sample] = (
                    f"{sample.path} is blank{part} and shows nothing of the class {label!r}; "
                    "replace it, or take it out."
                )
    return faults


def _shared(shown: Mapping[str, Mapping[str, Sequence[Sample]]]) -> dict[Sample, str]:
    """Pictures with the same pixels in several classes: which one is right only a person knows."""
    faults: dict[Sample, str] = {}
    for classes in shown.values():
        if len(classes) < 2:
            continue
        (one, first), (other, second) = [(label, s[0]) for label, s in classes.items()][:2]
        sentence = (
            f"{first.path} and {second.path} show the same pixels, but are of the classes {one!r} "
            f"and {other!r}; keep the one that is right."
        )
        faults |= {sample: sentence for samples in classes.values() for sample in samples}
    return faults


def _count_faults(found: Mapping[str, Sequence[Sample]], often: int) -> list[str]:
    """A sentence for every class with too few pictures."""
    sentences = []
    for label, samples in found.items():
        if not samples:
            sentences.append(f"The class {label!r} is empty.")
        elif len(samples) < often:
            sentences.append(
                f"The class {label!r} has one picture ({samples[0].path.name}), but needs two."
            )
    return sentences


@lru_cache(maxsize=_CACHED_PICTURES)
def _loaded(path: Path) -> U8:
    return load_rgb(path)
