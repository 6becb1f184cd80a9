"""The vocabulary: everyday things and what they are called in several languages.

The file has one thing on a line:

    {"id": "airplane", "en": ["airplane", "plane"], "zh": ["飞机"], "es": ["avión"]}

A word is looked up without regard to case, width, hyphens and spaces. One word may name several
things (`glass`, `羊`), and a thing has several words.
"""

import difflib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from siamese.errors import VocabularyError

LANGUAGES = ("en", "zh", "es")
VOCABULARY_FILE = Path(__file__).with_name("vocabulary.jsonl")

_MOST_BYTES = 4 * 2**20
_LEAST_LIKE = 0.6
"""Similarity from which a name is offered in place of an unknown word."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One entry.

    Attributes:
        id: Its English name; unique.
        names: Language to its names, the usual one first; every language of `LANGUAGES` has one.
    """

    id: str
    names: Mapping[str, tuple[str, ...]]

    @property
    def words(self) -> tuple[str, ...]:
        """All names, English first."""
        return tuple(name for language in LANGUAGES for name in self.names[language])


class Vocabulary:
    """Things by their names."""

    def __init__(self, things: Iterable[Thing], source: str = "the vocabulary") -> None:
        """Index the names.

        Args:
            things: In the order of the file.
            source: What to call it in messages.

        Raises:
            VocabularyError: an id occurs twice, or a thing lacks a name in some language.
        """
        self.things = tuple(things)
        self._by_id: dict[str, Thing] = {}
        self._by_word: dict[str, list[Thing]] = {}
        for thing in self.things:
            if thing.id in self._by_id:
                raise VocabularyError(
                    f"{source} has the id {thing.id!r} twice; remove one of the lines."
                )
            self._by_id[thing.id] = thing
            for language in LANGUAGES:
                if not thing.names.get(language):
                    raise VocabularyError(
                        f"{source} has no name of {thing.id!r} in the language {language!r}; add "
                        "one."
                    )
            for word in thing.words:
                things_of = self._by_word.setdefault(plain_word(word), [])
                if thing not in things_of:
                    things_of.append(thing)

    @classmethod
    def load(cls, path: Path = VOCABULARY_FILE) -> "Vocabulary":
        """Read a vocabulary file.

        Raises:
            VocabularyError: the file cannot be read, or a line is no entry.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise VocabularyError(f"{path} cannot be read ({error.strerror}).") from error
        return cls.parse(data, str(path))

    @classmethod
    def parse(cls, data: bytes, source: str) -> "Vocabulary":
        """Read the bytes of a vocabulary file.

        Args:
            data: The file.
            source: What to call it in messages.

        Raises:
            VocabularyError: a line is no entry.
        """
        if len(data) > _MOST_BYTES:
            raise VocabularyError(f"{source} has more than {_MOST_BYTES} bytes; shorten it.")
        try:
            # Not `splitlines`, which takes more for the end of a line than JSON escapes.
            lines = data.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise VocabularyError(f"{source} is not in UTF-8; save it as that.") from error
        numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
        return cls((_thing(line, f"{source}, line {number},") for number, line in numbered), source)

    def __len__(self) -> int:
        return len(self.things)

    def __contains__(self, word: str) -> bool:
        return plain_word(word) in self._by_word

    def find(self, word: str) -> tuple[Thing, ...]:
        """The things that a word names, those first whose usual name it is; empty if none."""
        plain = plain_word(word)
        found = self._by_word.get(plain, [])
        return tuple(sorted(found, key=lambda thing: not _is_usual(plain, thing)))

    def thing(self, id_: str) -> Thing:
        """The thing of an id.

        Raises:
            VocabularyError: there is none.
        """
        try:
            return self._by_id[id_]
        except KeyError:
            raise VocabularyError(f"The vocabulary has no thing with the id {id_!r}.") from None

    def search(self, text: str, most: int = 20) -> tuple[Thing, ...]:
        """The things whose names match a text, best first.

        Exact names come before names that begin with the text, and these before names that
        contain it; names that are spelt alike come last.

        Args:
            text: A name, a part of one, or one with a typing error; "" lists everything.
            most: How many to return at most.
        """
        plain = plain_word(text)
        if not plain:
            return self.things[:most]
        ranks: dict[str, tuple[int, int]] = {}
        for word, things in self._by_word.items():
            if plain not in word:
                continue
            rank = 0 if word == plain else 1 if word.startswith(plain) else 2
            for thing in things:
                ranks[thing.id] = min(ranks.get(thing.id, (3, 0)), (rank, len(word)))
        # Sorted by rank, then in the order of the file: a sort keeps the order of equals.
        order = {thing.id: place for place, thing in enumerate(self.things)}
        found = sorted(ranks, key=lambda id_: (*ranks[id_], order[id_]))
        for word in self._alike(plain, most):
            found += [thing.id for thing in self._by_word[word] if thing.id not in found]
        return tuple(self._by_id[id_] for id_ in found[:most])

    def nearest(self, word: str, most: int = 3) -> tuple[str, ...]:
        """Names that are spelt like an unknown word, to be offered in its place; maybe none."""
        plain = plain_word(word)
        found: list[str] = []
        for like in self._alike(plain, most):
            thing = self._by_word[like][0]
            found += [w for w in thing.words if plain_word(w) == like and w not in found][:1]
        return tuple(found[:most])

    def _alike(self, plain: str, most: int) -> list[str]:
        # Of words of one character everything of one more is alike.
        if len(plain) < 2:
            return []
        return difflib.get_close_matches(plain, self._by_word, most, _LEAST_LIKE)


@lru_cache(maxsize=1)
def shipped_vocabulary() -> Vocabulary:
    """The vocabulary in this package."""
    return Vocabulary.load()


def plain_word(word: str) -> str:
    """The form in which words are compared: letters and digits, case folded."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(c for c in folded if c.isalnum() or unicodedata.category(c).startswith("M"))


def entry_line(thing: Thing) -> str:
    """The line of a thing, without its end."""
    names = {language: list(thing.names[language]) for language in LANGUAGES}
    return json.dumps({"id": thing.id, **names}, ensure_ascii=False)


def _is_usual(plain: str, thing: Thing) -> bool:
    return any(plain_word(names[0]) == plain for names in thing.names.values())


def _thing(line: str, source: str) -> Thing:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise VocabularyError(f"{source} is no JSON; write it anew.") from error
    if not isinstance(entry, dict) or set(entry) != {"id", *LANGUAGES}:
        raise VocabularyError(f"{source} must have id, {', '.join(LANGUAGES)} and nothing else.")
    names = {language: entry[language] for language in LANGUAGES}
    id_ = entry["id"]
    lists = all(isinstance(words, list) for words in names.values())
    if not isinstance(id_, str) or not lists:
        raise VocabularyError(f"{source} must have a string as its id and lists as its names.")
    for words in names.values():
        if not all(isinstance(word, str) and plain_word(word) for word in words):
            raise VocabularyError(f"{source} has a name that is no text with a letter or digit.")
    return Thing(id_, {language: tuple(words) for language, words in names.items()})
