"""What all classifiers share: a network, its charset, and how they cut boxes out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.charset import Charset
from classifier.preprocess import check_picture, cut
from classifier.readings import CtcReadings, SoftmaxReadings
from modelfile import ModelSession


class CharsetClassifier:
    """A network that reads the symbols of a charset; a subclass runs it in `_read`.

    Args:
        session: The network.
        charset: Symbols in output order.
        name: Name and version, as reported to callers.
        margin: Share of a box's sides to add to a crop on every side.
    """

    def __init__(
        self, session: ModelSession, charset: Charset, *, name: str, margin: float
    ) -> None:
        self._session = session
        self._charset = charset
        self._name = name
        self._margin = margin

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        return self._name

    @property
    def charset(self) -> Charset:
        """The symbols that the model knows."""
        return self._charset

    def can_read(self, word: str) -> bool:
        """Whether the word can be scored: every character of it is in the charset."""
        return self._charset.knows(word)

    def crop(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
        """Cut the boxes out with this model's margin.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        """
        return cut(image, boxes, margin=self._margin)

    def read(self, crops: Sequence[NDArray[np.uint8]]) -> CtcReadings | SoftmaxReadings:
        """Run the network over all crops.

        Args:
            crops: N crops, `(h, w, 3)` uint8 RGB, of any sizes; N may be 0.

        Raises:
            CropShapeError: a crop is no picture.
        """
        for crop in crops:
            check_picture(crop)
        return self._read(crops)

    def _read(self, crops: Sequence[NDArray[np.uint8]]) -> CtcReadings | SoftmaxReadings:
        raise NotImplementedError
