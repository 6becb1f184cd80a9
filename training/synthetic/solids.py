"""Grounds of spheres, cubes, cones and rings in soft light, as rendered wallpapers have them.

Such solids have the outlines of discs, squares and triangles, which many puzzles ask for; a network
that has never seen them in the ground mistakes them for items.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.synthetic.colours import RGB, mix, random_colour
from training.synthetic.layers import linear_gradient

F64 = NDArray[np.float64]

_WHITE: RGB = (255, 255, 255)
_BLACK: RGB = (0, 0, 0)


def solids_ground(size: tuple[int, int], rng: Generator) -> Image.Image:
    """Solids of one or several colours on a gradient, mode `RGB`.

    Args:
        size: Width and height in pixels.
        rng: The only source of randomness.
    """
    base = random_colour(rng, "pastel" if rng.random() < 0.5 else "any")
    picture = linear_gradient(size, base, mix(base, _BLACK, rng.uniform(0.1, 0.5)), rng)
    tones = [random_colour(rng) for _ in range(int(rng.integers(1, 5)))]
    if rng.random() < 0.35:
        tones = [mix(base, random_colour(rng), rng.uniform(0.1, 0.4)) for _ in tones]
    large = rng.uniform(0.08, 0.35) * min(size)
    angle = float(rng.uniform(-2.6, -0.5))
    light = np.array([np.cos(angle), np.sin(angle)])
    for _ in range(int(rng.integers(5, 26))):
        tone = tones[int(rng.integers(len(tones)))]
        reach = float(large * rng.uniform(0.25, 1.2))
        x, y = (float(v) for v in rng.uniform((0, 0), size))
        if rng.random() < 0.4:
            _shadow(picture, x - light[0] * reach * 0.5, y - light[1] * reach * 0.5, reach)
        kind = rng.random()
        if kind < 0.4:
            _sphere(picture, x, y, reach, tone, light)
        elif kind < 0.65:
            _cube(picture, x, y, reach, tone, rng)
        elif kind < 0.82:
            _cone(picture, x, y, reach, tone, rng)
        else:
            _torus(picture, x, y, reach, tone, light, rng)
    return picture


def _shadow(picture: Image.Image, x: float, y: float, reach: float) -> None:
    """A soft dark spot."""
    side = max(3, int(2.6 * reach))
    spot = Image.new("L", (side, side))
    inner = 0.2 * side
    ImageDraw.Draw(spot).ellipse((inner, inner, side - inner, side - inner), fill=90)
    spot = spot.filter(ImageFilter.BoxBlur(max(1, side // 10)))
    picture.paste(_BLACK, (int(x - side / 2), int(y - side / 2)), spot)


def _shades(tone: RGB, level: F64) -> NDArray[np.uint8]:
    """A tone under light of 0..1: black at 0, itself at 0.6, near white at 1."""
    colour = np.array(tone, np.float64)
    low = colour * np.clip(level / 0.6, 0, 1)[..., None]
    high = (255 - colour) * 0.7 * np.clip((level - 0.6) / 0.4, 0, 1)[..., None]
    return (low + high).clip(0, 255).astype(np.uint8)


def _sphere(picture: Image.Image, x: float, y: float, reach: float, tone: RGB, light: F64) -> None:
    side = max(4, round(2 * reach))
    v, u = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    distance = np.hypot(u, v)
    level = 0.25 + 0.75 * np.clip(1.05 - np.hypot(u - 0.4 * light[0], v - 0.4 * light[1]), 0, 1)
    mask = (np.clip((1 - distance) * reach, 0, 1) * 255).astype(np.uint8)
    ball = Image.fromarray(_shades(tone, level))
    picture.paste(ball, (round(x - side / 2), round(y - side / 2)), Image.fromarray(mask))


def _cube(
    picture: Image.Image, x: float, y: float, reach: float, tone: RGB, rng: Generator
) -> None:
    """A box seen from above an edge, or a flat square with one more face."""
    draw = ImageDraw.Draw(picture)
    dark, lit = mix(tone, _BLACK, rng.uniform(0.2, 0.5)), mix(tone, _WHITE, rng.uniform(0.1, 0.4))
    if rng.random() < 0.6:
        turn = rng.uniform(-0.5, 0.5)
        across = np.array([np.cos(turn), 0.5 + 0.3 * np.sin(turn)]) * reach * 0.8
        other = np.array([-np.cos(turn), 0.5 - 0.3 * np.sin(turn)]) * reach * 0.8
        up = np.array([0, -reach * rng.uniform(0.6, 1.2)])
        foot = np.array([x, y])
        faces = (
            ([foot, foot + across * (1, -1), foot + across * (1, -1) + up, foot + up], dark),
            ([foot, foot + other * (1, -1), foot + other * (1, -1) + up, foot + up], tone),
            (
                [
                    foot + up,
                    foot + across * (1, -1) + up,
                    foot + (across + other) * (1, -1) + up,
                    foot + other * (1, -1) + up,
                ],
                lit,
            ),
        )
    else:
        deep = rng.uniform(-0.4, 0.4, 2) * reach
        low, high = np.array([x - reach * 0.7, y - reach * 0.7]), np.array([x, y]) + 0.7 * reach
        front = [low, np.array([high[0], low[1]]), high, np.array([low[0], high[1]])]
        back = [corner + deep for corner in front]
        faces = (
            ([front[0], front[1], back[1], back[0]], lit),
            ([front[1], front[2], back[2], back[1]], dark),
            (front, tone),
        )
    for points, colour in faces:
        draw.polygon([(float(a), float(b)) for a, b in points], fill=colour)


def _cone(
    picture: Image.Image, x: float, y: float, reach: float, tone: RGB, rng: Generator
) -> None:
    """A cone or a pyramid: two triangles, the darker one away from the light."""
    draw = ImageDraw.Draw(picture)
    dark = mix(tone, _BLACK, rng.uniform(0.2, 0.55))
    tip, wide = y - reach * rng.uniform(0.9, 1.6), reach * rng.uniform(0.5, 0.9)
    ridge = x + rng.uniform(-0.4, 0.6) * wide
    flat = wide * rng.uniform(0.1, 0.3)
    if rng.random() < 0.5:
        draw.ellipse((x - wide, y - flat, x + wide, y + flat), fill=dark)
    draw.polygon([(x, tip), (x - wide, y), (ridge, y + flat)], fill=tone)
    draw.polygon([(x, tip), (x + wide, y), (ridge, y + flat)], fill=dark)


def _torus(
    picture: Image.Image,
    x: float,
    y: float,
    reach: float,
    tone: RGB,
    light: F64,
    rng: Generator,
) -> None:
    """A ring or a tube, lit from one side."""
    side = max(6, round(2 * reach))
    squeeze = rng.uniform(0.45, 1.0)
    v, u = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    distance = np.hypot(u, v / squeeze)
    thick = rng.uniform(0.12, 0.35)
    off = (distance - (1 - thick)) / thick
    level = 0.55 + 0.35 * (u * light[0] + v * light[1]) * np.sign(off) * np.abs(off)
    level = level + 0.25 * np.clip(1 - np.abs(off), 0, 1)
    mask = (np.clip((1 - np.abs(off)) * thick * reach, 0, 1) * 255).astype(np.uint8)
    ring = Image.fromarray(_shades(tone, np.clip(level, 0, 1)))
    picture.paste(ring, (round(x - side / 2), round(y - side / 2)), Image.fromarray(mask))
