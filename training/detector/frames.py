"""Training frames of a detector: pictures as the server preprocesses them, augmented.

A scene fills a frame of the network's size as `detector.letterbox` lays it there. A prompt picture
is a thin strip in such a frame, so several share one: the network sees five times as many of them
in the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from detector import letterbox
from detector.letterbox import PAD
from training.detector.samples import Sample

_MIN_SIDE_PX = 3.0
"""Boxes smaller than this in the frame show nothing that could be learned."""

_STRIP_GAP_PX = 6

_PART_SHARE = 0.35
"""Share of the scenes of which only a part fills the frame, as in the second pass over a puzzle
(`detector.closer`)."""

_PART_SIDES = (0.5, 0.95)
"""Width and height of such a part, relative to the picture."""

_SEEN_SHARE = 0.4
"""An item that a part cuts is still one where at least this share of its box is left."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One input of the network.

    Attributes:
        pixels: `(H, W, 3)` uint8 RGB.
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in frame pixels, `x2`/`y2` exclusive.
        classes: `(N,)` int64.
    """

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]


def plan_epoch(
    samples: Sequence[Sample], size: tuple[int, int], rng: Generator
) -> list[tuple[int, ...]]:
    """Which samples share a frame; every sample is used once.

    Args:
        samples: Scenes and strips.
        size: `(width, height)` of the frame.
        rng: Decides the order.

    Returns:
        Indices into `samples`, a tuple a frame.
    """
    plan: list[tuple[int, ...]] = [
        (index,) for index, sample in enumerate(samples) if not sample.strip
    ]
    strips = [index for index, sample in enumerate(samples) if sample.strip]
    most = max(1, size[1] // 50)
    shuffled = [strips[int(i)] for i in rng.permutation(len(strips))]
    while shuffled:
        # Often few or one: alone in its frame is how the server shows a strip.
        count = int(rng.integers(1, most + 1))
        plan.append(tuple(shuffled[:count]))
        shuffled = shuffled[count:]
    return [plan[int(i)] for i in rng.permutation(len(plan))]


def draw_frame(
    samples: Sequence[Sample], size: tuple[int, int], rng: Generator, *, flips: bool
) -> Frame:
    """An augmented frame for training.

    Args:
        samples: One scene, or strips to stack; those that no longer fit are left out.
        size: `(width, height)` of the frame.
        rng: Source of the variation.
        flips: Whether to mirror; wrong where mirrored items are of another class.
    """
    pixels = np.full((size[1], size[0], 3), PAD, np.uint8)
    boxes: list[NDArray[np.float32]] = []
    classes: list[NDArray[np.int64]] = []
    alone = len(samples) == 1
    top = 0
    for sample in samples:
        picture, own, kinds = sample.load(), sample.boxes, sample.classes
        if not sample.strip and rng.random() < _PART_SHARE:
            picture, own, kinds = _part(picture, own, kinds, rng)
        scale = 1.0 if rng.random() < 0.4 else float(rng.uniform(0.6, 1.0))
        inner, scaled = _resized(picture, own, size, scale, rng)
        height, width = inner.shape[:2]
        if alone and scale == 1.0:
            left, top = (size[0] - width) // 2, (size[1] - height) // 2
        else:
            left = int(rng.integers(0, size[0] - width + 1))
            spare = size[1] - height if alone else int(rng.integers(_STRIP_GAP_PX, 31))
            top += int(rng.integers(0, spare + 1)) if alone else spare
        if top + height > size[1]:
            if boxes:
                break
            top = size[1] - height
        pixels[top : top + height, left : left + width] = _tinted(inner, rng)
        boxes.append(scaled + np.array([left, top, left, top], np.float32))
        classes.append(kinds)
        top += height
    all_boxes, all_classes = np.concatenate(boxes), np.concatenate(classes)
    if flips and rng.random() < 0.5:
        pixels = pixels[:, ::-1]
        all_boxes = all_boxes[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32)
        all_boxes += np.array([size[0], 0, size[0], 0], np.float32)
    if flips and rng.random() < 0.15:
        pixels = pixels[::-1]
        all_boxes = all_boxes[:, [0, 3, 2, 1]] * np.array([1, -1, 1, -1], np.float32)
        all_boxes += np.array([0, size[1], 0, size[1]], np.float32)
    large = (all_boxes[:, 2:] - all_boxes[:, :2] >= _MIN_SIDE_PX).all(axis=1)
    return Frame(np.ascontiguousarray(pixels), all_boxes[large], all_classes[large])


def plain_frame(sample: Sample, size: tuple[int, int]) -> Frame:
    """A sample as the server shows it, for validation.

    Args:
        sample: A scene or a strip.
        size: `(width, height)` of the frame.
    """
    pixels, geometry = letterbox(sample.load(), size)
    return Frame(pixels, geometry.to_input(sample.boxes), sample.classes)


def _part(
    picture: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    classes: NDArray[np.int64],
    rng: Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]:
    """A part of a scene, with the items of which enough is in it.

    Args:
        picture: `(H, W, 3)` uint8 RGB.
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in picture pixels, `x2`/`y2` exclusive.
        classes: `(N,)` int64.
        rng: Decides which part.

    Returns:
        The same of the part, boxes in its pixels and cut at its borders.
    """
    height, width = picture.shape[:2]
    across, down = rng.uniform(*_PART_SIDES, 2)
    size = np.array([max(1, round(width * across)), max(1, round(height * down))])
    left, top = (int(v) for v in rng.integers(0, np.array([width, height]) - size + 1))
    moved = boxes - np.array([left, top, left, top], np.float32)
    cut = np.clip(moved, 0, np.tile(size, 2)).astype(np.float32)
    seen = (cut[:, 2:] - cut[:, :2]).prod(axis=1) / (moved[:, 2:] - moved[:, :2]).prod(axis=1)
    kept = seen >= _SEEN_SHARE
    return picture[top : top + size[1], left : left + size[0]], cut[kept], classes[kept]


def _resized(
    picture: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    size: tuple[int, int],
    scale: float,
    rng: Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The picture at a share of the size that `letterbox` would give it, slightly stretched."""
    height, width = picture.shape[:2]
    ratio = min(size[0] / width, size[1] / height) * scale
    stretch = 1.0 if scale == 1.0 else float(rng.uniform(0.85, 1.0))
    across, down = (ratio * stretch, ratio) if rng.random() < 0.5 else (ratio, ratio * stretch)
    inner = (
        min(max(round(width * across), 1), size[0]),
        min(max(round(height * down), 1), size[1]),
    )
    resized = np.asarray(Image.fromarray(picture).resize(inner, Image.Resampling.BILINEAR))
    factors = np.array([inner[0] / width, inner[1] / height] * 2, np.float32)
    return resized, boxes * factors


def _tinted(pixels: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Other colours, brightness and contrast, by one table for each channel.

    Args:
        pixels: `(H, W, 3)` uint8 RGB.
        rng: Source of the variation.
    """
    kind = rng.random()
    if kind < 0.25:
        return pixels
    if kind < 0.32:
        grey = np.asarray(Image.fromarray(pixels).convert("L"))
        pixels = np.repeat(grey[..., None], 3, axis=2)
    elif kind < 0.55:
        pixels = pixels[..., rng.permutation(3)]
    levels = np.arange(256, dtype=np.float32) / 255
    if rng.random() < 0.06:
        levels = 1 - levels
    gamma = np.exp(rng.uniform(-0.35, 0.35))
    contrast, shift = rng.uniform(0.7, 1.15), rng.uniform(-0.12, 0.12)
    out = np.empty_like(pixels)
    for channel in range(3):
        own = (levels**gamma - 0.5) * contrast + 0.5 + shift + rng.uniform(-0.06, 0.06)
        out[..., channel] = (own * 255).clip(0, 255).astype(np.uint8)[pixels[..., channel]]
    return out
