"""Effects: what an item is painted with, from its edges to the shadow behind it.

Each effect is a value that knows how far it reaches beyond the item, from which size on it leaves
something to read, and how it is painted. `styles.Style` combines them.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter
from scipy import ndimage

from training.synthetic.colours import RGB, Tone, away_from, distance, mix
from training.synthetic.layers import lay, linear_gradient, scaled, shifted, threshold
from training.synthetic.legibility import shape_kept

SMALL_PX = 26
"""Strokes of smaller items are a pixel wide: effects as wide as strokes leave nothing to read."""

_HALF_COVERED = 110
"""Coverage, 0..255, from which a pixel without a soft edge belongs to the item."""

_LEAST_KEPT = 0.78
"""`legibility.shape_kept` of a pixelated shape. Dense characters below were blots or loose crumbs
(0.56 to 0.77); from 0.8 on they were read, and letters always."""

_BLACK: RGB = (0, 0, 0)
_WHITE: RGB = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Brush:
    """What an effect paints with.

    Attributes:
        layer: Mode `RGBA`, painted so far; effects change it in place.
        core: Mode `L`, coverage of the item, of the layer's size.
        size_px: Longer side of the item.
        ink: The item's main colour.
        ground: Mean colour of the ground it will lie on.
        contrast: Smallest `colours.distance` from the ground.
        close: Whether colours are chosen at just that distance.
        tone: Tone of the colours.
        filled: Whether the inside of the item is painted.
        direction: Unit vector to which shadows fall.
        rng: Source of randomness.
    """

    layer: Image.Image
    core: Image.Image
    size_px: int
    ink: RGB
    ground: RGB
    contrast: float
    close: bool
    tone: Tone
    filled: bool
    direction: NDArray[np.float64]
    rng: Generator


class Effect:
    """One part of a style.

    Attributes:
        least_px: Size of items from which it is painted as it is.
    """

    __slots__ = ()
    least_px: ClassVar[float] = 0

    def fitted(self, size_px: float) -> "Effect | None":
        """The effect on an item of that size; None if nothing is left of it."""
        return self if size_px >= self.least_px else None

    def weakened(self) -> "Effect | None":
        """The effect on an item that could not be read; None if nothing is left of it."""
        return self

    def margin_px(self, _size_px: int, /) -> int:
        """How far it reaches beyond the coverage of an item of that size."""
        return 0

    def reshape(self, mask: Image.Image) -> Image.Image:
        """The coverage, mode `L`, that is then painted; its centre stays."""
        return mask

    def paint(self, brush: Brush) -> None:
        """Paint it over what is painted so far."""


# Edges and thickness


@dataclass(frozen=True, slots=True)
class Aliased(Effect):
    """No half-covered pixels."""

    name: ClassVar[str] = "aliased"

    def reshape(self, mask: Image.Image) -> Image.Image:
        """Every pixel covered wholly or not at all."""
        return mask.point(threshold(_HALF_COVERED))


@dataclass(frozen=True, slots=True)
class Pixelated(Effect):
    """Visible steps."""

    name: ClassVar[str] = "pixelated"
    least_px = SMALL_PX

    def reshape(self, mask: Image.Image) -> Image.Image:
        """In the largest blocks that keep its strokes apart; unchanged if none do."""
        for block in (3, 2) if max(mask.size) >= 44 else (2,):
            small = mask.resize(
                (max(1, mask.width // block), max(1, mask.height // block)), Image.Resampling.BOX
            ).point(threshold(_HALF_COVERED))
            coarse = small.resize(mask.size, Image.Resampling.NEAREST)
            if shape_kept(mask, coarse) >= _LEAST_KEPT:
                return coarse
        return mask


Edge = Aliased | Pixelated


@dataclass(frozen=True, slots=True)
class Bold(Effect):
    """Thicker strokes.

    Attributes:
        share: Thickening relative to the item's size; negative thins.
    """

    least_px = SMALL_PX
    share: float

    def reshape(self, mask: Image.Image) -> Image.Image:
        """By up to a pixel or two, with soft edges."""
        frame = Image.new("L", (mask.width + 4, mask.height + 4))
        frame.paste(mask, (2, 2))
        changed = frame.filter(
            ImageFilter.MaxFilter(3) if self.share > 0 else ImageFilter.MinFilter(3)
        )
        return Image.blend(frame, changed, min(1.0, abs(self.share * max(mask.size)) / 2))


# Behind the item


@dataclass(frozen=True, slots=True)
class Shadow(Effect):
    """A copy of the item, dropped to one side.

    Attributes:
        soft: Whether it is blurred.
    """

    soft: bool

    @property
    def name(self) -> str:
        """Its name in puzzle sets."""
        return "soft" if self.soft else "hard"

    def margin_px(self, size_px: int, /) -> int:
        """The longest drop and the blur."""
        return max(2, round(0.09 * size_px)) + 2

    def paint(self, brush: Brush) -> None:
        """In black, white, or a colour that goes with the ink."""
        rng, ink = brush.rng, brush.ink
        offset = brush.direction * max(1.5, rng.uniform(0.03, 0.09) * brush.size_px)
        shade = shifted(brush.core, offset)
        strength = rng.uniform(0.4, 0.9)
        if self.soft:
            shade = shade.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 2.0)))
        tone = _BLACK if sum(ink) > 200 or rng.random() < 0.5 else _WHITE
        kind = rng.random()
        if kind < 0.2:
            tone = away_from(ink, rng, 0.3)
        elif kind < 0.4:
            tone = mix(ink, _BLACK, rng.uniform(0.3, 0.7))
        lay(brush.layer, scaled(shade, strength), tone)


@dataclass(frozen=True, slots=True)
class Extrusion(Effect):
    """Copies of the item behind it, each a step further, in one colour or in many.

    Attributes:
        copies: How many.
    """

    least_px = SMALL_PX
    copies: int

    def fitted(self, size_px: float) -> "Extrusion | None":
        """With up to three copies on small items."""
        return self if size_px >= self.least_px else self.at_most(3)

    def weakened(self) -> "Extrusion | None":
        """With half as many copies."""
        return self.at_most(self.copies // 2)

    def at_most(self, copies: int) -> "Extrusion | None":
        """With no more copies than that; None for none at all."""
        return replace(self, copies=min(self.copies, copies)) if copies else None

    def margin_px(self, size_px: int, /) -> int:
        """The way to the farthest copy."""
        return int(np.ceil(self._step_px(size_px) * self.copies)) + 1

    def _step_px(self, size_px: int) -> float:
        return max(1.0, 0.022 * size_px)

    def paint(self, brush: Brush) -> None:
        """From the farthest copy to the nearest."""
        rng, ink = brush.rng, brush.ink
        side = away_from(ink, rng, 0.3)
        many = rng.random() < 0.4
        step = brush.direction * self._step_px(brush.size_px)
        for number in range(self.copies, 0, -1):
            shade = mix(side, _BLACK, 0.45 * number / self.copies)
            tone = away_from(ink, rng, 0.25) if many else shade
            lay(brush.layer, shifted(brush.core, step * number), tone)


@dataclass(frozen=True, slots=True)
class Glow(Effect):
    """A light or dark halo."""

    def margin_px(self, _size_px: int, /) -> int:
        """The width of the halo."""
        return 3

    def paint(self, brush: Brush) -> None:
        """In white around dark ink, in black around light ink."""
        halo = brush.core.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(1.6))
        lay(brush.layer, halo, _WHITE if sum(brush.ink) < 380 else _BLACK)


@dataclass(frozen=True, slots=True)
class Outline(Effect):
    """A line around the item: in another colour, or all that there is to see of a hollow one.

    Attributes:
        width: Relative to the item's size.
    """

    width: float

    def margin_px(self, size_px: int, /) -> int:
        """The width of the line."""
        return max(1, round(self.width * size_px))

    def paint(self, brush: Brush) -> None:
        """Around a filled item in another colour than the ink."""
        rim = brush.core.filter(ImageFilter.MaxFilter(2 * self.margin_px(brush.size_px) + 1))
        if brush.filled:
            lay(brush.layer, rim, away_from(brush.ink, brush.rng, 0.3))
        else:
            lay(brush.layer, ImageChops.subtract(rim, brush.core), brush.ink)


# Fills


class Fill(Effect):
    """How the inside of the item is painted.

    Attributes:
        name: Its name in puzzle sets.
        filled: Whether it is painted at all.
    """

    __slots__ = ()
    name: ClassVar[str]
    filled: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class FlatFill(Fill):
    """One colour."""

    name = "flat"

    def paint(self, brush: Brush) -> None:
        """In the ink."""
        lay(brush.layer, brush.core, brush.ink)


@dataclass(frozen=True, slots=True)
class GradientFill(Fill):
    """From the ink to another colour."""

    name = "gradient"

    def paint(self, brush: Brush) -> None:
        """In any direction; the other colour keeps its contrast to the ground."""
        other = away_from(brush.ink, brush.rng, 0.25)
        if distance(other, brush.ground) < brush.contrast:
            other = mix(brush.ink, other, 0.4)
        lay(brush.layer, brush.core, linear_gradient(brush.core.size, brush.ink, other, brush.rng))


@dataclass(frozen=True, slots=True)
class StrokesFill(Fill):
    """A colour for each connected group of strokes, or for bands if all are connected."""

    name = "strokes"
    least_px = SMALL_PX

    def paint(self, brush: Brush) -> None:
        """The first group in the ink, the others in colours of their own."""
        labels, count = ndimage.label(np.asarray(brush.core) > 60)
        if count < 2:
            bands = np.linspace(0, 3, brush.core.width, endpoint=False).astype(np.intp)
            labels = np.broadcast_to(bands[None, :] + 1, labels.shape)
            count = 3
        # Half-covered pixels around a stroke take its colour too.
        labels = ndimage.grey_dilation(labels, size=(3, 3))
        others = [
            away_from(brush.ground, brush.rng, brush.contrast, close=brush.close, tone=brush.tone)
            for _ in range(count - 1)
        ]
        colours = np.array([brush.ground, brush.ink, *others], dtype=np.uint8)
        lay(brush.layer, brush.core, Image.fromarray(colours[labels]))


@dataclass(frozen=True, slots=True)
class Hollow(Fill):
    """Nothing: only an outline is seen."""

    name = "hollow"
    least_px = SMALL_PX
    filled = False


# Over the item


@dataclass(frozen=True, slots=True)
class Emboss(Effect):
    """Light and dark edges on opposite sides."""

    least_px = SMALL_PX

    def weakened(self) -> None:
        """Nothing."""

    def paint(self, brush: Brush) -> None:
        """Lit from one side."""
        offset = brush.direction * max(1.0, 0.02 * brush.size_px)
        lit = ImageChops.subtract(brush.core, shifted(brush.core, offset))
        dim = ImageChops.subtract(brush.core, shifted(brush.core, -offset))
        lay(brush.layer, scaled(lit, 0.75), _WHITE)
        lay(brush.layer, scaled(dim, 0.6), _BLACK)
