"""Scenes: items placed on a ground, with the exact box of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from training.synthetic.grounds import mean_colour
from training.synthetic.items.item import Cut, Item, Pose, cut_out, paint_cut, visible_shape
from training.synthetic.items.styles import Style, legible, stronger
from training.synthetic.layers import Box, composite_at, ink_box
from training.synthetic.legibility import readable

_TRIES = 60
_SHRINK_EVERY = 15
_REPAINTS = 3
_UNREADABLE_PLACES = 4
"""Places at which an unreadable item is painted again, with a stronger style each time."""

_SURROUND_PX = 4


@dataclass(frozen=True, slots=True)
class Placed:
    """One item on a scene.

    Attributes:
        item: What it is.
        layer: Mode `RGBA`, painted.
        x: Column of the layer's left edge in scene pixels, may be negative.
        y: Row of the layer's top edge.
        box: `x1, y1, x2, y2` of what is seen of it in scene pixels, `x2`/`y2` exclusive.
        angle_deg: Its rotation.
        shape: What a person recognises it by, with the same centre as `layer`; None for all that
            the layer covers.
    """

    item: Item
    layer: Image.Image
    x: int
    y: int
    box: Box
    angle_deg: float
    shape: Cut | None = None

    def readable(self, picture: Image.Image, corner: tuple[int, int] = (0, 0)) -> bool:
        """Whether a person could read it.

        Args:
            picture: Mode `RGB`, the scene or a part of it, with the item.
            corner: Corner of `picture` in scene pixels.
        """
        shape = self.shape or Cut(self.layer.getchannel("A"))
        x = self.x + (self.layer.width - shape.mask.width) // 2 - corner[0]
        y = self.y + (self.layer.height - shape.mask.height) // 2 - corner[1]
        return readable(picture, shape.mask, (x, y), shape.coloured)

    def is_altered(
        self, others: Sequence["Placed"], composed: Image.Image, finished: Image.Image
    ) -> bool:
        """Whether anything was drawn over it or near it since it was painted on the ground.

        Args:
            others: All items of the scene; itself among them does not count.
            composed: Mode `RGB`, the scene with nothing but its items.
            finished: The same size, with clutter and wear.
        """
        x1, y1, x2, y2 = mine = self._surround(composed.size)
        return any(
            other is not self
            and other.x < x2
            and x1 < other.x + other.layer.width
            and other.y < y2
            and y1 < other.y + other.layer.height
            for other in others
        ) or (
            composed is not finished
            and composed.crop(mine).tobytes() != finished.crop(mine).tobytes()
        )

    def _surround(self, size: tuple[int, int]) -> Box:
        """The layer's frame and what is near it, clipped to a scene of `size`."""
        return (
            max(0, self.x - _SURROUND_PX),
            max(0, self.y - _SURROUND_PX),
            min(size[0], self.x + self.layer.width + _SURROUND_PX),
            min(size[1], self.y + self.layer.height + _SURROUND_PX),
        )

    def stands_out(self, ground: Image.Image) -> bool:
        """Whether a person could read it on a ground of mode `RGB`, which is not changed."""
        around = self._surround(ground.size)
        part = ground.crop(around)
        part.paste(self.layer, (self.x - around[0], self.y - around[1]), self.layer)
        return self.readable(part, around[:2])


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distances of items from each other and from the border.

    Attributes:
        gap_px: Smallest gap between boxes; negative allows that much overlap.
        beyond: Share of an item's side that may lie outside the picture.
        free: Where items may lie, `x1, y1, x2, y2` in scene pixels; None for the whole scene.
    """

    gap_px: int = 2
    beyond: float = 0.0
    free: Box | None = None


def random_spacing(rng: Generator, free: Box | None = None) -> Spacing:
    """Items mostly apart and inside; sometimes overlapping, or cut off at the border.

    Args:
        rng: Source of the choice.
        free: Where items may lie, `x1, y1, x2, y2` in pixels, end exclusive, and then none is cut
            off; None for the whole picture.
    """
    gap = int(rng.integers(1, 8))
    if rng.random() < 0.1:
        gap = -int(rng.integers(2, 6))
    beyond = float(rng.uniform(0.05, 0.22)) if rng.random() < 0.12 else 0.0
    return Spacing(gap, 0.0 if free else beyond, free)


def place(
    ground: Image.Image,
    items: Sequence[tuple[Item, Pose]],
    style: Style | Sequence[Style],
    spacing: Spacing,
    rng: Generator,
) -> list[Placed] | None:
    """Find a place for every item and paint it for the ground there.

    Args:
        ground: Mode `RGB`; not changed.
        items: Each with its pose; items that find no place are shrunk.
        style: One for all, or one for each.
        spacing: Gaps and borders.
        rng: Source of positions and colours.

    Returns:
        In the order of `items`; None if they do not all fit.
    """
    styles = [style] * len(items) if isinstance(style, Style) else list(style)
    placed: list[Placed] = []
    taken: list[Box] = []
    for (item, pose), own in zip(items, styles, strict=True):
        found = _place_one(ground, item, pose, own, spacing, taken, rng)
        if found is None:
            return None
        placed.append(found)
        taken.append(found.box)
    return placed


def _place_one(
    ground: Image.Image,
    item: Item,
    pose: Pose,
    style: Style,
    spacing: Spacing,
    taken: Sequence[Box],
    rng: Generator,
) -> Placed | None:
    left, top, right, bottom = spacing.free or (0, 0, ground.width, ground.height)
    cut = cut_out(item, pose, rng)
    unreadable = 0
    for attempt in range(1, _TRIES + 1):
        if attempt % _SHRINK_EVERY == 0:
            if pose.size_px < 18:
                return None
            pose = Pose(
                max(16.0, pose.size_px * 0.8),
                pose.angle_deg,
                pose.shear,
                pose.perspective,
                pose.ripple,
            )
            cut = cut_out(item, pose, rng)
        width, height = cut.mask.size
        over_x, over_y = int(spacing.beyond * width), int(spacing.beyond * height)
        span_x, span_y = right - left - width + 2 * over_x, bottom - top - height + 2 * over_y
        if span_x <= 0 or span_y <= 0:
            continue
        x = left - over_x + int(rng.integers(span_x))
        y = top - over_y + int(rng.integers(span_y))
        rough = (x, y, x + width, y + height)
        if any(_near(rough, other, spacing.gap_px) for other in taken):
            continue
        found = _paint_at(ground, item, cut, pose, style, (x, y), rng)
        if found is not None:
            return found
        unreadable += 1
        if unreadable == _UNREADABLE_PLACES:
            return None
        style = stronger(style)
    return None


def _paint_at(
    ground: Image.Image,
    item: Item,
    cut: Cut,
    pose: Pose,
    style: Style,
    corner: tuple[int, int],
    rng: Generator,
) -> Placed | None:
    """Paint with the mask's corner at `corner` in ground pixels."""
    x, y = corner
    width, height = cut.mask.size
    under = (
        max(0, x), max(0, y), min(ground.width, x + width), min(ground.height, y + height)
    )  # fmt: skip
    beneath = ground.crop(under)
    busy = float(np.asarray(beneath, np.float32).std(axis=(0, 1)).mean()) / 255
    style = legible(style, pose.size_px, busy)
    for _ in range(_REPAINTS):
        layer = paint_cut(cut, style, mean_colour(beneath), rng)
        left, top = x - (layer.width - width) // 2, y - (layer.height - height) // 2
        ink = ink_box(layer)
        if ink is None:
            continue
        box = (
            max(0, left + ink[0]),
            max(0, top + ink[1]),
            min(ground.width, left + ink[2]),
            min(ground.height, top + ink[3]),
        )
        if box[2] - box[0] < 4 or box[3] - box[1] < 2:
            continue
        shape = visible_shape(cut, layer, style)
        placed = Placed(item, layer, left, top, box, pose.angle_deg, shape)
        if placed.stands_out(ground):
            return placed
    return None


def _near(first: Box, second: Box, gap_px: int) -> bool:
    """Whether two boxes are closer than `gap_px` along both axes."""
    return (
        first[0] < second[2] + gap_px
        and second[0] < first[2] + gap_px
        and first[1] < second[3] + gap_px
        and second[1] < first[3] + gap_px
    )


def compose(ground: Image.Image, placed: Sequence[Placed]) -> Image.Image:
    """Lay the items over the ground, in order; mode `RGB`, `ground` is not changed."""
    picture = ground.convert("RGBA")
    for one in placed:
        composite_at(picture, one.layer, one.x, one.y)
    return picture.convert("RGB")


def item_sizes(
    size: tuple[int, int], count: int, rng: Generator, *, low: float = 16, high: float = 90
) -> list[float]:
    """Sizes in pixels with which `count` items may fit a picture of `size`.

    All near one size, or (three in ten) freely mixed, between `low` and `high`.
    """
    room = 0.62 * float(np.sqrt(size[0] * size[1] / max(count, 1)))
    top = max(low + 2, min(high, room, 0.55 * size[1]))
    if rng.random() < 0.3:
        return [float(v) for v in rng.uniform(low, top, count)]
    middle = low + (top - low) * rng.beta(1.6, 2.0)
    return [float(np.clip(middle * v, low, top)) for v in rng.uniform(0.85, 1.15, count)]
