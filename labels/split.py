"""Training, validation and test parts that stay what they are when pictures are added.

Pictures that are the same or almost never come into different parts: groups of such are divided
as a whole, class by class, the rarest first (iterative stratification, Sechidis et al. 2011). What
was decided is kept in `split.json` in the folder, by path and by pixels, so that a picture keeps
its part also under another name.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labels.annotations import Annotations, LabelledPicture
from labels.atomic import write_atomically
from labels.duplicates import Fingerprint, are_near, near_groups
from labels.errors import LayoutError

SPLIT_FILE = "split.json"
PARTS = ("train", "validation", "test")

_VERSION = 1
_RARE = ""


@dataclass(frozen=True, slots=True)
class Shares:
    """How large the parts are to be, as shares of all pictures.

    Raises:
        LayoutError: they are negative or leave nothing to train on.
    """

    validation: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise LayoutError(
                f"Shares of {self.validation:g} for validation and {self.test:g} for test leave "
                "nothing to train on; give two numbers from 0 whose sum is below 1."
            )

    def of(self, part: str) -> float:
        """The share of one of `PARTS`."""
        rest = 1 - self.validation - self.test
        return {"train": rest, "validation": self.validation, "test": self.test}[part]


@dataclass(frozen=True, slots=True)
class Member:
    """A picture and its part, as `split.json` has it.

    Attributes:
        part: One of `PARTS`.
        pixels: See `labels.duplicates.Fingerprint`.
    """

    part: str
    pixels: str


@dataclass(frozen=True, slots=True)
class Split:
    """Which picture belongs where.

    Attributes:
        parts: The part of each picture that has one.
        left_out: Pictures without a part: almost the same as pictures of another part, or of
            several at once, so that any part would be wrong.
        new: How many pictures had no part before.
    """

    parts: Mapping[Path, str]
    left_out: tuple[Path, ...] = ()
    new: int = 0

    def of(self, part: str) -> list[Path]:
        """The pictures of one of `PARTS`, sorted."""
        return sorted(path for path, other in self.parts.items() if other == part)


def read_split(folder: Path) -> dict[str, Member]:
    """What `split.json` of a folder says, by path relative to it; empty where there is none.

    Raises:
        LayoutError: the file is broken.
    """
    file = folder / SPLIT_FILE
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))
        members = {
            str(name): Member(entry["part"], entry["pixels"])
            for name, entry in value["pictures"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise LayoutError(
            f"{file} cannot be read ({type(error).__name__}: {error}); bring an older copy back, "
            "or delete it to divide the pictures anew."
        ) from error
    for name, member in members.items():
        if member.part not in PARTS:
            raise LayoutError(
                f"{file}: {name} is in the part {member.part!r}; there are only {', '.join(PARTS)}."
            )
    return members


def write_split(folder: Path, members: Mapping[str, Member]) -> None:
    """Write `split.json`, pictures sorted, a line each.

    Raises:
        OSError: it cannot be written.
    """
    lines = [
        f"  {json.dumps(name, ensure_ascii=False)}: "
        f"{json.dumps({'part': member.part, 'pixels': member.pixels})}"
        for name, member in sorted(members.items())
    ]
    text = f'{{\n "version": {_VERSION},\n "pictures": {{\n' + ",\n".join(lines) + "\n }\n}\n"
    write_atomically(folder / SPLIT_FILE, text.encode())


def split_folder(
    annotations: Annotations,
    prints: Mapping[Path, Fingerprint],
    shares: Shares | None = None,
    seed: int = 0,
) -> Split:
    """Give every labelled picture its part and keep that in `split.json`.

    Pictures that have a part keep it; new ones that resemble one join it; all others are divided
    so that the parts come as near to the shares as they can, class by class.

    Args:
        annotations: The folder.
        prints: Fingerprints of the pictures to be divided; unreadable ones are left out.
        shares: Shares of the parts.
        seed: Another one divides new pictures otherwise.

    Raises:
        LayoutError: `split.json` is broken.
        OSError: `split.json` cannot be written.
    """
    folder = annotations.folder
    known = read_split(folder)
    pictures = [p for p in annotations.pictures if p.path in prints]
    names = [p.path.relative_to(folder).as_posix() for p in pictures]
    split = divide(
        pictures, names, [prints[p.path] for p in pictures], known, shares or Shares(), seed
    )
    members = {
        name: Member(split.parts[picture.path], prints[picture.path].pixels)
        for name, picture in zip(names, pictures, strict=True)
        if picture.path in split.parts
    }
    # What is away for now keeps its part; what is here under another name is not away.
    present = {member.pixels for member in members.values()}
    away = {
        name: member
        for name, member in known.items()
        if name not in members and member.pixels not in present
    }
    if members | away != known:
        write_split(folder, members | away)
    return split


def divide(
    pictures: Sequence[LabelledPicture],
    names: Sequence[str],
    prints: Sequence[Fingerprint],
    known: Mapping[str, Member],
    shares: Shares,
    seed: int,
) -> Split:
    """The parts of pictures; no file is looked at.

    Args:
        pictures: N pictures.
        names: N paths as in `known`.
        prints: N fingerprints.
        known: What was decided before.
        shares: Shares of the parts.
        seed: For those not decided.
    """
    groups = near_groups(prints)
    decided = _decided(names, prints, known, groups)
    parts: dict[int, str] = {}
    left_out: list[int] = []
    free: list[list[int]] = []
    for group in groups:
        kept = _without_rivals(group, prints, decided)
        parts |= kept
        rest = [index for index in group if index not in decided]
        found = set(kept.values())
        if not found:
            free.append(group)
        elif len(found) == 1:
            parts |= dict.fromkeys(rest, found.pop())
        else:
            left_out += rest
        left_out += [index for index in group if index in decided and index not in kept]
    free.sort(key=lambda group: _draw(seed, min(prints[index].pixels for index in group)))
    labels = _labels_of(pictures)
    for group, part in zip(free, _stratify(free, labels, parts, shares), strict=True):
        parts |= dict.fromkeys(group, part)
    return Split(
        {pictures[index].path: part for index, part in sorted(parts.items())},
        tuple(pictures[index].path for index in sorted(left_out)),
        len(parts.keys() - decided.keys()),
    )


def _decided(
    names: Sequence[str],
    prints: Sequence[Fingerprint],
    known: Mapping[str, Member],
    groups: Sequence[Sequence[int]],
) -> dict[int, str]:
    """Parts by what is known: by pixels first, then by path where a picture was changed."""
    by_pixels = {member.pixels: member.part for member in known.values()}
    present = {one.pixels for one in prints}
    same: dict[int, str] = {}
    changed: dict[int, str] = {}
    for index, (name, one) in enumerate(zip(names, prints, strict=True)):
        before = known.get(name)
        if before is not None and before.pixels == one.pixels:
            same[index] = before.part
        elif one.pixels in by_pixels:
            same[index] = by_pixels[one.pixels]
        elif before is not None and before.pixels not in present:
            # Otherwise the old picture lives on under another name, and this one took its path.
            changed[index] = before.part
    for group in groups:
        # Resembling a picture that kept its part counts more than the name.
        if any(index in same for index in group):
            for index in group:
                changed.pop(index, None)
    return same | changed


def _without_rivals(
    group: Sequence[int], prints: Sequence[Fingerprint], decided: Mapping[int, str]
) -> dict[int, str]:
    """The members of a group that keep their part.

    Two pictures that resemble each other can have got different parts while one of them was away,
    or by being changed. Then the one in the part that is trained on steps back, so that what is
    measured stays the same.
    """
    kept = {index: decided[index] for index in group if index in decided}
    if len(set(kept.values())) < 2:
        return kept

    def beaten(one: int) -> bool:
        return any(
            PARTS.index(kept[other]) > PARTS.index(kept[one])
            and are_near(prints[one], prints[other])
            for other in kept
        )

    return {index: part for index, part in kept.items() if not beaten(index)}


def _stratify(
    groups: Sequence[Sequence[int]],
    labels: Sequence[frozenset[str]],
    parts: Mapping[int, str],
    shares: Shares,
) -> list[str]:
    """A part for each group, in order, so that each class comes near to the shares.

    Args:
        groups: Indices of pictures to be divided, together.
        labels: Labels of all pictures.
        parts: Parts of the pictures that have one.
        shares: Shares of the parts.
    """
    counts = [Counter(label for i in group for label in labels[i]) for group in groups]
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for number, count in enumerate(counts):
        for label in count:
            holders[label].add(number)
    placed = {part: Counter[str]() for part in PARTS}
    sizes = Counter(parts.values())
    for index, part in parts.items():
        placed[part].update(labels[index])
    totals = sum((*placed.values(), *counts), Counter[str]())
    total = sum(sizes.values()) + sum(map(len, groups))
    chosen: dict[int, str] = {}

    def lacks(part: str, label: str) -> float:
        return shares.of(part) * totals[label] - placed[part][label]

    def place(number: int, label: str | None) -> None:
        room = {part: shares.of(part) * total - sizes[part] for part in PARTS}
        usable = [part for part in PARTS if shares.of(part) > 0]
        # Rare classes come first and would all go to the largest part, and fill it beyond its
        # share where most classes are rare.
        usable = [part for part in usable if room[part] > 0] or usable
        part = max(usable, key=lambda p: (lacks(p, label) if label is not None else 0.0, room[p]))
        chosen[number] = part
        placed[part].update(counts[number])
        sizes[part] += len(groups[number])
        for other in counts[number]:
            holders[other].discard(number)
            if not holders[other]:
                del holders[other]

    while holders:
        label = min(holders, key=lambda name: (len(holders[name]), name))
        for number in sorted(holders[label]):
            place(number, label)
    for number in range(len(groups)):
        if number not in chosen:
            place(number, None)
    return [chosen[number] for number in range(len(groups))]


def _labels_of(pictures: Sequence[LabelledPicture]) -> list[frozenset[str]]:
    """What each picture is divided by.

    Labels of whole pictures that are too rare for three parts count as one class together.
    """
    counts = Counter(picture.label for picture in pictures)
    found = []
    for picture in pictures:
        names = {box.label for box in picture.boxes}
        if picture.label is not None:
            names.add(picture.label if counts[picture.label] >= len(PARTS) else _RARE)
        found.append(frozenset(names))
    return found


def _draw(seed: int, pixels: str) -> str:
    """A place in an order that depends on the pixels only, not on names or on other pictures."""
    return hashlib.sha256(f"{seed}:{pixels}".encode()).hexdigest()
