"""From pixels to a network's input: one normalisation for every model."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

Colour = Literal["RGB", "BGR", "GRAY"]


def normalised(
    pixels: U8, *, colour: Colour, scale: float, mean: Sequence[float], std: Sequence[float]
) -> F32:
    """`(pixel * scale - mean) / std`, channels first.

    Args:
        pixels: `(N, H, W, 3)` uint8 RGB.
        colour: Channel order of the network.
        scale: Factor on the pixel value.
        mean: One value per channel of the network.
        std: One value per channel of the network.

    Returns:
        `(N, C, H, W)` float32, C-contiguous.
    """
    if colour == "GRAY":
        channels = np.stack([np.asarray(Image.fromarray(one).convert("L"))[None] for one in pixels])
    else:
        channels = (pixels if colour == "RGB" else pixels[..., ::-1]).transpose(0, 3, 1, 2)
    # Transposed as bytes: as floats it would take as long as all the arithmetic.
    values: F32 = np.ascontiguousarray(channels).astype(np.float32)
    values *= np.float32(scale)
    # Of most files they change nothing, and each is a pass over everything.
    if any(mean):
        values -= np.array(mean, np.float32)[:, None, None]
    if any(one != 1 for one in std):
        values /= np.array(std, np.float32)[:, None, None]
    return values
