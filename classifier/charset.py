"""The symbols that a classifier knows, in the order of its outputs."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from classifier.errors import CharsetError, UnknownWordError

BLANK = 0  # index of the CTC blank in every model family read here


class Charset:
    """Symbols and their indices.

    With a blank (CTC), a word is a row of one-character symbols. Without one (softmax), a word is
    one symbol, which may be longer than one character: an icon's name, a pair of characters.
    """

    def __init__(self, symbols: Iterable[str], *, blank: bool, source: str) -> None:
        """Check the symbols.

        Args:
            symbols: In the order of the network's outputs. With a blank, the first stands for it,
                whatever it is called.
            blank: Whether index 0 is the CTC blank.
            source: What to call the file in messages.

        Raises:
            CharsetError: there is nothing to tell apart, or a symbol repeats.
        """
        self._symbols = tuple(symbols)
        self._blank = blank
        self._source = source
        readable = self._symbols[1:] if blank else self._symbols
        index = {symbol: at for at, symbol in enumerate(self._symbols) if at or not blank}
        if len(self._symbols) < 2:
            raise CharsetError(
                f"{source} has a charset of {len(self._symbols)} symbols, but at least 2 are "
                "needed; export the model again."
            )
        if len(index) != len(readable):
            repeated = next(symbol for symbol in readable if readable.count(symbol) > 1)
            raise CharsetError(
                f"{source} has the symbol {repeated!r} twice in its charset; export the model "
                "again."
            )
        self._index: Mapping[str, int] = MappingProxyType(index)

    def __len__(self) -> int:
        return len(self._symbols)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Charset):
            return NotImplemented
        return self is other or (self._symbols, self._blank) == (other._symbols, other._blank)

    def __hash__(self) -> int:
        return hash((self._symbols, self._blank))

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, in the order of the network's outputs."""
        return self._symbols

    @property
    def blank(self) -> bool:
        """Whether index 0 is the CTC blank."""
        return self._blank

    def knows(self, word: str) -> bool:
        """Whether `encode` would accept the word."""
        return bool(word) and all(part in self._index for part in self._parts(word))

    def encode(self, word: str) -> tuple[int, ...]:
        """Indices of the symbols of a word.

        Raises:
            UnknownWordError: the word is empty or has a symbol that is not in the charset.
        """
        if not word:
            raise UnknownWordError("An empty word cannot be read; leave it out of the prompt.")
        unknown = [part for part in self._parts(word) if part not in self._index]
        if unknown:
            raise UnknownWordError(
                f"The word {word!r} has {unknown[0]!r}, which is not in the charset of "
                f"{self._source}; use a model that knows it."
            )
        return tuple(self._index[part] for part in self._parts(word))

    def _parts(self, word: str) -> tuple[str, ...]:
        return tuple(word) if self._blank else (word,)
