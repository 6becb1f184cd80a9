"""Items: the characters and icons of a puzzle, and how one becomes a painted layer."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops

from training.synthetic.colours import RGB
from training.synthetic.ingredients.store import FontFace, IconCollection
from training.synthetic.items.glyphs import drawn_size, icon_layers, ripple, text_mask, trim, warp
from training.synthetic.items.styles import Style, paint
from training.synthetic.layers import fade


@dataclass(frozen=True, slots=True)
class TextItem:
    """A character or a short word.

    Attributes:
        word: The text.
        face: The font it is drawn in.
    """

    word: str
    face: FontFace


@dataclass(frozen=True, slots=True)
class IconItem:
    """An icon of a collection.

    Attributes:
        collection: The collection.
        index: Position in `collection.names`.
    """

    collection: IconCollection
    index: int

    @property
    def word(self) -> str:
        """`collection:name`, unique among all icons."""
        return f"{self.collection.name}:{self.collection.names[self.index]}"


Item = TextItem | IconItem


@dataclass(frozen=True, slots=True)
class Pose:
    """Size, rotation and distortion of an item.

    Attributes:
        size_px: Em height of text, longer side of icons.
        angle_deg: Counter-clockwise.
        shear: Sideways shift per pixel of height.
        perspective: Shrinking of the far side along x and y.
        ripple: Amplitude relative to the size, 0 for none.
    """

    size_px: float
    angle_deg: float = 0.0
    shear: float = 0.0
    perspective: tuple[float, float] = (0.0, 0.0)
    ripple: float = 0.0


@dataclass(frozen=True, slots=True)
class Motion:
    """The range of poses of one puzzle.

    Attributes:
        angle_deg: Largest rotation either way.
        shear: Largest shear either way.
        perspective: Largest tilt either way.
        ripple: Largest ripple.
    """

    angle_deg: float = 0.0
    shear: float = 0.0
    perspective: float = 0.0
    ripple: float = 0.0

    def pose(self, size_px: float, rng: Generator) -> Pose:
        """A pose within the range."""
        tilt_x, tilt_y = rng.uniform(-self.perspective, self.perspective, 2)
        return Pose(
            size_px,
            float(rng.uniform(-self.angle_deg, self.angle_deg)),
            float(rng.uniform(-self.shear, self.shear)),
            (float(tilt_x), float(tilt_y)),
            float(rng.uniform(0, self.ripple)),
        )


def random_motion(rng: Generator, *, icons: bool) -> Motion:
    """How far items turn and bend: characters mostly within 60 degrees, icons any way."""
    if icons:
        angle = rng.choice(np.array([0.0, 20, 45, 90, 180]), p=[0.2, 0.15, 0.25, 0.15, 0.25])
    else:
        angle = rng.choice(np.array([0.0, 15, 30, 45, 60, 90]), p=[0.17, 0.13, 0.2, 0.2, 0.2, 0.1])
    return Motion(
        float(angle),
        float(rng.uniform(0.05, 0.35)) if rng.random() < 0.25 else 0.0,
        float(rng.uniform(0.05, 0.4)) if rng.random() < 0.2 else 0.0,
        float(rng.uniform(0.02, 0.07)) if rng.random() < 0.12 else 0.0,
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """An item in its final size and rotation, not yet painted.

    Attributes:
        mask: Mode `L`, trimmed coverage.
        coloured: Mode `RGBA` of the same size for icons that bring their own colours, else None.
    """

    mask: Image.Image
    coloured: Image.Image | None = None


def cut_out(item: Item, pose: Pose, rng: Generator) -> Cut:
    """Shape an item; painting comes later, when the ground under it is known."""
    if isinstance(item, TextItem):
        picture = text_mask(item.face, item.word, pose.size_px)
        scale = pose.size_px / drawn_size(pose.size_px)
        coloured = False
    else:
        picture = icon_layers(item.collection, item.index, pose.size_px)
        scale = pose.size_px / max(picture.size)
        coloured = not item.collection.monochrome
        if not coloured:
            picture = picture.getchannel("A")
    if pose.ripple:
        size = max(picture.size)
        picture = ripple(
            picture, pose.ripple * size, size * rng.uniform(0.5, 1.2), rng.uniform(0, 6.28)
        )
    picture = warp(
        picture,
        scale=scale,
        angle_deg=pose.angle_deg,
        shear=pose.shear,
        perspective=pose.perspective,
    )
    if not coloured:
        return Cut(trim(picture))
    box = picture.getchannel("A").getbbox()
    picture = picture if box is None else picture.crop(box)
    return Cut(picture.getchannel("A"), picture)


def paint_cut(
    cut: Cut, style: Style, ground: RGB, rng: Generator, *, colour: RGB | None = None
) -> Image.Image:
    """Paint a shaped item for the ground it will lie on; see `styles.paint`."""
    if cut.coloured is None:
        return paint(cut.mask, style, ground, rng, colour=colour)
    return fade(cut.coloured.copy(), style.opacity)


def visible_shape(cut: Cut, layer: Image.Image, style: Style) -> Cut:
    """What a person recognises a painted item by; it has the same centre as the layer.

    That is the shape of the item; for a hollow one it is the rim, all that there is to see.

    Args:
        cut: The item before it was painted.
        layer: Mode `RGBA`, the painted item.
        style: How it was painted.
    """
    if style.fill.filled or cut.coloured is not None:
        return cut
    alpha = layer.getchannel("A")
    strongest = max(1, int(np.asarray(alpha).max()))
    return Cut(alpha.point([min(255, value * 255 // strongest) for value in range(256)]))


def visible_shape_at(
    cut: Cut, layer: Image.Image, style: Style, corner: tuple[int, int]
) -> tuple[Cut, tuple[int, int]]:
    """The `visible_shape` of a layer at `corner` in a picture, with the corner of the shape."""
    shape = visible_shape(cut, layer, style)
    x = corner[0] + (layer.width - shape.mask.width) // 2
    y = corner[1] + (layer.height - shape.mask.height) // 2
    return shape, (x, y)


def distinct_icons(
    collections: tuple[IconCollection, ...], count: int, rng: Generator
) -> list[IconItem]:
    """Icons that stay different from each other however they are turned.

    Args:
        collections: At least one.
        count: How many; collections of near copies may give fewer.
        rng: Source of the choice.
    """
    found: list[IconItem] = []
    turned: list[NDArray[np.float32]] = []
    for _ in range(12 * count):
        if len(found) == count:
            break
        collection = collections[int(rng.integers(len(collections)))]
        item = IconItem(collection, int(rng.integers(len(collection.names))))
        shapes = _turned_shapes(item)
        if any(float((shapes @ other[0]).max()) > _SAME_SHAPE for other in turned):
            continue
        found.append(item)
        turned.append(shapes)
    return found


_SAME_SHAPE = 0.86
"""Correlation from which two small silhouettes count as the same."""

_SHAPE_SIDE_PX = 24


@cache
def _turns() -> NDArray[np.intp]:
    """`(24, 576)` positions in a flat 24 x 24 picture that turn it by every 15 degrees.

    Positions outside the picture are 576, where a flat picture gets an empty pixel appended.
    """
    side = _SHAPE_SIDE_PX
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angles = np.deg2rad(np.arange(0, 360, 15))[:, None, None]
    columns = np.rint(x * np.cos(angles) - y * np.sin(angles) + (side - 1) / 2).astype(np.intp)
    rows = np.rint(x * np.sin(angles) + y * np.cos(angles) + (side - 1) / 2).astype(np.intp)
    inside = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
    flat: NDArray[np.intp] = np.where(inside, rows * side + columns, side * side)
    return flat.reshape(len(angles), -1)


def _turned_shapes(item: IconItem) -> NDArray[np.float32]:
    """`(24, 576)` float32 unit vectors: the icon's small picture at every 15 degrees."""
    picture = icon_layers(item.collection, item.index, _SHAPE_SIDE_PX)
    if item.collection.monochrome:
        small = picture.getchannel("A")
    else:
        ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        ground.alpha_composite(picture)
        small = ImageChops.invert(ground.convert("L"))
    # Corners would leave the frame when turned: the icon takes the inner part.
    small.thumbnail((_SHAPE_SIDE_PX - 4, _SHAPE_SIDE_PX - 4))
    frame = Image.new("L", (_SHAPE_SIDE_PX, _SHAPE_SIDE_PX))
    frame.paste(small, ((frame.width - small.width) // 2, (frame.height - small.height) // 2))
    rows: NDArray[np.float32] = np.append(np.asarray(frame, np.float32).ravel(), np.float32(0))[
        _turns()
    ]
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows
