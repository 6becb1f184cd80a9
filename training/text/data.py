"""Labelled text pictures in folders and packs, and the split into training and validation."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.charsets import LabelRule
from labels.pictures import UNREADABLE, is_blank, load_rgb
from labels.split import read_split
from labels.text_check import blank_fault
from labels.texts import read_texts
from training.errors import TextTrainingError
from training.text.pack import Entry, TextPack

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class TextRecord:
    """Where a picture is, and what it says.

    Attributes:
        name: Relative to its folder or pack.
        label: As it was given.
        held_out: Whether it is measured on; None where nobody has decided.
        file: File of the picture, or of the pack it is in.
        at: Its place in the pack; -1 for a picture of its own.
    """

    name: str
    label: str
    held_out: bool | None
    file: Path
    at: int = -1


@dataclass(frozen=True, slots=True)
class TextSet:
    """Pictures that can be read, in this process and, once pickled, in another one.

    Attributes:
        records: Where they are.
        texts: What they say, folded.
    """

    records: tuple[TextRecord, ...]
    texts: tuple[str, ...]
    _packs: dict[Path, TextPack] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.records)

    def __reduce__(self) -> tuple[type["TextSet"], tuple[object, ...]]:
        # An open database is no use in another process.
        return TextSet, (self.records, self.texts)

    def picture(self, at: int) -> NDArray[np.uint8]:
        """A picture, `(H, W, 3)` uint8 RGB.

        Raises:
            TextTrainingError: it cannot be read.
        """
        record = self.records[at]
        try:
            if record.at < 0:
                return load_rgb(record.file)
            if record.file not in self._packs:
                self._packs[record.file] = TextPack(record.file)
            return self._packs[record.file].picture(record.at)
        except UNREADABLE as error:
            where = record.name if record.at < 0 else f"{record.name} in {record.file}"
            raise TextTrainingError(
                f"{where} cannot be read as a picture ({error}); see clickorder text check."
            ) from error

    def only(self, chosen: Sequence[int]) -> "TextSet":
        """Some of them, by their numbers."""
        return TextSet(
            tuple(self.records[at] for at in chosen), tuple(self.texts[at] for at in chosen)
        )


def read_records(data: Sequence[Path], pattern: str, *, skip_faulty: bool) -> list[TextRecord]:
    """Everything that folders and packs hold.

    Args:
        data: Folders of labelled pictures, and packs.
        pattern: Finds the label in a file name.
        skip_faulty: Whether what has no label or shows nothing is left out without a word.

    Raises:
        LayoutError: a folder is none, or is not as it must be.
        TextTrainingError: a pack is none, pictures have faults, or there are none.
    """
    records: list[TextRecord] = []
    folders = []
    for path in data:
        if path.is_file():
            pack = TextPack(path)
            records += [
                TextRecord(name, label, held_out, path, at)
                for at, (name, label, held_out) in enumerate(pack.entries)
            ]
            pack.close()
        else:
            folders.append(path)
    found = read_texts(folders, pattern=pattern)
    blank = {picture.path for picture in found.pictures if _shows_nothing(picture.path)}
    faults = [fault.sentence for fault in found.faults]
    faults += [blank_fault(p.path, p.folder).sentence for p in found.pictures if p.path in blank]
    if faults and not skip_faulty:
        raise TextTrainingError(_summary(faults))
    parts = {folder: parts_of(folder) for folder in dict.fromkeys(p.folder for p in found.pictures)}
    for picture in found.pictures:
        if picture.path in blank:
            continue
        part = parts[picture.folder].get(picture.name)
        held_out = None if part is None else part != "train"
        records.append(TextRecord(picture.name, picture.label, held_out, picture.path))
    if not records:
        raise TextTrainingError(
            f"There are no labelled pictures in {', '.join(map(str, data))}; name files "
            "label_anything.png, or write a labels.txt."
        )
    return records


def _shows_nothing(file: Path) -> bool:
    """Whether a picture is blank; one that cannot be read is reported when it is learnt from."""
    try:
        return is_blank(load_rgb(file))
    except UNREADABLE:
        return False


def parts_of(folder: Path) -> dict[str, str]:
    """The part of each picture that `clickorder text split` decided on, by name."""
    return {name: member.part for name, member in read_split(folder).items()}


def hold_out(records: Sequence[TextRecord], share: float) -> list[bool]:
    """Choose the held-out pictures: as `clickorder text split` did, else by a hash of the name.

    Neither the order of pictures nor what is added later moves one from one side to the other.

    Args:
        records: Records of the data.
        share: Share of those that nobody has decided about.
    """
    decided = any(record.held_out for record in records)
    chosen = [
        bool(record.held_out)
        if record.held_out is not None or decided
        else _draw(record.name) < share
        for record in records
    ]
    if share and len(records) > 1 and not any(chosen):
        # Small sets may have nothing below the share.
        chosen[min(range(len(records)), key=lambda at: _draw(records[at].name))] = True
    return chosen


def labelled(
    records: Sequence[TextRecord], rule: LabelRule, characters: str, *, skip_faulty: bool
) -> TextSet:
    """The pictures whose labels consist of characters of the charset.

    Args:
        records: Records of the data.
        rule: Folds labels.
        characters: That the network knows.
        skip_faulty: Whether others are left out without a word.

    Raises:
        TextTrainingError: a label has other characters, or none can be learnt.
    """
    known = set(characters)
    kept, texts, strange = [], [], Counter[str]()
    for record in records:
        text = rule.apply(record.label)
        unknown = set(text) - known
        if unknown:
            strange.update(unknown)
        else:
            kept.append(record)
            texts.append(text)
    if strange and not skip_faulty:
        worst = ", ".join(f"{c!r} {n} times" for c, n in strange.most_common(_SHOWN))
        raise TextTrainingError(
            f"{len(records) - len(kept)} labels have characters that are not in the charset "
            f"({worst}); widen --charset, fold them with --fold or --replace, or leave these "
            "pictures out with --skip-faulty."
        )
    if not kept:
        raise TextTrainingError("No picture has a label of the charset's characters alone.")
    return TextSet(tuple(kept), tuple(texts))


def pack_entries(records: Sequence[TextRecord], share: float) -> list[Entry]:
    """What `write_pack` takes, with what is held back.

    Raises:
        TextTrainingError: one of the pictures is in a pack already.
    """
    packed = next((record.file for record in records if record.at >= 0), None)
    if packed is not None:
        raise TextTrainingError(f"{packed} is a pack already; give folders.")
    held_out = hold_out(records, share)
    return [(r.name, r.label, out, r.file) for r, out in zip(records, held_out, strict=True)]


def _draw(name: str) -> float:
    """A number in 0..1 that depends on the name alone."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _summary(sentences: Sequence[str]) -> str:
    more = len(sentences) - _SHOWN
    rest = f" And {more} more." if more > 0 else ""
    return (
        " ".join(sentences[:_SHOWN])
        + rest
        + " See clickorder text check, or leave them out with --skip-faulty."
    )
