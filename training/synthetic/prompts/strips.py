"""Strips: pictures of a whole prompt, read left to right, and pictures of one prompt icon."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from training.synthetic.clutter import add_clutter, blur_by_rescaling, curve, grain, speckle
from training.synthetic.colours import RGB, away_from, random_colour
from training.synthetic.grounds import mean_colour, random_ground
from training.synthetic.ingredients.palette import Palette
from training.synthetic.items.effects import Bold, FlatFill, Hollow, Outline
from training.synthetic.items.item import (
    Cut,
    IconItem,
    Item,
    Motion,
    cut_out,
    paint_cut,
    visible_shape_at,
)
from training.synthetic.items.styles import Style, random_style
from training.synthetic.layers import Box, composite_at, fade, seen_box
from training.synthetic.legibility import readable

Look = Literal["clean", "coloured", "thin", "noisy", "scene", "wide"]

_MIN_SIDE_PX = 15
"""Smallest item a strip draws; shrunk pictures have fewer pixels but stay legible."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A prompt picture.

    Attributes:
        picture: Mode `RGB`, or `RGBA` where the ground is transparent.
        boxes: Boxes of the items, left to right, `x1, y1, x2, y2` in picture pixels, end exclusive.
        look: How it is drawn.
        shapes: What each item is recognised by, with its top left corner in picture pixels.
    """

    picture: Image.Image
    boxes: tuple[Box, ...]
    look: Look
    shapes: tuple[tuple[Cut, tuple[int, int]], ...] = ()

    def readable(self) -> bool:
        """Whether a person could read every item; a transparent ground counts as white."""
        page = on_page(self.picture)
        return all(readable(page, cut.mask, at, cut.coloured) for cut, at in self.shapes)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a strip's items are drawn.

    Attributes:
        style: Style of all items.
        motion: Range of their poses.
        ground: Mode `RGB`.
        clear: Whether the ground is left transparent.
        one_ink: The colour of all items; None for one for each.
    """

    style: Style
    motion: Motion
    ground: Image.Image
    clear: bool
    one_ink: RGB | None


def draw_strip(
    items: Sequence[Item],
    palette: Palette,
    rng: Generator,
    *,
    size: tuple[int, int] | None = None,
    look: Look | None = None,
) -> Strip:
    """Draw the items in a row.

    Args:
        items: In reading order, at least one.
        palette: Ingredients of one split, for the ground.
        rng: Source of everything.
        size: Width and height in pixels; None for 100 x 25 up to 400 x 80.
        look: None for any.
    """
    if look is None:
        looks: list[Look] = ["clean", "coloured", "thin", "noisy", "scene"]
        icons = isinstance(items[0], IconItem)
        shares = [0.52, 0.16, 0.0, 0.16, 0.16] if icons else [0.27, 0.20, 0.12, 0.27, 0.14]
        look = looks[int(rng.choice(5, p=shares))]
    height = size[1] if size else int(rng.integers(25, 81))
    side = height * rng.uniform(0.55, 0.92)
    gap = _gap(rng)
    if size is None:
        needed = side * (len(items) * (1 + gap) + rng.uniform(0.1, 1.2))
        size = (int(np.clip(needed, 100, 400)), height)
    # Items share the width whatever their number.
    side = max(_MIN_SIDE_PX, min(side, (size[0] - 4) / (len(items) * (1 + max(gap, 0)))))
    plan = _plan(look, size, palette, rng)
    return _draw(items, plan, side, gap, look, rng)


def _gap(rng: Generator) -> float:
    """Space between items relative to their side: touching, normal or wide."""
    kind = rng.random()
    if kind < 0.2:
        return float(rng.uniform(-0.08, 0.03))
    return float(rng.uniform(0.03, 0.35) if kind < 0.75 else rng.uniform(0.35, 1.0))


def _plan(look: Look, size: tuple[int, int], palette: Palette, rng: Generator) -> _Plan:
    if look in ("clean", "thin"):
        white = rng.random() < 0.7
        tone: RGB = (255, 255, 255) if white else random_colour(rng, "light")
        if rng.random() < 0.12:
            tone = random_colour(rng, "dark")
        ground = Image.new("RGB", size, tone)
        if look == "thin":
            level = int(rng.integers(100, 190))
            ink: RGB = (level, level, level) if sum(tone) > 400 else (200, 200, 200)
            style = Style(bold=Bold(-0.03), contrast=0.1)
        else:
            ink = away_from(tone, rng, 0.45, tone="dark" if sum(tone) > 400 else "light")
            style = Style()
        tilt = 12.0 if rng.random() < 0.25 else 0.0
        return _Plan(style, Motion(tilt), ground, white and rng.random() < 0.4, ink)
    if look == "coloured":
        ground = random_ground("coloured strip", size, palette, rng)
        motion = Motion(float(rng.uniform(5, 40)), float(rng.uniform(0, 0.4)))
        return _Plan(Style(ink="any", contrast=0.32), motion, ground, clear=False, one_ink=None)
    if look == "noisy":
        ground = random_ground("noisy strip", size, palette, rng)
        hollow = rng.random() < 0.35
        style = Style(
            fill=Hollow() if hollow else FlatFill(),
            outline=Outline(0.045) if hollow else None,
            contrast=0.4,
            ink="dark" if rng.random() < 0.6 else "any",
        )
        level = int(rng.integers(20, 150))
        ink_or_none = (level, level, level) if rng.random() < 0.5 else None
        shear = float(rng.uniform(0, 0.35))
        return _Plan(style, Motion(float(rng.uniform(0, 20)), shear), ground, False, ink_or_none)
    ground = random_ground("scene strip", size, palette, rng)
    return _Plan(random_style(rng), Motion(float(rng.uniform(0, 30))), ground, False, None)


def _draw(
    items: Sequence[Item], plan: _Plan, side: float, gap: float, look: Look, rng: Generator
) -> Strip:
    width, height = plan.ground.size
    layers = []
    for item in items:
        cut = cut_out(item, plan.motion.pose(side * rng.uniform(0.92, 1.08), rng), rng)
        ground = mean_colour(plan.ground)
        layers.append((item, paint_cut(cut, plan.style, ground, rng, colour=plan.one_ink), cut))
    # Glyphs advance by their em, icons by their ink, as text and picture rows do.
    advances = [
        max(side * (0.9 if len(item.word) < 2 or isinstance(item, IconItem) else 1.2),
            cut.mask.width * 0.97) + gap * side
        for item, _, cut in layers
    ]  # fmt: skip
    total = sum(advances) - gap * side
    slack = width - total
    start = slack / 2 if slack < 0 else slack * rng.choice(np.array([0.05, 0.5, rng.random()]))
    if rng.random() < 0.04:
        start -= 0.12 * side  # The first item is clipped.
    picture = Image.new("RGBA", (width, height)) if plan.clear else plan.ground.convert("RGBA")
    boxes: list[Box] = []
    shapes: list[tuple[Cut, tuple[int, int]]] = []
    for (_, layer, cut), advance in zip(layers, advances, strict=True):
        x = round(start + (advance - gap * side - layer.width) / 2)
        wobble = 0.5 * (height - side) * rng.uniform(-0.8, 0.8)
        y = round((height - layer.height) / 2 + wobble)
        start += advance
        composite_at(picture, layer, x, y)
        boxes.append(seen_box(layer, x, y, (width, height)))
        shapes.append(visible_shape_at(cut, layer, plan.style, (x, y)))
    if plan.clear:
        return Strip(picture, tuple(boxes), look, tuple(shapes))
    picture = _finish(picture.convert("RGB"), look, side, rng)
    return Strip(picture, tuple(boxes), look, tuple(shapes))


def _finish(picture: Image.Image, look: Look, side: float, rng: Generator) -> Image.Image:
    """Lines, noise and degradation over a strip, according to its look."""
    if look == "coloured" or (look == "scene" and rng.random() < 0.4):
        draw = ImageDraw.Draw(picture)
        for _ in range(int(rng.integers(0, 5))):
            thick = 1 if side < 26 else int(rng.integers(1, 3))
            curve(draw, picture.size, rng, random_colour(rng), thick)
    if look == "noisy":
        draw = ImageDraw.Draw(picture)
        for _ in range(int(rng.integers(0, 22))):
            ends = rng.uniform((0, 0, 0, 0), (*picture.size, *picture.size))
            draw.line([float(v) for v in ends], fill=random_colour(rng), width=1)
        share = rng.uniform(0.05, 0.45) * (1.0 if side > 30 else 0.5)
        picture = speckle(picture, rng, share, coloured=rng.random() < 0.7)
    if look == "scene" and rng.random() < 0.3:
        add_clutter(picture, rng, 0.3)
    if rng.random() < 0.12 and side > 22:
        picture = blur_by_rescaling(picture, rng)
    if rng.random() < 0.1:
        picture = grain(picture, rng, rng.uniform(4, 18))
    return picture


def draw_prompt_icon(item: Item, ink: RGB, rng: Generator, side_px: int) -> Image.Image:
    """One prompt icon by itself, clean, as sites list them.

    Args:
        item: What to draw.
        ink: Colour of monochrome icons.
        rng: Source of small variations.
        side_px: Side of the square picture.

    Returns:
        Mode `RGBA`, `side_px` square, ground transparent.
    """
    picture = Image.new("RGBA", (side_px, side_px))
    size = side_px * rng.uniform(0.7, 0.96)
    cut = cut_out(item, Motion().pose(size, rng), rng)
    layer = fade(paint_cut(cut, Style(), (255, 255, 255), rng, colour=ink), 1.0)
    if max(layer.size) > side_px:
        layer.thumbnail((side_px, side_px))
    corner = ((side_px - layer.width) // 2, (side_px - layer.height) // 2)
    picture.alpha_composite(layer, corner)
    return picture


def on_page(picture: Image.Image, tone: RGB = (255, 255, 255)) -> Image.Image:
    """A picture as a page of that colour shows it, mode `RGB`."""
    if picture.mode == "RGB":
        return picture
    page = Image.new("RGBA", picture.size, (*tone, 255))
    page.alpha_composite(picture)
    return page.convert("RGB")


def icon_readable(picture: Image.Image, item: Item, tone: RGB) -> bool:
    """Whether a person could recognise what `draw_prompt_icon` drew on a page of that colour."""
    coloured = isinstance(item, IconItem) and not item.collection.monochrome
    alpha = picture.getchannel("A")
    return readable(on_page(picture, tone), alpha, (0, 0), picture if coloured else None)


def encode_strip(picture: Image.Image) -> bytes:
    """PNG, quickly compressed: prompt pictures are small."""
    out = BytesIO()
    picture.save(out, "PNG", compress_level=3)
    return out.getvalue()
