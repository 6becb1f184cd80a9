"""From a picture to the matcher's input: the one preprocessing, for training too."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelfile.crops import check_boxes, check_picture, cut_boxes, extend_edges
from modelfile.tensors import Colour, normalised
from siamese.errors import CropShapeError

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_READER = "a matcher"


def cut(image: U8, boxes: F32, *, margin: float) -> list[U8]:
    """Cut boxes out of a picture.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        margin: Share of the box's longer side to add on every side, as far as the picture goes.

    Returns:
        N crops, `(h, w, 3)` uint8 RGB, each of at least one pixel: a box without area, or outside
        the picture, gives the nearest pixel.

    Raises:
        CropShapeError: the picture or the boxes are no such arrays.
    """
    check_picture(image, _READER, CropShapeError)
    check_boxes(boxes, CropShapeError)
    # The longer side: a thin item (a stroke, a dash) needs room beside it to be square.
    grow = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)[:, None] * margin
    return cut_boxes(image, boxes, grow)


def square(crop: U8, size: int) -> U8:
    """Continue the border pixels of a crop outwards until it is square, and resize it.

    Args:
        crop: `(h, w, 3)` uint8 RGB.
        size: Side of the result in pixels.

    Returns:
        `(size, size, 3)` uint8 RGB.

    Raises:
        CropShapeError: the crop is no picture.
    """
    check_picture(crop, _READER, CropShapeError)
    side = max(crop.shape[:2])
    picture = Image.fromarray(extend_edges(crop, (side, side)))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))


def to_batch(
    crops: Sequence[U8],
    size: int,
    *,
    colour: Colour = "RGB",
    scale: float = 1 / 255,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
) -> F32:
    """One batch of the network's input: `(pixel * scale - mean) / std`, channels first.

    Args:
        crops: N crops, `(h, w, 3)` uint8 RGB, of any sizes; N at least 1.
        size: Side of the network's input in pixels.
        colour: Channel order of the network.
        scale: Factor on the pixel value.
        mean: One value per channel of the network.
        std: One value per channel of the network.

    Returns:
        `(N, C, size, size)` float32.

    Raises:
        CropShapeError: a crop is no picture.
    """
    squares = np.stack([square(crop, size) for crop in crops])
    return normalised(squares, colour=colour, scale=scale, mean=mean, std=std)
