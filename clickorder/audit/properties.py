"""What makes a puzzle hard, measured in its pictures with the generator's legibility functions."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from labels.pictures import load_rgb
from labels.puzzles import Box, Puzzle
from training.evaluation.evaluate import Outcome
from training.synthetic.legibility import outline_seen, to_lab

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

PROPERTIES = (
    "rotation",
    "size",
    "contrast",
    "outline",
    "texture",
    "overlap",
    "items",
    "decoys",
    "prompt_noise",
    "prompt_contrast",
    "prompt_size",
)
"""In the order of the report; units are in docs/audit.md."""

LEAST_STEP = 6.0
"""CIE 1976 difference that is noticed along an outline, as for the generator's puzzles."""

_RING_PX = 5
"""Around an item's box: there the ground is seen without the item."""

_DECOY_SCORE = 0.3
"""Score of the detector from which a box that is no target is counted as a decoy."""

_FINE_PX = 5
"""What is finer than this is texture; what is coarser is shading."""

_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""J. Immerkaer, Fast noise variance estimation, CVIU 64, 1996: blind to flat areas and ramps."""


def measure_all(
    outcomes: Iterable[Outcome], advance: Callable[[], object] = lambda: None
) -> list[dict[str, float]]:
    """The properties of every puzzle, those that can be known of it.

    Args:
        outcomes: Where no puzzle lists its decoys, the detector's spare boxes are counted.
        advance: Called after each.

    Raises:
        OSError, PictureError: a picture cannot be read.
    """
    known = list(outcomes)
    listed = any(outcome.puzzle.distractors for outcome in known)
    measured = []
    for outcome in known:
        decoys = outcome.puzzle.distractors if listed else _spare_boxes(outcome)
        measured.append(measure(outcome, decoys))
        advance()
    return measured


def measure(outcome: Outcome, decoys: Sequence[Box]) -> dict[str, float]:
    """The properties of one puzzle.

    Args:
        outcome: The puzzle and where its pictures lie.
        decoys: Boxes of items that are not asked for.

    Raises:
        OSError, PictureError: a picture cannot be read.
    """
    puzzle = outcome.puzzle
    picture = load_rgb(outcome.folder / puzzle.background)
    found = scene_properties(picture, puzzle.targets, decoys, _region(puzzle))
    found |= _prompt_properties(puzzle, outcome, picture)
    angles = _rotation(puzzle)
    if angles is not None:
        found["rotation"] = angles
    return found


def scene_properties(
    picture: NDArray[np.uint8],
    targets: Sequence[Box],
    decoys: Sequence[Box],
    region: Box | None = None,
) -> dict[str, float]:
    """What is measured on the picture to click on.

    Args:
        picture: `(H, W, 3)` uint8 RGB, as displayed.
        targets: `x1, y1, x2, y2` in pixels, end exclusive; at least one.
        decoys: Same frame.
        region: Where the prompt lies in the picture; same frame.
    """
    lab = to_lab(picture)
    shown = Image.fromarray(picture)
    boxes = [*targets, *decoys]
    contrasts, outlines = [], []
    for target in targets:
        others = [box for box in boxes if box is not target]
        mask, contrast = item_mask(lab, target, others)
        step = LEAST_STEP * max(1.0, 40 / max(mask.size))
        contrasts.append(contrast)
        outlines.append(outline_seen(shown, mask, target[:2], step))
    sides = [float(np.sqrt((x2 - x1) * (y2 - y1))) for x1, y1, x2, y2 in targets]
    return {
        "size": float(np.mean(sides)),
        "contrast": min(contrasts),
        "outline": min(outlines),
        "texture": _texture(lab[..., 0], [*boxes, *([region] if region else [])]),
        "overlap": max(_covered(target, boxes) for target in targets),
        "items": float(len(targets)),
        "decoys": float(len(decoys)),
    }


def item_mask(lab: F32, box: Box, others: Sequence[Box]) -> tuple[Image.Image, float]:
    """What in a box differs from the ground around it.

    Args:
        lab: `(H, W, 3)` L*a*b* of the picture.
        box: `x1, y1, x2, y2` in pixels, end exclusive, inside the picture.
        others: Boxes of other items, whose pixels are no ground.

    Returns:
        The mask, mode `L` of the box's size, and the CIE 1976 difference between what it covers
        and the ground; 0 where nothing differs.
    """
    x1, y1, x2, y2 = box
    left, top = max(0, x1 - _RING_PX), max(0, y1 - _RING_PX)
    window = lab[top : y2 + _RING_PX, left : x2 + _RING_PX]
    ground = np.ones(window.shape[:2], bool)
    for a1, b1, a2, b2 in (box, *others):
        ground[max(0, b1 - top) : max(0, b2 - top), max(0, a1 - left) : max(0, a2 - left)] = False
    inside = lab[y1:y2, x1:x2]
    # Between neighbours there may be no ground at all: the box's own border has to do.
    around = window[ground] if ground.sum() >= 12 else _border(inside)
    colour = np.median(around, axis=0)
    difference = np.linalg.norm(inside - colour, axis=2)
    ink = difference > _otsu(difference)
    mask = Image.fromarray(np.where(ink, np.uint8(255), np.uint8(0)))
    if not ink.any() or ink.all():
        return mask, 0.0
    rest = np.concatenate([inside[~ink], around])
    return mask, float(np.linalg.norm(inside[ink].mean(axis=0) - rest.mean(axis=0)))


def _border(inside: F32) -> F32:
    return np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])


def _otsu(values: NDArray[np.floating]) -> float:
    """The threshold that parts values best into two groups (N. Otsu, 1979)."""
    counts, edges = np.histogram(values, 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * middles)
    between = (mass[-1] * below - mass * below[-1]) ** 2 / np.maximum(below * above, 1)
    return float(edges[int(between.argmax()) + 1])


def _texture(light: F32, boxes: Iterable[Box]) -> float:
    """Standard deviation of the ground's fine detail, in L*."""
    fine = light - ndimage.uniform_filter(light, _FINE_PX)
    ground = np.ones(light.shape, bool)
    for x1, y1, x2, y2 in boxes:
        ground[max(0, y1) : y2, max(0, x1) : x2] = False
    return float(fine[ground].std()) if ground.any() else float(fine.std())


def _covered(box: Box, boxes: Iterable[Box]) -> float:
    """The largest share of a box that one of the others covers."""
    shares = [overlap(box, other) for other in boxes if other is not box]
    return max(shares, default=0.0)


def overlap(box: Box, other: Box) -> float:
    """The share of a box that another one covers, 0..1; ends exclusive."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(0, width) * max(0, height) / area


def _region(puzzle: Puzzle) -> Box | None:
    return puzzle.region if puzzle.kind == "region" else None


def _spare_boxes(outcome: Outcome) -> list[Box]:
    """Detected boxes that are neither a target nor part of the prompt."""
    taken = [*outcome.puzzle.targets]
    region = _region(outcome.puzzle)
    taken += [region] if region else []
    spare = []
    for box, score in zip(outcome.reply.boxes, outcome.reply.scores, strict=True):
        x1, y1, x2, y2 = (round(value) for value in box)
        whole = (x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))
        if score >= _DECOY_SCORE and all(overlap(whole, other) < 0.3 for other in taken):
            spare.append(whole)
    return spare


def _prompt_properties(
    puzzle: Puzzle, outcome: Outcome, picture: NDArray[np.uint8]
) -> dict[str, float]:
    """Properties of the pictures that the prompt consists of; nothing where it is words."""
    names = [puzzle.image] if puzzle.image is not None else puzzle.icons
    pictures = [load_rgb(outcome.folder / name) for name in names]
    if (region := _region(puzzle)) is not None:
        x1, y1, x2, y2 = region
        pictures = [picture[y1:y2, x1:x2]]
    if not pictures:
        return {}
    labs = [to_lab(one) for one in pictures]
    contrasts = []
    for lab in labs:
        ground = np.median(lab.reshape(-1, 3), axis=0)
        contrasts.append(float(np.percentile(np.linalg.norm(lab - ground, axis=2), 95)))
    return {
        "prompt_noise": float(np.mean([_noise(lab[..., 0]) for lab in labs])),
        "prompt_contrast": float(np.mean(contrasts)),
        "prompt_size": float(np.mean([one.shape[0] for one in pictures])),
    }


def _noise(light: F32) -> float:
    """Standard deviation of noise, in L*."""
    if min(light.shape) < 3:
        return 0.0
    inner = ndimage.convolve(light, _NOISE)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(inner).mean())


def _rotation(puzzle: Puzzle) -> float | None:
    """Mean rotation of the targets either way, degrees, where the maker of the set says it."""
    angles = puzzle.meta.get("rotation")
    if not isinstance(angles, list) or len(angles) < len(puzzle.targets):
        return None
    own = angles[: len(puzzle.targets)]
    if not all(isinstance(angle, int | float) for angle in own):
        return None
    return float(np.mean([abs((angle + 180) % 360 - 180) for angle in own]))
