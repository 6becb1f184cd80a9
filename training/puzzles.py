"""Puzzle sets on disk: the one format for generated, recorded and benchmark puzzles.

A set is a folder with pictures and `puzzles.jsonl`, one JSON object a line. `Puzzle` checks
everything that can be known without the pictures, so a puzzle that cannot be read back cannot be
written either; `read_puzzles` also checks the pictures' existence and the boxes against their
sizes.
"""

import json
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import TracebackType
from typing import Self, TypeVar, cast

from PIL import ExifTags, Image

from training.errors import PuzzleSetError

PUZZLES_FILE = "puzzles.jsonl"
PROMPT_KINDS = ("words", "icons", "image", "region")

Box = tuple[int, int, int, int]
PromptValue = str | tuple[str, ...] | Box
T = TypeVar("T")

_KEYS = (
    "id",
    "background",
    "prompt",
    "words",
    "targets",
    "distractors",
    "accept",
    "family",
    "meta",
)
_REQUIRED = ("id", "background", "prompt", "words", "targets")


@dataclass(frozen=True, slots=True)
class Puzzle:
    """One puzzle with its truth.

    Attributes:
        id: Unique in its set.
        background: File name of the picture to click on, relative to the set's folder.
        prompt: Exactly one of `{"words": (str, ...)}`, `{"icons": (file name, ...)}`,
            `{"image": file name}`, `{"region": (x1, y1, x2, y2)}`: what the solver is told.
        words: What the prompt says, in click order; icon names where the items are icons.
        targets: `x1, y1, x2, y2` of each word's item in background pixels, `x2`/`y2` exclusive.
        distractors: Boxes of items that are not to be clicked, same frame.
        accept: None, or for each target the box in which a click counts (None: the target
            itself), same frame; may reach beyond the picture.
        family: What the puzzle looks like, `"text-words"`; results are reported per family.
        meta: Anything else the maker wants to keep, as JSON.

    Raises:
        PuzzleSetError: one sentence that says what does not fit.
    """

    id: str
    background: str
    prompt: Mapping[str, PromptValue]
    words: tuple[str, ...]
    targets: tuple[Box, ...]
    distractors: tuple[Box, ...] = ()
    accept: tuple[Box | None, ...] | None = None
    family: str = ""
    meta: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id:
            raise PuzzleSetError("The id is empty; give every puzzle of a set its own.")
        if len(self.prompt) != 1 or self.kind not in PROMPT_KINDS:
            raise PuzzleSetError(
                f"The prompt has {sorted(self.prompt)}; it needs exactly one of words, icons, "
                "image, region."
            )
        if not self.targets:
            raise PuzzleSetError("There are no targets; a puzzle needs at least one.")
        self._check_counts()
        for box in (*self.targets, *self.distractors, *filter(None, self.accept or ())):
            _check_box(box)
        if self.kind == "region":
            _check_box(self.region)
        for name in self.files:
            _check_name(name)

    def _check_counts(self) -> None:
        if not all(self.words):
            raise PuzzleSetError("A word is empty; every target needs a word or a name.")
        items = {
            "words": len(self.words),
            "accept": len(self.targets) if self.accept is None else len(self.accept),
            "prompt icons": len(self.icons) if self.kind == "icons" else len(self.targets),
        }
        for what, count in items.items():
            if count != len(self.targets):
                raise PuzzleSetError(
                    f"There are {count} {what} for {len(self.targets)} targets; the numbers "
                    "must be the same."
                )
        if self.kind == "words" and self.prompt["words"] != self.words:
            raise PuzzleSetError(
                "The words of the prompt differ from the puzzle's words; they are the same list."
            )

    @property
    def kind(self) -> str:
        """The kind of prompt: `words`, `icons`, `image` or `region`."""
        return next(iter(self.prompt))

    @property
    def icons(self) -> tuple[str, ...]:
        """File names of the prompt's icon pictures; empty for the other kinds."""
        return cast("tuple[str, ...]", self.prompt.get("icons", ()))

    @property
    def image(self) -> str | None:
        """File name of the prompt picture; None for the other kinds."""
        return cast("str | None", self.prompt.get("image"))

    @property
    def region(self) -> Box:
        """`x1, y1, x2, y2` of the prompt in background pixels; KeyError for the other kinds."""
        return cast("Box", self.prompt["region"])

    @property
    def files(self) -> tuple[str, ...]:
        """Every picture the puzzle needs, the background first."""
        return (self.background, *self.icons, *([self.image] if self.image is not None else []))

    def to_json(self) -> str:
        """The puzzle's line, without a line end: stable key order, characters as themselves.

        Raises:
            PuzzleSetError: `meta` has something JSON cannot hold.
        """
        try:
            return json.dumps(
                {key: getattr(self, key) for key in _KEYS}, ensure_ascii=False, allow_nan=False
            )
        except (TypeError, ValueError) as error:
            raise PuzzleSetError(
                f"Puzzle {self.id} cannot be written as JSON ({error}); keep meta to numbers, "
                "strings, lists and objects."
            ) from error


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
        """Of all its puzzles."""
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


def read_puzzles(folder: Path) -> PuzzleSet:
    """Read and check a puzzle set.

    Args:
        folder: Holds `puzzles.jsonl` and the pictures it names.

    Raises:
        PuzzleSetError: one sentence with file and line of the first thing that does not fit.
    """
    file = folder / PUZZLES_FILE
    try:
        # Not splitlines(): it also splits at characters that JSON strings may hold (U+2028).
        lines = file.read_bytes().decode("utf-8").split("\n")
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
            puzzle = _parse_line(line)
            _check_new(puzzle.id, puzzles)
            _check_pictures(folder, puzzle)
        except PuzzleSetError as error:
            raise PuzzleSetError(f"{file}, line {number}: {error}") from error
        puzzles[puzzle.id] = puzzle
    if not puzzles:
        raise PuzzleSetError(f"{file} holds no puzzle; generate the set again.")
    return PuzzleSet(folder, tuple(puzzles.values()))


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
            raise PuzzleSetError(
                f"{folder} already exists and is not free for a new puzzle set; name another "
                "folder, or remove it first."
            ) from error
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _parse_line(line: str) -> Puzzle:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PuzzleSetError(f"The line is not JSON ({error}).") from error
    if not isinstance(data, dict):
        raise PuzzleSetError("The line is not a JSON object.")
    for key in _REQUIRED:
        if key not in data:
            raise PuzzleSetError(f"The key {key!r} is missing.")
    if unknown := sorted(set(data) - set(_KEYS)):
        raise PuzzleSetError(f"The key {unknown[0]!r} is unknown; the keys are {', '.join(_KEYS)}.")
    accept = data.get("accept")
    return Puzzle(
        id=_string(data["id"], "id"),
        background=_string(data["background"], "background"),
        prompt=_prompt(data["prompt"]),
        words=_list(data["words"], "words", _word),
        targets=_list(data["targets"], "targets", _box),
        distractors=_list(data.get("distractors", []), "distractors", _box),
        accept=None if accept is None else _list(accept, "accept", _box_or_none),
        family=_string(data.get("family", ""), "family"),
        meta=_object(data.get("meta", {}), "meta"),
    )


def _prompt(value: object) -> dict[str, PromptValue]:
    parsers: dict[str, Callable[[object], PromptValue]] = {
        "words": lambda v: _list(v, "prompt.words", _string),
        "icons": lambda v: _list(v, "prompt.icons", _string),
        "image": lambda v: _string(v, "prompt.image"),
        "region": lambda v: _box(v, "prompt.region"),
    }
    prompt = _object(value, "prompt")
    # Unknown kinds go through as they are: Puzzle refuses them with the sentence for both cases.
    return {key: parsers[key](item) if key in parsers else "" for key, item in prompt.items()}


def _string(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise PuzzleSetError(f"{what} is {value!r}; it must be a string.")
    return value


def _word(value: object, what: str) -> str:
    """A word; a number is taken as its digits, as icons may be named `0` to `9`."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return _string(str(value) if is_number else value, what)


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise PuzzleSetError(f"{what} is {value!r}; it must be a JSON object.")
    return value


def _list(value: object, what: str, item: Callable[[object, str], T]) -> tuple[T, ...]:
    if not isinstance(value, list):
        raise PuzzleSetError(f"{what} is {value!r}; it must be a list.")
    return tuple(item(element, f"{what}[{index}]") for index, element in enumerate(value))


def _box(value: object, what: str) -> Box:
    # bool is an int to Python, not to the format.
    if (
        not isinstance(value, list)
        or len(value) != 4
        or not all(isinstance(number, int) and not isinstance(number, bool) for number in value)
    ):
        raise PuzzleSetError(f"{what} is {value!r}; a box is four whole numbers [x1, y1, x2, y2].")
    x1, y1, x2, y2 = value
    return x1, y1, x2, y2


def _box_or_none(value: object, what: str) -> Box | None:
    return None if value is None else _box(value, what)


def _check_box(box: Box) -> None:
    x1, y1, x2, y2 = box
    if x1 >= x2 or y1 >= y2:
        raise PuzzleSetError(
            f"The box {list(box)} is empty or inverted; x1 < x2 and y1 < y2, ends exclusive."
        )


def _check_name(name: str) -> None:
    """Names are looked up inside the folder, on any system: no roots, drives or way up."""
    windows = PureWindowsPath(name)
    if (
        PurePosixPath(name).name in ("", "..")
        or "\0" in name
        or "\\" in name
        or windows.drive
        or windows.root
        or ".." in windows.parts
    ):
        raise PuzzleSetError(
            f"The file name {name!r} does not stay inside the set's folder; use a plain name."
        )


def _check_new(puzzle_id: str, known: Container[str]) -> None:
    if puzzle_id in known:
        raise PuzzleSetError(
            f"The id {puzzle_id!r} is used twice; give every puzzle of a set its own."
        )


def _check_pictures(folder: Path, puzzle: Puzzle) -> None:
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
        with Image.open(root / puzzle.background) as picture:
            width, height = picture.size
            # Boxes are in the picture as displayed; these four orientations turn it on its side.
            if picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5:
                width, height = height, width
    except (OSError, Image.DecompressionBombError) as error:
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
