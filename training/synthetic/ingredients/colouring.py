"""Icons of one colour, coloured in so that they look like emoji.

There are a dozen collections of one colour for every colourful one, and a network that knows few
colourful drawings finds and compares others badly: of validation targets from the Noto emoji one in
five had a box that was off by a quarter, of those of one colour one in thirteen. So the training
split also has every icon of one colour with its enclosed regions filled, with its parts in
colours of their own, or on a plate.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from training.synthetic.colours import RGB, away_from, random_colour
from training.synthetic.ingredients.store import ICON_PX, DerivedCollection, IconCollection

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SMALLEST_PX = 20
"""Least area of a region or a part that gets a colour of its own."""

_TELLING = 0.16
"""Least `colours.distance` of colours that touch."""


class ColouredIn(DerivedCollection):
    """A collection of one colour, coloured in; an icon has the same colours every time."""

    @classmethod
    def of(cls, collection: IconCollection) -> "ColouredIn":
        """The coloured version of a collection of one colour."""
        return cls.derive(collection, "-coloured", monochrome=False)

    def picture(self, i: int) -> U8:
        """The i-th icon, centred with a small margin.

        Returns:
            `(96, 96, 4)` uint8 RGBA, straight alpha, a fresh array.
        """
        return _coloured(self, i).copy()


@lru_cache(maxsize=256)
def _coloured(collection: ColouredIn, i: int) -> U8:
    """Drawing a puzzle asks for the same icon several times."""
    rng = np.random.default_rng((zlib.crc32(collection.name.encode()), i))
    return coloured_in(collection.source.picture(i)[..., 3], rng)


def coloured_in(alpha: U8, rng: Generator) -> U8:
    """Colour an icon in.

    Args:
        alpha: `(96, 96)` uint8, its coverage.
        rng: Chooses the way and the colours.

    Returns:
        `(96, 96, 4)` uint8 RGBA, straight alpha.
    """
    ways: list[Literal["regions", "parts", "plate"]] = ["regions", "parts", "plate"]
    way = ways[int(rng.choice(3, p=[0.6, 0.2, 0.2]))]
    ink = alpha > int(alpha.max()) // 2
    regions = _numbered(_enclosed(ink)) if way == "regions" else []
    if way == "regions" and not regions:
        way = "parts" if rng.random() < 0.6 else "plate"
    under = np.zeros((ICON_PX, ICON_PX, 4))
    if way == "regions":
        colour = random_colour(rng, "dark" if rng.random() < 0.5 else "any")
        over = _flat(colour)
        under = _fillings(regions, colour, rng)
    elif way == "parts":
        over = _parts(ink, rng)
    else:
        plate = random_colour(rng, "vivid" if rng.random() < 0.6 else "any")
        over = _flat(away_from(plate, rng, 0.3))
        under[..., :3] = plate
        under[..., 3] = _plate(ink, rng)
    if rng.random() < 0.4:
        shade = _shade(rng)
        over, under[..., :3] = over * shade, under[..., :3] * shade
    return _laid_over(over, alpha, under)


def _enclosed(ink: Bools) -> Bools:
    """What the ink encloses."""
    inside: Bools = ndimage.binary_fill_holes(ink) & ~ink
    return inside


def _numbered(mask: Bools) -> list[Bools]:
    """The connected parts of a mask that are large enough for a colour, largest first."""
    numbers, count = ndimage.label(mask)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    return [numbers == at + 1 for at in order if sizes[at] >= _SMALLEST_PX]


def _fillings(regions: Sequence[Bools], outline: RGB, rng: Generator) -> F64:
    """Regions in few colours, some of them left open; `(96, 96, 4)`, 0..255."""
    colours = [away_from(outline, rng, _TELLING) for _ in range(int(rng.integers(1, 5)))]
    filled = np.zeros((ICON_PX, ICON_PX, 4))
    left_open = rng.random() < 0.25
    for at, region in enumerate(regions):
        if at and left_open and rng.random() < 0.4:
            continue
        # Beneath the ink as well, whose border is soft.
        beneath = ndimage.binary_dilation(region, iterations=2)
        filled[beneath, :3] = colours[int(rng.integers(len(colours)))]
        filled[beneath, 3] = 255
    return filled


def _parts(ink: Bools, rng: Generator) -> F64:
    """A colour for each part of the ink, or two for its halves; `(96, 96, 3)`, 0..255."""
    first = random_colour(rng, "vivid" if rng.random() < 0.5 else "any")
    painted = _flat(first)
    parts = _numbered(ink)
    if len(parts) > 1:
        # Every pixel, the soft borders too, takes the colour of the part that is nearest.
        numbers = np.zeros(ink.shape, np.intp)
        for at, part in enumerate(parts):
            numbers[part] = at + 1
        rows, columns = ndimage.distance_transform_edt(
            numbers == 0, return_distances=False, return_indices=True
        )
        colours = np.array([first, *(away_from(first, rng, _TELLING) for _ in parts[1:])])
        return np.asarray(colours[numbers[rows, columns] - 1], np.float64)
    second = away_from(first, rng, _TELLING)
    ramp = _ramp(rng)
    # Through the ink, wherever that is.
    painted[ramp > np.quantile(ramp[ink], rng.uniform(0.3, 0.7))] = second
    return painted


def _plate(ink: Bools, rng: Generator) -> F64:
    """Coverage of a disc, a rounded square, or the icon's own widened outline, 0..255."""
    kind = int(rng.integers(3))
    if kind == 0:
        filled = ndimage.binary_fill_holes(ink)
        widened = ndimage.binary_dilation(filled, iterations=int(rng.integers(3, 7)))
        return np.where(widened, 255.0, 0.0)
    y, x = np.mgrid[:ICON_PX, :ICON_PX] - (ICON_PX - 1) / 2
    half = ICON_PX / 2 - 1
    if kind == 1:
        away = np.hypot(x, y) - half
    else:
        corner = rng.uniform(0.1, 0.5) * half
        beyond_x = np.maximum(np.abs(x) - half + corner, 0)
        beyond_y = np.maximum(np.abs(y) - half + corner, 0)
        away = np.hypot(beyond_x, beyond_y) - corner
    return np.asarray(255 * np.clip(0.5 - away, 0, 1))


def _ramp(rng: Generator) -> F64:
    """`(96, 96)`, about -0.7..0.7 from one side to the other, any way round."""
    y, x = (np.mgrid[:ICON_PX, :ICON_PX] - (ICON_PX - 1) / 2) / ICON_PX
    angle = float(rng.uniform(0, 2 * np.pi))
    ramp: F64 = x * np.cos(angle) + y * np.sin(angle)
    return ramp


def _shade(rng: Generator) -> F64:
    """Light from one side: `(96, 96, 1)` factors around 1."""
    strength = float(rng.uniform(0.1, 0.5))
    return np.add(1, strength * _ramp(rng)[..., None], dtype=np.float64)


def _flat(colour: RGB) -> F64:
    return np.full((ICON_PX, ICON_PX, 3), colour, np.float64)


def _laid_over(over: F64, alpha: U8, under: F64) -> U8:
    """Paint with a coverage over paint that has its own."""
    above = alpha.astype(np.float64)[..., None] / 255
    below = under[..., 3:] / 255 * (1 - above)
    whole = above + below
    colour = (over * above + under[..., :3] * below) / np.maximum(whole, 1e-6)
    exact = np.concatenate([colour, 255 * whole], axis=2)
    picture: U8 = np.clip(exact.round(), 0, 255).astype(np.uint8)
    picture[picture[..., 3] == 0] = 0
    return picture


def with_coloured(collections: Sequence[IconCollection]) -> tuple[IconCollection, ...]:
    """Collections, and the coloured versions of those of one colour."""
    coloured = [ColouredIn.of(one) for one in collections if one.monochrome]
    return (*collections, *coloured)
