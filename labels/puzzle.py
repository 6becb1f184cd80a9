"""One puzzle of a set: what can be checked of it without its pictures, and its line of JSON.

What cannot be read back cannot be made, and so not be written either.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import TypeVar, cast

from labels.errors import PuzzleSetError
from labels.pictures import composed

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
        meta: Anything else the maker wants to keep, as JSON. Of a puzzle that is not `known`,
            `proposals` may hold what a model saw: objects with `box`, `label` and `place` in the
            order of clicks, the last two null where nobody knows.
        known: Whether the truth is; where it is not, `words`, `targets` and `distractors` are
            empty, and the line has null for the first two.

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
    known: bool = True

    def __post_init__(self) -> None:
        if not self.id:
            raise PuzzleSetError("The id is empty; give every puzzle of a set its own.")
        if len(self.prompt) != 1 or self.kind not in PROMPT_KINDS:
            raise PuzzleSetError(
                f"The prompt has {sorted(self.prompt)}; it needs exactly one of words, icons, "
                "image, region."
            )
        if self.known:
            if not self.targets:
                raise PuzzleSetError("There are no targets; a puzzle needs at least one.")
            self._check_counts()
        elif self.words or self.targets or self.distractors or self.accept is not None:
            raise PuzzleSetError(
                "A puzzle whose truth is not known has words, targets, distractors or accept; it "
                "must have none."
            )
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
            line = {key: getattr(self, key) for key in _KEYS}
            if not self.known:
                line |= {"words": None, "targets": None}
            return json.dumps(line, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise PuzzleSetError(
                f"Puzzle {self.id} cannot be written as JSON ({error}); keep meta to numbers, "
                "strings, lists and objects."
            ) from error


def parse_puzzle(line: str) -> Puzzle:
    """A puzzle from its line of JSON.

    Raises:
        PuzzleSetError: one sentence that says what does not fit.
    """
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
    known = data["words"] is not None or data["targets"] is not None
    return Puzzle(
        id=_string(data["id"], "id"),
        background=_string(data["background"], "background"),
        prompt=_prompt(data["prompt"]),
        words=_list(data["words"], "words", _word) if known else (),
        targets=_list(data["targets"], "targets", _box) if known else (),
        distractors=_list(data.get("distractors", []), "distractors", _box),
        accept=None if accept is None else _list(accept, "accept", _box_or_none),
        family=_string(data.get("family", ""), "family"),
        meta=_object(data.get("meta", {}), "meta"),
        known=known,
    )


def _prompt(value: object) -> dict[str, PromptValue]:
    parsers: dict[str, Callable[[object], PromptValue]] = {
        "words": lambda v: _list(v, "prompt.words", lambda w, where: composed(_string(w, where))),
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
    return composed(_string(str(value) if is_number else value, what))


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
