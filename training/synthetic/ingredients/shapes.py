"""Plain shapes as an icon collection: discs, rings, polygons, stars, flowers, gears, dot patterns.

Many click CAPTCHAs ask for such shapes, and no icon collection has them side by side. They differ
by little (a disc and one with a scalloped rim, flowers of five and six petals), so they are also
what teaches a matcher to look at details.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.synthetic.ingredients.catalogue import Split
from training.synthetic.ingredients.store import ICON_PX, IconCollection

U8 = NDArray[np.uint8]
Points = NDArray[np.float64]

_SCALE = 4
"""Shapes are drawn at four times their size and shrunk, so that their edges are smooth."""

_RADIUS_PX = 0.46 * ICON_PX

_SEEDS: dict[Split, int] = {"train": 11, "validation": 12, "test": 13}
_COUNTS: dict[Split, int] = {"train": 700, "validation": 120, "test": 120}


SHAPES = "shapes"
"""Name and design of the collection."""


class ShapeCollection(IconCollection):
    """Shapes drawn from their names' own random numbers; needs no files."""

    @classmethod
    def of(cls, split: Split) -> "ShapeCollection":
        """The shapes of a split: the same kinds, with proportions of their own."""
        kinds = list(_KINDS)
        names = tuple(f"{kinds[i % len(kinds)]}-{i // len(kinds)}" for i in range(_COUNTS[split]))
        return cls(
            name=SHAPES,
            design=SHAPES,
            split=split,
            names=names,
            monochrome=True,
            path=Path(),
        )

    def picture(self, i: int) -> U8:
        """The i-th shape, black; `(96, 96, 4)` uint8 RGBA, straight alpha, a fresh array."""
        picture = np.zeros((ICON_PX, ICON_PX, 4), np.uint8)
        picture[..., 3] = _mask(self.split, self.names[i].rpartition("-")[0], i)
        return picture


@lru_cache(maxsize=2048)
def _mask(split: Split, kind: str, number: int) -> U8:
    """`(96, 96)` uint8 coverage of one shape."""
    rng = np.random.default_rng((_SEEDS[split], number))
    side = ICON_PX * _SCALE
    mask = Image.new("L", (side, side))
    _KINDS[kind](ImageDraw.Draw(mask), rng)
    return np.asarray(mask.resize((ICON_PX, ICON_PX), Image.Resampling.BOX))


def _fill(draw: ImageDraw.ImageDraw, outline: Points, ink: int = 255) -> None:
    """Fill an outline given in icon pixels around the middle, `(N, 2)`."""
    points = (outline + ICON_PX / 2) * _SCALE
    draw.polygon([(float(x), float(y)) for x, y in points], fill=ink)


def _ring_of(radius: float, count: int, turn: float = 0.0) -> Points:
    """`count` points on a circle."""
    angles = turn + np.arange(count) * 2 * np.pi / count
    return radius * np.stack([np.sin(angles), -np.cos(angles)], axis=1)


def _wavy(radius: float, lobes: int, depth: float, sharpness: float, turn: float) -> Points:
    """A closed outline with `lobes` bulges; `depth` is how far it goes in, as a share."""
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    wave = (1 + np.cos(lobes * (angles - turn))) / 2
    reach = radius * (1 - depth + depth * wave**sharpness)
    return np.stack([reach * np.sin(angles), -reach * np.cos(angles)], axis=1)


def _star_points(radius: float, tips: int, inner: float, turn: float = 0.0) -> Points:
    points = _ring_of(radius, 2 * tips, turn)
    points[1::2] *= inner
    return points


def _hole(draw: ImageDraw.ImageDraw, rng: Generator, probability: float, most: float = 0.6) -> None:
    """Now and then a round or angular hole in the middle."""
    if rng.random() < probability:
        reach = _RADIUS_PX * rng.uniform(0.2, most)
        sides = 60 if rng.random() < 0.7 else int(rng.integers(3, 8))
        _fill(draw, _ring_of(reach, sides, rng.uniform(0, 1)), 0)


def _disc(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    outline = _ring_of(_RADIUS_PX, 120)
    outline[:, 1] *= rng.uniform(0.55, 1.0) if rng.random() < 0.3 else 1.0
    _fill(draw, outline)


def _ring(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    _fill(draw, _ring_of(_RADIUS_PX, 120))
    _fill(draw, _ring_of(_RADIUS_PX * rng.uniform(0.45, 0.88), 120), 0)
    if rng.random() < 0.35:
        _fill(draw, _ring_of(_RADIUS_PX * rng.uniform(0.15, 0.4), 120))


def _polygon(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    sides = int(rng.integers(3, 13))
    turn = rng.choice([0.0, np.pi / sides])
    _fill(draw, _ring_of(_RADIUS_PX, sides, turn))
    if rng.random() < 0.35:
        _fill(draw, _ring_of(_RADIUS_PX * rng.uniform(0.5, 0.85), sides, turn), 0)


def _rectangle(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    wide, high = 0.8 * _RADIUS_PX * np.array([1.0, rng.uniform(0.5, 1.0)])
    slant = rng.uniform(-0.4, 0.4) * high if rng.random() < 0.3 else 0.0
    corners = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]])
    corners[:2, 0] += slant
    corners[2:, 0] -= slant
    knots = rng.random() < 0.2
    corners *= (0.8 if knots else 0.95) * _RADIUS_PX / np.abs(corners).max()
    if rng.random() < 0.4 and not knots:
        radius = 0.4 * rng.uniform(0.2, 1) * high
        box = [float(v) for v in (corners[[0, 2]].ravel() + ICON_PX / 2) * _SCALE]
        box = [min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])]
        draw.rounded_rectangle(box, radius * _SCALE, fill=255)
    else:
        _fill(draw, corners)
    if knots or rng.random() < 0.4:
        _fill(draw, corners * rng.uniform(0.5, 0.86), 0)
    if knots:  # At the corners, as on a frame that is being dragged.
        for corner in corners:
            _fill(draw, corner + _ring_of(0.18 * _RADIUS_PX, 40))


def _star(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    tips = int(rng.integers(3, 13))
    inner = rng.uniform(0.35, 0.75)
    _fill(draw, _star_points(_RADIUS_PX, tips, inner))
    if rng.random() < 0.25:
        _fill(draw, _star_points(_RADIUS_PX * rng.uniform(0.45, 0.75), tips, inner), 0)
    else:
        _hole(draw, rng, 0.2, 0.4)


def _flower(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    petals = int(rng.integers(3, 13))
    sharpness = float(rng.choice([0.4, 0.7, 1.0, 1.8]))
    _fill(draw, _wavy(_RADIUS_PX, petals, rng.uniform(0.15, 0.8), sharpness, 0.0))
    _hole(draw, rng, 0.45)


def _scallop(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    lobes = int(rng.integers(6, 19))
    _fill(draw, _wavy(_RADIUS_PX, lobes, rng.uniform(0.05, 0.2), 0.6, 0.0))
    _hole(draw, rng, 0.5, 0.7)


def _gear(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    teeth = int(rng.integers(5, 15))
    body, width = rng.uniform(0.6, 0.82), rng.uniform(0.35, 0.65)
    angles = np.linspace(0, 2 * np.pi, 40 * teeth, endpoint=False)
    out = (angles * teeth / (2 * np.pi)) % 1 < width
    reach = _RADIUS_PX * np.where(out, 1.0, body)
    _fill(draw, np.stack([reach * np.sin(angles), -reach * np.cos(angles)], axis=1))
    _hole(draw, rng, 0.75, 0.5)


def _petals(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    """Separate parts around a middle: dots, drops, bars or triangles, now and then one inside."""
    count = int(rng.integers(3, 13))
    room = np.pi / count
    kind = int(rng.integers(4))
    reach = rng.uniform(0.6, 0.72)
    size = min(rng.uniform(0.6, 0.95) * reach * np.sin(room), 0.36)
    sharp = _ring_of(1.0, 40 if kind != 3 else 3)
    if kind == 1:
        sharp[:, 0] *= 1 - 0.45 * (sharp[:, 1] + 1) / 2
        sharp[:, 1] *= 1.5
    elif kind == 2:
        sharp = np.array([[-0.7, -1.6], [0.7, -1.6], [0.7, 1.6], [-0.7, 1.6]])
    swirl = rng.uniform(-1.0, 1.0) if rng.random() < 0.4 else 0.0
    longest = min(1.0, (1.0 - reach) / max(size * np.abs(sharp[:, 1]).max(), 1e-6))
    for angle in np.arange(count) * 2 * np.pi / count:
        part = sharp * (size, size * longest)
        part = part @ _turn(swirl) + (0, -reach)
        _fill(draw, _RADIUS_PX * part @ _turn(angle))
    if rng.random() < 0.4:
        _fill(draw, _ring_of(_RADIUS_PX * rng.uniform(0.12, 0.25), 60))


def _turn(angle: float) -> Points:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]])


def _cross(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    arms = int(rng.integers(3, 9))
    half = rng.uniform(0.1, 0.8 * np.sin(np.pi / arms) / 1.2)
    for angle in np.arange(arms) * 2 * np.pi / arms:
        arm = np.array([[-half, 0.1], [half, 0.1], [half, -1.0], [-half, -1.0]])
        _fill(draw, 0.97 * _RADIUS_PX * arm @ _turn(angle))
    if rng.random() < 0.3:
        _fill(draw, _ring_of(_RADIUS_PX * rng.uniform(0.3, 0.6), 60))


def _heart(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    t = np.linspace(0, 2 * np.pi, 200)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    outline = np.stack([x * rng.uniform(0.85, 1.1), y + 2.5], axis=1)
    outline *= _RADIUS_PX / np.abs(outline).max()
    _fill(draw, outline)
    if rng.random() < 0.3:
        _fill(draw, outline * rng.uniform(0.5, 0.8), 0)


def _moon(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    _fill(draw, _ring_of(_RADIUS_PX, 120))
    away = rng.uniform(0.25, 0.7)
    _fill(draw, (_ring_of(rng.uniform(0.75, 1.0), 120) + np.array([away, -0.1])) * _RADIUS_PX, 0)


def _drop(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    t = np.linspace(0, 2 * np.pi, 160)
    sharp = rng.uniform(1.0, 2.4)
    x = np.sin(t) * np.sin(t / 2) ** sharp
    _fill(draw, np.stack([0.75 * _RADIUS_PX * x, _RADIUS_PX * -np.cos(t) * -1], axis=1))
    _hole(draw, rng, 0.25, 0.3)


def _arrow(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    shaft, head, neck = rng.uniform(0.12, 0.35), rng.uniform(0.5, 0.95), rng.uniform(-0.3, 0.3)
    points = [[0, -1], [head, neck], [shaft, neck], [shaft, 1], [-shaft, 1], [-shaft, neck]]
    _fill(draw, 0.95 * _RADIUS_PX * np.array([*points, [-head, neck]]))


def _pie(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    box = [(ICON_PX / 2 - _RADIUS_PX) * _SCALE, (ICON_PX / 2 + _RADIUS_PX) * _SCALE]
    start, span = rng.uniform(0, 360), float(rng.choice([90, 120, 180, 240, 270, 300]))
    draw.pieslice((box[0], box[0], box[1], box[1]), start, start + span, fill=255)
    if rng.random() < 0.4:
        _fill(draw, _ring_of(_RADIUS_PX * rng.uniform(0.3, 0.65), 120), 0)


def _stripes(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    bars = int(rng.integers(2, 6))
    thick = rng.uniform(0.35, 0.7)
    for bar in range(bars):
        top = -0.9 + 1.8 * bar / bars
        wide = 0.9 if rng.random() < 0.6 else rng.uniform(0.4, 0.9)
        edge = top + 1.8 / bars * thick
        corners = np.array([[-wide, top], [wide, top], [wide, edge], [-wide, edge]])
        _fill(draw, _RADIUS_PX * corners)


def _grid(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    """Dots or squares in rows, some left out."""
    side = int(rng.integers(2, 5))
    sides = 40 if rng.random() < 0.6 else 4
    size = rng.uniform(0.55, 0.85) / side
    keep = rng.random((side, side)) < rng.uniform(0.5, 1.0)
    keep[0, 0] = keep[-1, -1] = True
    for row, column in np.argwhere(keep):
        middle = (np.array([column, row]) + 0.5) * 2 / side - 1
        _fill(draw, _RADIUS_PX * (0.95 * middle + _ring_of(size, sides, np.pi / 4)))


def _double(draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    """Two outlines, one inside the other, of different kinds."""
    outer = _ring_of(_RADIUS_PX, int(rng.choice([3, 4, 5, 6, 8, 90])), rng.choice([0.0, np.pi / 4]))
    _fill(draw, outer)
    gap = rng.uniform(0.6, 0.85)
    _fill(draw, outer * gap, 0)
    sides = int(rng.choice([3, 4, 5, 6, 90]))
    inner = gap * rng.uniform(0.45, 0.6) * _RADIUS_PX
    points = _ring_of(inner, sides) if rng.random() < 0.6 else _star_points(inner, 5, 0.45)
    _fill(draw, points)


_KINDS: dict[str, Callable[[ImageDraw.ImageDraw, Generator], None]] = {
    "disc": _disc,
    "ring": _ring,
    "polygon": _polygon,
    "star": _star,
    "flower": _flower,
    "petals": _petals,
    "scallop": _scallop,
    "gear": _gear,
    "rectangle": _rectangle,
    "cross": _cross,
    "heart": _heart,
    "moon": _moon,
    "drop": _drop,
    "arrow": _arrow,
    "pie": _pie,
    "stripes": _stripes,
    "grid": _grid,
    "double": _double,
}

SHAPE_KINDS = len(_KINDS)
"""Distance in a collection between two shapes of the same kind."""

ROUND_KINDS = tuple(list(_KINDS).index(kind) for kind in ("disc", "polygon", "scallop"))
"""Kinds of which some look much like a disc: hard negatives of each other."""
