"""Pictures of text with what they say: read from names, from `labels.txt`, from `labels.json`.

A folder holds its labels in one of three ways:

labels.txt     a line for each picture, its path in the folder, or in `images/` there, and its
               label, between them a tab, a comma or a space: `a/1.png 7Kx2`
labels.json    an object of paths and labels, or a list of objects with `name` (or `file`) and
               `label` (or `text`)
file names     by a regular expression with a group `label`; by default all up to the first
               underscore: `7Kx2_0001.png`
"""

import json
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from labels.annotations import PICTURE_SUFFIXES
from labels.errors import LayoutError
from labels.pictures import composed, find_pictures

NAME_PATTERN = r"^(?P<label>[^_]+)_"
"""How a file name holds its label, where nothing else is said."""

LABELS_TEXT, LABELS_JSON = "labels.txt", "labels.json"

_IMAGES = "images"
"""Folder of the pictures that dddd_trainer's `labels.txt` names without it."""

_ENDINGS = "|".join(re.escape(suffix) for suffix in sorted(PICTURE_SUFFIXES))
# Neither names nor labels are free of spaces and commas, but the suffix tells where the name ends.
_LINE = re.compile(rf"\s*(?P<name>.*?(?:{_ENDINGS}))(?:\s*[\t,]|\s|$)(?P<label>.*)", re.IGNORECASE)
_HEADER = re.compile(r"\W*(name|file|filename|path|image)\W+(label|text|value)\W*", re.IGNORECASE)


class TextFaultKind(StrEnum):
    """What is wrong; the values are stable, for scripts and tests."""

    UNREADABLE_PICTURE = "unreadable-picture"
    WRONG_SUFFIX = "wrong-suffix"
    WRONG_SIZE = "wrong-size"
    BLANK_PICTURE = "blank-picture"
    MISSING_LABEL = "missing-label"
    EMPTY_LABEL = "empty-label"
    UNKNOWN_CHARACTER = "unknown-character"
    MALFORMED_LINE = "malformed-line"
    MISSING_PICTURE = "missing-picture"
    CONTRADICTION = "contradiction"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class TextFault:
    """One thing that is wrong.

    Attributes:
        kind: What.
        file: The file that has it.
        sentence: What a person reads; names the file, and says what to do.
        line: Number of the line, or of the entry of a `labels.json`, from 1; None where the fault
            is of the whole file.
        folder: The data set that the file belongs to.
    """

    kind: TextFaultKind
    file: Path
    sentence: str
    folder: Path
    line: int | None = None


@dataclass(frozen=True, slots=True)
class TextPicture:
    """A picture and what it says.

    Attributes:
        path: Its file.
        label: The text, composed as Unicode's NFC has it; never empty.
        folder: The data set that it belongs to.
    """

    path: Path
    label: str
    folder: Path

    @property
    def name(self) -> str:
        """The path relative to the data set, with `/`; see `name_in`."""
        return name_in(self.path, self.folder)


@dataclass(frozen=True, slots=True)
class TextPictures:
    """The pictures of one or several folders.

    Attributes:
        pictures: Those with a label, folder by folder, sorted by path. The files exist; whether
            they are pictures nobody has looked.
        faults: What was wrong with the others.
    """

    pictures: tuple[TextPicture, ...]
    faults: tuple[TextFault, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the pictures, in their order."""
        return tuple(picture.label for picture in self.pictures)


def read_texts(folders: Sequence[Path], *, pattern: str = NAME_PATTERN) -> TextPictures:
    """Read labelled pictures of text; no picture is opened.

    Args:
        folders: Data sets; what lies in `quarantine/` or is hidden does not count. One that lies in
            another, or is given twice, is read once.
        pattern: Regular expression with a group `label`, searched in the file names of folders that
            have neither `labels.txt` nor `labels.json`.

    Raises:
        LayoutError: a folder is none or holds both of the label files, a label file cannot be read,
            or the pattern is none.
    """
    compiled = compile_pattern(pattern)
    pictures: list[TextPicture] = []
    faults: list[TextFault] = []
    for folder in outermost(folders):
        found = _read_folder(folder, compiled)
        pictures += sorted(found.pictures, key=lambda picture: picture.path)
        faults += found.faults
    return TextPictures(tuple(pictures), tuple(faults))


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression with a group `label`.

    Raises:
        LayoutError: it is none.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise LayoutError(
            f"The pattern {pattern!r} is no regular expression ({error}); correct it."
        ) from error
    if "label" not in compiled.groupindex:
        raise LayoutError(
            f"The pattern {pattern!r} does not say where the label is; put that part in "
            "(?P<label>...)."
        )
    return compiled


def outermost(folders: Sequence[Path]) -> list[Path]:
    """The folders without those that lie in another one of them, each once.

    Raises:
        LayoutError: one is no folder.
    """
    for folder in folders:
        if not folder.is_dir():
            raise LayoutError(f"{folder} is no folder; give a folder of labelled pictures.")
    places = [folder.resolve() for folder in folders]
    return [
        folder
        for at, (folder, place) in enumerate(zip(folders, places, strict=True))
        if place not in places[:at] and not any(other in place.parents for other in places)
    ]


def _read_folder(folder: Path, pattern: re.Pattern[str]) -> TextPictures:
    text, json_file = folder / LABELS_TEXT, folder / LABELS_JSON
    if text.is_file() and json_file.is_file():
        raise LayoutError(
            f"{folder} has both {LABELS_TEXT} and {LABELS_JSON}; take away the one that does not "
            "count."
        )
    try:
        if text.is_file():
            return _listed(folder, text, text_entries(text.read_text(encoding="utf-8-sig")))
        if json_file.is_file():
            content = json_file.read_text(encoding="utf-8-sig")
            return _listed(folder, json_file, json_entries(content, json_file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise LayoutError(
            f"{text if text.is_file() else json_file} cannot be read ({reason}); write it anew."
        ) from error
    return _named(folder, pattern)


Entry = tuple[int, str | None, str]
"""Number of a line or entry from 1, name of the picture (None: malformed), label; where malformed,
what is wrong with it instead of the label."""


def name_in(picture: Path, folder: Path) -> str:
    """What label files call a picture of a folder: its path there, with `/`, composed (NFC).

    A name that was made on a Mac is decomposed on disk, while whoever types it composes it.
    """
    return composed(picture.relative_to(folder).as_posix())


def picture_key(name: str, there: Container[str]) -> str:
    """The name of a label file's entry in the form of `name_in`.

    Args:
        name: As it is written there, also with backslashes, or without `images/`.
        there: Names of the pictures that exist.
    """
    key = composed(PurePosixPath(name.replace("\\", "/")).as_posix())
    return f"{_IMAGES}/{key}" if key not in there and f"{_IMAGES}/{key}" in there else key


def text_entries(content: str) -> Iterator[Entry]:
    """The lines of a `labels.txt` that are not blank; a line of headings is stepped over."""
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip() or (number == 1 and _HEADER.fullmatch(line)):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            yield number, None, "does not name a picture and its label"
        else:
            yield number, found["name"].strip(), found["label"].strip()


def json_entries(content: str, file: Path) -> Iterator[Entry]:
    """The entries of a `labels.json`.

    Raises:
        LayoutError: it is neither an object nor a list.
    """
    for number, (name, label) in enumerate(json_pairs(content, file), start=1):
        if isinstance(name, str) and isinstance(label, str):
            yield number, name, label
        elif isinstance(name, str) and isinstance(label, int | float):
            what = f"gives {name!r} the label {json.dumps(label)} as a number and not in quotes, "
            yield number, None, f"{what}so that zeros at its start may be lost"
        else:
            yield number, None, "does not name a picture and its label"


def json_pairs(content: str, file: Path) -> list[tuple[object, object]]:
    """Names and labels of a `labels.json` as they are there.

    Raises:
        LayoutError: it is neither an object nor a list.
    """
    try:
        value: object = json.loads(content)
    except ValueError as error:
        raise LayoutError(f"{file} is not JSON ({error}); write it anew.") from error
    if isinstance(value, dict):
        return list(value.items())
    if not isinstance(value, list):
        raise LayoutError(
            f"{file} is neither an object of names and labels nor a list; write it as "
            '{"1.png": "7Kx2"}.'
        )
    pairs: list[tuple[object, object]] = []
    for item in value:
        entry = item if isinstance(item, dict) else {}
        name = entry.get("name", entry.get("file"))
        pairs.append((name, entry.get("label", entry.get("text"))))
    return pairs


def _listed(folder: Path, file: Path, entries: Iterable[Entry]) -> TextPictures:
    """What a label file says, checked against what is there."""
    pictures = {name_in(path, folder): path for path in find_pictures(folder)}
    said: dict[str, str] = {}
    faults: list[TextFault] = []

    def fault(kind: TextFaultKind, sentence: str, number: int | None = None) -> None:
        faults.append(TextFault(kind, file, sentence, folder, number))

    for number, name, label in entries:
        place = f"{file}, {'line' if file.name == LABELS_TEXT else 'entry'} {number},"
        label = composed(label)
        if name is None:
            fault(
                TextFaultKind.MALFORMED_LINE,
                f"{place} {label}; correct it.",
                number,
            )
            continue
        key = picture_key(name, pictures)
        if key not in pictures:
            fault(
                TextFaultKind.MISSING_PICTURE,
                f"{place} names {name!r}, which is no picture in {folder}; bring it back, or take "
                "the line out.",
                number,
            )
        elif said.setdefault(key, label) != label:
            fault(
                TextFaultKind.CONTRADICTION,
                f"{place} says that {key} is {label!r}, but above it is {said[key]!r}; keep the "
                "right one.",
                number,
            )
    found = []
    for key, path in pictures.items():
        if text := said.get(key):
            found.append(TextPicture(path, text, folder))
        else:
            faults.append(_unlabelled(path, folder, empty=key in said, where=file.name))
    return TextPictures(tuple(found), tuple(faults))


def _named(folder: Path, pattern: re.Pattern[str]) -> TextPictures:
    found, faults = [], []
    for path in find_pictures(folder):
        match = pattern.search(composed(path.name))
        label = match["label"] if match else None
        if label:
            found.append(TextPicture(path, label, folder))
        else:
            empty = match is not None
            faults.append(_unlabelled(path, folder, empty=empty, where="its name"))
    return TextPictures(tuple(found), tuple(faults))


def _unlabelled(path: Path, folder: Path, *, empty: bool, where: str) -> TextFault:
    kind = TextFaultKind.EMPTY_LABEL if empty else TextFaultKind.MISSING_LABEL
    which = "an empty label" if empty else "no label"
    named = ", or say with --pattern where in the name it is" if where == "its name" else ""
    return TextFault(kind, path, f"{path} has {which} in {where}; give it one{named}.", folder)
