"""What a detector learns from: labelImg folders, `data.yaml` files and puzzle sets.

Everything that could spoil a training is looked for before it starts, and every fault is reported
with the name of its file.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from labels.annotations import ITEM, PICTURE_SUFFIXES
from labels.beside import shared_label
from labels.class_lists import YAML_SUFFIXES, class_list_of, described_names, read_description
from labels.errors import LayoutError
from labels.pictures import (
    UNREADABLE,
    as_on_disk,
    displayed_size,
    find_pictures,
    load_rgb,
    unreadable,
)
from labels.puzzles import PUZZLES_FILE, Box, Puzzle, prompt_boxes, read_puzzles
from labels.yolo import label_file_of, labels_folder, read_class_list, read_label_file
from training.detector.classes import AUTO, ClassChoice, choose_classes
from training.errors import DetectionDataError

_MOST_REPORTED = 12
_VALIDATION_SHARE = 0.1
_SEED = 20


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


@dataclass(slots=True)
class _Faults:
    """Collects sentences, to report many at once."""

    sentences: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def raise_any(self) -> None:
        if not self.sentences:
            return
        shown = self.sentences[:_MOST_REPORTED]
        if more := len(self.sentences) - len(shown):
            shown.append(f"... and {more} more like these.")
        raise DetectionDataError("\n".join(shown))


def read_detection_data(
    paths: Sequence[Path],
    validation: Sequence[Path] = (),
    *,
    classes: str = AUTO,
    verify: bool = True,
) -> DetectionData:
    """Read and check what is to be learned.

    Args:
        paths: Puzzle sets, labelImg folders (`classes.txt`, pictures and a `.txt` for each),
            `data.yaml` files, or folders that hold one.
        validation: The same, to check against. Where it is empty and no `data.yaml` names any,
            a tenth of the pictures is set aside, the same ones each time, but none that has the
            last boxes of a class.
        classes: Which classes are learnt, see `choose_classes`.
        verify: Whether to decode every picture now, so that a broken one is found before training.

    Raises:
        DetectionDataError: a sentence for each fault, one a line.
        PuzzleSetError: a puzzle set does not fit its format.
    """
    faults = _Faults()
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
    """What one path holds."""

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


def _read(path: Path, faults: _Faults) -> _Part:
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
        return _Part(path, classes, tuple(_of_folder(path, path, classes, faults)))
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
    yield _item_sample(folder / puzzle.background, boxes)
    yield from strips_of(folder, puzzle)


def strips_of(folder: Path, puzzle: Puzzle) -> Iterator[Sample]:
    """The prompt picture of a puzzle, where there is one and the set knows its items' boxes."""
    boxes = prompt_boxes(puzzle)
    if not boxes:
        return
    if puzzle.kind == "region":
        left, top = puzzle.region[:2]
        moved = [(a - left, b - top, c - left, d - top) for a, b, c, d in boxes]
        yield _item_sample(folder / puzzle.background, moved, strip=True, crop=puzzle.region)
    elif puzzle.image is not None:
        yield _item_sample(folder / puzzle.image, boxes, strip=True)


def _item_sample(
    picture: Path, boxes: Sequence[Box], *, strip: bool = False, crop: Box | None = None
) -> Sample:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(picture, array, np.zeros(len(array), np.int64), strip, crop)


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


def _of_folder(
    pictures: Path,
    labels: Path,
    classes: tuple[str, ...],
    faults: _Faults,
    *,
    unlabelled_empty: bool = False,
) -> list[Sample]:
    """Every picture of a folder with its label file of the same stem.

    Without one it shows no item where `unlabelled_empty` says so; else that is a fault.
    """
    if not pictures.is_dir():
        faults.add(f"{pictures} is not a folder of pictures; correct the path.")
        return []
    files = find_pictures(pictures)

    def label_of(file: Path) -> Path:
        label = as_on_disk((labels / file.relative_to(pictures)).with_suffix(".txt"))
        return label if label.is_file() else label_file_of(file, pictures)

    if not files:
        faults.add(f"{pictures} holds no picture ({', '.join(sorted(PICTURE_SUFFIXES))}).")
    return _of_pictures(files, label_of, classes, faults, unlabelled_empty=unlabelled_empty)


def _of_pictures(
    files: Sequence[Path],
    label_of: Callable[[Path], Path],
    classes: tuple[str, ...],
    faults: _Faults,
    *,
    unlabelled_empty: bool,
) -> list[Sample]:
    """Pictures with their label files; see `_of_folder`."""
    of_label = {file: label_of(file) for file in files}
    label_files: dict[Path, list[Path]] = {}
    for file, label in of_label.items():
        label_files.setdefault(label, []).append(file)
    samples = []
    for file, label in of_label.items():
        if label.is_file() and len(label_files[label]) > 1:
            if file == label_files[label][0]:
                faults.add(shared_label(label_files[label]).sentence)
        elif not label.is_file() and unlabelled_empty:
            samples.append(_item_sample(file, []))
        elif not label.is_file():
            faults.add(
                f"{file} has no label file {label.name} beside it; label it, or make the file "
                "empty where the picture shows no item."
            )
        elif sample := _labelled(file, label, classes, faults):
            samples.append(sample)
    return samples


def _label_beside(file: Path) -> Path:
    """The label file of a listed picture: in `labels/` for one in `images/`, else beside it."""
    return as_on_disk(labels_folder(Path(), file.parent) / file.with_suffix(".txt").name)


def _place_of(root: Path, name: str) -> Path:
    """A folder or list that a `data.yaml` names.

    Roboflow writes `../train/images` where it means `train/images` beside the file, and CVAT
    `data/obj_train_data` where the folder `data` is the set itself.
    """
    place = root / name
    if place.exists():
        return place
    parts = PurePosixPath(name.replace("\\", "/")).parts
    shorter = (root.joinpath(*parts[at:]) for at in range(1, len(parts)))
    return next((other for other in shorter if other.exists()), place)


def _listed_pictures(file: Path, root: Path, faults: _Faults) -> list[Path]:
    """The pictures that a list names, a path each line, relative to the set or to the list."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        faults.add(f"{file} cannot be read ({error}); it must be UTF-8 text.")
        return []
    found = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line:
            continue
        places = (_place_of(root, line), _place_of(file.parent, line))
        place = next((as_on_disk(one) for one in places if as_on_disk(one).is_file()), None)
        if place is None:
            faults.add(f"{file}, line {number}, names {line}, which is not there; correct it.")
        else:
            found.append(place)
    if not found:
        faults.add(f"{file} names no picture that is there.")
    return list(dict.fromkeys(found))


def _labelled(
    picture: Path, label: Path, classes: tuple[str, ...], faults: _Faults
) -> Sample | None:
    """One picture with its YOLO lines: class, centre and sides as shares of the picture."""
    try:
        width, height = displayed_size(picture)
    except UNREADABLE as error:
        faults.add(unreadable(picture, error).sentence)
        return None
    lines, wrong = read_label_file(label, len(classes))
    for fault in wrong:
        faults.add(fault.sentence)
    if lines is None:
        return None
    rows = [line.box(width, height) for line in lines]
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    return Sample(picture, boxes, np.array([line.index for line in lines], np.int64))


def _read_yaml(file: Path, faults: _Faults) -> _Part:
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
            place = _place_of(root, str(name))
            # In Ultralytics' form a picture without label file is one of the ground alone.
            if place.is_file():
                files = _listed_pictures(place, root, faults)
                found += _of_pictures(files, _label_beside, classes, faults, unlabelled_empty=True)
                continue
            labels = labels_folder(Path(), place)
            found += _of_folder(place, labels, classes, faults, unlabelled_empty=True)
        return tuple(found)

    return _Part(file, classes, samples("train"), samples("val"))


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


def _set_aside(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """A tenth of the pictures for validation, a file and its crops on the same side.

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


def _verify(samples: Sequence[Sample], faults: _Faults) -> None:
    for file, sample in {sample.picture: sample for sample in samples}.items():
        try:
            sample.load()
        except UNREADABLE as error:
            faults.add(unreadable(file, error).sentence)
