"""Clipped scenes: boxes against the pixels that are left of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.synthetic.clipping import LEAST_LEFT, clipped_box, frame_through_an_item
from training.synthetic.layers import Box

BOXES = ((5, 5, 35, 30), (50, 8, 90, 38), (10, 45, 40, 75), (60, 42, 95, 70))


@pytest.mark.parametrize("seed", range(12))
def test_the_border_cuts_through_one_item_at_least(seed: int) -> None:
    frame = frame_through_an_item(BOXES, (100, 80), np.random.default_rng(seed))
    sides = [side != whole for side, whole in zip(frame, (0, 0, 100, 80), strict=True)]
    assert sum(sides) == 1, "one side is cut, the others stay"
    left = [clipped_box(box, frame) for box in BOXES]
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in BOXES]
    clipped = [
        box is None or (box[2] - box[0]) * (box[3] - box[1]) < area
        for box, area in zip(left, areas, strict=True)
    ]
    assert any(clipped)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x1, x2 = sorted(draw(st.sets(st.integers(0, 40), min_size=2, max_size=2)))
    y1, y2 = sorted(draw(st.sets(st.integers(0, 40), min_size=2, max_size=2)))
    return x1, y1, x2, y2


@given(box=boxes(), frame=boxes())
def test_a_clipped_box_has_the_pixels_that_both_have(box: Box, frame: Box) -> None:
    picture = np.zeros((40, 40), bool)
    picture[box[1] : box[3], box[0] : box[2]] = True
    part = picture[frame[1] : frame[3], frame[0] : frame[2]]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    wide, high = box[2] - box[0], box[3] - box[1]
    enough = len(columns) >= LEAST_LEFT * wide and len(rows) >= LEAST_LEFT * high
    expected = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if enough else None
    assert clipped_box(box, frame) == expected
