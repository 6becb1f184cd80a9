"""Illustrations: grounds like painted landscapes, which collections of photos lack."""

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from training.synthetic.clutter import curve
from training.synthetic.colours import RGB, mix, random_colour
from training.synthetic.ingredients.store import IconCollection
from training.synthetic.items.effects import Outline
from training.synthetic.items.item import IconItem, Motion, cut_out, paint_cut
from training.synthetic.items.styles import Style

_LEAST_SCENERY = 0.6
"""Least height of scenery relative to the picture's: too large to be mistaken for an item."""


def illustrated_ground(
    size: tuple[int, int], icons: Sequence[IconCollection], rng: Generator
) -> Image.Image:
    """A flat illustration: sky, hills or grass, streaks, big shapes, doodles, stars.

    Args:
        size: Width and height in pixels.
        icons: Icons that are drawn as scenery, larger than any item; may be empty.
        rng: Source of everything.

    Returns:
        Mode `RGB`.
    """
    tones = _related_colours(rng)
    picture = Image.new("RGB", size, tones[0])
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.5:
        _streaks(draw, size, tones, rng)
    if rng.random() < 0.7:
        _layers(draw, size, tones, rng)
    if icons and rng.random() < 0.6:
        for _ in range(int(rng.integers(1, 4))):
            _scenery(picture, icons, tones, rng)
    if rng.random() < 0.3:
        _doodles(draw, size, rng)
    if rng.random() < 0.5:
        _stars(draw, size, tones, rng)
    return picture


def _related_colours(rng: Generator) -> list[RGB]:
    """Four to seven colours that go together, the first for the sky."""
    hue, spread = rng.random(), float(rng.choice(np.array([0.03, 0.1, 0.5])))
    saturation = rng.uniform(0.05, 0.75)
    values = rng.uniform(0.1, 1.0, int(rng.integers(4, 8)))
    if rng.random() < 0.6:
        values = np.sort(values)[:: int(rng.choice(np.array([-1, 1])))]
    tones = []
    for value in values:
        red, green, blue = colorsys.hsv_to_rgb(
            (hue + rng.uniform(-spread, spread)) % 1,
            float(np.clip(saturation + rng.uniform(-0.2, 0.2), 0, 1)),
            float(value),
        )
        tones.append((int(255 * red), int(255 * green), int(255 * blue)))
    return tones


def _layers(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], tones: Sequence[RGB], rng: Generator
) -> None:
    """Hills behind hills; the edge of one is smooth, rugged, or grown with grass."""
    width, height = size
    count = int(rng.integers(1, 6))
    x = np.arange(0, width + 8, 4)
    for number in range(count):
        base = height * (0.25 + 0.7 * (number + rng.random()) / count)
        edge = np.full(len(x), base)
        for wave in (1, 2, 5):
            phase = x / width * wave * rng.uniform(0.5, 1.5) + rng.random()
            edge += height * rng.uniform(0, 0.1) / wave * np.sin(2 * np.pi * phase)
        kind = rng.random()
        if kind < 0.2:
            edge = edge + rng.uniform(-0.03, 0.03, len(x)) * height
        tone = tones[1 + number % (len(tones) - 1)]
        points = [(float(a), float(b)) for a, b in zip(x, edge, strict=True)]
        draw.polygon([(0.0, float(height)), *points, (float(width), float(height))], fill=tone)
        if kind > 0.75:
            for a, b in points[:: int(rng.integers(1, 4))]:
                tip = (a + rng.uniform(-12, 12), b - rng.uniform(0.04, 0.22) * height)
                draw.polygon([(a - 2, b + 3), tip, (a + 2, b + 3)], fill=tone)


def _streaks(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], tones: Sequence[RGB], rng: Generator
) -> None:
    """Flat clouds, water, bark: long lenses along one direction."""
    width, height = size
    upright = rng.random() < 0.25
    thick, longest = rng.uniform(0.01, 0.06), rng.uniform(0.15, 0.6)
    for _ in range(int(rng.integers(4, 45))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        along = rng.uniform(0.2, 1) * longest * (height if upright else width) / 2
        across = max(1.0, rng.uniform(0.3, 1) * thick * height)
        dx, dy = (across, along) if upright else (along, across)
        tone = tones[int(rng.integers(len(tones)))]
        draw.polygon([(x - dx, y), (x, y - dy), (x + dx, y), (x, y + dy)], fill=tone)


def _scenery(
    picture: Image.Image, icons: Sequence[IconCollection], tones: Sequence[RGB], rng: Generator
) -> None:
    """One large shape that is part of the ground."""
    collection = icons[int(rng.integers(len(icons)))]
    item = IconItem(collection, int(rng.integers(len(collection))))
    side = picture.height * rng.uniform(_LEAST_SCENERY, 1.4)
    cut = cut_out(item, Motion(25.0).pose(side, rng), rng)
    tone = tones[int(rng.integers(len(tones)))]
    style = Style(outline=Outline(0.012) if rng.random() < 0.4 else None)
    layer = paint_cut(cut, style, tones[0], rng, colour=tone)
    x = int(rng.uniform(-0.5, 1) * layer.width) if rng.random() < 0.5 else None
    if x is None:
        x = int(rng.uniform(-0.4, 1.0) * picture.width)
    y = int(rng.uniform(-0.4, 0.7) * picture.height)
    picture.paste(layer.convert("RGB"), (x, y), layer.getchannel("A"))


def _doodles(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: Generator) -> None:
    """Thick strokes and rings of a pen."""
    tone = random_colour(rng, "dark" if rng.random() < 0.6 else "any")
    thick = int(rng.integers(2, 7))
    for _ in range(int(rng.integers(1, 7))):
        if rng.random() < 0.6:
            curve(draw, size, rng, tone, thick)
        else:
            x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
            radius = rng.uniform(0.03, 0.3) * size[1]
            draw.ellipse((x, y, x + radius, y + radius), outline=tone, width=thick)


def _stars(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], tones: Sequence[RGB], rng: Generator
) -> None:
    """Small light spots, and a ray or two."""
    tone = mix(tones[int(rng.integers(len(tones)))], (255, 255, 255), rng.uniform(0.4, 1))
    for x, y in rng.uniform((0, 0), size, (int(rng.integers(5, 80)), 2)):
        radius = rng.uniform(0.5, 2.5)
        draw.ellipse((x, y, x + radius, y + radius), fill=tone)
    for _ in range(int(rng.integers(0, 4))):
        ends = rng.uniform((0, 0, 0, 0), (*size, *size))
        draw.line([float(v) for v in ends], fill=tone, width=1)
