"""The two kinds of readings: of single-symbol (softmax) and of sequence (CTC) networks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from classifier.charset import Charset
from classifier.ctc import (
    best_path,
    log_softmax,
    single_symbol_log_probabilities,
    stack_frames,
    word_log_probabilities,
)
from classifier.errors import MixedReadingsError
from classifier.protocols import Readings

F32 = NDArray[np.float32]

LOG_FLOOR = -30.0  # about 1e-13: as good as never, and still a number that sums


class _Evidence(ABC):
    """What both kinds share; each implements `Readings`."""

    def __init__(self, charset: Charset) -> None:
        self._charset = charset

    @property
    def charset(self) -> Charset:
        """The symbols that the model knows."""
        return self._charset

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def texts(self) -> tuple[str, ...]:
        """The likeliest text of each crop; for reports, never for matching."""

    @cached_property
    @abstractmethod
    def single_symbols(self) -> F32:
        """`(N, C)` float32 probability that a crop shows exactly that one symbol."""

    def agreement(self, other: Readings) -> F32:
        """Log-probability that crop i here and crop j of `other` show the same single symbol.

        Returns:
            `(len(self), len(other))` float32, each at most 0, floored at -30.

        Raises:
            MixedReadingsError: the other readings come from a model with another charset.
        """
        if not isinstance(other, _Evidence) or self._charset != other.charset:
            raise MixedReadingsError(
                "Readings of two models with different charsets cannot be compared; read both "
                "sets of crops with one model."
            )
        return _floored_log(self.single_symbols @ other.single_symbols.T)

    def certainty(self) -> F32:
        """Probability of the likeliest single symbol of each crop.

        Returns:
            `(N,)` float32 in 0..1.
        """
        likeliest: F32 = self.single_symbols.max(axis=1, initial=0)
        return likeliest

    def symbols(self) -> tuple[str, ...]:
        """The likeliest single symbol of each crop; never the blank."""
        first = int(self._charset.blank)
        winners = self.single_symbols[:, first:].argmax(axis=1) + first
        return tuple(self._charset.symbols[at] for at in winners)


class SoftmaxReadings(_Evidence):
    """N crops read by a network that answers one symbol."""

    def __init__(self, logits: F32, charset: Charset) -> None:
        """Keep the distributions.

        Args:
            logits: `(N, C)` float32; log-probabilities will do.
            charset: C symbols, no blank.
        """
        super().__init__(charset)
        self._log_probabilities = log_softmax(logits) if len(logits) else logits

    def __len__(self) -> int:
        return len(self._log_probabilities)

    def score_words(self, words: Sequence[str]) -> F32:
        """Log-probability of each word on each crop, over the whole charset.

        Returns:
            `(len(words), N)` float32, each at most 0, floored at -30.

        Raises:
            UnknownWordError: a word is not in the charset.
        """
        columns = np.array([self._charset.encode(word)[0] for word in words], np.intp)
        return np.clip(self._log_probabilities[:, columns].T, LOG_FLOOR, 0).astype(np.float32)

    def texts(self) -> tuple[str, ...]:
        """The likeliest symbol of each crop; for reports, never for matching."""
        return tuple(self._charset.symbols[at] for at in self._log_probabilities.argmax(axis=1))

    @cached_property
    def single_symbols(self) -> F32:
        """`(N, C)` float32 probability of every symbol on every crop."""
        probabilities: F32 = np.exp(self._log_probabilities)
        return probabilities


class CtcReadings(_Evidence):
    """N crops read by a network that answers a sequence."""

    def __init__(self, logits: Sequence[F32], charset: Charset) -> None:
        """Keep the distributions.

        Args:
            logits: N arrays of `(T_i, C)` float32; log-probabilities will do.
            charset: C symbols, the first of which is the blank.
        """
        super().__init__(charset)
        self._frames = (
            stack_frames([log_softmax(frames) for frames in logits])
            if len(logits)
            else np.zeros((0, 1, len(charset)), np.float32)
        )

    def __len__(self) -> int:
        return len(self._frames)

    def score_words(self, words: Sequence[str]) -> F32:
        """Log-probability of exactly each word on each crop, over the whole charset.

        Returns:
            `(len(words), N)` float32, each at most 0, floored at -30.

        Raises:
            UnknownWordError: a word has a character that is not in the charset.
        """
        scores = word_log_probabilities(
            self._frames, [self._charset.encode(word) for word in words]
        )
        return np.clip(scores, LOG_FLOOR, 0).astype(np.float32)

    @property
    def frames(self) -> F32:
        """`(N, T, C)` float32 log-probabilities; shorter readings end in certain blanks."""
        return self._frames

    def texts(self) -> tuple[str, ...]:
        """The text of each crop's likeliest path; for reports, never for matching."""
        symbols = self._charset.symbols
        return tuple("".join(symbols[at] for at in path) for path in best_path(self._frames))

    @cached_property
    def single_symbols(self) -> F32:
        """`(N, C)` float32 probability that a crop shows exactly that one symbol."""
        return np.exp(single_symbol_log_probabilities(self._frames)).astype(np.float32)


def _floored_log(probabilities: F32) -> F32:
    floor = np.exp(np.float32(LOG_FLOOR))
    return np.clip(np.log(np.maximum(probabilities, floor)), LOG_FLOOR, 0).astype(np.float32)
