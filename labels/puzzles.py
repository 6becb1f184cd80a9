"""Puzzle sets on disk: the one format for generated, recorded and benchmark puzzles.

A set is a folder with pictures and `puzzles.jsonl`, one JSON object a line. `Puzzle` checks
everything that can be known without the pictures; `read_puzzles` also checks the pictures'
existence and the boxes against their sizes.

Where nobody knows the truth of a puzzle yet, as of those that the service has kept, `words` and
`targets` are null. Only what turns puzzles into labels reads such lines; everything else refuses
them, so that no model is ever measured against, or trained on, its own guesses.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, cast

from labels.atomic import write_atomically
from labels.errors import PuzzleSetError
from labels.pictures import UNREADABLE, as_on_disk, displayed_size
from labels.puzzle import PROMPT_KINDS, Box, PromptValue, Puzzle, parse_puzzle

__all__ = [
    "PROMPT_KINDS",
    "PUZZLES_FILE",
    "Box",
    "PromptValue",
    "Puzzle",
    "PuzzleSet",
    "PuzzleWriter",
    "check_pictures",
    "prompt_boxes",
    "read_puzzles",
    "write_puzzles",
]

PUZZLES_FILE = "puzzles.jsonl"


@dataclass(frozen=True, slots=True)
class PuzzleSet:
    """The puzzles of one folder, in file order."""

    folder: Path
    puzzles: tuple[Puzzle, ...]

    def __len__(self) -> int:
        return len(self.puzzles)

    def __iter__(self) -> Iterator[Puzzle]:
        return iter(self.puzzles)

    @property
    def families(self) -> set[str]:
        """Families of all its puzzles."""
        return {puzzle.family for puzzle in self.puzzles}

    def find(self, puzzle_id: str) -> Puzzle:
        """The puzzle with this id.

        Raises:
            PuzzleSetError: there is none.
        """
        for puzzle in self.puzzles:
            if puzzle.id == puzzle_id:
                return puzzle
        raise PuzzleSetError(
            f"{self.folder} has no puzzle {puzzle_id!r}; its first is {self.puzzles[0].id!r}."
        )


def read_puzzles(folder: Path, *, recorded: bool = False) -> PuzzleSet:
    """Read and check a puzzle set.

    Args:
        folder: Holds `puzzles.jsonl` and the pictures it names.
        recorded: Take puzzles whose truth nobody knows yet, too, and pass over a last line that is
            just being written, or was cut off by a kill.

    Raises:
        PuzzleSetError: one sentence with file and line of the first thing that does not fit.
    """
    file = folder / PUZZLES_FILE
    try:
        # Not splitlines(): it also splits at characters that JSON strings may hold (U+2028).
        content = file.read_bytes()
        lines = (_without_torn(content) if recorded else content).decode("utf-8-sig").split("\n")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PuzzleSetError(
            f"{folder} is not a puzzle set: it has no {PUZZLES_FILE}; give a folder written by "
            "`clickorder generate`, or record one in that format."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise PuzzleSetError(f"{file} cannot be read ({error}); it must be UTF-8 text.") from error
    puzzles: dict[str, Puzzle] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            puzzle = _as_on_disk(folder, parse_puzzle(line))
            _check_new(puzzle.id, puzzles)
            if not recorded:
                _check_known(puzzle)
            check_pictures(folder, puzzle)
        except PuzzleSetError as error:
            raise PuzzleSetError(f"{file}, line {number}: {error}") from error
        puzzles[puzzle.id] = puzzle
    if not puzzles:
        raise PuzzleSetError(f"{file} holds no puzzle; generate the set again.")
    return PuzzleSet(folder, tuple(puzzles.values()))


def prompt_boxes(puzzle: Puzzle) -> list[Box]:
    """Boxes of the items in a prompt picture, in its pixels; in a region, in the background's.

    Raises:
        PuzzleSetError: `meta.prompt_boxes` is something else.
    """
    value = puzzle.meta.get("prompt_boxes", [])
    if not isinstance(value, list) or not all(
        isinstance(box, list) and len(box) == 4 and all(isinstance(n, int) for n in box)
        for box in value
    ):
        raise PuzzleSetError(
            f"Puzzle {puzzle.id} has meta.prompt_boxes {value!r}; each is four whole numbers "
            "[x1, y1, x2, y2] in pixels of the prompt picture."
        )
    return [cast("Box", tuple(box)) for box in value]


def write_puzzles(folder: Path, puzzles: Iterable[Puzzle]) -> None:
    """Write all lines of a new set at once: a kill leaves all of them or none.

    Args:
        folder: Made when missing; the pictures in it are the caller's.
        puzzles: In the order of the file.

    Raises:
        PuzzleSetError: the folder already holds a set or cannot be written, an id is used twice,
            or a puzzle's meta is not JSON.
    """
    file = folder / PUZZLES_FILE
    if file.exists():
        raise _taken(folder)
    lines: dict[str, str] = {}
    for puzzle in puzzles:
        _check_new(puzzle.id, lines)
        lines[puzzle.id] = puzzle.to_json() + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(file, "".join(lines.values()).encode())
    except OSError as error:
        raise PuzzleSetError(f"{folder} cannot be written ({error}).") from error


class PuzzleWriter:
    """Writes the lines of a new set; the pictures are the caller's.

    Args:
        folder: Made when missing.
        replace: Overwrite the lines of a set that is already there instead of refusing.

    Raises:
        PuzzleSetError: the folder already holds a set, or cannot be written.
    """

    def __init__(self, folder: Path, *, replace: bool = False) -> None:
        self.folder = folder
        self._ids: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / PUZZLES_FILE).open(
                "w" if replace else "x", encoding="utf-8", newline="\n"
            )
        except FileExistsError as error:
            raise _taken(folder) from error
        except OSError as error:
            raise PuzzleSetError(f"{folder} cannot be written ({error}).") from error

    def write(self, puzzle: Puzzle) -> None:
        """Append one puzzle.

        Raises:
            PuzzleSetError: its id was written before, or its meta is not JSON.
        """
        _check_new(puzzle.id, self._ids)
        line = puzzle.to_json()
        self._ids.add(puzzle.id)
        self._file.write(line + "\n")

    def close(self) -> None:
        """Write what is buffered and close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _as_on_disk(folder: Path, puzzle: Puzzle) -> Puzzle:
    """The puzzle with the names that its pictures have in this file system; see `composed`."""
    if all(name.isascii() for name in puzzle.files):
        return puzzle

    def found(name: str) -> str:
        return as_on_disk(folder / name).relative_to(folder).as_posix()

    prompt: Mapping[str, PromptValue] = puzzle.prompt
    if puzzle.kind == "icons":
        prompt = {"icons": tuple(map(found, puzzle.icons))}
    elif puzzle.image is not None:
        prompt = {"image": found(puzzle.image)}
    return replace(puzzle, background=found(puzzle.background), prompt=prompt)


def _taken(folder: Path) -> PuzzleSetError:
    return PuzzleSetError(
        f"{folder} already exists and is not free for a new puzzle set; name another folder, or "
        "remove it first."
    )


def _check_new(puzzle_id: str, known: Container[str]) -> None:
    if puzzle_id in known:
        raise PuzzleSetError(
            f"The id {puzzle_id!r} is used twice; give every puzzle of a set its own."
        )


def _check_known(puzzle: Puzzle) -> None:
    if not puzzle.known:
        raise PuzzleSetError(
            "Nobody has said yet what its words and targets are; turn the set into labels with "
            "`clickorder labels from-puzzles`, correct them with `clickorder labels review`, and "
            "come back with `clickorder labels to-puzzles`."
        )


def _without_torn(content: bytes) -> bytes:
    """The lines without what follows the last line end, unless that is a whole line itself."""
    whole, end, tail = content.rpartition(b"\n")
    try:
        json.loads(tail)
    except (ValueError, RecursionError):
        return whole + end
    return content


def check_pictures(folder: Path, puzzle: Puzzle) -> None:
    """See that the pictures of a puzzle are there, and that its boxes lie in the background.

    Raises:
        PuzzleSetError: one sentence that says what does not fit.
    """
    root = folder.resolve()
    for name in puzzle.files:
        path = root / name
        if not path.is_file():
            raise PuzzleSetError(f"The picture {name!r} does not exist.")
        if not path.resolve().is_relative_to(root):
            raise PuzzleSetError(
                f"The file name {name!r} does not stay inside the set's folder; a link leads out."
            )
    try:
        width, height = displayed_size(root / puzzle.background)
    except UNREADABLE as error:
        raise PuzzleSetError(
            f"The background {puzzle.background!r} cannot be read as a picture ({error})."
        ) from error
    boxes = [("target", box) for box in puzzle.targets]
    boxes += [("distractor", box) for box in puzzle.distractors]
    if puzzle.kind == "region":
        boxes.append(("prompt region", puzzle.region))
    for what, (x1, y1, x2, y2) in boxes:
        if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
            raise PuzzleSetError(
                f"The {what} {[x1, y1, x2, y2]} lies outside the {width}x{height} background "
                f"{puzzle.background!r}."
            )
