"""Scenes whose border cuts through an item, as some generators let it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from training.synthetic.layers import Box
from training.synthetic.puzzle import Drawn

LEAST_LEFT = 0.5
"""Share of a clipped item, across the border, that a scene still shows at least."""

_LEAST_TAKEN = 0.03
_ATTEMPTS = 12


def frame_through_an_item(boxes: Sequence[Box], size: tuple[int, int], rng: Generator) -> Box:
    """The part of a scene without a strip along one side, so that the nearest item is clipped.

    Args:
        boxes: Boxes of the items, `x1, y1, x2, y2` in pixels, end exclusive.
        size: `(width, height)` of the scene in pixels.
        rng: Decides which side, and how much of the item goes.

    Returns:
        The part in the same form.
    """
    corners, frame = np.array(boxes, np.int64), [0, 0, *size]
    axis, far = int(rng.integers(2)), bool(rng.integers(2))
    low, high = corners[:, axis], corners[:, axis + 2]
    nearest = int(high.argmax() if far else low.argmin())
    share = rng.uniform(_LEAST_TAKEN, 1 - LEAST_LEFT)
    taken = max(1, int(share * (high[nearest] - low[nearest])))
    if far:
        frame[axis + 2] = int(high[nearest]) - taken
    else:
        frame[axis] = int(low[nearest]) + taken
    return frame[0], frame[1], frame[2], frame[3]


def clipped_box(box: Box, frame: Box, least_left: float = LEAST_LEFT) -> Box | None:
    """A box of a scene in a part of it.

    Args:
        box: `x1, y1, x2, y2` in pixels of the scene, end exclusive.
        frame: The part, in the same form.
        least_left: Share of the box's width and height that must be left.

    Returns:
        What is left of the box, in pixels of the part; None if that is too little.
    """
    x1, y1, x2, y2 = box
    left, top, right, bottom = frame
    x1, x2 = max(x1, left), min(x2, right)
    y1, y2 = max(y1, top), min(y2, bottom)
    wide, high = least_left * (box[2] - box[0]), least_left * (box[3] - box[1])
    if x2 - x1 < wide or y2 - y1 < high:
        return None
    return x1 - left, y1 - top, x2 - left, y2 - top


def clipped_puzzle(drawn: Drawn, rng: Generator) -> Drawn:
    """A puzzle whose background is cut at one side, through the item that is nearest to it.

    A prompt that lies in the background stays whole. Boxes are those of what is left of the items;
    `placed` still says how these were drawn on the whole background.

    Args:
        drawn: A puzzle with items that are whole.
        rng: The only source of randomness.

    Returns:
        The same puzzle where no side can be cut, for example because the prompt lies there.
    """
    count = len(drawn.targets)
    items = [*drawn.targets, *drawn.distractors]
    prompt = [] if drawn.region is None else [drawn.region, *drawn.prompt_boxes]
    for _ in range(_ATTEMPTS):
        frame = frame_through_an_item(items, drawn.picture.size, rng)
        left = [found for box in items if (found := clipped_box(box, frame)) is not None]
        moved = [found for box in prompt if (found := clipped_box(box, frame, 1.0)) is not None]
        if len(left) < len(items) or len(moved) < len(prompt):
            continue
        return replace(
            drawn,
            picture=drawn.picture.crop(frame),
            targets=tuple(left[:count]),
            distractors=tuple(left[count:]),
            region=moved[0] if moved else None,
            prompt_boxes=tuple(moved[1:]) if moved else drawn.prompt_boxes,
            meta=drawn.meta | {"clipped": True},
        )
    return drawn
