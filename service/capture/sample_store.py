"""The folder of kept puzzles: a puzzle set that stays small, and whole whatever happens.

Pictures are written first and whole, then comes the puzzle's line at the end of `puzzles.jsonl`.
What is taken away goes the other way round: the file without the oldest lines replaces the old
one, then their pictures go. So a kill at any point leaves at most pictures that no line names, or
a last line that is cut off; both are cleared away when the folder is opened again.
"""

import collections
import contextlib
import hashlib
import json
import os
import re
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from labels.atomic import write_atomically
from labels.errors import PuzzleSetError
from labels.puzzle import Box, PromptValue, Puzzle, parse_puzzle
from labels.puzzles import PUZZLES_FILE, check_pictures
from modelfile import PictureError, picture_format
from modelfile.errors import ClickorderError
from service.settings import Keep

if sys.platform != "win32":
    import fcntl

MARK = ".kept-by-clickorder"
"""Lies in a folder whose oldest puzzles the service may take away, and is locked while it runs."""

FAMILY = "kept"

Outcome = Literal["kept", "duplicate", "unreadable", "too_large"]

_MARK_TEXT = b"clickorder keeps puzzles here, and removes the oldest; move away what is to stay.\n"
_SUFFIXES = {"PNG": "png", "JPEG": "jpg", "MPO": "jpg", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
_OURS = re.compile(rf"[0-9a-f]{{32}}\.({'|'.join(sorted(set(_SUFFIXES.values())))})|\..+\.part")
_ROOMY = 0.9
"""A full folder is emptied down to this share of its limit, so that lines are seldom rewritten."""
_DAY_S = 86_400.0


class SampleStoreError(ClickorderError):
    """Puzzles cannot be kept as asked; `str(error)` is one sentence for who starts the service."""


@dataclass(frozen=True, slots=True)
class Content:
    """A puzzle to keep.

    Attributes:
        background: The bytes of the file.
        icons: The bytes of the prompt's icons, in click order; empty for other prompts.
        image: The bytes of the prompt picture, or None.
        words: The words of the prompt, or None.
        region: Where the prompt is: `x1, y1, x2, y2` in background pixels, ends exclusive; or None.
        meta: What the line says of it beside the time.
    """

    background: bytes
    icons: tuple[bytes, ...] = ()
    image: bytes | None = None
    words: tuple[str, ...] | None = None
    region: Box | None = None
    meta: Mapping[str, object] | None = None

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """All of them, the background first, in the order of `Puzzle.files`."""
        return (self.background, *self.icons, *([self.image] if self.image is not None else []))

    def prompt(self, names: Sequence[str]) -> dict[str, PromptValue]:
        """The prompt of the line, given the names of the pictures."""
        if self.words is not None:
            return {"words": self.words}
        if self.region is not None:
            return {"region": self.region}
        return {"image": names[1]} if self.image is not None else {"icons": tuple(names[1:])}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line: its length with the line end, its pictures, when it came, what it is."""

    length: int
    files: tuple[str, ...]
    kept_at: float
    fingerprint: str


class KeptSet:
    """A folder of kept puzzles; everything but the numbers is for one thread.

    Args:
        keep: With a folder; it is made where it is missing, for nobody else to read.

    Raises:
        SampleStoreError: the folder cannot be used, holds something else, or is in use.
    """

    def __init__(self, keep: Keep) -> None:
        assert keep.dir is not None  # noqa: S101 - without one nothing is kept
        self._folder = keep.dir
        self._file = keep.dir / PUZZLES_FILE
        self._most = keep.max_mb * 2**20
        self._longest_s = keep.max_age_days * _DAY_S
        self._entries: collections.deque[_Entry] = collections.deque()
        self._sizes: dict[str, int] = {}
        self._uses: collections.Counter[str] = collections.Counter()
        self._names: dict[str, str] = {}  # SHA-256 of a picture to the file that has it
        self._known: set[str] = set()
        self._length = -1  # of the lines that are known; none are
        self.size_bytes = 0
        self.removed = {"age": 0, "size": 0}
        self._lock = _claim(self._folder)

    def __len__(self) -> int:
        return len(self._entries)

    def close(self) -> None:
        """Let another service have the folder."""
        os.close(self._lock)

    def mend(self) -> None:
        """Read the folder, and clear away what a kill has left.

        Raises:
            OSError: it cannot be read or written.
        """
        content = self._file.read_bytes() if self._file.exists() else b""
        self._forget()
        lines = [line for line in content.split(b"\n") if line and self._remember(line)]
        whole = b"".join(line + b"\n" for line in lines)
        if whole != content:
            write_atomically(self._file, whole)
        self._length = len(whole)
        for path in self._folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in self._uses:
                path.unlink()
        self.tidy()

    def tidy(self) -> None:
        """Take away what is too old.

        Raises:
            OSError: a file cannot be written or removed.
        """
        oldest = time.time() - self._longest_s
        gone = 0
        while gone < len(self._entries) and self._entries[gone].kept_at < oldest:
            gone += 1
        self._remove(gone, "age")

    def add(self, content: Content) -> Outcome:
        """Keep a puzzle, and take away the oldest where there is no room.

        Raises:
            OSError: a file cannot be written; the set is as before.
        """
        if self._length != (self._file.stat().st_size if self._file.exists() else 0):
            self.mend()  # somebody emptied the folder, or the disk was full at the last line
        digests = [hashlib.sha256(picture).hexdigest() for picture in content.pictures]
        fingerprint = _fingerprint(digests, content.prompt([""] * len(digests)))
        if fingerprint in self._known:
            return "duplicate"
        suffixes = [_suffix(picture) for picture in content.pictures]
        # The line is far smaller than its pictures; a part of it must do as an estimate.
        size = sum(map(len, content.pictures)) + len(json.dumps(content.meta)) + 1024
        if size > self._most:
            return "too_large"
        if None in suffixes:
            return "unreadable"
        self._make_room(size)
        return self._write(content, digests, [suffix or "" for suffix in suffixes], fingerprint)

    def _write(
        self, content: Content, digests: list[str], suffixes: list[str], fingerprint: str
    ) -> Outcome:
        now = time.time()
        new: dict[str, str] = {}
        names = []
        try:
            for digest, suffix, data in zip(digests, suffixes, content.pictures, strict=True):
                name = self._names.get(digest) or new.get(digest)
                if name is None:
                    name = new[digest] = f"{uuid.uuid4().hex}.{suffix}"
                    write_atomically(self._folder / name, data)
                names.append(name)
            puzzle = Puzzle(
                id=uuid.uuid4().hex,
                background=names[0],
                prompt=content.prompt(names),
                words=(),
                targets=(),
                family=FAMILY,
                meta={"kept_at": datetime.fromtimestamp(now, UTC).isoformat()}
                | dict(content.meta or {}),
                known=False,
            )
            line = puzzle.to_json().encode() + b"\n"
            # What `labels` could not read would make it refuse the whole set.
            check_pictures(self._folder, parse_puzzle(line.decode()))
            self._append(line)
        except BaseException as error:
            for name in new.values():
                (self._folder / name).unlink(missing_ok=True)
            if isinstance(error, PuzzleSetError):
                return "unreadable"
            raise
        self._names |= new
        self._count(_Entry(len(line), tuple(dict.fromkeys(names)), now, fingerprint))
        self._length += len(line)
        return "kept"

    def _append(self, line: bytes) -> None:
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            written = 0
            while written < len(line):
                written += os.write(handle, line[written:])
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, self._length)
            raise
        finally:
            os.close(handle)

    def _make_room(self, size: int) -> None:
        if self.size_bytes + size <= self._most:
            return
        left, gone = self.size_bytes, 0
        uses = self._uses.copy()
        for entry in self._entries:
            if left + size <= self._most * _ROOMY:
                break
            gone += 1
            left -= entry.length
            for name in entry.files:
                uses[name] -= 1
                if not uses[name]:
                    left -= self._sizes[name]
        self._remove(gone, "size")

    def _remove(self, count: int, cause: Literal["age", "size"]) -> None:
        """Take away the oldest puzzles, and the pictures that only they have."""
        if not count:
            return
        cut = sum(entry.length for entry, _ in zip(self._entries, range(count), strict=False))
        write_atomically(self._file, self._file.read_bytes()[cut:])
        self._length -= cut
        for _ in range(count):
            entry = self._entries.popleft()
            self._known.discard(entry.fingerprint)
            self.size_bytes -= entry.length
            for name in entry.files:
                self._uses[name] -= 1
                if not self._uses[name]:
                    del self._uses[name]
                    self.size_bytes -= self._sizes.pop(name)
                    (self._folder / name).unlink(missing_ok=True)
        self._names = {d: name for d, name in self._names.items() if name in self._uses}
        self.removed[cause] += count

    def _remember(self, line: bytes) -> bool:
        """Take up a line that is there; False where it is not one to keep."""
        try:
            puzzle = parse_puzzle(line.decode())
            kept_at = datetime.fromisoformat(str(puzzle.meta.get("kept_at"))).timestamp()
            check_pictures(self._folder, puzzle)
        except (PuzzleSetError, ValueError):  # UnicodeDecodeError is a ValueError
            return False
        digests = []
        for name in puzzle.files:
            digests.append(hashlib.sha256((self._folder / name).read_bytes()).hexdigest())
            self._names[digests[-1]] = name
        fingerprint = _fingerprint(digests, puzzle.prompt)
        files = tuple(dict.fromkeys(puzzle.files))
        self._count(_Entry(len(line) + 1, files, kept_at, fingerprint))
        return True

    def _count(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self._known.add(entry.fingerprint)
        self.size_bytes += entry.length
        for name in entry.files:
            self._uses[name] += 1
            if self._uses[name] == 1:
                self._sizes[name] = (self._folder / name).stat().st_size
                self.size_bytes += self._sizes[name]

    def _forget(self) -> None:
        self._entries.clear()
        self._sizes.clear()
        self._uses.clear()
        self._names.clear()
        self._known.clear()
        self._length = -1
        self.size_bytes = 0


def check_folder(keep: Keep) -> None:
    """See before the service starts that puzzles can be kept; nothing where they are not.

    Raises:
        SampleStoreError: see `KeptSet`.
    """
    if keep.dir is not None:
        os.close(_claim(keep.dir))


def _claim(folder: Path) -> int:
    """Make a folder ours; the handle holds its lock until it is closed."""
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        mark = folder / MARK
        if not mark.exists():
            if any(_foreign(folder)):
                raise SampleStoreError(
                    f"{folder} holds files that are not kept puzzles, and the oldest of those are "
                    "removed in time; give --keep-failures a new or empty folder."
                )
            write_atomically(mark, _MARK_TEXT)
        handle = os.open(mark, os.O_RDWR)
    except OSError as error:
        raise SampleStoreError(
            f"Puzzles cannot be kept in {folder} ({error.strerror}); give --keep-failures a folder "
            "that can be written."
        ) from error
    if sys.platform != "win32":
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise SampleStoreError(
                f"Another service keeps its puzzles in {folder}; give each a folder of its own."
            ) from error
    return handle


def _foreign(folder: Path) -> Iterator[Path]:
    """What is there, but for a mark that a kill has left half-written."""
    return (path for path in folder.iterdir() if not path.name.startswith(f".{MARK}."))


def _suffix(picture: bytes) -> str | None:
    """Suffix of the file name, by the content; None where it is no picture."""
    try:
        return _SUFFIXES.get(picture_format(picture))
    except PictureError:
        return None


def _fingerprint(digests: Sequence[str], prompt: Mapping[str, PromptValue]) -> str:
    """The same for two puzzles of the same pictures and the same prompt."""
    ((kind, value),) = prompt.items()
    said = value if kind in ("words", "region") else None
    return hashlib.sha256(json.dumps([digests, kind, said]).encode()).hexdigest()
