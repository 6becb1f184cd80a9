"""Checking labelled pictures of text, and taking what is broken out of the way."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labels.duplicates import pixel_digest
from labels.pictures import UNREADABLE, find_pictures, is_blank, load_rgb
from labels.quarantine import Change, Quarantine
from labels.texts import (
    LABELS_JSON,
    LABELS_TEXT,
    TextFault,
    TextFaultKind,
    TextPicture,
    TextPictures,
    json_entries,
    name_in,
    picture_key,
    text_entries,
)
from modelfile import picture_format

Size = tuple[int, int]
Track = Callable[[Sequence[Path]], Iterable[Path]]
"""Passes files on one by one and shows how far it is."""

MOVED = frozenset(
    {
        TextFaultKind.UNREADABLE_PICTURE,
        TextFaultKind.BLANK_PICTURE,
        TextFaultKind.UNKNOWN_CHARACTER,
        TextFaultKind.COPY,
    }
)
"""Faults whose pictures are broken or of no use, and are moved without further asking."""

MOVABLE = MOVED | {
    TextFaultKind.WRONG_SUFFIX,
    TextFaultKind.WRONG_SIZE,
    TextFaultKind.MISSING_LABEL,
    TextFaultKind.EMPTY_LABEL,
}
"""All faults that moving a picture can mend; which of two labels is right only a person knows."""


# What Pillow calls a format, and the suffixes that promise it.
_FORMATS: Mapping[str, tuple[str, ...]] = {
    "PNG": (".png",), "JPEG": (".jpg", ".jpeg"), "MPO": (".jpg", ".jpeg"), "WEBP": (".webp",),
    "BMP": (".bmp",), "GIF": (".gif",), "TIFF": (".tif", ".tiff"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextReport:
    """What a check has found.

    Attributes:
        pictures: Those that have a label and can be opened.
        faults: All of them, by file.
        sizes: How many pictures there are of each width and height, most frequent first.
        digests: `labels.duplicates.pixel_digest` of each picture.
    """

    pictures: tuple[TextPicture, ...]
    faults: tuple[TextFault, ...]
    sizes: Mapping[Size, int] = field(default_factory=dict)
    digests: Mapping[Path, str] = field(default_factory=dict)

    @property
    def by_kind(self) -> Mapping[TextFaultKind, int]:
        """How many faults there are of each kind that occurs, in the order of the kinds."""
        counts = Counter(fault.kind for fault in self.faults)
        return {kind: counts[kind] for kind in TextFaultKind if counts[kind]}

    @property
    def characters(self) -> Mapping[str, int]:
        """How often each character occurs in the labels, sorted."""
        return dict(sorted(Counter("".join(p.label for p in self.pictures)).items()))

    @property
    def lengths(self) -> Mapping[int, int]:
        """How many labels there are of each length, sorted."""
        return dict(sorted(Counter(len(p.label) for p in self.pictures).items()))


def check_texts(
    texts: TextPictures,
    *,
    charset: str | None = None,
    size: Size | None = None,
    track: Track | None = None,
) -> TextReport:
    """Open every picture, and compare what is there with what should be.

    Args:
        texts: As read.
        charset: Characters that labels may have; None for any.
        size: `(width, height)` in pixels that pictures must have; None for any.
        track: Told about each picture, for a progress bar.
    """
    unlabelled = {f.file: f.folder for f in texts.faults if f.kind in _WITHOUT_LABEL}
    files = [*(picture.path for picture in texts.pictures), *unlabelled]
    labelled = {picture.path: picture for picture in texts.pictures}
    faults = list(texts.faults)
    sizes: Counter[Size] = Counter()
    digests: dict[Path, str] = {}
    for file in track(files) if track else files:
        picture = labelled.get(file)
        folder = picture.folder if picture else unlabelled[file]
        found = _look_at(file, folder, size)
        faults += found.faults
        if found.digest is not None and found.size is not None:
            digests[file] = found.digest
            sizes[found.size] += 1
        else:
            # It has no label either, but that is no matter any more.
            faults = [f for f in faults if f.file != file or f.kind not in _WITHOUT_LABEL]
    readable = tuple(picture for picture in texts.pictures if picture.path in digests)
    if charset is not None:
        faults += _foreign(readable, charset)
    faults += _duplicates(readable, digests)
    faults.sort(key=lambda fault: (fault.file, fault.line or 0, fault.kind))
    return TextReport(readable, tuple(faults), dict(sizes.most_common()), digests)


_WITHOUT_LABEL = (TextFaultKind.MISSING_LABEL, TextFaultKind.EMPTY_LABEL)


@dataclass(frozen=True, slots=True)
class _Look:
    faults: tuple[TextFault, ...]
    size: Size | None = None
    digest: str | None = None


def _look_at(file: Path, folder: Path, wanted: Size | None) -> _Look:
    """Decode one picture."""
    kinds = TextFaultKind
    try:
        kind = picture_format(file)
        rgb = load_rgb(file)
    except UNREADABLE as error:
        sentence = f"{file} cannot be read as a picture ({error}); remove or replace it."
        return _Look((TextFault(kinds.UNREADABLE_PICTURE, file, sentence, folder),))
    faults = []
    suffixes = _FORMATS.get(kind, ())
    if file.suffix.lower() not in suffixes:
        better = f"name it {suffixes[0]}" if suffixes else "save it as PNG"
        sentence = f"{file} is {kind} by its content and not {file.suffix}; {better}."
        faults.append(TextFault(kinds.WRONG_SUFFIX, file, sentence, folder))
    size = (rgb.shape[1], rgb.shape[0])
    if wanted is not None and size != wanted:
        sentence = (
            f"{file} has {size[0]} x {size[1]} pixels and not {wanted[0]} x {wanted[1]}; take it "
            "out, or say another --size."
        )
        faults.append(TextFault(kinds.WRONG_SIZE, file, sentence, folder))
    if is_blank(rgb):
        faults.append(blank_fault(file, folder))
    return _Look(tuple(faults), size, pixel_digest(rgb))


def blank_fault(file: Path, folder: Path) -> TextFault:
    """The fault of a picture of a single colour."""
    sentence = f"{file} is blank, of one colour throughout; replace it, or take it out."
    return TextFault(TextFaultKind.BLANK_PICTURE, file, sentence, folder)


def _foreign(pictures: Iterable[TextPicture], charset: str) -> list[TextFault]:
    """Labels with characters that should not occur."""
    known, faults = frozenset(charset), []
    for picture in pictures:
        foreign = [character for character in picture.label if character not in known]
        if foreign:
            sentence = (
                f"{picture.path} is labelled {picture.label!r}, and {foreign[0]!r} is not in the "
                "charset; correct the label, or add the character."
            )
            kind = TextFaultKind.UNKNOWN_CHARACTER
            faults.append(TextFault(kind, picture.path, sentence, picture.folder))
    return faults


def _duplicates(pictures: Iterable[TextPicture], digests: Mapping[Path, str]) -> list[TextFault]:
    """A fault for every picture but the first of those that have the same pixels."""
    same: defaultdict[str, list[TextPicture]] = defaultdict(list)
    for picture in pictures:
        same[digests[picture.path]].append(picture)
    faults = []
    for first, *others in same.values():
        agreed = all(other.label == first.label for other in others)
        for other in others:
            if agreed:
                kind = TextFaultKind.COPY
                sentence = f"{other.path} has the same pixels as {first.path}; keep one of them."
            else:
                kind = TextFaultKind.CONTRADICTION
                sentence = (
                    f"{other.path} ({other.label!r}) has the same pixels as {first.path} "
                    f"({first.label!r}); keep the one whose label is right."
                )
            faults.append(TextFault(kind, other.path, sentence, other.folder))
    return faults


def fix_texts(report: TextReport, also: Collection[TextFaultKind] = ()) -> tuple[Change, ...]:
    """Move what is broken into the quarantine of its folder, and take its line out with it.

    A label file that changes is copied to quarantine before. Lines that name no picture are taken
    out too; those that were not understood stay.

    Args:
        report: Report of the folders as they are.
        also: Kinds of `MOVABLE` to move beyond those of `MOVED`.

    Returns:
        What became of each file that was moved or mended.

    Raises:
        LayoutError: what an interrupted run had begun cannot be read.
        OSError: a file cannot be moved or written.
    """
    wanted = {*MOVED, *also} & MOVABLE
    done: list[Change] = []
    gone: defaultdict[Path, list[TextFault]] = defaultdict(list)
    for fault in report.faults:
        if fault.kind in wanted and fault.file.is_file():
            done += Quarantine(fault.folder).take([fault.file], fault.kind, fault.sentence)
        if fault.kind in wanted or fault.kind is TextFaultKind.MISSING_PICTURE:
            gone[fault.folder].append(fault)
    for folder, faults in gone.items():
        done += _mend_label_file(folder, faults)
    return tuple(done)


def _mend_label_file(folder: Path, faults: Sequence[TextFault]) -> list[Change]:
    """Write a label file without what names no picture (any more), if there is any."""
    for name, without in ((LABELS_TEXT, _text_without), (LABELS_JSON, _json_without)):
        file = folder / name
        if not file.is_file():
            continue
        there = {name_in(path, folder) for path in find_pictures(folder)}
        # As bytes, so that line ends stay what they are.
        before = file.read_bytes().decode("utf-8-sig")
        entries = text_entries(before) if name == LABELS_TEXT else json_entries(before, file)
        dropped = [
            number
            for number, picture, _ in entries
            if picture is not None and picture_key(picture, there) not in there
        ]
        if dropped:
            after, reason = without(before, frozenset(dropped)), faults[0].kind
            sentence = f"{file} without what was taken out."
            return [Quarantine(folder).mend(file, after, reason, sentence, dropped)]
    return []


def _text_without(content: str, dropped: Collection[int]) -> str:
    lines = content.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines, start=1) if number not in dropped)


def _json_without(content: str, dropped: Collection[int]) -> str:
    value = json.loads(content)
    kept: object
    if isinstance(value, dict):
        rows = enumerate(value.items(), start=1)
        kept = dict(row for number, row in rows if number not in dropped)
    else:
        kept = [row for number, row in enumerate(value, start=1) if number not in dropped]
    return json.dumps(kept, ensure_ascii=False, indent=1) + "\n"
