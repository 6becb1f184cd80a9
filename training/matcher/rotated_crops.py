"""Crops turned about their middle, further than the generator turns what it draws."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]


def turned(crop: U8, degrees: float) -> U8:
    """A crop whose item is turned, its box growing or shrinking with it.

    Args:
        crop: `(S, S, 3)` uint8 RGB, an item that fills it.
        degrees: Anticlockwise.

    Returns:
        `(S, S, 3)` uint8 RGB; corners that the crop does not show are mirrored.
    """
    side = crop.shape[0]
    around = side // 2
    padded = Image.fromarray(np.pad(crop, ((around, around), (around, around), (0, 0)), "reflect"))
    image = padded.rotate(degrees, Image.Resampling.BILINEAR)
    radians = np.deg2rad(degrees)
    half = side * (abs(np.cos(radians)) + abs(np.sin(radians))) / 2
    box = (side - half, side - half, side + half, side + half)
    pixels: U8 = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box=box))
    return pixels
