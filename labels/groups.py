"""Crops sorted into groups of lookalikes, so that a person names folders and not pictures.

    OUT/group-001/    the largest group; renamed to 并, it is a class
    OUT/_single/      crops that resemble no other
    OUT/_sheets/      a contact sheet for each folder
    OUT/index.html    all of them at a glance

A folder is a group whatever it is called, and a crop belongs to the folder it lies in. So a group
is named by renaming its folder, and joined or parted by moving files. A later run puts new crops
where their like is. What was removed by hand does not come back: `.groups.json` remembers it, and
what a run that was interrupted still has to do.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labels.atomic import write_atomically
from labels.class_names import UNNAMED, holds_class
from labels.clustering import MAX_DISTANCE, sort_new
from labels.errors import LayoutError
from labels.pictures import QUARANTINE, UNREADABLE, is_picture, load_rgb

F32 = NDArray[np.float32]
Embed = Callable[[Sequence[NDArray[np.uint8]]], F32]

SINGLE = "_single"
STATE_FILE = ".groups.json"

_NUMBERED = re.compile(r"group-(\d+)")
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Grouping:
    """What a run has done.

    Attributes:
        added: How many crops are new.
        joined: How many of those went to groups that were there before.
        fresh: How many groups are new.
        repeated: How many were left out because a byte-for-byte copy is there.
        faults: Crops that cannot be read, one sentence each.
    """

    added: int
    joined: int
    fresh: int
    repeated: int
    faults: tuple[str, ...]


class Grouper:
    """Groups the crops of one folder into another.

    Attributes:
        crops: The files to group.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        """Look at both folders; nothing is written yet.

        Args:
            folder: Crops right in it; or, where it has one, in its folder `_unnamed`.
            out: Folder of the groups, which may be there from earlier runs.

        Raises:
            LayoutError: there are no crops, or the groups would come to lie among them.
        """
        source = folder / UNNAMED if (folder / UNNAMED).is_dir() else folder
        if not source.is_dir():
            raise LayoutError(f"{folder} is no folder; give a folder of crops.")
        if source.resolve() in (out.resolve(), *out.resolve().parents):
            raise LayoutError(f"{out} lies among the crops; give another folder for the groups.")
        self.crops = pictures_in(source)
        if not self.crops:
            raise LayoutError(
                f"{folder} has no crops, and no folder {UNNAMED} with any; cut some out with "
                "`clickorder labels crop`."
            )
        self._out = out
        self._faults: list[str] = []

    def run(
        self,
        embed: Embed,
        *,
        max_distance: float = MAX_DISTANCE,
        advance: Callable[[], object] = lambda: None,
    ) -> Grouping:
        """Sort new crops into groups and copy them there.

        Args:
            embed: Crops, `(h, w, 3)` uint8 RGB, to `(N, D)` float32; `SiameseMatcher.embed`.
            max_distance: Mean cosine distance, 0 to 2, up to which crops are alike.
            advance: Called for each of `crops` when it has been looked at.

        Raises:
            LayoutError: `.groups.json` is not what an earlier run has written.
            OSError: a file cannot be written.
        """
        self._out.mkdir(parents=True, exist_ok=True)
        self._faults.clear()
        state = _settled(self._out, _State.read(self._out))
        present = {
            name: {_digest(path): path for path in pictures_in(self._out / name)}
            for name in [*group_folders(self._out), SINGLE]
        }
        seen = state.seen.union(*present.values())
        digests = {path: _digest(path) for path in self.crops}
        new: dict[str, Path] = {}
        for path, digest in digests.items():
            if digest in seen:
                advance()
            else:
                new.setdefault(digest, path)
        repeated = sum(digest not in seen for digest in digests.values()) - len(new)
        vectors = self._embedded(new, embed, advance)
        new = {digest: new[digest] for digest in vectors}
        plan: dict[str, _Move] = {}
        fresh = 0
        if new:
            plan, fresh = self._plan(new, vectors, present, embed, max_distance, state.last)
        state = _State(seen | set(new), plan, state.last + fresh)
        state.write(self._out)
        _settled(self._out, state).write(self._out)
        joined = [plan[digest].folder in present for digest in new if digest in plan]
        single = sum(plan[digest].folder == SINGLE for digest in new)
        return Grouping(len(new), sum(joined) - single, fresh, repeated, tuple(self._faults))

    def _plan(
        self,
        new: Mapping[str, Path],
        vectors: Mapping[str, F32],
        present: Mapping[str, Mapping[str, Path]],
        embed: Embed,
        max_distance: float,
        last: int,
    ) -> "tuple[dict[str, _Move], int]":
        """Where new crops go, and single ones that have found company; and how many new groups."""
        old = {
            name: self._embedded(members, embed, lambda: None) for name, members in present.items()
        }
        lonely = old.pop(SINGLE)
        width = len(next(iter(vectors.values())))
        found = sort_new(
            _stacked(vectors, width),
            {name: _stacked(members, width) for name, members in old.items() if members},
            _stacked(lonely, width),
            max_distance,
        )
        names, lonely_names = list(new), list(lonely)
        folders = {names[index]: folder for index, folder in found.joined.items()}
        folders |= {names[index]: SINGLE for index in found.single}
        for number, (ours, theirs) in enumerate(found.fresh, start=last + 1):
            members = [names[index] for index in ours] + [lonely_names[index] for index in theirs]
            folders |= dict.fromkeys(members, f"group-{number:03d}")
        plan = {
            digest: _Move(str(new[digest].resolve()) if digest in new else "", folder)
            for digest, folder in folders.items()
        }
        return plan, len(found.fresh)

    def _embedded(
        self, crops: Mapping[str, Path], embed: Embed, advance: Callable[[], object]
    ) -> dict[str, F32]:
        """Digest to embedding of length 1, of the crops that can be read, in their order."""
        found: dict[str, F32] = {}
        digests = list(crops)
        for start in range(0, len(digests), _BATCH):
            pictures = {}
            for digest in digests[start : start + _BATCH]:
                try:
                    pictures[digest] = load_rgb(crops[digest])
                except UNREADABLE as error:
                    self._faults.append(
                        f"{crops[digest]} cannot be read as a picture ({error}); remove it."
                    )
                advance()
            if pictures:
                vectors = embed(list(pictures.values()))
                lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
                found |= zip(pictures, vectors / lengths, strict=True)
        return found


@dataclass(frozen=True, slots=True)
class _Move:
    """Where a crop is to go: a copy of `source`, or what lies in `_single` where that is empty."""

    source: str
    folder: str


@dataclass(frozen=True, slots=True)
class _State:
    """What `.groups.json` says.

    Attributes:
        seen: SHA-256 of every crop that has ever been in a folder here.
        plan: The same to what a run is about to do with it; empty when it has done so.
        last: The greatest number that a group has had.
    """

    seen: frozenset[str] | set[str] = frozenset()
    plan: Mapping[str, _Move] = field(default_factory=dict)
    last: int = 0

    @classmethod
    def read(cls, out: Path) -> "_State":
        numbers = [
            int(found[1]) for name in group_folders(out) if (found := _NUMBERED.fullmatch(name))
        ]
        file = out / STATE_FILE
        if not file.is_file():
            return cls(last=max(numbers, default=0))
        try:
            data = json.loads(file.read_text(encoding="utf-8-sig"))
            return cls(
                frozenset(map(str, data["seen"])),
                {str(key): _Move(**move) for key, move in data["plan"].items()},
                max([int(data["last"]), *numbers]),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise LayoutError(
                f"{file} cannot be read ({error!r}); take it away, and crops that you removed from "
                "groups will come back once."
            ) from error

    def write(self, out: Path) -> None:
        plan = {key: {"source": m.source, "folder": m.folder} for key, m in self.plan.items()}
        data = {"seen": sorted(self.seen), "plan": plan, "last": self.last}
        write_atomically(out / STATE_FILE, json.dumps(data).encode())


def group_folders(out: Path) -> list[str]:
    """Names of the folders that are groups, sorted."""
    return sorted(
        path.name
        for path in (out.iterdir() if out.is_dir() else ())
        if path.is_dir() and holds_class(path.name) and path.name != QUARANTINE
    )


def pictures_in(folder: Path) -> list[Path]:
    """The pictures right in a folder, sorted; none where there is no such folder."""
    return sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_file() and is_picture(path) and not path.name.startswith(".")
    )


def _settled(out: Path, state: _State) -> _State:
    """Do what is planned and not done yet; crops whose file has gone will count as new again."""
    if not state.plan:
        return state
    there = {_digest(path): path for path in _all_pictures(out)}
    gone = set()
    for digest, move in state.plan.items():
        path, folder = there.get(digest), out / move.folder
        if path is None and _is_file(move.source, digest):
            folder.mkdir(exist_ok=True)
            target = _free(folder / Path(move.source).name)
            write_atomically(target, Path(move.source).read_bytes())
        elif path is None:
            gone.add(digest)
        elif path.parent.name == SINGLE != move.folder:
            folder.mkdir(exist_ok=True)
            path.rename(_free(folder / path.name))
    return _State(state.seen - gone, {}, state.last)


def _all_pictures(out: Path) -> Iterator[Path]:
    for name in [*group_folders(out), SINGLE]:
        yield from pictures_in(out / name)


def _is_file(source: str, digest: str) -> bool:
    return bool(source) and Path(source).is_file() and _digest(Path(source)) == digest


def _free(path: Path) -> Path:
    """The path, or one beside it with a number where that is taken."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.stem}~{number}{path.suffix}")
        number += 1
    return free


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _stacked(vectors: Mapping[str, F32], width: int) -> F32:
    return np.array(list(vectors.values()), np.float32).reshape(len(vectors), width)
