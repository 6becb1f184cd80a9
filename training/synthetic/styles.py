"""Styles: how an item is painted, from plain fill to a dozen layers of extrusion."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter
from scipy import ndimage

from training.synthetic.colours import RGB, Tone, away_from, distance, mix
from training.synthetic.legibility import shape_kept

_LEAST_KEPT = 0.78
"""`legibility.shape_kept` of a pixelated shape. Dense characters below were blots or loose crumbs
(0.56 to 0.77); from 0.8 on they were read, and letters always."""

Fill = Literal["flat", "gradient", "strokes", "hollow"]
Edge = Literal["smooth", "aliased", "pixelated"]
Shadow = Literal["none", "soft", "hard"]


@dataclass(frozen=True, slots=True)
class Style:
    """How the items of one puzzle are painted; colours are chosen for each item.

    Attributes:
        fill: `strokes` gives each connected stroke group its own colour, `hollow` paints only
            the outline.
        outline: Width relative to the item's size, 0 for none.
        shadow: Dropped to one side, sharp or blurred.
        emboss: Light and dark edges on opposite sides.
        extrusion: Number of layers behind the item, each a step further.
        glow: A light or dark halo.
        bold: Thickening relative to the size, negative thins.
        opacity: Opacity of everything drawn, 0..1.
        edge: `aliased` has no half-covered pixels, `pixelated` has visible steps.
        contrast: Smallest `colours.distance` from the ground.
        close: Whether colours are chosen near the ground, at just that distance.
        ink: Tone of the colours.
    """

    fill: Fill = "flat"
    outline: float = 0.0
    shadow: Shadow = "none"
    emboss: bool = False
    extrusion: int = 0
    glow: bool = False
    bold: float = 0.0
    opacity: float = 1.0
    edge: Edge = "smooth"
    contrast: float = 0.28
    close: bool = False
    ink: Tone = "any"


def random_style(rng: Generator) -> Style:
    """A style as sites use them: most plain, each effect alone more often than all at once."""
    style = Style(
        fill=rng.choice(np.array(["flat", "gradient", "strokes"]), p=[0.72, 0.18, 0.10]).item(),
        ink=rng.choice(
            np.array(["any", "dark", "dull", "light", "vivid", "pastel"]),
            p=[0.36, 0.17, 0.09, 0.11, 0.19, 0.08],
        ).item(),
    )
    effect = rng.choice(
        np.array(
            ["plain", "outline", "hollow", "shadow", "emboss", "extrusion", "glow", "several"]
        ),
        p=[0.30, 0.17, 0.07, 0.13, 0.08, 0.10, 0.05, 0.10],
    ).item()
    several = effect == "several"
    if effect in ("outline", "hollow") or (several and rng.random() < 0.6):
        style = replace(style, outline=rng.uniform(0.025, 0.075))
    if effect == "hollow":
        style = replace(style, fill="hollow")
    if effect == "shadow" or (several and rng.random() < 0.6):
        style = replace(style, shadow="soft" if rng.random() < 0.5 else "hard")
    if effect == "emboss" or (several and rng.random() < 0.3):
        style = replace(style, emboss=True)
    if effect == "extrusion" or (several and rng.random() < 0.25):
        style = replace(style, extrusion=int(rng.integers(3, 13)))
    if effect == "glow":
        style = replace(style, glow=True)
    if rng.random() < 0.2:
        style = replace(style, bold=rng.uniform(-0.03, 0.06))
    if rng.random() < 0.35:
        style = replace(style, opacity=rng.uniform(0.3, 0.95))
    if rng.random() < 0.18:
        style = replace(style, edge="aliased" if rng.random() < 0.6 else "pixelated")
    if rng.random() < 0.14:
        style = replace(style, close=True, contrast=rng.uniform(0.1, 0.18), outline=0.0)
    if style.opacity < 0.6 or style.edge != "smooth":
        # Several handicaps at once leave nothing that a person could read.
        style = replace(style, contrast=max(style.contrast, 0.36), close=False)
    return style


def legible(style: Style, size_px: float, busy: float) -> Style:
    """The style without what would make an item of this size unreadable on this ground.

    Args:
        style: As chosen for the puzzle.
        size_px: Size in pixels of the item.
        busy: Standard deviation of the ground under it, 0..1.
    """
    if size_px < 26:
        # Strokes are a pixel wide: effects as wide as strokes leave nothing to read.
        style = replace(
            style,
            extrusion=min(style.extrusion, 3),
            emboss=False,
            bold=0.0,
            opacity=max(style.opacity, 0.7),
            edge="smooth" if style.edge == "pixelated" else style.edge,
            fill="flat" if style.fill in ("strokes", "hollow") else style.fill,
            close=False,
        )
    least = 0.1 + 1.2 * busy
    return style if style.contrast >= least else replace(style, contrast=min(least, 0.55))


def stronger(style: Style) -> Style:
    """The style with more contrast and less of what hides a shape."""
    return replace(
        style,
        contrast=min(style.contrast + 0.12, 0.6),
        close=False,
        opacity=min(style.opacity + 0.2, 1.0),
        extrusion=style.extrusion // 2,
        emboss=False,
    )


def paint(
    mask: Image.Image, style: Style, ground: RGB, rng: Generator, *, colour: RGB | None = None
) -> Image.Image:
    """Paint a mask.

    Args:
        mask: Mode `L`, final size and rotation.
        style: What to do.
        ground: Mean colour of the ground it will lie on, 0..255.
        rng: Source of colours and directions.
        colour: The ink, where it is given.

    Returns:
        Mode `RGBA`, larger than `mask` by what the effects need.
    """
    size = max(mask.size)
    outline_px = max(1, round(style.outline * size)) if style.outline else 0
    step = max(1.0, 0.022 * size)
    reach = outline_px + (3 if style.glow else 0) + 1
    if style.shadow != "none":
        reach += max(2, round(0.09 * size)) + 2
    if style.extrusion:
        reach += int(np.ceil(step * style.extrusion)) + 1
    if style.edge == "pixelated":
        mask = _pixelate(mask)
    elif style.edge == "aliased":
        mask = mask.point(_threshold(110))
    if style.bold:
        mask = _thicken(mask, style.bold * size)
    core = Image.new("L", (mask.width + 2 * reach, mask.height + 2 * reach))
    core.paste(mask, (reach, reach))

    ink = colour or away_from(ground, rng, style.contrast, close=style.close, tone=style.ink)
    layer = Image.new("RGBA", core.size, (*ink, 0))
    direction = rng.uniform(0, 2 * np.pi)
    towards = np.array([np.cos(direction), np.sin(direction)])
    if style.shadow != "none":
        _drop_shadow(
            layer, core, style, ink, towards * max(1.5, rng.uniform(0.03, 0.09) * size), rng
        )
    if style.extrusion:
        _extrude(layer, core, ink, towards * step, style.extrusion, rng)
    if style.glow:
        halo = core.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(1.6))
        tone = (255, 255, 255) if sum(ink) < 380 else (0, 0, 0)
        _lay(layer, halo, tone)
    if outline_px:
        rim = core.filter(ImageFilter.MaxFilter(2 * outline_px + 1))
        edge_colour = ink if style.fill == "hollow" else away_from(ink, rng, 0.3)
        if style.fill == "hollow":
            rim = ImageChops.subtract(rim, core)
        _lay(layer, rim, edge_colour)
    if style.fill == "gradient":
        other = away_from(ink, rng, 0.25)
        if distance(other, ground) < style.contrast:
            other = mix(ink, other, 0.4)
        _lay_picture(layer, core, _gradient(core.size, ink, other, rng))
    elif style.fill == "strokes":
        _lay_picture(layer, core, _stroke_colours(core, ink, ground, style, rng))
    elif style.fill == "flat":
        _lay(layer, core, ink)
    if style.emboss:
        _emboss(layer, core, towards * max(1.0, 0.02 * size))
    return fade(layer, style.opacity)


def fade(layer: Image.Image, opacity: float) -> Image.Image:
    """`layer`, mode `RGBA`, with its alpha multiplied by `opacity`."""
    if opacity < 1:
        layer.putalpha(scaled(layer.getchannel("A"), opacity))
    return layer


def ink_box(layer: Image.Image) -> tuple[int, int, int, int] | None:
    """The box of what can be seen of a layer, `x1, y1, x2, y2` in layer pixels, end exclusive.

    A pixel counts from a quarter of the layer's strongest alpha on: the faint rim of a soft
    shadow is no part of an item.
    """
    alpha = layer.getchannel("A")
    strongest = alpha.getextrema()[1]
    assert isinstance(strongest, int)  # noqa: S101 (mode L has integer extrema)
    if strongest == 0:
        return None
    limit = max(1, strongest // 4)
    return alpha.point(_threshold(limit)).getbbox()


@cache
def _threshold(limit: int) -> list[int]:
    """Look-up table that makes values from `limit` on 255 and the rest 0."""
    return [255 if value >= limit else 0 for value in range(256)]


def scaled(mask: Image.Image, factor: float) -> Image.Image:
    """`mask`, mode `L`, times a factor of 0..1."""
    return ImageChops.multiply(mask, Image.new("L", mask.size, round(255 * factor)))


def _lay(layer: Image.Image, mask: Image.Image, colour: RGB) -> None:
    """Composite one colour through a mask of the layer's size."""
    over = Image.new("RGBA", layer.size, (*colour, 255))
    over.putalpha(mask)
    layer.alpha_composite(over)


def _lay_picture(layer: Image.Image, mask: Image.Image, picture: Image.Image) -> None:
    """Composite an `RGB` picture of the layer's size through a mask."""
    over = picture.convert("RGBA")
    over.putalpha(mask)
    layer.alpha_composite(over)


def _shifted(mask: Image.Image, offset: NDArray[np.float64]) -> Image.Image:
    """`mask` moved by whole pixels, the rest empty (the margin is wide enough)."""
    moved = Image.new("L", mask.size)
    moved.paste(mask, (round(offset[0]), round(offset[1])))
    return moved


def _drop_shadow(
    layer: Image.Image,
    core: Image.Image,
    style: Style,
    ink: RGB,
    offset: NDArray[np.float64],
    rng: Generator,
) -> None:
    shade = _shifted(core, offset)
    strength = rng.uniform(0.4, 0.9)
    if style.shadow == "soft":
        shade = shade.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 2.0)))
    tone: RGB = (0, 0, 0) if sum(ink) > 200 or rng.random() < 0.5 else (255, 255, 255)
    kind = rng.random()
    if kind < 0.2:
        tone = away_from(ink, rng, 0.3)
    elif kind < 0.4:
        tone = mix(ink, (0, 0, 0), rng.uniform(0.3, 0.7))
    _lay(layer, scaled(shade, strength), tone)


def _extrude(
    layer: Image.Image,
    core: Image.Image,
    ink: RGB,
    step: NDArray[np.float64],
    count: int,
    rng: Generator,
) -> None:
    """Layers from the farthest to the nearest, in one tone or in many colours."""
    side = away_from(ink, rng, 0.3)
    many = rng.random() < 0.4
    for number in range(count, 0, -1):
        shade = mix(side, (0, 0, 0), 0.45 * number / count)
        tone = away_from(ink, rng, 0.25) if many else shade
        _lay(layer, _shifted(core, step * number), tone)


def _emboss(layer: Image.Image, core: Image.Image, offset: NDArray[np.float64]) -> None:
    lit = ImageChops.subtract(core, _shifted(core, offset))
    dim = ImageChops.subtract(core, _shifted(core, -offset))
    _lay(layer, scaled(lit, 0.75), (255, 255, 255))
    _lay(layer, scaled(dim, 0.6), (0, 0, 0))


def _gradient(size: tuple[int, int], first: RGB, second: RGB, rng: Generator) -> Image.Image:
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, size[0])[None, :] * np.cos(angle)
    y = np.linspace(-1, 1, size[1])[:, None] * np.sin(angle)
    part = np.clip((x + y + 1) / 2, 0, 1)[..., None]
    return Image.fromarray(
        (np.array(first) * (1 - part) + np.array(second) * part).astype(np.uint8)
    )


def _stroke_colours(
    core: Image.Image, ink: RGB, ground: RGB, style: Style, rng: Generator
) -> Image.Image:
    """A colour for each connected group of strokes, or for bands where all is connected."""
    labels, count = ndimage.label(np.asarray(core) > 60)
    if count < 2:
        bands = np.linspace(0, 3, core.width, endpoint=False).astype(np.intp)
        labels = np.broadcast_to(bands[None, :] + 1, labels.shape)
        count = 3
    # Half-covered pixels around a stroke take its colour too.
    labels = ndimage.grey_dilation(labels, size=(3, 3))
    colours = [ground, ink]
    colours += [
        away_from(ground, rng, style.contrast, close=style.close, tone=style.ink)
        for _ in range(count - 1)
    ]
    return Image.fromarray(np.array(colours, dtype=np.uint8)[labels])


def _pixelate(mask: Image.Image) -> Image.Image:
    """`mask` in the largest blocks that leave its strokes apart; as it is where none do."""
    for block in (3, 2) if max(mask.size) >= 44 else (2,):
        small = mask.resize(
            (max(1, mask.width // block), max(1, mask.height // block)), Image.Resampling.BOX
        )
        small = small.point(_threshold(110))
        coarse = small.resize(mask.size, Image.Resampling.NEAREST)
        if shape_kept(mask, coarse) >= _LEAST_KEPT:
            return coarse
    return mask


def _thicken(mask: Image.Image, by_px: float) -> Image.Image:
    """Thicken (or, negative, thin) strokes by up to a pixel or two, keeping soft edges."""
    grown = Image.new("L", (mask.width + 4, mask.height + 4))
    grown.paste(mask, (2, 2))
    filtered = grown.filter(ImageFilter.MaxFilter(3) if by_px > 0 else ImageFilter.MinFilter(3))
    return Image.blend(grown, filtered, min(1.0, abs(by_px) / 2))
