"""Clutter over items (lines, curves, dots, noise), and degradation by scaling and compression."""

from io import BytesIO

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from training.synthetic.colours import random_colour


def add_clutter(picture: Image.Image, rng: Generator, amount: float = 1.0) -> None:
    """Draw lines, curves and dots over an `RGB` picture, in place.

    Args:
        picture: Mode `RGB`.
        rng: Source of everything.
        amount: Multiplies the counts; 1 is a scene, a strip takes less.
    """
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    thick = 1 if rng.random() < 0.7 else 2
    tone = random_colour(rng) if rng.random() < 0.4 else None
    if rng.random() < 0.12:
        tone = (255, 255, 255)
    kinds = rng.random(3)
    if kinds[0] < 0.55:
        for _ in range(int(rng.integers(1, 2 + int(7 * amount)))):
            ends = rng.uniform((0, 0, 0, 0), (width, height, width, height))
            draw.line([float(v) for v in ends], fill=tone or random_colour(rng), width=thick)
    if kinds[1] < 0.4:
        for _ in range(int(rng.integers(1, 2 + int(4 * amount)))):
            curve(draw, picture.size, rng, tone or random_colour(rng), thick)
    if kinds[2] < 0.45:
        count = int(rng.integers(10, 20 + int(140 * amount)))
        radius = 1.0 if rng.random() < 0.7 else 2.0
        for x, y in rng.uniform((0, 0), (width, height), (count, 2)):
            colour = tone or random_colour(rng)
            draw.ellipse((x, y, x + radius, y + radius), fill=colour)


def curve(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    rng: Generator,
    colour: tuple[int, int, int],
    width: int,
) -> None:
    """Draw one cubic Bezier curve from edge to edge of a picture of `size`."""
    points = rng.uniform((0, 0), size, (4, 2))
    points[0, 0], points[3, 0] = rng.uniform(-0.1, 0.3) * size[0], rng.uniform(0.7, 1.1) * size[0]
    t = np.linspace(0, 1, 24)[:, None]
    path = (
        (1 - t) ** 3 * points[0]
        + 3 * (1 - t) ** 2 * t * points[1]
        + 3 * (1 - t) * t**2 * points[2]
        + t**3 * points[3]
    )
    draw.line([(float(x), float(y)) for x, y in path], fill=colour, width=width, joint="curve")


def speckle(picture: Image.Image, rng: Generator, share: float, *, coloured: bool) -> Image.Image:
    """Replace a share of the pixels of an `RGB` picture by random ones, or by short dashes."""
    pixels = np.array(picture)
    count = int(share * pixels.shape[0] * pixels.shape[1])
    rows = rng.integers(pixels.shape[0], size=count)
    columns = rng.integers(pixels.shape[1], size=count)
    tones = rng.integers(0, 256, (count, 3 if coloured else 1), dtype=np.uint8)
    pixels[rows, columns] = tones
    if rng.random() < 0.35:
        step = rng.integers(-1, 2, (count, 2))
        below = np.clip(rows + step[:, 0], 0, pixels.shape[0] - 1)
        beside = np.clip(columns + step[:, 1], 0, pixels.shape[1] - 1)
        pixels[below, beside] = tones
    return Image.fromarray(pixels)


def dashes(picture: Image.Image, rng: Generator, share: float) -> None:
    """Draw short strokes of any colour over an `RGB` picture, in place.

    Args:
        picture: Mode `RGB`.
        rng: Source of everything.
        share: About which share of the picture they cover, 0..1.
    """
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    reach = rng.uniform(1.0, 4.5)
    thick = 1 if rng.random() < 0.75 else 2
    leaning = rng.uniform(0, np.pi) if rng.random() < 0.4 else None
    count = int(share * width * height / (2 * reach * thick))
    middles = rng.uniform((0, 0), (width, height), (count, 2))
    angles = rng.uniform(0, np.pi, count)
    if leaning is not None:
        angles = leaning + (angles - np.pi / 2) / 4
    arms = rng.uniform(0.5, 1.0, count)[:, None] * reach
    arms = arms * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    tones = rng.integers(0, 256, (count, 3))
    ends = np.concatenate([middles - arms, middles + arms], axis=1)
    for end, tone in zip(ends.tolist(), tones.tolist(), strict=True):
        draw.line(end, fill=tuple(tone), width=thick)


def grain(picture: Image.Image, rng: Generator, strength: float) -> Image.Image:
    """Add noise of up to `strength` levels either way to every channel of an `RGB` picture."""
    pixels = np.asarray(picture).astype(np.int16)
    noise = rng.integers(-int(strength), int(strength) + 1, pixels.shape, dtype=np.int16)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def blur_by_rescaling(picture: Image.Image, rng: Generator) -> Image.Image:
    """Shrink and enlarge again, which blurs edges; the size stays the same."""
    factor = rng.uniform(0.55, 0.9)
    small = picture.resize(
        (max(1, round(picture.width * factor)), max(1, round(picture.height * factor))),
        Image.Resampling.BILINEAR,
    )
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def degrade(picture: Image.Image, rng: Generator) -> Image.Image:
    """Traces of a site's own processing, each now and then; mode `RGB`, same size."""
    if rng.random() < 0.12:
        picture = blur_by_rescaling(picture, rng)
    if rng.random() < 0.08:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 0.8)))
    if rng.random() < 0.15:
        picture = grain(picture, rng, rng.uniform(4, 22))
    return picture


def encode(picture: Image.Image, rng: Generator) -> tuple[bytes, str]:
    """Compress an `RGB` picture as sites do.

    Returns:
        The bytes and the file name's ending, `jpg`, `webp` or `png`.
    """
    out = BytesIO()
    kind = rng.random()
    if kind < 0.74:
        picture.save(out, "JPEG", quality=int(rng.integers(35, 96)))
        return out.getvalue(), "jpg"
    if kind < 0.88:
        picture.save(out, "WEBP", quality=int(rng.integers(40, 92)), method=0)
        return out.getvalue(), "webp"
    picture.save(out, "PNG", compress_level=3)
    return out.getvalue(), "png"


def resaved(picture: Image.Image, rng: Generator) -> Image.Image:
    """An `RGB` picture after `encode` has compressed it."""
    with Image.open(BytesIO(encode(picture, rng)[0])) as reopened:
        return reopened.convert("RGB")
