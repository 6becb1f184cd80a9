"""The vocabulary: built from the CLDR names of emoji and from a table of our own."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from labels.atomic import write_atomically
from labels.console import say
from siamese.vocabulary import (
    LANGUAGES,
    VOCABULARY_FILE,
    Thing,
    Vocabulary,
    entry_line,
    plain_word,
)
from training.synthetic.ingredients.named import named_icons
from training.synthetic.ingredients.store import IngredientStore

_CURATED = Path(__file__).with_name("curated.toml")

_LEAST_DESIGNS = 2
"""What one collection alone draws says more of it than of the thing."""

_REGIONAL = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
_SEXES = "\u2640\u2642"

# Buttons, hours, and people by sex, family and age: signs, and what only an emoji draws.
_NO_THING = re.compile(
    r"\b(button|keycap|o'clock|thirty)\b"
    r"|^(man|men|woman|women|boy|girl|family|couple|kiss|person|people)\b(?! ?('s|s) )"
)
_UNFIT = frozenset({"shit", "hankey", "fu", "harambe", "x", "o", "m", "v", "on", "end", "100"})


@dataclass
class _Entry:
    names: dict[str, list[str]] = field(default_factory=lambda: {lang: [] for lang in LANGUAGES})

    def add(self, language: str, name: str) -> None:
        known = {plain_word(word) for word in self.names[language]}
        if plain_word(name) and plain_word(name) not in known:
            self.names[language].append(name)

    def put_first(self, language: str, name: str) -> None:
        plain = plain_word(name)
        others = [word for word in self.names[language] if plain_word(word) != plain]
        self.names[language] = [name, *others]


def drawn_vocabulary(store: IngredientStore) -> list[Thing]:
    """The named things that at least two designs of the training split draw.

    Args:
        store: The icon collections.
    """
    named = build_names()
    designs: dict[str, set[str]] = {}
    for icon in named_icons(store.icons("train"), Vocabulary(named)):
        designs.setdefault(icon.thing, set()).add(icon.collection.design)
    return [thing for thing in named if len(designs.get(thing.id, ())) >= _LEAST_DESIGNS]


def build_names(curated: Path = _CURATED) -> list[Thing]:
    """All things that have a name in every language, sorted by id.

    Args:
        curated: Table of what to drop, to merge and to add.
    """
    table = tomllib.loads(curated.read_text(encoding="utf-8"))
    dropped = re.compile("|".join(f"(?:{pattern})" for pattern in table["drop"]))
    merged = {name: kept for kept, names in table["merge"].items() for name in _split(names)}
    kept_names = {*table["names"], *merged, *_split(table["keep"])}
    entries: dict[str, _Entry] = {}
    aliases: dict[str, list[str]] = {}
    for names, more in _emoji():
        english = names["en"]
        if english not in kept_names and dropped.search(english):
            continue
        kept = merged.get(english, english)
        entry = entries.setdefault(kept, _Entry())
        for language in LANGUAGES:
            # The name of the kept drawing comes first, whatever the order of the emoji.
            if english == kept:
                entry.names[language].insert(0, names[language])
            else:
                entry.add(language, names[language])
        aliases.setdefault(kept, []).extend(more)
    for id_, texts in (*table["names"].items(), *table["things"].items()):
        entry = entries.setdefault(id_, _Entry())
        if id_ in table["things"]:
            entry.add("en", id_)
        for language, text in zip(LANGUAGES, texts, strict=True):
            for name in _split(text):
                entry.add(language, name)
    for id_, names in table["usual"].items():
        for language, name in zip(LANGUAGES, names, strict=True):
            entries[id_].put_first(language, name)
    _add_aliases(entries, aliases)
    return [
        Thing(id_, {language: tuple(entry.names[language]) for language in LANGUAGES})
        for id_, entry in sorted(entries.items())
        if all(entry.names.values())
    ]


def _add_aliases(entries: dict[str, _Entry], aliases: dict[str, list[str]]) -> None:
    """Short names of emoji, where they name nothing else and are fit to be read."""
    taken = {plain_word(word) for entry in entries.values() for word in entry.names["en"]}
    for id_, names in aliases.items():
        for name in names:
            usable = name not in _UNFIT and not any(c.isdigit() for c in name)
            if usable and plain_word(name) not in taken:
                entries[id_].add("en", name)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _emoji() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Names by language and short English names of every emoji that may be a thing."""
    import emoji

    for language in LANGUAGES:
        if language != "en":
            emoji.config.load_language(language)
    for character, data in emoji.EMOJI_DATA.items():
        codes = [ord(c) for c in character]
        regional = any(code in _REGIONAL or code in _TAGS for code in codes)
        if data["status"] != emoji.STATUS["fully_qualified"] or regional:
            continue
        if any(code in _SKIN_TONES or chr(code) in _SEXES for code in codes):
            continue
        names = {lang: _plain_name(data[lang]) for lang in LANGUAGES if lang in data}
        if len(names) < len(LANGUAGES) or _NO_THING.search(names["en"]):
            continue
        yield names, [_plain_name(alias) for alias in data.get("alias", [])]


def _plain_name(name: str) -> str:
    """`:man’s_shoe:` as `man's shoe`."""
    text = name.strip(":").replace("_", " ").replace("-", " ").replace("’", "'").lower()
    return " ".join(text.split())


def run_build(
    out: Path | None = None, cache: Path | None = None, console: Console | None = None
) -> None:
    """The command `clickorder names build`.

    Args:
        out: The new file; None for the shipped one.
        cache: Folder of the ingredients; None for the usual place.
        console: Where the number of things is said.

    Raises:
        IngredientsMissingError: there are no ingredients.
    """
    path = out or VOCABULARY_FILE
    things = drawn_vocabulary(IngredientStore.open(cache))
    write_atomically(path, ("\n".join(map(entry_line, things)) + "\n").encode())
    say(console or Console(stderr=True), f"{len(things)} things in {path}.")
