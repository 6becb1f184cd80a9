"""Training data of a detector: labelImg folders, `data.yaml` files and puzzle sets.

All data are checked before training starts, and every fault is reported with the name of its
file.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from labels.annotations import ITEM
from labels.class_lists import YAML_SUFFIXES, class_list_of, described_names, read_description
from labels.errors import LayoutError
from labels.pictures import (
    UNREADABLE,
    unreadable,
)
from labels.puzzles import PUZZLES_FILE, Puzzle, prompt_boxes, read_puzzles
from labels.yolo import labels_folder, read_class_list
from training.detector.classes import AUTO, ClassChoice, choose_classes
from training.detector.samples import DetectionData, Sample, item_sample
from training.detector.yolo_folders import (
    Faults,
    folder_samples,
    label_beside,
    listed_pictures,
    place_of,
    samples_of,
)
from training.errors import DetectionDataError

_VALIDATION_SHARE = 0.1
_SEED = 20


def read_detection_data(
    paths: Sequence[Path],
    validation: Sequence[Path] = (),
    *,
    classes: str = AUTO,
    verify: bool = True,
) -> DetectionData:
    """Read and check the data.

    Args:
        paths: Puzzle sets, labelImg folders (`classes.txt`, pictures and a `.txt` for each),
            `data.yaml` files, or folders that hold one.
        validation: Validation data in the same formats. Where it is empty and no `data.yaml` names
            any, a tenth of the pictures is set aside, the same ones each time, but none that has
            the last boxes of a class.
        classes: Which classes are learnt, see `choose_classes`.
        verify: Whether to decode every picture now, so that a broken one is found before training.

    Raises:
        DetectionDataError: a sentence for each fault, one a line.
        PuzzleSetError: a puzzle set does not fit its format.
    """
    faults = Faults()
    parts = [_read(path, faults) for path in paths]
    checks = [_read(path, faults) for path in validation]
    faults.raise_any()
    choice = _choose([*parts, *checks], classes)
    parts = [_mapped(part, choice) for part in parts]
    checks = [_mapped(part, choice) for part in checks]
    train = [sample for part in parts for sample in part.train]
    held = [sample for part in (*parts, *checks) for sample in part.validation]
    held += [sample for part in checks for sample in part.train]
    if not held:
        train, held = _set_aside(train)
    if verify:
        _verify([*train, *held], faults)
        faults.raise_any()
    return DetectionData(
        choice.names, tuple(train), tuple(held), tuple(str(p) for p in paths), choice.sentence
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The samples of one path."""

    source: Path
    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...] = ()


def _choose(parts: Sequence[_Part], classes: str) -> ClassChoice:
    counts: Counter[str] = Counter()
    for part in parts:
        for sample in (*part.train, *part.validation):
            counts.update(part.classes[index] for index in sample.classes)
    return choose_classes([(str(part.source), part.classes) for part in parts], counts, classes)


def _mapped(part: _Part, choice: ClassChoice) -> _Part:
    """The same with the classes that were chosen; boxes of others are taken out."""
    table = np.array([choice.mapping.get(name, -1) for name in part.classes], np.int64)

    def mapped(samples: Sequence[Sample]) -> tuple[Sample, ...]:
        found = []
        for sample in samples:
            classes = table[sample.classes]
            kept = classes >= 0
            found.append(replace(sample, boxes=sample.boxes[kept], classes=classes[kept]))
        return tuple(found)

    return _Part(part.source, choice.names, mapped(part.train), mapped(part.validation))


def _read(path: Path, faults: Faults) -> _Part:
    if path.is_file() and path.suffix in (".yaml", ".yml"):
        return _read_yaml(path, faults)
    if not path.is_dir():
        raise DetectionDataError(
            f"{path} is neither a folder nor a data.yaml; give a puzzle set, a labelImg folder or "
            "a data.yaml file."
        )
    if (path / PUZZLES_FILE).is_file():
        puzzles = read_puzzles(path)
        samples = [s for puzzle in puzzles for s in _of_puzzle(path, puzzle)]
        return _Part(path, (ITEM,), tuple(samples))
    if (listed := _class_list(path)).is_file() and listed.suffix not in YAML_SUFFIXES:
        classes = _read_classes(listed)
        return _Part(path, classes, tuple(folder_samples(path, path, classes, faults)))
    if len(descriptions := sorted({*path.glob("*.yaml"), *path.glob("*.yml")})) == 1:
        return _read_yaml(descriptions[0], faults)
    if (path / "data.yaml").is_file():
        return _read_yaml(path / "data.yaml", faults)
    raise DetectionDataError(
        f"{path} has none of {PUZZLES_FILE}, classes.txt and data.yaml; give a puzzle set, a "
        "folder labelled with labelImg in its YOLO format (where labels have a folder of their "
        "own, the one that holds pictures and labels), or one with a data.yaml."
    )


def _of_puzzle(folder: Path, puzzle: Puzzle) -> Iterator[Sample]:
    """The picture, and its prompt picture where the set knows the items' boxes there."""
    in_prompt = prompt_boxes(puzzle)
    boxes = [*puzzle.targets, *puzzle.distractors]
    if puzzle.kind == "region":
        if not in_prompt:
            # Items that nobody boxed must not be taught to be ground.
            return
        boxes += in_prompt
    yield item_sample(folder / puzzle.background, boxes)
    yield from strips_of(folder, puzzle)


def strips_of(folder: Path, puzzle: Puzzle) -> Iterator[Sample]:
    """The prompt picture of a puzzle, where there is one and the set knows its items' boxes."""
    boxes = prompt_boxes(puzzle)
    if not boxes:
        return
    if puzzle.kind == "region":
        left, top = puzzle.region[:2]
        moved = [(a - left, b - top, c - left, d - top) for a, b, c, d in boxes]
        yield item_sample(folder / puzzle.background, moved, strip=True, crop=puzzle.region)
    elif puzzle.image is not None:
        yield item_sample(folder / puzzle.image, boxes, strip=True)


def _class_list(folder: Path) -> Path:
    try:
        return class_list_of(folder)
    except LayoutError as error:
        raise DetectionDataError(str(error)) from error


def _read_classes(file: Path) -> tuple[str, ...]:
    try:
        return read_class_list(file)
    except LayoutError as error:
        raise DetectionDataError(str(error)) from error


def _checked_classes(names: Sequence[str], file: Path) -> tuple[str, ...]:
    if not names:
        raise DetectionDataError(f"{file} names no class; write one name a line.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DetectionDataError(f"{file} names the class {twice[0]} twice; keep one of them.")
    return tuple(names)


def _read_yaml(file: Path, faults: Faults) -> _Part:
    """The form of Ultralytics: `path`, `train`, `val`, `names`."""
    try:
        data = read_description(file)
        if "train" not in data or "names" not in data:
            raise DetectionDataError(f"{file} needs at least the keys train and names.")
        classes = _checked_classes(described_names(data, file), file)
    except LayoutError as error:
        raise DetectionDataError(str(error)) from error
    root = file.parent / str(data.get("path") or ".")
    if not root.is_dir():
        # Written for the folder of Ultralytics' settings, and the set has been moved since.
        root = file.parent

    def samples(key: str) -> tuple[Sample, ...]:
        value = data.get(key)
        places = value if isinstance(value, list) else [value]
        found: list[Sample] = []
        for name in places:
            if name in (None, "", "null", "~"):
                continue
            place = place_of(root, str(name))
            # In Ultralytics' form a picture without label file is one of the ground alone.
            if place.is_file():
                files = listed_pictures(place, root, faults)
                found += samples_of(files, label_beside, classes, faults, unlabelled_empty=True)
                continue
            labels = labels_folder(Path(), place)
            found += folder_samples(place, labels, classes, faults, unlabelled_empty=True)
        return tuple(found)

    return _Part(file, classes, samples("train"), samples("val"))


def _set_aside(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Set aside a tenth of the pictures for validation, a file and its crops on the same side.

    A picture with the last boxes of a class is learnt from, since nothing else shows that class.

    Raises:
        DetectionDataError: every picture has the last boxes of some class.
    """
    boxes: dict[Path, Counter[int]] = {}
    for sample in samples:
        boxes.setdefault(sample.picture, Counter()).update(sample.classes.tolist())
    files = sorted(boxes)
    if len(files) < 2:
        return list(samples), []
    left = sum(boxes.values(), Counter[int]())
    wanted = max(1, round(_VALIDATION_SHARE * len(files)))
    held: set[Path] = set()
    for index in np.random.default_rng(_SEED).permutation(len(files)):
        file = files[int(index)]
        if len(held) < wanted and all(left[c] > count for c, count in boxes[file].items()):
            held.add(file)
            left -= boxes[file]
    if not held:
        raise DetectionDataError(
            "No picture can be set aside to check against: each has the only boxes of some class; "
            "label more, give --validation, or choose --classes one to learn all boxes as one "
            "class."
        )
    return (
        [sample for sample in samples if sample.picture not in held],
        [sample for sample in samples if sample.picture in held],
    )


def _verify(samples: Sequence[Sample], faults: Faults) -> None:
    for file, sample in {sample.picture: sample for sample in samples}.items():
        try:
            sample.load()
        except UNREADABLE as error:
            faults.add(unreadable(file, error).sentence)
