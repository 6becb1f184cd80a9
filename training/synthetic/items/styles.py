"""Styles: how an item is painted, from a plain fill to a dozen layers of extrusion."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from PIL import Image

from training.synthetic.colours import RGB, Tone, away_from
from training.synthetic.items.effects import (
    SMALL_PX,
    Aliased,
    Bold,
    Brush,
    Edge,
    Effect,
    Emboss,
    Extrusion,
    Fill,
    FlatFill,
    Glow,
    GradientFill,
    Hollow,
    Outline,
    Pixelated,
    Shadow,
    StrokesFill,
)
from training.synthetic.layers import fade

_FLAT = FlatFill()


@dataclass(frozen=True, slots=True)
class Style:
    """How the items of one puzzle are painted; colours are chosen for each item.

    The effects stand in the order in which they are painted.

    Attributes:
        edge: Edges of the shape; None for smooth ones.
        bold: Change of the strokes' thickness.
        shadow: Shadow of the item.
        extrusion: Copies behind the item.
        glow: Halo around the item.
        outline: Line around the item.
        fill: Inside of the item.
        emboss: Light and dark edges.
        opacity: Opacity of everything that is painted, 0..1.
        contrast: Smallest `colours.distance` from the ground.
        close: Whether colours are chosen near the ground, at just that distance.
        ink: Tone of the colours.
    """

    edge: Edge | None = None
    bold: Bold | None = None
    shadow: Shadow | None = None
    extrusion: Extrusion | None = None
    glow: Glow | None = None
    outline: Outline | None = None
    fill: Fill = _FLAT
    emboss: Emboss | None = None
    opacity: float = 1.0
    contrast: float = 0.28
    close: bool = False
    ink: Tone = "any"

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The effects in the order in which they are painted."""
        return tuple(self._effects().values())

    def fitted(self, size_px: float) -> "Style":
        """The style without the effects that leave an item of that size unreadable."""
        return self._changed(lambda effect: effect.fitted(size_px))

    def weakened(self) -> "Style":
        """The style with less of the effects that hide a shape."""
        return self._changed(lambda effect: effect.weakened())

    def meta(self) -> dict[str, object]:
        """What puzzle sets record of it."""
        return {
            "fill": self.fill.name,
            "opacity": round(self.opacity, 2),
            "edge": self.edge.name if self.edge else "smooth",
            "close": self.close,
            "extrusion": self.extrusion.copies if self.extrusion else 0,
            "shadow": self.shadow.name if self.shadow else "none",
        }

    def _effects(self) -> dict[str, Effect]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if isinstance(value, Effect)}

    def _changed(self, change: Callable[[Effect], Effect | None]) -> "Style":
        """The style with every effect changed; one of which nothing is left takes its default."""
        defaults = {field.name: field.default for field in fields(self)}
        changed: dict[str, Any] = {
            name: change(effect) or defaults[name] for name, effect in self._effects().items()
        }
        return replace(self, **changed)


def random_style(rng: Generator) -> Style:
    """A style as sites use them: most plain, each effect alone more often than several at once."""
    fills = (FlatFill(), GradientFill(), StrokesFill())
    style = Style(
        fill=fills[int(rng.choice(len(fills), p=[0.72, 0.18, 0.10]))],
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
        style = replace(style, outline=Outline(rng.uniform(0.025, 0.075)))
    if effect == "hollow":
        style = replace(style, fill=Hollow())
    if effect == "shadow" or (several and rng.random() < 0.6):
        style = replace(style, shadow=Shadow(soft=rng.random() < 0.5))
    if effect == "emboss" or (several and rng.random() < 0.3):
        style = replace(style, emboss=Emboss())
    if effect == "extrusion" or (several and rng.random() < 0.25):
        style = replace(style, extrusion=Extrusion(int(rng.integers(3, 13))))
    if effect == "glow":
        style = replace(style, glow=Glow())
    if rng.random() < 0.2:
        style = replace(style, bold=Bold(rng.uniform(-0.03, 0.06)))
    if rng.random() < 0.35:
        style = replace(style, opacity=rng.uniform(0.3, 0.95))
    if rng.random() < 0.18:
        style = replace(style, edge=Aliased() if rng.random() < 0.6 else Pixelated())
    if rng.random() < 0.14:
        style = replace(style, close=True, contrast=rng.uniform(0.1, 0.18), outline=None)
    if style.opacity < 0.6 or style.edge:
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
    style = style.fitted(size_px)
    if size_px < SMALL_PX:
        style = replace(style, opacity=max(style.opacity, 0.7), close=False)
    least = 0.1 + 1.2 * busy
    return style if style.contrast >= least else replace(style, contrast=min(least, 0.55))


def stronger(style: Style) -> Style:
    """The style with more contrast and less of what hides a shape."""
    return replace(
        style.weakened(),
        contrast=min(style.contrast + 0.12, 0.6),
        close=False,
        opacity=min(style.opacity + 0.2, 1.0),
    )


def paint(
    mask: Image.Image, style: Style, ground: RGB, rng: Generator, *, colour: RGB | None = None
) -> Image.Image:
    """Paint a mask.

    Args:
        mask: Mode `L`, final size and rotation.
        style: How to paint it.
        ground: Mean colour of the ground it will lie on, 0..255.
        rng: Source of colours and directions.
        colour: The ink; None for a random one.

    Returns:
        Mode `RGBA`, larger than `mask` by the margins of the effects, with the same centre.
    """
    size_px = max(mask.size)
    margin = 1 + sum(effect.margin_px(size_px) for effect in style.effects)
    for effect in style.effects:
        mask = effect.reshape(mask)
    core = Image.new("L", (mask.width + 2 * margin, mask.height + 2 * margin))
    core.paste(mask, (margin, margin))
    ink = colour or away_from(ground, rng, style.contrast, close=style.close, tone=style.ink)
    angle = rng.uniform(0, 2 * np.pi)
    brush = Brush(
        layer=Image.new("RGBA", core.size, (*ink, 0)),
        core=core,
        size_px=size_px,
        ink=ink,
        ground=ground,
        contrast=style.contrast,
        close=style.close,
        tone=style.ink,
        filled=style.fill.filled,
        direction=np.array([np.cos(angle), np.sin(angle)]),
        rng=rng,
    )
    for effect in style.effects:
        effect.paint(brush)
    return fade(brush.layer, style.opacity)
