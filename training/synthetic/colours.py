"""Colours with a given contrast to a ground."""

import colorsys
from typing import Literal

import numpy as np
from numpy.random import Generator

RGB = tuple[int, int, int]
Tone = Literal["any", "dark", "dull", "light", "vivid", "pastel"]

LUMA = np.array([0.299, 0.587, 0.114])
"""Rec. 601 weights of red, green and blue."""

_DIAGONAL = 255 * np.sqrt(3)
_RANGES: dict[Tone, tuple[tuple[float, float], tuple[float, float]]] = {
    "any": ((0.0, 1.0), (0.0, 1.0)),
    "dark": ((0.0, 0.9), (0.0, 0.45)),
    "dull": ((0.15, 0.8), (0.2, 0.5)),
    "light": ((0.0, 0.5), (0.8, 1.0)),
    "vivid": ((0.65, 1.0), (0.6, 1.0)),
    "pastel": ((0.15, 0.5), (0.7, 1.0)),
}
"""Saturation and value in HSV."""


def distance(first: RGB, second: RGB) -> float:
    """How different two colours look, 0..1.

    Half the Euclidean distance as a share of the RGB cube's diagonal, half the difference in luma
    (Rec. 601): pure blue on black is far away in the cube, and still hard to see.
    """
    difference = np.subtract(first, second).astype(np.float64)
    return float(np.linalg.norm(difference) / _DIAGONAL + abs(difference @ LUMA) / 255) / 2


def random_colour(rng: Generator, tone: Tone = "any") -> RGB:
    """A colour of a tone."""
    saturation, value = _RANGES[tone]
    red, green, blue = colorsys.hsv_to_rgb(
        rng.random(), rng.uniform(*saturation), rng.uniform(*value)
    )
    return int(255 * red), int(255 * green), int(255 * blue)


def away_from(
    ground: RGB, rng: Generator, contrast: float, *, close: bool = False, tone: Tone = "any"
) -> RGB:
    """A colour at least `contrast` away from `ground`.

    Args:
        ground: 0..255.
        rng: Source of the choice.
        contrast: Smallest `distance`.
        close: Stay near that distance instead of going anywhere beyond it.
        tone: Preferred tone, given up where it cannot reach the contrast.

    Returns:
        0..255.
    """
    if close:
        for _ in range(12):
            step = rng.normal(size=3)
            step *= contrast * rng.uniform(1.0, 1.25) * _DIAGONAL / np.linalg.norm(step)
            red, green, blue = (int(v) for v in np.clip(np.array(ground) + step, 0, 255))
            if distance((red, green, blue), ground) >= contrast:
                return red, green, blue
    best = random_colour(rng, tone)
    for attempt in range(12):
        if distance(best, ground) >= contrast:
            return best
        other = random_colour(rng, tone if attempt < 6 else "any")
        if distance(other, ground) > distance(best, ground):
            best = other
    if distance(best, ground) >= contrast:
        return best
    return (0, 0, 0) if sum(ground) > 382 else (255, 255, 255)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`first` with a share of `second`, 0..1."""
    red, green, blue = (
        int(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue
