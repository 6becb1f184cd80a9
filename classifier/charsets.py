"""Which characters a text model is to know: presets, lists, files, and what is folded to what."""

import difflib
import json
import re
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


_RANGES = re.compile(r"\[?(?:\w-\w)+\]?")
_SHORTHANDS = {r"\d": "numeric", r"[\d]": "numeric", r"\w": "alphanumeric"}
_OTHER_NAMES = {
    "digit": "numeric", "digits": "numeric", "number": "numeric", "numbers": "numeric",
    "letters": "alphabet", "alpha": "alphabet", "ascii_letters": "alphabet",
    "alnum": "alphanumeric", "alphanum": "alphanumeric", "lowercase": "lower",
    "uppercase": "upper", "alphabet_lower": "lower", "alphabet_upper": "upper",
    "alphanumeric_lower": "numeric+lower", "alphanumeric_upper": "numeric+upper",
    "chs_3500": "common-chinese", "chs": "common-chinese", "hanzi": "chinese",
    "arithmetic": "'0123456789+-*/=?'", "float": "'0123456789.-'",
}  # fmt: skip
"""What other tools call these sets, captcha_trainer's names among them."""
_SHORTEST_NAME = 4
_MOST_SPELT = 80


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


def characters_of(choice: str, *, exclude: str = "", files: bool = True) -> str:
    """The characters that somebody chose, each once.

    Args:
        choice: A preset, several joined by `+` (`numeric+upper`), the path of a `.txt` or `.json`
            file, or the characters themselves (`0123456789+-`).
        exclude: Characters to leave out.
        files: Whether a path is opened; not where the choice comes from outside.

    Raises:
        CharacterSetError: the file cannot be read, no character is left, or it looks like a preset
            that is misspelt, or like a range.
    """
    parts = choice.split("+")
    if all(part in PRESETS for part in parts):
        found = "".join(map(preset, parts))
    elif (meant := _meant(choice)) is not None:
        raise CharacterSetError(
            f"There is no charset preset {choice!r}; did you mean {meant}? Presets are "
            f"{', '.join(PRESETS)}, joined by +; anything else is taken as the characters, where a "
            "hyphen comes first."
        )
    elif files and choice.lower().endswith(_SUFFIXES) and len(choice) > len(".json"):
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


def _meant(choice: str) -> str | None:
    """What somebody may have meant who wrote neither a preset nor characters; None for those.

    Taken literally, `NUMERIC` allows seven letters and no digit.
    """
    if _RANGES.fullmatch(choice):
        inner = choice.strip("[]")
        ends = re.findall(r"(\w)-(\w)", inner)
        if all(first < last for first, last in ends):
            spelt = [chr(c) for first, last in ends for c in range(ord(first), ord(last) + 1)]
            whole = fitting_preset(spelt)
            if whole is not None and set(characters_of(whole)) == set(spelt):
                return whole
            return "".join(spelt) if len(spelt) <= _MOST_SPELT else "the characters one by one"
    if choice in _SHORTHANDS:
        return _SHORTHANDS[choice]
    names = choice.split("+")
    found = [_near_preset(name) for name in names]
    if all(name is not None for name in found):
        return "+".join(name for name in found if name is not None)
    return None


def _near_preset(name: str) -> str | None:
    """The preset that a word names in other words, in capitals or with a slip; None for none."""
    plain = re.sub(r"[\W_]+", "_", name.strip().casefold()).strip("_")
    if name in PRESETS:
        return name
    if plain.replace("_", "-") in PRESETS:
        return plain.replace("_", "-")
    if plain in _OTHER_NAMES:
        return _OTHER_NAMES[plain]
    # Characters in a row are seldom as long as a name, letters alone, and so near to one.
    near = difflib.get_close_matches(plain, [*PRESETS, *_OTHER_NAMES], 1, cutoff=0.8)
    if len(plain) < _SHORTEST_NAME or not plain.replace("_", "").isalpha() or not near:
        return None
    return _OTHER_NAMES.get(near[0], near[0])


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
