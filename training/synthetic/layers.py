"""Layers: masks and `RGBA` pictures that are laid over each other."""

from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops

from training.synthetic.colours import RGB

Box = tuple[int, int, int, int]


def lay(layer: Image.Image, mask: Image.Image, paint: RGB | Image.Image) -> None:
    """Composite a colour, or an `RGB` picture, over a layer through a mask, in place.

    Args:
        layer: Mode `RGBA`.
        mask: Mode `L`, of the layer's size.
        paint: What shows where the mask is 255; a picture has the layer's size.
    """
    over = (
        paint.convert("RGBA")
        if isinstance(paint, Image.Image)
        else Image.new("RGBA", layer.size, (*paint, 255))
    )
    over.putalpha(mask)
    layer.alpha_composite(over)


def composite_at(picture: Image.Image, layer: Image.Image, x: int, y: int) -> None:
    """Composite a layer over an `RGBA` picture, in place; its corner may lie outside."""
    # alpha_composite accepts no negative destination.
    cut_x, cut_y = max(0, -x), max(0, -y)
    if cut_x < layer.width and cut_y < layer.height:
        picture.alpha_composite(layer, (x + cut_x, y + cut_y), (cut_x, cut_y))


def fade(layer: Image.Image, opacity: float) -> Image.Image:
    """`layer`, mode `RGBA`, with its alpha multiplied by `opacity`."""
    if opacity < 1:
        layer.putalpha(scaled(layer.getchannel("A"), opacity))
    return layer


def scaled(mask: Image.Image, factor: float) -> Image.Image:
    """`mask`, mode `L`, times a factor of 0..1."""
    return ImageChops.multiply(mask, Image.new("L", mask.size, round(255 * factor)))


def shifted(mask: Image.Image, offset: NDArray[np.float64]) -> Image.Image:
    """`mask` moved by whole pixels, the rest empty; what leaves the frame is lost."""
    moved = Image.new("L", mask.size)
    moved.paste(mask, (round(offset[0]), round(offset[1])))
    return moved


def ink_box(layer: Image.Image) -> Box | None:
    """The box of what can be seen of a layer, `x1, y1, x2, y2` in layer pixels, end exclusive.

    A pixel counts if it has at least a quarter of the layer's strongest alpha: the faint rim of a
    soft shadow is not part of an item.
    """
    alpha = layer.getchannel("A")
    strongest = alpha.getextrema()[1]
    assert isinstance(strongest, int)  # noqa: S101 (mode L has integer extrema)
    if strongest == 0:
        return None
    return alpha.point(threshold(max(1, strongest // 4))).getbbox()


def seen_box(layer: Image.Image, x: int, y: int, size: tuple[int, int]) -> Box:
    """The box of what is seen of a layer at `x, y` in a picture, in its pixels, never empty."""
    width, height = size
    ink = ink_box(layer) or (0, 0, layer.width, layer.height)
    x1, y1 = min(max(0, x + ink[0]), width - 1), min(max(0, y + ink[1]), height - 1)
    return x1, y1, max(x1 + 1, min(width, x + ink[2])), max(y1 + 1, min(height, y + ink[3]))


@cache
def threshold(limit: int) -> list[int]:
    """Look-up table for `Image.point`: 255 for values of at least `limit`, 0 for the others."""
    return [255 if value >= limit else 0 for value in range(256)]


def linear_gradient(size: tuple[int, int], first: RGB, second: RGB, rng: Generator) -> Image.Image:
    """From one colour to another in a random direction, mode `RGB`."""
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, size[0])[None, :] * np.cos(angle)
    y = np.linspace(-1, 1, size[1])[:, None] * np.sin(angle)
    part = np.clip((x + y + 1) / 2, 0, 1)[..., None]
    return Image.fromarray(
        (np.array(first) * (1 - part) + np.array(second) * part).astype(np.uint8)
    )
