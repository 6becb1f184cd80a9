"""Legibility: whether a person can read a drawn item, measured in the finished picture.

There are two measures, and either is enough, because each fails where the other works. The share of
the outline at which the colour steps by what a person notices is fair to hollow, two-coloured and
half-hidden items, but not to steps and shadows, which move the outline. The likeness of the
picture's fine detail to the item's shape is fair to those, and to shapes under even noise.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

LEAST_OUTLINE = 0.68
"""Share of an outline that is seen. Characters at 0.5 (sunk in bark, one blob with their own
extrusion, under as many lines as strokes) were guesses; from 0.7 on all were read."""

LEAST_LIKENESS = 0.68
"""Correlation of detail. Prompts drowned in speckle and blots of filled-in strokes had 0 to 0.65;
from 0.72 on a patient reader gets there, from 0.8 on everybody."""

LEAST_COLOURED_OUTLINE = 0.6
"""As `LEAST_OUTLINE`, for icons with colours of their own, which a person also knows by these:
white clouds on white had 0.2 to 0.45, a panda's face on white 0.62."""

_LEAST_STEP = 6.0
"""CIE 1976 colour difference that is noticed along an outline of a large item. One just noticed
between large fields is 2.3; grey-green letters at 6 were read, at 4 only found when pointed at."""

_FULL_SIZE_PX = 40
"""Smaller items need a larger step, in inverse proportion, as the eye's sensitivity to contrast
falls with fine detail: icons of 26 px were not recognised at a difference of 8."""

_LEAST_OVER_NOISE = 2.0
"""A step counts from so many standard errors of what lies on its two sides on: less is texture."""

_OUTLINE_POINTS = 72
"""Most points of an outline that are checked: more are only slower."""

_INK = 100
"""Coverage, 0..255, from which a pixel belongs to an item."""


def readable(
    picture: Image.Image,
    mask: Image.Image,
    corner: tuple[int, int],
    coloured: Image.Image | None = None,
) -> bool:
    """Whether a person could read an item in a picture.

    Args:
        picture: Mode `RGB`, with everything on it that a user gets to see.
        mask: Mode `L`, the shape by which the item is known.
        corner: Corner of the mask in picture pixels; what lies outside the picture is not seen.
        coloured: Mode `RGBA`, of the mask's size, for icons with their own colours.
    """
    step = _LEAST_STEP * max(1.0, _FULL_SIZE_PX / max(mask.size))
    shapes, least = [mask], LEAST_OUTLINE
    if coloured is not None:
        shapes, least = [mask, light_parts(coloured)], LEAST_COLOURED_OUTLINE
    if any(outline_seen(picture, shape, corner, step) >= least for shape in shapes):
        return True
    return any(
        likeness >= LEAST_LIKENESS and contrast >= step
        for likeness, contrast in (detail_likeness(picture, shape, corner) for shape in shapes)
    )


def outline_seen(
    picture: Image.Image, mask: Image.Image, corner: tuple[int, int], least_step: float
) -> float:
    """The share of a shape's outline at which a person sees a step of colour.

    Args:
        picture: Mode `RGB`.
        mask: Mode `L`.
        corner: Corner of the mask in picture pixels, may lie outside.
        least_step: CIE 1976 difference from which the two sides of an outline are told apart.

    Returns:
        0..1; 0 for a mask without ink.
    """
    # Wide enough to average noise, narrow enough to stay within a stroke and a gap.
    reach = 1 + sum(max(mask.size) >= size for size in (30, 64))
    coverage, known, codes = _window(picture, mask, corner, reach)
    ink = coverage >= _INK
    within = ink.copy()  # The margin is empty, so that only the inner part needs a look.
    within[1:-1, 1:-1] &= ink[:-2, 1:-1] & ink[2:, 1:-1] & ink[1:-1, :-2] & ink[1:-1, 2:]
    edge = np.flatnonzero(ink & ~within)
    if not len(edge):
        return 0.0
    edge = edge[:: -(-len(edge) // _OUTLINE_POINTS)]
    span = np.arange(-reach, reach + 1)
    around = edge[:, None] + (span[:, None] * ink.shape[1] + span).ravel()
    colours = _lab_table().take(codes.ravel().take(around), axis=0)
    on_item, on_picture = ink.ravel().take(around), known.ravel().take(around)
    sides = np.stack([on_item & on_picture, ~on_item & on_picture], axis=1).astype(np.float32)
    # Sums of L*, a*, b*, their squares and the pixels, on both sides of every point at once.
    squares = np.einsum("pkc,pkc->pk", colours, colours)[..., None]
    values = np.concatenate([colours, squares, np.ones_like(squares)], axis=2)
    sums = (sides @ values).transpose(1, 2, 0)
    count = sums[:, 4]
    several = np.maximum(count, 1)
    mean = sums[:, :3] / several[:, None]
    spread = np.maximum(sums[:, 3] / several - (mean**2).sum(axis=1), 0)
    # One pixel says nothing of the noise around it: there it is that of the whole outline.
    known_spread = count > 1
    common = (spread * known_spread).sum(axis=1) / np.maximum(known_spread.sum(axis=1), 1)
    spread = np.where(known_spread, spread * count / np.maximum(count - 1, 1), common[:, None])
    step = np.sqrt(((mean[0] - mean[1]) ** 2).sum(axis=0))
    noise = np.sqrt((spread / several).sum(axis=0))
    seen = (step >= least_step) & (step >= _LEAST_OVER_NOISE * noise) & (count > 0).all(axis=0)
    return float(seen.mean())


def detail_likeness(
    picture: Image.Image, mask: Image.Image, corner: tuple[int, int]
) -> tuple[float, float]:
    """How like a shape the fine detail of a picture is, and how strong it is.

    Structures coarser than about a quarter of the shape are removed first: a blot is no character.

    Args:
        picture: Mode `RGB`.
        mask: Mode `L`.
        corner: Corner of the mask in picture pixels, may lie outside.

    Returns:
        The correlation of the shape with the best mixture of the picture's colours, 0..1, and the
        CIE 1976 difference between ink and gaps.
    """
    shape, known, codes = _window(picture, mask, corner, 2)
    lab = _lab_table()[codes].transpose(2, 0, 1)
    side = max(5, round(max(mask.size) / 4) | 1)
    detail = _detail(np.concatenate([lab, shape[None] / 255]), known, side)
    product = detail @ detail.T
    own = product[:3, :3] + np.eye(3) * (1e-3 * np.trace(product[:3, :3]) + 1e-6)
    shared = product[:3, 3]
    # What lies outside the picture is part of the shape, and not explained by anything.
    whole = _detail(shape[None] / np.float32(255), np.ones_like(known), side)
    power, seen = float((whole**2).sum()), float(product[3, 3])
    if not power or not seen:
        return 0.0, 0.0
    explained = float(shared @ np.linalg.solve(own, shared)) / max(power, seen)
    return float(np.sqrt(np.clip(explained, 0, 1))), float(np.linalg.norm(shared)) / seen


def shape_kept(mask: Image.Image, drawn: Image.Image) -> float:
    """How much of a shape's fine detail a coarser drawing of it keeps, as a correlation.

    Args:
        mask: Mode `L`.
        drawn: Mode `L` of the same size.
    """
    side = max(5, round(max(mask.size) / 4) | 1)
    pictures = np.pad(
        np.stack([np.asarray(one, np.float32) for one in (mask, drawn)]), ((0, 0), (2, 2), (2, 2))
    )
    first, second = _detail(pictures, np.ones(pictures.shape[1:], bool), side)
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / max(norm, 1e-6)


def light_parts(coloured: Image.Image) -> Image.Image:
    """The lighter parts of a coloured icon, mode `RGBA`, as a mask of mode `L`."""
    alpha = np.asarray(coloured.getchannel("A")) >= _INK
    grey = np.asarray(coloured.convert("RGB").convert("L"), np.float32)
    if not alpha.any():
        return coloured.getchannel("A")
    middle = np.percentile(grey[alpha], (10, 90)).mean()
    return Image.fromarray(np.where((grey > middle) & alpha, np.uint8(255), np.uint8(0)))


def to_lab(pixels: NDArray[np.uint8]) -> F32:
    """CIE 1976 L*a*b* (D65) of sRGB, to about one just noticed difference.

    Args:
        pixels: `(H, W, 3)`.

    Returns:
        `(H, W, 3)`: L* of 0..100, a* and b*.
    """
    colours: F32 = _lab_table()[_codes(pixels)]
    return colours


def _codes(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """`(H, W, 3)` sRGB to `(H, W)` rows of `_lab_table`."""
    steps = (pixels >> 2).astype(np.int32)
    codes: NDArray[np.int32] = steps[..., 0] << 12 | steps[..., 1] << 6 | steps[..., 2]
    return codes


_WHITE = np.array([0.9505, 1.0, 1.089])
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
"""Linear sRGB to XYZ (IEC 61966-2-1), and its white."""


@cache
def _lab_table() -> F32:
    """L*a*b* of every sRGB colour with 64 levels a channel, `(262144, 3)`.

    A look-up is ten times faster than cube roots, which would be a tenth of a puzzle's time.
    """
    level = np.arange(2, 256, 4) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    colours = np.stack(np.meshgrid(linear, linear, linear, indexing="ij"), axis=-1)
    xyz = colours.reshape(-1, 3) @ (_TO_XYZ / _WHITE[:, None]).T
    # The straight piece near black is the standard's: a cube root there is all noise.
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root.T
    table: F32 = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1).astype(np.float32)
    return table


def _window(
    picture: Image.Image, mask: Image.Image, corner: tuple[int, int], margin: int
) -> tuple[F32, Bool, NDArray[np.int32]]:
    """A mask with a margin, what of it lies on the picture, and the picture under it.

    Returns:
        `(H, W)` coverage of 0..255, `(H, W)`, and `(H, W)` rows of `_lab_table`.
    """
    x, y = corner[0] - margin, corner[1] - margin
    width, height = mask.width + 2 * margin, mask.height + 2 * margin
    coverage = np.zeros((height, width), np.float32)
    coverage[margin:-margin, margin:-margin] = np.asarray(mask)
    known = np.zeros((height, width), bool)
    known[max(0, -y) : max(0, picture.height - y), max(0, -x) : max(0, picture.width - x)] = True
    return coverage, known, _codes(np.asarray(picture.crop((x, y, x + width, y + height))))


def _detail(pictures: F32, known: Bool, side: int) -> F32:
    """What is finer than a box of `side`, a little smoothed; `(N, H, W)` to `(N, H * W)`."""
    weight = known.astype(np.float32)
    # The eye averages noise over a stroke's width.
    blur = max(2, side // 4)
    fine = ndimage.uniform_filter(pictures, (1, blur, blur))
    coarse = ndimage.uniform_filter(pictures * weight, (1, side, side))
    coarse /= np.maximum(ndimage.uniform_filter(weight, side), 1e-3)
    detail: F32 = ((fine - coarse) * weight).reshape(len(pictures), -1)
    return detail
