"""What the pipeline asks of a matcher of pictures."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Matcher(Protocol):
    """Says how alike two crops are, whatever their size, colour and rotation."""

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        ...

    def crop(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
        """Cut the boxes out as this model wants to see them (its margin, its clipping).

        Args:
            image: `(H, W, 3)` uint8 RGB.
            boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        """
        ...

    def compare(
        self, prompt: Sequence[NDArray[np.uint8]], scene: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Logit of "same item" for every pair; no crop is embedded for each pair anew.

        Args:
            prompt: M crops, `(h, w, 3)` uint8 RGB.
            scene: N crops, `(h, w, 3)` uint8 RGB.

        Returns:
            `(M, N)` float32 logits; the sigmoid is the probability of "same".
        """
        ...
