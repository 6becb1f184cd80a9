"""Glyphs: the coverage masks of characters and icons before anything is done to them."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.synthetic.ingredients.store import FontFace, IconCollection

_SIZES_PX = (24, 36, 54, 80, 120)
"""Glyphs are drawn at the next of these sizes; warping then only ever shrinks a little."""


@lru_cache(maxsize=512)
def _font(path: str, index: int, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size_px, index=index)


def text_mask(face: FontFace, text: str, size_px: float) -> Image.Image:
    """The coverage of a word, trimmed to its ink.

    Args:
        face: Font face that covers `text`.
        text: One character or a short word, drawn on one line.
        size_px: The em height that is wanted at least.

    Returns:
        Mode `L`, 0 to 255, at least 1 x 1 pixel. Its em height is `drawn_size(size_px)`.
    """
    font = _font(str(face.path), face.index, drawn_size(size_px))
    left, top, right, bottom = font.getbbox(text)
    mask = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(mask).text((-left, -top), text, fill=255, font=font)
    return trim(mask)


def drawn_size(size_px: float) -> int:
    """The em height, in pixels, at which `text_mask` draws when `size_px` is asked for."""
    return next((size for size in _SIZES_PX if size >= size_px), _SIZES_PX[-1])


def icon_layers(collection: IconCollection, index: int, size_px: float) -> Image.Image:
    """One icon, trimmed to its ink and shrunk to about the size it is needed at.

    Args:
        collection: Icon collection.
        index: Position in `collection.names`.
        size_px: The longer side that is wanted at least.

    Returns:
        Mode `RGBA`; the colour of monochrome icons is black.
    """
    picture = Image.fromarray(np.asarray(collection.picture(index)))
    box = picture.getchannel("A").getbbox()
    if box is not None:
        picture = picture.crop(box)
    scale = 1.2 * size_px / max(picture.size)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BOX)
    return picture


def trim(mask: Image.Image) -> Image.Image:
    """`mask` cut to its ink; as it is where it has none."""
    box = mask.getbbox()
    return mask if box is None else mask.crop(box)


def ripple(
    picture: Image.Image, amplitude_px: float, wavelength_px: float, phase: float
) -> Image.Image:
    """Shift every row sideways along a sine.

    Args:
        picture: Mode `L` or `RGBA`.
        amplitude_px: Largest shift.
        wavelength_px: Rows per period.
        phase: Radians.

    Returns:
        The same mode, wider by twice the amplitude.
    """
    pad = int(np.ceil(abs(amplitude_px))) + 1
    source = np.asarray(picture, dtype=np.float32)
    margins = [(0, 0), (pad, pad), *[(0, 0)] * (source.ndim - 2)]
    source = np.pad(source, margins)
    rows = np.arange(source.shape[0])
    shift = amplitude_px * np.sin(2 * np.pi * rows / wavelength_px + phase)
    columns = np.arange(source.shape[1])[None, :] + shift[:, None]
    low = np.clip(np.floor(columns).astype(np.intp), 0, source.shape[1] - 2)
    part = np.clip(columns - low, 0, 1).astype(np.float32)
    if source.ndim == 3:
        part = part[..., None]
    shifted = source[rows[:, None], low] * (1 - part) + source[rows[:, None], low + 1] * part
    return Image.fromarray(shifted.astype(np.uint8))


def warp(
    picture: Image.Image,
    *,
    scale: float,
    angle_deg: float = 0.0,
    shear: float = 0.0,
    perspective: tuple[float, float] = (0.0, 0.0),
    smooth: bool = True,
) -> Image.Image:
    """Scale, shear, rotate and tilt a picture, on a canvas that holds all of it.

    Args:
        picture: Mode `L` or `RGBA`.
        scale: Output pixels per input pixel.
        angle_deg: Counter-clockwise as displayed.
        shear: Sideways shift per pixel of height.
        perspective: How much the far side shrinks, along x and y: 0.2 makes it a fifth smaller.
        smooth: Bicubic sampling; False takes the nearest pixel, which leaves steps.

    Returns:
        The same mode, trimmed to nothing less than the warped frame.
    """
    width, height = picture.size
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    cosine, sine = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    rotate = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    stretch = np.array([[scale, scale * shear, 0], [0, scale, 0], [0, 0, 1]])
    tilt = np.eye(3)
    half = scale * max(width, height) / 2
    tilt[2, :2] = np.array(perspective) / (2 * half)
    forward = tilt @ rotate @ stretch @ centre
    corners = forward @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]])
    points = corners[:2] / corners[2]
    low, high = np.floor(points.min(axis=1)) - 1, np.ceil(points.max(axis=1)) + 1
    size = (max(1, int(high[0] - low[0])), max(1, int(high[1] - low[1])))
    move = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]])
    inverse = np.linalg.inv(move @ forward)
    inverse /= inverse[2, 2]
    return picture.transform(
        size,
        Image.Transform.PERSPECTIVE,
        data=tuple(inverse.ravel()[:8]),
        resample=Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST,
    )
