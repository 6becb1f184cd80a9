"""Checking a data set: every fault with its sentence, what the labels are, and a mended folder."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labels.annotations import ITEM, Annotations, Fault, Kind, LabelledPicture, Layout
from labels.class_lists import class_list_of
from labels.class_names import folder_of_class
from labels.duplicates import Fingerprint, exact_groups, fingerprints, near_pairs
from labels.errors import LayoutError
from labels.pictures import find_pictures, unreadable
from labels.quarantine import Change, Quarantine
from labels.reading import read_annotations
from labels.voc import xml_file_of
from labels.yolo import label_file_of

MOVED = frozenset(
    {
        Kind.UNREADABLE_PICTURE,
        Kind.ORPHANED_LABEL,
        Kind.UNKNOWN_CLASS,
        Kind.OUTSIDE_BOX,
        Kind.EMPTY_BOX,
        Kind.EXACT_DUPLICATE,
    }
)
"""Faults whose files are broken or of no use, and are moved without further asking."""

MOVABLE = MOVED | {
    Kind.UNREADABLE_LABEL,
    Kind.MALFORMED_LINE,
    Kind.MISSING_LABEL,
    Kind.NEAR_DUPLICATE,
}
"""All faults that moving a file can mend. Pictures that nobody labelled yet are only work to do,
and labels that were not understood may be right: neither goes unless somebody asks for it."""

_OF_A_LINE = frozenset({Kind.MALFORMED_LINE, Kind.UNKNOWN_CLASS, Kind.OUTSIDE_BOX, Kind.EMPTY_BOX})

Step = tuple[Path, Fingerprint | Exception]
Track = Callable[[Iterable[Step], int], Iterable[Step]]
"""Passes pictures on one by one and shows how far of how many it is."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check has found.

    Attributes:
        annotations: The folder as read.
        faults: All of them, of files, lines, duplicates and classes; by file.
        undecided: Exact duplicates with different labels: which one is right only a person knows,
            so none is moved.
        prints: Fingerprint of every readable picture.
    """

    annotations: Annotations
    faults: tuple[Fault, ...]
    prints: Mapping[Path, Fingerprint]
    undecided: frozenset[Path] = frozenset()

    @property
    def charset(self) -> str:
        """All characters of the labels that occur, sorted; `item` is not a label of its own."""
        counts = self.annotations.counts
        used = {label for label, count in counts.items() if count and label != ITEM}
        return "".join(sorted(set("".join(used))))

    @property
    def by_kind(self) -> Mapping[Kind, int]:
        """How many faults there are of each kind that occurs, in the order of `Kind`."""
        counts = Counter(fault.kind for fault in self.faults)
        return {kind: counts[kind] for kind in Kind if counts[kind]}


def check_folder(folder: Path, layout: Layout | None = None, track: Track | None = None) -> Report:
    """Read a folder, decode every picture, and compare them with each other.

    Args:
        folder: Labelled pictures.
        layout: How labels are stored; None finds it out.
        track: Told about each picture, for a progress bar.

    Raises:
        LayoutError: the layout is not known, or the one file that describes all cannot be read.
        PuzzleSetError: it is a puzzle set that cannot be read.
    """
    annotations = read_annotations(folder, layout)
    shared = [fault.file for fault in annotations.faults if fault.kind is Kind.SHARED_LABEL]
    twins = [file for one in shared for file in find_pictures(one.parent) if _twins(one, file)]
    files = sorted({*(p.path for p in annotations.pictures), *annotations.unlabelled, *twins})
    prints: dict[Path, Fingerprint] = {}
    faults = list(annotations.faults)
    steps: Iterable[Step] = fingerprints(files)
    for file, found in track(steps, len(files)) if track else steps:
        if isinstance(found, Fingerprint):
            prints[file] = found
        else:
            faults.append(unreadable(file, found))
    whole = replace(
        annotations,
        pictures=tuple(p for p in annotations.pictures if p.path in prints),
        unlabelled=tuple(file for file in annotations.unlabelled if file in prints),
    )
    faults += map(_missing_label, whole.unlabelled)
    copies, undecided = _duplicate_faults(whole, prints)
    faults += copies
    faults += _class_faults(whole)
    return Report(whole, tuple(sorted(faults, key=_place)), prints, undecided)


def fix_folder(report: Report, also: Collection[Kind] = ()) -> tuple[Change, ...]:
    """Move what is broken into quarantine, with its label files.

    A labelImg file with bad lines among good ones stays, without them, and a copy of it goes to
    quarantine. Where no line is good, the picture goes too: an empty file would say that it shows
    nothing. Lines and files that were not understood stay, as do all kinds that are not in `MOVED`,
    unless `also` names them. Exports of Label Studio are never changed.

    Args:
        report: Report of the folder as it is.
        also: Kinds of `MOVABLE` to move beyond those of `MOVED`.

    Returns:
        What became of each file that was moved or mended.

    Raises:
        LayoutError: it is a puzzle set, whose pictures belong together.
        OSError: a file cannot be moved.
    """
    annotations = report.annotations
    if annotations.layout is Layout.PUZZLES:
        raise LayoutError(
            f"{annotations.folder} is a puzzle set, of which no single file can be taken away; "
            "mend it by hand, or draw it again."
        )
    labels = _LabelFiles(annotations)
    quarantine = Quarantine(annotations.folder)
    done: list[Change] = []
    lines: defaultdict[Path, list[Fault]] = defaultdict(list)
    wanted = {*MOVED, *also} & MOVABLE
    for fault in report.faults:
        if fault.kind not in wanted:
            continue
        if fault.kind in _OF_A_LINE:
            lines[fault.file].append(fault)
        elif fault.file not in report.undecided:
            done += _take(fault, labels, quarantine)
    for file, wrong in lines.items():
        done += _mend_lines(file, wrong, labels, quarantine)
    return tuple(done)


class _LabelFiles:
    """Which label files belong to which pictures, as the folder is now."""

    def __init__(self, annotations: Annotations) -> None:
        self.folder, self.layout = annotations.folder, annotations.layout
        self._labels: dict[Path, Path] = {}
        if self.layout in (Layout.YOLO, Layout.VOC):
            self._labels = {file: self._expected(file) for file in find_pictures(self.folder)}

    def _expected(self, picture: Path) -> Path:
        if self.layout is Layout.YOLO:
            return label_file_of(picture, self.folder)
        return xml_file_of(picture)

    @property
    def own(self) -> bool:
        """Whether a label file belongs to pictures of its name, and not to the whole folder."""
        return self.layout is not Layout.LABEL_STUDIO

    def with_pictures(self, label: Path) -> list[Path]:
        """A label file and the pictures it is of, pictures first."""
        return [*(p for p, other in self._labels.items() if other == label), label]

    def with_label(self, picture: Path) -> list[Path]:
        """A picture, and its label file unless that is of another picture too."""
        label = self._labels.get(picture)
        if label is None or list(self._labels.values()).count(label) > 1:
            return [picture]
        return [picture, label]

    def forget(self, files: Iterable[Path]) -> None:
        """Pictures that are gone."""
        for file in files:
            self._labels.pop(file, None)


def _take(fault: Fault, labels: _LabelFiles, quarantine: Quarantine) -> list[Change]:
    if fault.kind is Kind.UNREADABLE_LABEL or fault.kind is Kind.ORPHANED_LABEL:
        wanted = labels.with_pictures(fault.file) if labels.own else []
    else:
        wanted = labels.with_label(fault.file)
    files = [file for file in wanted if file.is_file()]
    if not files:
        return []
    labels.forget(files)
    return quarantine.take(files, fault.kind, fault.sentence)


def _mend_lines(
    file: Path, wrong: Sequence[Fault], labels: _LabelFiles, quarantine: Quarantine
) -> list[Change]:
    if not labels.own or not file.is_file():
        return []
    reason, sentence = wrong[0].kind, " ".join(fault.sentence for fault in wrong)
    numbers = {fault.line for fault in wrong}
    if labels.layout is Layout.YOLO:
        # As bytes, so that line ends stay what they are.
        rows = file.read_bytes().decode("utf-8-sig").splitlines(keepends=True)
        kept = [row for number, row in enumerate(rows, start=1) if number not in numbers]
        if any(row.strip() for row in kept):
            gone = sorted(number for number in numbers if number is not None)
            return [quarantine.mend(file, "".join(kept), reason, sentence, gone)]
    files = [path for path in labels.with_pictures(file) if path.is_file()]
    labels.forget(files)
    return quarantine.take(files, reason, sentence)


def _twins(one: Path, other: Path) -> bool:
    return one.parent == other.parent and one.stem == other.stem


def _missing_label(file: Path) -> Fault:
    return Fault(
        Kind.MISSING_LABEL,
        file,
        f"{file} has no label; label it, or say that it shows nothing where the layout can.",
    )


def _duplicate_faults(
    annotations: Annotations, prints: Mapping[Path, Fingerprint]
) -> tuple[list[Fault], frozenset[Path]]:
    """A fault for every picture but the best of those that are the same; and the undecided."""
    known = {picture.path: picture for picture in annotations.pictures}

    def value(file: Path) -> tuple[bool, int, Path]:
        picture = known.get(file)
        return (picture is None, -len(picture.boxes) if picture else 0, file)

    files = sorted(prints, key=value)
    ordered = [prints[file] for file in files]
    faults: list[Fault] = []
    undecided: set[Path] = set()
    for group in exact_groups(ordered):
        first = files[group[0]]
        for index in group[1:]:
            file = files[index]
            sentence = f"{file} has the same pixels as {first}; keep one of them."
            if _contradict(known.get(first), known.get(file)):
                undecided |= {first, file}
                sentence = (
                    f"{file} has the same pixels as {first} but other labels; decide which are "
                    "right and keep that one."
                )
            faults.append(Fault(Kind.EXACT_DUPLICATE, file, sentence))
    near: set[int] = set()
    for i, j in near_pairs(ordered):
        # What goes itself is no reason to take another away; all pairs of i as the later one came
        # before.
        if i not in near and j not in near:
            near.add(j)
            faults.append(
                Fault(
                    Kind.NEAR_DUPLICATE,
                    files[j],
                    f"{files[j]} looks almost the same as {files[i]}; keep one of them, or let "
                    "`split` keep them on the same side.",
                )
            )
    return faults, frozenset(undecided)


def _contradict(one: LabelledPicture | None, other: LabelledPicture | None) -> bool:
    """Whether two pictures say different things; boxes are compared by their labels only."""
    if one is None or other is None:
        return False
    if one.label != other.label:
        return True
    names = [Counter(box.label for box in picture.boxes) for picture in (one, other)]
    return bool(one.boxes) and bool(other.boxes) and names[0] != names[1]


def _class_faults(annotations: Annotations) -> list[Fault]:
    if annotations.layout is Layout.PUZZLES:
        # Nobody chooses how often a puzzle set repeats a word.
        return []
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for picture in annotations.pictures:
        for label in {picture.label, *(box.label for box in picture.boxes)} - {None}:
            found[str(label)].append(picture.path)
    faults = []
    for name in annotations.classes:
        pictures = found[name]
        if not pictures:
            sentence = f"The class {name!r} is empty; add pictures, or take it out."
            faults.append(Fault(Kind.EMPTY_CLASS, _home_of(name, annotations), sentence))
        elif len(pictures) == 1:
            sentence = (
                f"The class {name!r} occurs in one picture only ({pictures[0].name}), and training "
                "needs two; add pictures, or take it out."
            )
            faults.append(Fault(Kind.SINGLE_PICTURE, pictures[0], sentence))
    return faults


def _home_of(name: str, annotations: Annotations) -> Path:
    """What a class without pictures is known from."""
    folder = annotations.folder
    if annotations.layout is Layout.CLASSES:
        return folder / folder_of_class(name)
    return class_list_of(folder) if annotations.layout is Layout.YOLO else folder


def _place(fault: Fault) -> tuple[Path, int, str]:
    return (fault.file, fault.line or 0, fault.kind)
