"""Dividing labelled pictures of text, so that every picture keeps its part for good.

`split.json` in each folder says which part a picture is in, in the form of `labels.split`, by path
and by pixels: a picture that is renamed keeps its part, and a copy joins it. Unlike screenshots,
text CAPTCHAs of one kind all look alike, so that nothing but the same pixels is kept together.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labels.split import PARTS, Member, Shares, read_split, write_split
from labels.texts import TextPicture


@dataclass(frozen=True, slots=True)
class TextSplit:
    """Which picture belongs where.

    Attributes:
        parts: The part of each picture.
        new: How many pictures had no part before.
    """

    parts: Mapping[TextPicture, str]
    new: int = 0

    def of(self, part: str) -> tuple[TextPicture, ...]:
        """The pictures of one of `labels.split.PARTS`, in the order they were given."""
        return tuple(picture for picture, other in self.parts.items() if other == part)


def split_texts(
    pictures: Sequence[TextPicture],
    digests: Mapping[Path, str],
    shares: Shares,
    seed: int = 0,
) -> TextSplit:
    """Give every picture its part and keep that in the `split.json` of its folder.

    Pictures that have a part keep it. Of the new ones so many go to each part as it lacks, chosen
    by their pixels alone, so that neither names nor the order of pictures matter.

    Args:
        pictures: With labels, of one or several folders.
        digests: `labels.duplicates.pixel_digest` of each; those without one get no part.
        shares: Shares of the parts.
        seed: Another one divides new pictures otherwise.

    Raises:
        LayoutError: a `split.json` is broken.
        OSError: a `split.json` cannot be written.
    """
    usable = [picture for picture in pictures if picture.path in digests]
    folders = list(dict.fromkeys(picture.folder for picture in usable))
    known = {folder: read_split(folder) for folder in folders}
    decided = _decided(usable, digests, known)
    parts = _divide([digests[picture.path] for picture in usable], decided, shares, seed)
    had = {
        picture
        for picture in usable
        if picture.name in known[picture.folder] or digests[picture.path] in decided
    }
    found = {picture: parts[digests[picture.path]] for picture in usable}
    for folder in folders:
        members = {
            picture.name: Member(part, digests[picture.path])
            for picture, part in found.items()
            if picture.folder == folder
        }
        # What is away for now keeps its part; what is here under another name is not away.
        present = {member.pixels for member in members.values()}
        away = {
            name: member
            for name, member in known[folder].items()
            if name not in members and member.pixels not in present
        }
        if members | away != known[folder]:
            write_split(folder, members | away)
    return TextSplit(found, len(usable) - len(had))


def kept_split(pictures: Sequence[TextPicture]) -> TextSplit:
    """What the `split.json` files say, without opening a picture; for trainers.

    Pictures that they do not name are in `train`, and count as new; folders that were never divided
    have none but new ones.

    Args:
        pictures: Pictures of one or several folders.

    Raises:
        LayoutError: a `split.json` is broken.
    """
    known = {folder: read_split(folder) for folder in {picture.folder for picture in pictures}}
    members = {picture: known[picture.folder].get(picture.name) for picture in pictures}
    return TextSplit(
        {picture: member.part if member else "train" for picture, member in members.items()},
        sum(member is None for member in members.values()),
    )


def _decided(
    pictures: Sequence[TextPicture],
    digests: Mapping[Path, str],
    known: Mapping[Path, Mapping[str, Member]],
) -> dict[str, str]:
    """The parts of pixels that have one.

    Where copies came into different parts, the one in the part that is trained on steps back, so
    that what is measured stays the same.
    """
    parts: dict[str, str] = {}

    for members in known.values():
        for member in members.values():
            other = parts.get(member.pixels, member.part)
            parts[member.pixels] = max(other, member.part, key=PARTS.index)
    for picture in pictures:
        before = known[picture.folder].get(picture.name)
        # Drawn anew under its old name: it stays where its name was.
        if before is not None and digests[picture.path] not in parts:
            parts[digests[picture.path]] = before.part
    return parts


def _divide(
    pixels: Sequence[str], decided: Mapping[str, str], shares: Shares, seed: int
) -> dict[str, str]:
    """The part of every picture by its pixels, those of `decided` among them."""
    groups: defaultdict[str, int] = defaultdict(int)
    for digest in pixels:
        groups[digest] += 1
    parts = {digest: decided[digest] for digest in groups if digest in decided}
    sizes = dict.fromkeys(PARTS, 0)
    for digest, part in parts.items():
        sizes[part] += groups[digest]
    free = sorted(groups.keys() - parts.keys(), key=lambda digest: _draw(seed, digest))
    for part in ("test", "validation"):
        room = round(shares.of(part) * len(pixels)) - sizes[part]
        left = []
        for digest in free:
            if groups[digest] <= room:
                parts[digest] = part
                room -= groups[digest]
            else:
                left.append(digest)
        free = left
    return parts | dict.fromkeys(free, "train")


def _draw(seed: int, pixels: str) -> str:
    """A place in an order that depends on the pixels only, not on names or on other pictures."""
    return hashlib.sha256(f"{seed}:{pixels}".encode()).hexdigest()
