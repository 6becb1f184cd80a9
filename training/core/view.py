"""A view of an item: a picture and the item's box in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class View:
    """One item in one picture.

    Attributes:
        picture: `(H, W, 3)` uint8 RGB, the whole picture that it lies on.
        box: `x1, y1, x2, y2` in pixels of `picture`, as inexact as a detector's; end exclusive.
    """

    picture: U8
    box: tuple[float, float, float, float]
