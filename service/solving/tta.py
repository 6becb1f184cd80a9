"""Test-time augmentation: what a pass over a puzzle runs the networks on besides the picture.

Most puzzles are sure at the first pass. The others are worth several runs of every network: the
second pass shows the detector enlarged parts as well, and recognises what it finds rotated too,
since networks know upright items best, and enlarged, since boxes are rarely tight.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]

_LEAST_SIDE_PX = 4


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What one pass runs the networks on, besides pictures and crops as they are.

    Attributes:
        tiles: Whether the detector sees enlarged parts as well.
        rotations_deg: By how much crops of the scene are rotated as well, counter-clockwise.
        item_rotations_deg: The same for pictures of prompt items, of which there are fewer.
        zooms: Shares of the sides that enlarged crops of the scene show, besides the whole.
    """

    tiles: bool = False
    rotations_deg: tuple[float, ...] = ()
    item_rotations_deg: tuple[float, ...] = ()
    zooms: tuple[float, ...] = ()

    def views(self, crops: Sequence[U8]) -> list[U8]:
        """Crops of the scene, followed by all of them rotated by each angle and enlarged.

        Args:
            crops: N crops, `(h, w, 3)` uint8 RGB.

        Returns:
            `N * (1 + rotations + zooms)` crops, the enlarged ones smaller.
        """
        enlarged = [_middle(crop, share) for share in self.zooms for crop in crops]
        return _views(crops, self.rotations_deg) + enlarged

    def item_views(self, crops: Sequence[U8]) -> list[U8]:
        """Pictures of prompt items, followed by all of them rotated by each angle."""
        return _views(crops, self.item_rotations_deg)


def merged(scores: NDArray[np.float64], items: int, boxes: int) -> NDArray[np.float64]:
    """One score for each item on each box out of those of their views.

    Args:
        scores: `(items * a, boxes * b)` log-likelihoods, in the order of `Augmentation.item_views`
            and `Augmentation.views`, or with one view only.
        items: Number of items.
        boxes: Number of boxes.

    Returns:
        `(items, boxes)`: halfway between the logarithm of the mean likelihood, for which one good
        view is enough, and the mean log-likelihood, for which no view may be bad.
    """
    if not items or not boxes:
        return np.zeros((items, boxes))
    by_view = scores.reshape(scores.shape[0] // items, items, -1, boxes)
    number = by_view.shape[0] * by_view.shape[2]
    best: NDArray[np.float64] = np.logaddexp.reduce(by_view, axis=(0, 2)) - np.log(number)
    mean: NDArray[np.float64] = by_view.mean(axis=(0, 2))
    return (best + mean) / 2


FIRST_PASS = Augmentation()
SECOND_PASS = Augmentation(
    True, rotations_deg=(-15.0, 15.0), item_rotations_deg=(-15.0, 15.0), zooms=(0.86,)
)
"""Views of the second pass. Of the 266 of 670 validation puzzles that come to it, 152 are solved by
the first one, 171 with the enlarged parts alone, 181 with these views too, and 180 with rotations
by 30 degrees besides, which cost a fifth of the time. Contrast that is stretched, a second zoom and
zooms of rotated crops bring nothing more."""


_WELL_FITTED = -4.5
"""Worst fit above which the scene is not enlarged. 88 of these 266 fit better: 73 are solved by
the first pass, 75 by a second one with enlarged parts, and 75 without: all items are found already.
"""


def second_pass(worst_fit: float) -> Augmentation:
    """What the second pass runs the networks on.

    Args:
        worst_fit: Log-likelihood of the item that fits worst at the first pass; minus infinity
            where one has no box.
    """
    return replace(SECOND_PASS, tiles=False) if worst_fit > _WELL_FITTED else SECOND_PASS


def _views(crops: Sequence[U8], rotations_deg: Sequence[float]) -> list[U8]:
    # The median of a crop costs as much as its rotation, and is the same for every angle.
    grounds = [median_colour(crop) for crop in crops] if rotations_deg else []
    turned = (
        rotated(crop, angle, ground)
        for angle in rotations_deg
        for crop, ground in zip(crops, grounds, strict=True)
    )
    return [*crops, *turned]


def _middle(crop: U8, share: float) -> U8:
    """The middle of a crop, `share` of each side; a tiny crop whole."""
    height, width = crop.shape[:2]
    top, left = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
    if min(height - 2 * top, width - 2 * left) < _LEAST_SIDE_PX:
        return crop
    return crop[top : height - top, left : width - left]


def median_colour(crop: U8) -> tuple[int, int, int]:
    """The median of each channel of an `(h, w, 3)` uint8 RGB crop."""
    red, green, blue = (int(v) for v in np.median(crop.reshape(-1, 3), axis=0))
    return red, green, blue


def rotated(crop: U8, angle_deg: float, ground: tuple[int, int, int] | None = None) -> U8:
    """A crop rotated around its centre.

    Args:
        crop: `(h, w, 3)` uint8 RGB.
        angle_deg: Counter-clockwise.
        ground: Fills the corners; None for the crop's median colour.
    """
    fill = median_colour(crop) if ground is None else ground
    picture = Image.fromarray(crop)
    return np.asarray(picture.rotate(angle_deg, Image.Resampling.BILINEAR, fillcolor=fill))
