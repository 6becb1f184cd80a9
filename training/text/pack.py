"""Packs: a large set of labelled pictures of text in one file.

A hundred thousand small files take minutes to list and copy; a pack is one SQLite database with the
files' own bytes, so that nothing is lost, and any picture is read by its number at once.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from labels.atomic import replacing
from labels.pictures import load_rgb
from training.errors import TextTrainingError

SUFFIX = ".texts"

_APPLICATION = 0x54585453
"""Marks the database as ours, in SQLite's own field for that (`TXTS`)."""

_SCHEMA = (
    "CREATE TABLE pictures (number INTEGER PRIMARY KEY, name TEXT NOT NULL, label TEXT NOT NULL, "
    "held_out INTEGER NOT NULL, content BLOB NOT NULL)"
)

Entry = tuple[str, str, bool, Path]
"""Name, label, whether it is held out, file."""


def write_pack(
    entries: Sequence[Entry],
    file: Path,
    shown: Callable[[Sequence[Entry]], Iterable[Entry]] = iter,
) -> None:
    """Write a pack, whole or not at all.

    Args:
        entries: What goes in, in this order.
        file: Ends in `.texts`; must not exist.
        shown: Goes through the entries, and may show how far it is.

    Raises:
        TextTrainingError: the file exists or cannot be written, or a picture cannot be read.
    """
    if file.suffix != SUFFIX:
        raise TextTrainingError(f"{file} does not end in {SUFFIX}; packs do.")
    if file.exists():
        raise TextTrainingError(f"{file} is there already; give another name, or move it away.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as new, closing(sqlite3.connect(new)) as base, base:
            base.execute(f"PRAGMA application_id = {_APPLICATION}")
            base.execute(_SCHEMA)
            base.executemany(
                "INSERT INTO pictures (name, label, held_out, content) VALUES (?, ?, ?, ?)",
                (
                    (name, label, int(held_out), path.read_bytes())
                    for name, label, held_out, path in shown(entries)
                ),
            )
    except (OSError, sqlite3.Error) as error:
        raise TextTrainingError(f"{file} cannot be written ({error}).") from error


class TextPack:
    """A pack, opened for reading; connections stay in the process that made them."""

    def __init__(self, file: Path) -> None:
        """Open it.

        Raises:
            TextTrainingError: it is no pack.
        """
        self._file = file
        try:
            address = f"file:{quote(str(file.resolve()))}?mode=ro&immutable=1"
            self._base = sqlite3.connect(address, uri=True)
            (mark,) = self._base.execute("PRAGMA application_id").fetchone()
            if mark != _APPLICATION:
                raise TextTrainingError(
                    f"{file} is no pack; write one with train-text DATA --pack."
                )
            rows = self._base.execute("SELECT name, label, held_out FROM pictures ORDER BY number")
            self.entries: tuple[tuple[str, str, bool], ...] = tuple(
                (str(name), str(label), bool(held_out)) for name, label, held_out in rows
            )
        except sqlite3.Error as error:
            raise TextTrainingError(
                f"{file} cannot be read as a pack ({error}); write one with train-text DATA --pack."
            ) from error
        self._fetch = "SELECT content FROM pictures WHERE number = ?"

    def picture(self, at: int) -> NDArray[np.uint8]:
        """A picture, `(H, W, 3)` uint8 RGB.

        Args:
            at: Its place, from 0.

        Raises:
            PictureError: its bytes are no picture.
        """
        (content,) = self._base.execute(self._fetch, (at + 1,)).fetchone()
        return load_rgb(bytes(content))

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()
