"""Which characters a text model is to know: presets, lists, files, and what is folded to what."""

import json
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from classifier.errors import CharacterSetError

Fold = Literal["", "lower", "upper"]
FOLDS: tuple[Fold, ...] = get_args(Fold)

PRESETS = ("numeric", "lower", "upper", "alphabet", "alphanumeric", "common-chinese", "chinese")
"""Names that `characters_of` knows; smaller ones first."""

_HAN = ("common-chinese", "chinese")

_SUFFIXES = (".txt", ".json")


@cache
def gb2312(first: int, last: int) -> str:
    """The characters of rows of GB 2312; rows 16 to 55 are its level 1, the 3,755 common ones.

    Args:
        first: Number of the first row, the high byte less 0xA0.
        last: Number of the last row, inclusive.
    """
    found = []
    for row in range(first, last + 1):
        for cell in range(1, 95):
            try:
                found.append(bytes([row + 0xA0, cell + 0xA0]).decode("gb2312"))
            except UnicodeDecodeError:
                continue  # Row 55 ends five cells early.
    return "".join(found)


@cache
def common_chinese() -> str:
    """The 2,000 characters of GB 2312's level 1 that are the most frequent, those first.

    Together they are 96 % of what is written, by the word counts of jieba 0.42's dictionary.
    """
    file = Path(__file__).with_name("common_chinese.txt")
    return "".join(file.read_text("utf-8").split())


def preset(name: str) -> str:
    """The characters of one of `PRESETS`, in their customary order.

    Raises:
        CharacterSetError: there is no such preset.
    """
    presets: Mapping[str, str] = {
        "numeric": string.digits,
        "lower": string.ascii_lowercase,
        "upper": string.ascii_uppercase,
        "alphabet": string.ascii_uppercase + string.ascii_lowercase,
        "alphanumeric": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    }
    if name == "chinese":
        return gb2312(16, 55)
    if name == "common-chinese":
        return common_chinese()
    if name not in presets:
        raise CharacterSetError(
            f"There is no charset preset {name!r}; use one of {', '.join(PRESETS)}."
        )
    return presets[name]


def characters_of(choice: str, *, exclude: str = "") -> str:
    """The characters that somebody chose, each once.

    Args:
        choice: A preset, several joined by `+` (`numeric+upper`), the path of a `.txt` or `.json`
            file, or the characters themselves (`0123456789+-`).
        exclude: Characters to leave out.

    Raises:
        CharacterSetError: the file cannot be read, or no character is left.
    """
    parts = choice.split("+")
    if all(part in PRESETS for part in parts):
        found = "".join(map(preset, parts))
    elif choice.lower().endswith(_SUFFIXES) and len(choice) > len(".json"):
        found = _of_file(Path(choice))
    else:
        found = choice
    left = unique(character for character in found if character not in exclude)
    if not left:
        raise CharacterSetError(
            f"The charset {choice!r} has no characters"
            f"{' but those that are excluded' if found else ''}; give at least one, or a preset "
            f"({', '.join(PRESETS)})."
        )
    return left


def unique(characters: Iterable[str]) -> str:
    """Each character once, in the order of its first appearance."""
    return "".join(dict.fromkeys(characters))


def fitting_preset(characters: Iterable[str]) -> str | None:
    """The smallest preset, or sum of presets, that has all of the characters; None if none has."""
    needed = set(characters)
    if not needed:
        return None
    sums = [
        *PRESETS,
        *(f"numeric+{name}" for name in ("lower", "upper")),
        *(f"{name}+{han}" for name in ("numeric", "alphanumeric") for han in _HAN),
    ]
    sizes = {name: characters_of(name) for name in sums}
    fitting = [name for name, have in sizes.items() if needed <= set(have)]
    return min(fitting, key=lambda name: len(sizes[name]), default=None)


@dataclass(frozen=True, slots=True)
class LabelRule:
    """What is done to labels before they are learnt, and before readings are compared with them.

    Attributes:
        fold: The case that letters are folded to; `""` for none.
        replace: What stands for what, in pairs, after folding: `"o0l1"` makes o a 0, and l a 1.

    Raises:
        CharacterSetError: the fold is unknown, or `replace` is not made of pairs.
    """

    fold: Fold = ""
    replace: str = ""

    def __post_init__(self) -> None:
        if self.fold not in FOLDS:
            raise CharacterSetError(f"Letters fold to lower or upper, and not to {self.fold!r}.")
        if len(self.replace) % 2:
            raise CharacterSetError(
                f"The replacements {self.replace!r} are not made of pairs; give two characters for "
                "each, what is there and what it becomes."
            )

    def apply(self, text: str) -> str:
        """A label as the model knows it."""
        if self.fold:
            # Character by character: one that becomes several (ß) is no character of a model.
            folded = (c.lower() if self.fold == "lower" else c.upper() for c in text)
            text = "".join(
                new if len(new) == 1 else old for old, new in zip(text, folded, strict=True)
            )
        table = dict(zip(self.replace[::2], self.replace[1::2], strict=True))
        return "".join(table.get(character, character) for character in text)

    def charset(self, characters: str) -> str:
        """The characters that are left of a charset, each once."""
        return unique(self.apply(characters))


def _of_file(path: Path) -> str:
    """The characters of a text file but its line ends; or of a JSON list, text or object.

    A JSON object has them under `charset`, as dddd_trainer writes it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() != ".json":
            return "".join(text.splitlines())
        value: object = json.loads(text)
    except OSError as error:
        raise CharacterSetError(
            f"The charset file {path} cannot be read ({error.strerror or error}); check the path."
        ) from error
    except ValueError as error:
        raise CharacterSetError(
            f"The charset file {path} is not {path.suffix.lower()} in UTF-8; write it anew."
        ) from error
    if isinstance(value, dict):
        symbols = value.get("charset")
        # Of a sequence model the first is the blank, whatever it is called.
        if isinstance(symbols, list) and value.get("word") is False:
            symbols = symbols[1:]
        value = symbols
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CharacterSetError(
            f"The charset file {path} holds no list of characters; write them as text, or as a "
            "JSON list."
        )
    several = [item for item in value if len(item) > 1]
    if several:
        raise CharacterSetError(
            f"The charset file {path} has {several[0]!r}, which is several characters; write one "
            "by one."
        )
    return "".join(value)
