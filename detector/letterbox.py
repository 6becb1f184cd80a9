"""From a picture to the detector's input and back: the one preprocessing, for training too."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detector.boxes import F32
from detector.errors import PictureShapeError
from modelfile.crops import check_picture
from modelfile.tensors import Colour, normalised

PAD = 114  # the grey of YOLOv5, YOLOX and Ultralytics

Align = Literal["centre", "top_left"]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a picture lies in the square that the network sees.

    Attributes:
        scale_x: Network pixels per picture pixel, across. Differs from `scale_y` by the rounding
            of the resized picture to whole pixels.
        scale_y: Network pixels per picture pixel, down.
        left: Column of the picture's left edge in the network's input.
        top: Row of the picture's upper edge in the network's input.
    """

    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_picture(self, boxes: F32) -> F32:
        """Boxes in pixels of the picture, not clipped.

        Args:
            boxes: `(N, 4)` float32, `x1, y1, x2, y2` in network pixels, `x2`/`y2` exclusive.
        """
        return ((boxes - self._offset()) / self._scale()).astype(np.float32)

    def to_input(self, boxes: F32) -> F32:
        """Boxes in pixels of the network's input.

        Args:
            boxes: `(N, 4)` float32, `x1, y1, x2, y2` in picture pixels, `x2`/`y2` exclusive.
        """
        return (boxes * self._scale() + self._offset()).astype(np.float32)

    def _offset(self) -> NDArray[np.float64]:
        return np.array([self.left, self.top, self.left, self.top], np.float64)

    def _scale(self) -> NDArray[np.float64]:
        return np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y], np.float64)


def letterbox(
    image: NDArray[np.uint8], size: tuple[int, int], *, align: Align = "centre"
) -> tuple[NDArray[np.uint8], Geometry]:
    """Resize a picture into a frame without changing its shape, and pad the rest.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        size: `(width, height)` of the frame in pixels.
        align: Where the picture goes: `"centre"` (Ultralytics) or `"top_left"` (YOLOX).

    Returns:
        The frame, `(height, width, 3)` uint8 RGB, and the way back.

    Raises:
        PictureShapeError: the array is no picture.
    """
    check_picture(image, "a detector", PictureShapeError)
    height, width = image.shape[:2]
    ratio = min(size[0] / width, size[1] / height)
    # YOLOX cuts the fraction off, Ultralytics rounds it.
    whole = int if align == "top_left" else round
    inner = (
        min(max(whole(width * ratio), 1), size[0]),
        min(max(whole(height * ratio), 1), size[1]),
    )
    left, top = (
        (0, 0) if align == "top_left" else ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
    )
    picture = image
    if inner != (width, height):
        picture = np.asarray(Image.fromarray(image).resize(inner, Image.Resampling.BILINEAR))
    frame = np.full((size[1], size[0], 3), PAD, np.uint8)
    frame[top : top + inner[1], left : left + inner[0]] = picture
    geometry = Geometry(scale_x=inner[0] / width, scale_y=inner[1] / height, left=left, top=top)
    return frame, geometry


def to_tensor(
    frame: NDArray[np.uint8],
    *,
    colour: Colour = "RGB",
    scale: float = 1 / 255,
    mean: tuple[float, ...] = (0.0, 0.0, 0.0),
    std: tuple[float, ...] = (1.0, 1.0, 1.0),
) -> F32:
    """The network's input: `(pixel * scale - mean) / std`, channels first.

    Args:
        frame: `(H, W, 3)` uint8 RGB, as `letterbox` returns it.
        colour: Channel order of the network.
        scale: Factor on the pixel value.
        mean: One value per channel of the network.
        std: One value per channel of the network.

    Returns:
        `(1, C, H, W)` float32.
    """
    return normalised(frame[None], colour=colour, scale=scale, mean=mean, std=std)
