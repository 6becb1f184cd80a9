"""From a picture to what each family of classifiers wants to see: one function per family."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import CropShapeError
from modelfile import crops

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

DDDDOCR_HEIGHT = 64
_LONGEST_ASPECT = 16
# Constants of dddd_trainer's utils/load_cache.py: ImageNet's, and its green channel for grey.
_TRAINER_MEAN_STD = {
    1: ((0.456,), (0.224,)),
    3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def cut(image: U8, boxes: F32, *, margin: float) -> list[U8]:
    """Cut boxes out of a picture.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        margin: Share of the box's width and height to add on every side, as far as the picture
            goes.

    Returns:
        N crops, `(h, w, 3)` uint8 RGB, each of at least one pixel: a box without area, or outside
        the picture, gives the nearest pixel.

    Raises:
        CropShapeError: the picture or the boxes are no such arrays.
    """
    check_picture(image)
    crops.check_boxes(boxes, CropShapeError)
    return crops.cut_boxes(image, boxes, (boxes[:, 2:] - boxes[:, :2]) * margin)


def check_picture(image: U8) -> None:
    """Make sure that an array is a picture.

    Args:
        image: `(H, W, 3)` uint8 RGB.

    Raises:
        CropShapeError: it is not.
    """
    crops.check_picture(image, "a classifier", CropShapeError)


def ddddocr_input(crop: U8) -> F32:
    """A crop for ddddocr's own model: grey 0..1, 64 pixels high, its shape kept.

    Resize, then grey, as ddddocr 1.6 does in `core/ocr_engine.py`.

    Args:
        crop: `(h, w, 3)` uint8 RGB.

    Returns:
        `(1, 1, 64, W)` float32.
    """
    return _channels_first(_resized_to_height(crop, DDDDOCR_HEIGHT).convert("L")) / np.float32(255)


def dddd_trainer_input(
    crop: U8, *, size: tuple[int, int], channels: int, single_symbol: bool
) -> F32:
    """A crop for a model that dddd_trainer exported.

    Args:
        crop: `(h, w, 3)` uint8 RGB.
        size: `(width, height)` as in `charsets.json`; a width of -1 keeps the crop's shape, or
            stands for the height where the model reads one symbol.
        channels: 1 (grey) or 3 (RGB).
        single_symbol: Whether the model reads one symbol.

    Returns:
        `(1, channels, H, W)` float32, normalised as in training. (ddddocr 1.6 leaves the
        normalisation out when it runs such a model; ddddocr up to 1.5 did it, and so does the
        trainer.)
    """
    width, height = size
    if width == -1 and not single_symbol:
        picture = _resized_to_height(crop, height)
    else:
        target = (height if width == -1 else width, height)
        picture = Image.fromarray(crop).resize(target, Image.Resampling.LANCZOS)
    mean, std = _TRAINER_MEAN_STD[channels]
    values = _channels_first(picture.convert("L") if channels == 1 else picture)
    return _normalised(values / np.float32(255), mean, std)


def own_frame(crop: U8, size: tuple[int, int]) -> U8:
    """A crop for our own models: its shape kept, centred, its border pixels continued outwards.

    Args:
        crop: `(h, w, 3)` uint8 RGB.
        size: `(width, height)` of the network's input in pixels.

    Returns:
        `(height, width, 3)` uint8 RGB, to be normalised as the network's metadata say.
    """
    ratio = min(size[0] / crop.shape[1], size[1] / crop.shape[0])
    inner = (
        min(max(round(crop.shape[1] * ratio), 1), size[0]),
        min(max(round(crop.shape[0] * ratio), 1), size[1]),
    )
    resized = np.asarray(Image.fromarray(crop).resize(inner, Image.Resampling.BILINEAR))
    return crops.extend_edges(resized, size)


def _resized_to_height(crop: U8, height: int) -> Image.Image:
    """A crop at a height, its shape kept, unless it is a sliver."""
    # The networks halve the width several times; a few columns would leave them nothing.
    # A picture of 2000x2 pixels, on the other hand, would become 64,000 pixels wide.
    width = int(crop.shape[1] * (height / crop.shape[0]))
    width = min(max(width, height // 4), height * _LONGEST_ASPECT)
    return Image.fromarray(crop).resize((width, height), Image.Resampling.LANCZOS)


def _channels_first(picture: Image.Image) -> F32:
    values = np.asarray(picture, np.float32)
    if values.ndim == 2:
        values = values[..., None]
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _normalised(values: F32, mean: Sequence[float], std: Sequence[float]) -> F32:
    """Args: values `(1, C, H, W)` float32."""
    shift = np.array(mean, np.float32)[None, :, None, None]
    spread = np.array(std, np.float32)[None, :, None, None]
    normalised: F32 = (values - shift) / spread
    return normalised
