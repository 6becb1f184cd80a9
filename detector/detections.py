"""What a detector returns, and what the pipeline asks of one."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detections:
    """The boxes found in one picture, best first.

    Attributes:
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of the picture, `x2`/`y2` exclusive,
            clipped to the picture.
        scores: `(N,)` float32 in 0..1, descending.
        classes: `(N,)` int64, index into the detector's class names.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boxes)


@runtime_checkable
class Limitable(Protocol):
    """A detector whose thresholds a caller may change."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in output order; empty where nobody knows them."""
        ...

    def limited(
        self, *, confidence_threshold: float | None = None, iou_threshold: float | None = None
    ) -> "Detector":
        """The same detector with other thresholds; None leaves one as it is."""
        ...


class Detector(Protocol):
    """Finds the clickable items of a picture."""

    @property
    def name(self) -> str:
        """Name and version, as reported to callers: `"clickorder-detector 1.0.0"`."""
        ...

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find every item.

        Args:
            image: `(H, W, 3)` uint8 RGB.
        """
        ...
