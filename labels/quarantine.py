"""Taking files out of a data set without losing any: `quarantine/` and its log.

A file keeps its relative path below `quarantine/`, and `quarantine/quarantine.jsonl` says of each
when, why and from where it came; moving it back undoes everything. No reader looks in there.

What is about to be done is written to a hidden journal first and to the log second. Killed in
between, the next `recover` does the rest; killed before, nothing has happened.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from labels.atomic import write_atomically
from labels.errors import LayoutError
from labels.pictures import QUARANTINE

LOG_FILE = "quarantine.jsonl"

_JOURNAL = ".pending.json"


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one file.

    Attributes:
        file: As it was called.
        kept: Where it is now, or where its copy is.
        lines: Numbers of the lines (entries of a JSON file) that were taken out of it, from 1;
            None where the whole file was moved.
    """

    file: Path
    kept: Path
    lines: tuple[int, ...] | None = None

    def __str__(self) -> str:
        if self.lines is None:
            return f"{self.file} was moved to {self.kept}."
        which = ", ".join(map(str, self.lines))
        return f"{self.file} is now without line {which}; what it was is in {self.kept}."


@dataclass(frozen=True, slots=True)
class _Move:
    """One file; paths are relative, with `/`: `place` to the folder, `name` to its quarantine."""

    place: str
    name: str


@dataclass(frozen=True, slots=True)
class _Deed:
    """What the journal holds.

    Attributes:
        number: Tells it from all others in the log.
        reason: A value of `labels.annotations.Kind`.
        sentence: What a person reads.
        moves: Files to take away, or to copy where there is `text`.
        text: What a mended file holds from now on; the first of `moves` is its name.
        digest: SHA-256 of what it held before.
    """

    number: str
    reason: str
    sentence: str
    moves: tuple[_Move, ...]
    text: str | None = None
    digest: str | None = None


class Quarantine:
    """The quarantine of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / QUARANTINE
        self.log = self.root / LOG_FILE

    def recover(self) -> bool:
        """Do the rest of what a killed run had begun; False where there is nothing to do.

        Raises:
            LayoutError: the journal cannot be read.
            OSError: a file cannot be moved or written.
        """
        journal = self.root / _JOURNAL
        if not journal.is_file():
            return False
        try:
            value = json.loads(journal.read_text(encoding="utf-8"))
            moves = tuple(_Move(**move) for move in value.pop("moves"))
            deed = _Deed(moves=moves, **value)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise LayoutError(
                f"{journal} cannot be read ({error}); look into {self.log} whether its last files "
                "were moved, and delete the journal."
            ) from error
        self._finish(deed)
        return True

    def take(self, files: Sequence[Path], reason: str, sentence: str) -> list[Change]:
        """Move files, all of them even if killed after the first.

        Args:
            files: In the folder or below.
            reason: A value of `labels.annotations.Kind`.
            sentence: Why, for a person.

        Returns:
            What became of each.

        Raises:
            OSError: a file cannot be moved, or the log not written.
        """
        moves = self._moves(files)
        self._begin(_Deed(uuid.uuid4().hex, reason, sentence, moves))
        return [
            Change(file, self.root / move.name) for file, move in zip(files, moves, strict=True)
        ]

    def mend(
        self, file: Path, text: str, reason: str, sentence: str, lines: Iterable[int] = ()
    ) -> Change:
        """Keep a copy of a text file, and write it anew.

        Args:
            file: In the folder or below.
            text: What it holds from now on.
            reason: A value of `labels.annotations.Kind`.
            sentence: Why, for a person.
            lines: Numbers of the lines, or entries, that it does not hold any more.

        Raises:
            OSError: a file cannot be written.
        """
        digest = _digest(file.read_bytes())
        moves = self._moves([file])
        self._begin(_Deed(uuid.uuid4().hex, reason, sentence, moves, text, digest))
        return Change(file, self.root / moves[0].name, tuple(lines))

    def _moves(self, files: Sequence[Path]) -> tuple[_Move, ...]:
        taken: set[Path] = set()
        moves = []
        for file in files:
            place = file.relative_to(self.folder)
            count, name = 1, place
            # The log is at the top, and may meet a file of its own name.
            while (self.root / name).exists() or name in taken or str(name) == LOG_FILE:
                count += 1
                name = place.with_name(f"{place.stem}~{count}{place.suffix}")
            taken.add(name)
            moves.append(_Move(place.as_posix(), name.as_posix()))
        return tuple(moves)

    def _begin(self, deed: _Deed) -> None:
        self.recover()
        self.root.mkdir(exist_ok=True)
        journal = json.dumps(asdict(deed), ensure_ascii=False)
        write_atomically(self.root / _JOURNAL, journal.encode())
        self._finish(deed)

    def _finish(self, deed: _Deed) -> None:
        """Log and do what is not yet logged and done, then forget the journal."""
        self._write_log(deed)
        for move in deed.moves:
            source, target = self.folder / move.place, self.root / move.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if deed.text is None:
                # Where both are there, somebody put a file back by hand.
                if source.exists() and not target.exists():
                    source.rename(target)
            elif source.exists() and _digest(content := source.read_bytes()) == deed.digest:
                write_atomically(target, content)
                write_atomically(source, deed.text.encode())
        (self.root / _JOURNAL).unlink()

    def _write_log(self, deed: _Deed) -> None:
        before = self.log.read_bytes() if self.log.is_file() else b""
        if before.count(deed.number.encode()) >= len(deed.moves):
            return
        when = datetime.now(UTC).isoformat(timespec="seconds")
        lines = [
            json.dumps(
                {
                    "time": when,
                    "reason": deed.reason,
                    "sentence": deed.sentence,
                    "file": move.place,
                    "quarantine": move.name,
                    "action": "moved" if deed.text is None else "copied",
                    "deed": deed.number,
                },
                ensure_ascii=False,
            )
            for move in deed.moves
        ]
        # A kill while the log grew may have left half a line; it stays, and is ended.
        start = "" if before[-1:] in (b"", b"\n") else "\n"
        with self.log.open("a", encoding="utf-8") as log:
            log.write(start + "".join(line + "\n" for line in lines))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
