"""Odd inks: ways to paint an item that the training pictures never use.

An ink takes an item's shape, a mask of mode `L` trimmed to its ink, with the size it was cut at,
and gives a layer of mode `RGBA`, at least as large, centred on the shape.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from scipy import ndimage

from training.synthetic.colours import RGB, mix

Ink = Callable[[Image.Image, float, Generator], Image.Image]

_DOT = 13
"""Pitch of a plate's dots, in thirds of a pixel."""


def padded(mask: Image.Image, margin: int) -> Image.Image:
    """`mask` with an empty margin of so many pixels on every side."""
    wide = Image.new("L", (mask.width + 2 * margin, mask.height + 2 * margin))
    wide.paste(mask, (margin, margin))
    return wide


def filled(mask: Image.Image, colour: RGB) -> Image.Image:
    """A layer of one colour in the shape of a mask."""
    layer = Image.new("RGBA", mask.size, (*colour, 255))
    layer.putalpha(mask)
    return layer


def flat(colours: Sequence[RGB]) -> Ink:
    """One of a site's colours, and no more."""

    def ink(mask: Image.Image, _size_px: float, rng: Generator) -> Image.Image:
        return filled(mask, colours[int(rng.integers(len(colours)))])

    return ink


def halftone(colours: Sequence[RGB], pitch_px: float, angle_deg: float) -> Ink:
    """Round dots on a turned grid, as coarse newspaper print has them."""

    def ink(mask: Image.Image, size_px: float, rng: Generator) -> Image.Image:
        big = mask.resize((4 * mask.width, 4 * mask.height), Image.Resampling.BILINEAR)
        y, x = np.mgrid[: big.height, : big.width] / 4
        turn = np.deg2rad(angle_deg)
        across = (x * np.cos(turn) + y * np.sin(turn)) / pitch_px
        along = (y * np.cos(turn) - x * np.sin(turn)) / pitch_px
        far = np.hypot(across - np.rint(across), along - np.rint(along))
        dots = Image.fromarray((255 * (far < 0.37)).astype(np.uint8))
        printed = ImageChops.multiply(big, dots).resize(mask.size, Image.Resampling.BOX)
        return flat(colours)(printed, size_px, rng)

    return ink


def deep(colours: Sequence[RGB], layers: int, step_px: float) -> Ink:
    """A block many layers deep, its face hardly brighter than its side."""

    def ink(mask: Image.Image, _size_px: float, rng: Generator) -> Image.Image:
        face = colours[int(rng.integers(len(colours)))]
        reach = int(np.ceil(layers * step_px))
        wide = padded(mask, reach)
        angle = rng.uniform(0, 2 * np.pi)
        layer = Image.new("RGBA", wide.size)
        for number in range(layers, -1, -1):
            x, y = (round(number * step_px * f(angle)) for f in (np.cos, np.sin))
            dark = 0.0 if number == 0 else 0.45 if number % 4 < 2 else 0.2
            layer.alpha_composite(filled(ImageChops.offset(wide, x, y), mix(face, (0, 0, 0), dark)))
        return layer

    return ink


def lamps(colours: Sequence[RGB], cells: int) -> Ink:
    """Coarse round lamps, so many along the longer side, as on a display board."""

    def ink(mask: Image.Image, size_px: float, rng: Generator) -> Image.Image:
        pitch = max(3, round(size_px / cells))
        count = (max(1, -(-mask.width // pitch)), max(1, -(-mask.height // pitch)))
        frame = Image.new("L", (count[0] * pitch, count[1] * pitch))
        frame.paste(mask, ((frame.width - mask.width) // 2, (frame.height - mask.height) // 2))
        lit = frame.resize(count, Image.Resampling.BOX).point([255 * (v > 95) for v in range(256)])
        lamp = Image.new("L", (4 * pitch, 4 * pitch))
        ImageDraw.Draw(lamp).ellipse((1, 1, 4 * pitch - 3, 4 * pitch - 3), fill=255)
        lamp = lamp.resize((pitch, pitch), Image.Resampling.BOX)
        board = np.kron(np.asarray(lit) // 255, np.asarray(lamp)).astype(np.uint8)
        return flat(colours)(Image.fromarray(board), size_px, rng)

    return ink


def chalk(colours: Sequence[RGB], width_px: int, crumbs: float) -> Ink:
    """The contour alone, drawn with a trembling hand, a share of it crumbled away."""

    def ink(mask: Image.Image, size_px: float, rng: Generator) -> Image.Image:
        wide = padded(mask, width_px + 2)
        grown = wide.filter(ImageFilter.MaxFilter(2 * width_px + 1))
        line = np.asarray(ImageChops.subtract(grown, wide), np.float32)
        y, x = np.mgrid[: wide.height, : wide.width].astype(np.float64)
        tremble = [_smooth(wide.size, rng) for _ in range(2)]
        line = ndimage.map_coordinates(line, [y + tremble[0], x + tremble[1]], order=1)
        line *= rng.random(line.shape) > crumbs
        return flat(colours)(Image.fromarray(line.astype(np.uint8)), size_px, rng)

    return ink


def badges(colours: Sequence[RGB], paper: RGB) -> Ink:
    """The shape left out of a coloured disc."""

    def ink(mask: Image.Image, _size_px: float, rng: Generator) -> Image.Image:
        side = round(1.3 * float(np.hypot(*mask.size)) * 0.86)
        layer = filled(disc_mask(side), colours[int(rng.integers(len(colours)))])
        layer.alpha_composite(
            filled(mask, paper), ((side - mask.width) // 2, (side - mask.height) // 2)
        )
        return layer

    return ink


def halved(colours: Sequence[RGB], paper: RGB) -> Ink:
    """On a disc of two halves, the shape in the colour of the other half."""

    def ink(mask: Image.Image, _size_px: float, rng: Generator) -> Image.Image:
        side = round(1.12 * float(np.hypot(*mask.size)))
        disc = disc_mask(side)
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[:side, :side] - (side - 1) / 2
        # The line between the halves is a pixel wide, so that it has no steps.
        half = np.clip(x * np.cos(angle) + y * np.sin(angle) + 0.5, 0, 1)
        shape = np.zeros((side, side))
        top, left = (side - mask.height) // 2, (side - mask.width) // 2
        shape[top : top + mask.height, left : left + mask.width] = np.asarray(mask) / 255
        share = (half * (1 - shape) + (1 - half) * shape)[..., None]
        colour = np.array(colours[int(rng.integers(len(colours)))])
        layer = Image.fromarray((colour * share + np.array(paper) * (1 - share)).astype(np.uint8))
        layer.putalpha(disc)
        return layer

    return ink


def plate(size: tuple[int, int], colours: Sequence[RGB], paper: RGB, rng: Generator) -> Image.Image:
    """Dots of many sizes in a few colours, as on plates that test colour vision; mode `RGB`."""
    wide = Image.new("RGB", (3 * size[0], 3 * size[1]), paper)
    draw = ImageDraw.Draw(wide)
    for row in range(0, wide.height + _DOT, _DOT):
        for column in range(0, wide.width + _DOT, _DOT):
            x, y = np.array((column, row)) + rng.uniform(-0.2 * _DOT, 0.2 * _DOT, 2)
            radius = rng.uniform(0.3 * _DOT, 0.5 * _DOT)
            colour = colours[int(rng.integers(len(colours)))]
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return wide.resize(size, Image.Resampling.BOX)


def dotted(colours: Sequence[RGB], paper: RGB) -> Ink:
    """A piece of a plate of dots."""

    def ink(mask: Image.Image, _size_px: float, rng: Generator) -> Image.Image:
        layer = plate(mask.size, colours, paper, rng)
        layer.putalpha(mask)
        return layer

    return ink


def disc_mask(side: int) -> Image.Image:
    """A smooth disc of so many pixels, mode `L`."""
    disc = Image.new("L", (4 * side, 4 * side))
    ImageDraw.Draw(disc).ellipse((0, 0, 4 * side - 1, 4 * side - 1), fill=255)
    return disc.resize((side, side), Image.Resampling.BOX)


def _smooth(size: tuple[int, int], rng: Generator) -> NDArray[np.float64]:
    """`(height, width)` shifts in pixels, about one either way, that change slowly."""
    shifts: NDArray[np.float64] = ndimage.gaussian_filter(rng.normal(size=size[::-1]), 3.0) * 9
    return shifts
