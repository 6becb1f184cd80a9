"""What a classifier saw in a batch of crops, and what the pipeline asks of a classifier."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Readings(Protocol):
    """The evidence of N crops, kept so that it can be asked for any word without a second pass."""

    def __len__(self) -> int: ...

    def score_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Log-probability of each word on each crop, over the model's whole charset.

        Returns:
            `(len(words), N)` float32, each at most 0 and finite (floored at about -30).

        Raises:
            UnknownWordError: a word has a character that is not in the charset.
        """
        ...

    def agreement(self, other: "Readings") -> NDArray[np.float32]:
        """Log-probability that crop i here and crop j of `other` show the same single character.

        `log(sum over c of p_i(c) * q_j(c))`, both distributions of the same model.

        Returns:
            `(len(self), len(other))` float32, each at most 0 and finite (floored at about -30).
        """
        ...

    def certainty(self) -> NDArray[np.float32]:
        """Probability of the likeliest single character of each crop: near 1, it is one.

        Returns:
            `(N,)` float32 in 0..1.
        """
        ...

    def symbols(self) -> tuple[str, ...]:
        """The likeliest single character of each crop, of all that the model knows.

        How likely it is, `certainty` says. Never for matching, which asks for the prompt's words.
        """
        ...


class Classifier(Protocol):
    """Reads crops; scores only what it is asked."""

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        ...

    def can_read(self, word: str) -> bool:
        """Whether every character of `word` is in the charset (and the model reads that many)."""
        ...

    def crop(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
        """Cut the boxes out as this model wants to see them (its margin, its clipping).

        Args:
            image: `(H, W, 3)` uint8 RGB.
            boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        """
        ...

    def read(self, crops: Sequence[NDArray[np.uint8]]) -> Readings:
        """Run the network once over `(h, w, 3)` uint8 RGB crops of any sizes."""
        ...
