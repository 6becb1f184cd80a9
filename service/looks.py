"""Looks: how closely a puzzle is looked at.

Most puzzles are sure at the first look. The others are worth several runs of every network: the
detector also sees a mirrored picture and enlarged parts, and what it finds is also recognised
turned, since networks know upright items best.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Look:
    """How closely a puzzle is looked at.

    Attributes:
        closely: Whether the detector sees enlarged parts as well.
        turns_deg: By how much crops of the scene are turned, besides not at all.
    """

    closely: bool = False
    turns_deg: tuple[float, ...] = ()

    def views(self, crops: Sequence[U8]) -> list[U8]:
        """The crops, followed by all of them turned by each angle.

        Args:
            crops: N crops, `(h, w, 3)` uint8 RGB.

        Returns:
            `N * (1 + turns)` crops of the same sizes.
        """
        return [*crops, *(turned(crop, angle) for angle in self.turns_deg for crop in crops)]

    def best(self, scores: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """The best score of each crop among its views.

        Args:
            scores: `(M, count * (1 + turns))`, in the order of `views`.
            count: Number of crops.

        Returns:
            `(M, count)`.
        """
        views = 1 + len(self.turns_deg)
        best: NDArray[np.float64] = scores.reshape(len(scores), views, count).max(axis=1)
        return best


FIRST = Look()
CLOSE = Look(closely=True, turns_deg=(-30.0, 30.0))


def turned(crop: U8, angle_deg: float) -> U8:
    """A crop turned around its centre, corners filled with its median colour.

    Args:
        crop: `(h, w, 3)` uint8 RGB.
        angle_deg: Counter-clockwise.
    """
    red, green, blue = (int(v) for v in np.median(crop.reshape(-1, 3), axis=0))
    picture = Image.fromarray(crop)
    return np.asarray(
        picture.rotate(angle_deg, Image.Resampling.BILINEAR, fillcolor=(red, green, blue))
    )
