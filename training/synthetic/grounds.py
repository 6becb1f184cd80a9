"""Grounds: what items are drawn on, and how often each kind is drawn where."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from modelfile import decode_picture
from training.synthetic.colours import RGB, Tone, mix, random_colour
from training.synthetic.illustrations import illustrated_ground
from training.synthetic.ingredients.palette import Ingredient, Palette
from training.synthetic.ingredients.store import FontFace, Photo
from training.synthetic.items.characters import LEVEL_1
from training.synthetic.items.glyphs import text_mask, warp
from training.synthetic.layers import scaled
from training.synthetic.solids import solids_ground

DrawGround = Callable[[tuple[int, int], Palette, Generator], Image.Image]
"""Draws a ground of `(width, height)` pixels, mode `RGB`."""

Use = Literal[
    "scene", "crop", "plain crop", "prompt picture", "coloured strip", "noisy strip", "scene strip"
]
"""What a ground is drawn for."""

_CACHED_PHOTOS = 256
_LEAST_PATTERN_PX = 25
"""Least height of a prompt picture with a pattern."""


@lru_cache(maxsize=_CACHED_PHOTOS)
def _photo(path: Path) -> Image.Image:
    # Decoding at half size is four times cheaper and still larger than most grounds.
    return Image.fromarray(decode_picture(path, draft=(700, 400)))


def photo_ground(size: tuple[int, int], photos: Sequence[Photo], rng: Generator) -> Image.Image:
    """A random part of a random photo.

    Args:
        size: Width and height in pixels.
        photos: At least one.
        rng: Source of the choice.

    Returns:
        Mode `RGB`.
    """
    packages = sorted({photo.package for photo in photos})
    # A package of four hundred pictures of stars must not make every ground a night sky.
    weights = np.sqrt([sum(photo.package == name for photo in photos) for name in packages])
    package = packages[int(rng.choice(len(packages), p=weights / weights.sum()))]
    own = [photo for photo in photos if photo.package == package]
    source = _photo(own[int(rng.integers(len(own)))].path)
    fit = min(source.width / size[0], source.height / size[1])
    share = rng.uniform(0.45, 1.0)
    width, height = size[0] * fit * share, size[1] * fit * share
    x = rng.uniform(0, source.width - width)
    y = rng.uniform(0, source.height - height)
    part = source.resize(
        size, Image.Resampling.BILINEAR, box=(x, y, x + width, y + height), reducing_gap=1.5
    )
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def gradient_ground(size: tuple[int, int], rng: Generator) -> Image.Image:
    """A linear or radial gradient of two or three colours, mode `RGB`."""
    colours = np.array([random_colour(rng) for _ in range(int(rng.integers(2, 4)))], np.float32)
    x = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
    if rng.random() < 0.7:
        angle = rng.uniform(0, 2 * np.pi)
        run = (x * np.cos(angle) + y * np.sin(angle)) / 2.83 + 0.5
    else:
        run = np.hypot(x - rng.uniform(-1, 1), y - rng.uniform(-1, 1)) / 2.83
    table = np.stack(
        [np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(colours)), c) for c in colours.T],
        axis=1,
    ).astype(np.uint8)
    return Image.fromarray(table[np.clip(run * 255, 0, 255).astype(np.uint8)])


def flat_ground(size: tuple[int, int], rng: Generator) -> Image.Image:
    """One colour, mode `RGB`; light more often than not, as sites have it."""
    tone = rng.choice(np.array(["any", "light", "dark", "pastel"]), p=[0.3, 0.35, 0.15, 0.2])
    return Image.new("RGB", size, random_colour(rng, tone.item()))


def pattern_ground(size: tuple[int, int], rng: Generator) -> Image.Image:
    """Stripes, checks, dots or rings in two near colours, mode `RGB`."""
    base = random_colour(rng)
    other = mix(base, random_colour(rng), rng.uniform(0.15, 0.6))
    picture = Image.new("RGB", size, base)
    draw = ImageDraw.Draw(picture)
    pitch = int(rng.integers(8, 48))
    kind = int(rng.integers(4))
    if kind == 0:
        slant = int(rng.integers(-size[1], size[1]))
        for x in range(-size[1], size[0] + size[1], pitch):
            draw.line([(x, 0), (x + slant, size[1])], fill=other, width=max(1, pitch // 3))
    else:
        for row, y in enumerate(range(0, size[1], pitch)):
            for x in range((row % 2) * pitch if kind == 1 else 0, size[0], pitch * (2 - kind // 2)):
                box = (x, y, x + pitch - 1, y + pitch - 1)
                if kind == 1:
                    draw.rectangle(box, fill=other)
                elif kind == 2:
                    draw.ellipse(
                        (x + pitch // 4, y + pitch // 4, x + pitch // 2, y + pitch // 2), other
                    )
                else:
                    draw.ellipse(box, outline=other, width=max(1, pitch // 9))
    return picture


def shapes_ground(size: tuple[int, int], rng: Generator) -> Image.Image:
    """Overlapping discs, polygons and arcs, like a flat illustration; mode `RGB`."""
    picture = flat_ground(size, rng) if rng.random() < 0.6 else gradient_ground(size, rng)
    draw = ImageDraw.Draw(picture)
    palette = [random_colour(rng) for _ in range(int(rng.integers(3, 7)))]
    for _ in range(int(rng.integers(4, 26))):
        colour = palette[int(rng.integers(len(palette)))]
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        radius = rng.uniform(3, 0.35 * size[1])
        box = (x - radius, y - radius * rng.uniform(0.4, 1), x + radius, y + radius)
        kind = rng.random()
        if kind < 0.35:
            draw.ellipse(box, fill=colour)
        elif kind < 0.5:
            draw.rounded_rectangle(box, radius=radius / 4, fill=colour)
        elif kind < 0.75:
            count = int(rng.integers(3, 8))
            angles = np.sort(rng.uniform(0, 2 * np.pi, count))
            reach = radius * rng.uniform(0.4, 1.2, count)
            points = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
            draw.polygon([(float(a), float(b)) for a, b in points], fill=colour)
        else:
            start = rng.uniform(0, 360)
            draw.arc(box, start, start + rng.uniform(60, 360), colour, int(rng.integers(1, 5)))
    return picture


def lettered_ground(
    size: tuple[int, int], faces: Sequence[FontFace], letters: str, rng: Generator
) -> Image.Image:
    """A ground covered with faint characters that are not targets, mode `RGB`.

    Args:
        size: Width and height in pixels.
        faces: Faces that cover most of `letters`.
        letters: The characters to choose from.
        rng: Source of the choice.
    """
    kinds = (flat_ground, gradient_ground, pattern_ground)
    picture = kinds[int(rng.integers(len(kinds)))](size, rng)
    tone = mix(mean_colour(picture), random_colour(rng), rng.uniform(0.12, 0.35))
    face = faces[int(rng.integers(len(faces)))]
    tilted = rng.random() < 0.6
    pitch = int(rng.integers(18, 46))
    ink = Image.new("RGB", size, tone)
    mask = Image.new("L", size)
    for y in range(0, size[1], pitch):
        for x in range(0, size[0], pitch):
            letter = letters[int(rng.integers(len(letters)))]
            if rng.random() < 0.2 or not face.covers(letter):
                continue
            glyph = text_mask(face, letter, 24)
            scale = pitch * rng.uniform(0.6, 1.1) / 24
            angle = float(rng.uniform(-60, 60)) if tilted else 0.0
            glyph = warp(glyph, scale=scale, angle_deg=angle)
            mask.paste(glyph, (x, y), glyph)
    picture.paste(ink, (0, 0), mask)
    return picture


def watermark(picture: Image.Image, faces: Sequence[FontFace], text: str, rng: Generator) -> None:
    """Write a faint line of text, or a corner mark, over an `RGB` picture, in place."""
    usable = [face for face in faces if face.covers(text)]
    if not usable:
        return
    face = usable[int(rng.integers(len(usable)))]
    mask = text_mask(face, text, 36)
    scale = rng.uniform(0.35, 1.0) * picture.height / 6 / 36
    mask = warp(mask, scale=scale, angle_deg=float(rng.choice([0.0, rng.uniform(-35, 35)])))
    strength = rng.uniform(0.12, 0.3)
    mask = scaled(mask, strength)
    tone: RGB = (255, 255, 255) if rng.random() < 0.6 else (0, 0, 0)
    ink = Image.new("RGB", mask.size, tone)
    for _ in range(1 if rng.random() < 0.6 else 5):
        x = int(rng.integers(-mask.width // 3, max(1, picture.width - mask.width // 2)))
        y = int(rng.integers(0, max(1, picture.height - mask.height)))
        picture.paste(ink, (x, y), mask)


def mean_colour(picture: Image.Image, box: tuple[int, int, int, int] | None = None) -> RGB:
    """Mean colour of an `RGB` picture, or of a box of it (pixels, end exclusive)."""
    part = picture.resize((1, 1), Image.Resampling.BOX, box=box)
    red, green, blue = part.getpixel((0, 0))  # type: ignore[misc]  # mode RGB has three bands
    return int(red), int(green), int(blue)


def soften(picture: Image.Image, rng: Generator) -> Image.Image:
    """Blur, darken, lighten or mute a ground now and then, as sites do to make items stand out."""
    kind = rng.random()
    if kind < 0.12:
        return picture.filter(ImageFilter.GaussianBlur(rng.uniform(1, 3)))
    if kind < 0.3:
        veil: RGB = (255, 255, 255) if rng.random() < 0.5 else (0, 0, 0)
        return Image.blend(picture, Image.new("RGB", picture.size, veil), rng.uniform(0.1, 0.45))
    if kind < 0.36:
        return picture.convert("L").convert("RGB")
    return picture


# The table


@dataclass(frozen=True, slots=True)
class Ground:
    """A kind of ground.

    Attributes:
        draw: Draws it.
        needs: Ingredient without which it cannot be drawn; None if it needs none.
    """

    draw: DrawGround
    needs: Ingredient | None = None


def _drawn(*kinds: Callable[[tuple[int, int], Generator], Image.Image]) -> Ground:
    """A ground that needs no ingredients; of several kinds, each is as likely as the others."""
    if len(kinds) == 1:
        return Ground(lambda size, _, rng: kinds[0](size, rng))
    return Ground(lambda size, _, rng: kinds[int(rng.integers(len(kinds)))](size, rng))


def _one_colour(*tones: Tone) -> Ground:
    """A ground of one colour; of several tones, each is as likely as the others."""

    def draw(size: tuple[int, int], _: Palette, rng: Generator) -> Image.Image:
        tone = tones[int(rng.integers(len(tones)))] if len(tones) > 1 else tones[0]
        return Image.new("RGB", size, random_colour(rng, tone))

    return Ground(draw)


def _low_pattern(size: tuple[int, int], rng: Generator) -> Image.Image:
    """A pattern for pictures that may be too low for one."""
    return (pattern_ground if size[1] >= _LEAST_PATTERN_PX else flat_ground)(size, rng)


_WHITE = Ground(lambda size, *_: Image.new("RGB", size, (255, 255, 255)))
_LIGHT = _one_colour("light")
_ANY_TONE = _one_colour("any", "vivid", "dark", "pastel", "dull")
_FLAT = _drawn(flat_ground)
_GRADIENT = _drawn(gradient_ground)
_PATTERN = _drawn(pattern_ground)
_LOW_PATTERN = _drawn(_low_pattern)
_SHAPES = _drawn(shapes_ground)
_SOLIDS = _drawn(solids_ground)
_PLAIN = _drawn(flat_ground, gradient_ground)
_GEOMETRIC = _drawn(gradient_ground, pattern_ground, shapes_ground)
_ILLUSTRATED = Ground(lambda size, palette, rng: illustrated_ground(size, palette.icons, rng))
_PHOTO = Ground(
    lambda size, palette, rng: soften(photo_ground(size, palette.photos, rng), rng), needs="photos"
)
_LETTERED = Ground(
    lambda size, palette, rng: lettered_ground(size, palette.han, LEVEL_1, rng), needs="han"
)

GROUNDS: dict[Use, tuple[tuple[Ground, int], ...]] = {
    "scene": (
        (_ILLUSTRATED, 14), (_PHOTO, 46), (_GRADIENT, 10), (_PATTERN, 5), (_SOLIDS, 5),
        (_SHAPES, 8), (_LETTERED, 7), (_FLAT, 5),
    ),
    "crop": (
        (_ILLUSTRATED, 14), (_PHOTO, 51), (_SOLIDS, 12), (_GEOMETRIC, 14), (_LETTERED, 5),
        (_FLAT, 4),
    ),
    "plain crop": ((_PLAIN, 1),),
    "prompt picture": (
        (_WHITE, 42), (_LIGHT, 14), (_ANY_TONE, 16), (_GRADIENT, 8), (_PHOTO, 10),
        (_LOW_PATTERN, 5), (_SHAPES, 5),
    ),
    "coloured strip": ((_FLAT, 70), (_GRADIENT, 30)),
    "noisy strip": ((_LIGHT, 1),),
    "scene strip": ((_PHOTO, 60), (_GRADIENT, 40)),
}  # fmt: skip
"""The kinds of grounds of each use with their weights; the last of each needs no ingredient."""


def random_ground(use: Use, size: tuple[int, int], palette: Palette, rng: Generator) -> Image.Image:
    """A ground of a random kind.

    The weight of a kind whose ingredient is missing goes to the next kind of the table.

    Args:
        use: What it is drawn for.
        size: Width and height in pixels.
        palette: Ingredients of one split.
        rng: The only source of randomness.

    Returns:
        Mode `RGB`.
    """
    table = GROUNDS[use]
    total, upper = sum(weight for _, weight in table), 0
    usable: list[tuple[Ground, float]] = []
    for ground, weight in table:
        upper += weight
        if ground.needs is None or palette.has(ground.needs):
            usable.append((ground, upper / total))
    at = rng.random() if len(usable) > 1 else 0.0
    ground = next(ground for ground, bound in usable if at < bound)
    return ground.draw(size, palette, rng)
