"""Cutting boxes out of pictures, for every model that looks at crops."""

import numpy as np
from numpy.typing import NDArray

from modelfile.errors import ClickorderError

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


def cut_boxes(image: U8, boxes: F32, grow: F32) -> list[U8]:
    """Cut boxes out of a picture, each a little larger, as far as the picture goes.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        grow: `(N, 1)` or `(N, 2)` float32, pixels to add on every side, or left and right, and
            above and below.

    Returns:
        N crops, `(h, w, 3)` uint8 RGB, each of at least one pixel: a box without area, or outside
        the picture, gives the nearest pixel.
    """
    height, width = image.shape[:2]
    corners = np.concatenate([boxes[:, :2] - grow, boxes[:, 2:] + grow], axis=1)
    crops = []
    for x1, y1, x2, y2 in np.rint(corners).astype(np.int64).tolist():
        left, top = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
        right, bottom = max(min(x2, width), left + 1), max(min(y2, height), top + 1)
        crops.append(image[top:bottom, left:right])
    return crops


def extend_edges(picture: U8, size: tuple[int, int]) -> U8:
    """Centre a picture in a larger frame and continue its border pixels outwards.

    Args:
        picture: `(h, w, 3)` uint8 RGB, not larger than the frame.
        size: `(width, height)` of the frame in pixels.

    Returns:
        `(height, width, 3)` uint8 RGB; the picture itself where it fills the frame.
    """
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    bottom, right = top + height, left + width
    # As numpy.pad does with mode="edge", which takes longer than the resize before it.
    frame = np.empty((size[1], size[0], 3), np.uint8)
    frame[top:bottom, left:right] = picture
    frame[top:bottom, :left] = picture[:, :1]
    frame[top:bottom, right:] = picture[:, -1:]
    frame[:top] = frame[top]
    frame[bottom:] = frame[bottom - 1]
    return frame


def check_picture(image: U8, reader: str, error: type[ClickorderError]) -> None:
    """Make sure that an array is a picture.

    Args:
        image: `(H, W, 3)` uint8 RGB, of at least one pixel.
        reader: What wants it, for the message: `a detector`.
        error: What is raised where it is not.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise error(
            f"The picture is an array of {image.shape} {image.dtype}, but {reader} wants "
            "(H, W, 3) uint8 with at least one pixel; convert it to RGB."
        )


def check_boxes(boxes: F32, error: type[ClickorderError]) -> None:
    """Make sure that an array is a table of boxes.

    Args:
        boxes: `(N, 4)` float32, `x1, y1, x2, y2`.
        error: What is raised where it is not.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise error(f"The boxes are an array of {boxes.shape}, but must be (N, 4) x1, y1, x2, y2.")
