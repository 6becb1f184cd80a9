import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import area, clip, cxcywh_from_xyxy, iou_matrix, xyxy_from_cxcywh

coordinate = st.integers(0, 24)
raw_boxes = st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), max_size=6)


def as_boxes(rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def pixels(box):
    """The pixels of a box with whole coordinates, one by one."""
    x1, y1, x2, y2 = map(int, box)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


@settings(deadline=None)
@given(first=raw_boxes, second=raw_boxes)
def test_iou_counts_pixels(first, second):
    found = iou_matrix(as_boxes(first), as_boxes(second))
    assert found.shape == (len(first), len(second))
    assert found.dtype == np.float32
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            union = pixels(a) | pixels(b)
            wanted = len(pixels(a) & pixels(b)) / len(union) if union else 0
            assert found[i, j] == pytest.approx(wanted, abs=1e-6)


@settings(deadline=None)
@given(boxes=raw_boxes)
def test_area_counts_pixels(boxes):
    np.testing.assert_array_equal(area(as_boxes(boxes)), [len(pixels(box)) for box in boxes])


@settings(deadline=None)
@given(boxes=raw_boxes, width=st.integers(1, 16), height=st.integers(1, 16))
def test_clip_keeps_the_pixels_inside(boxes, width, height):
    inside = pixels((0, 0, width, height))
    for before, after in zip(boxes, clip(as_boxes(boxes), width, height), strict=True):
        assert pixels(after) == pixels(before) & inside


@settings(deadline=None)
@given(
    boxes=st.lists(
        st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 2, *[st.floats(0, 1e4, width=32)] * 2),
        max_size=5,
    )
)
def test_centres_and_corners_are_two_ways_to_say_it(boxes):
    centred = as_boxes(boxes)
    corners = xyxy_from_cxcywh(centred)
    np.testing.assert_allclose(cxcywh_from_xyxy(corners), centred, atol=4e-3)


def test_corners_of_one_box():
    corners = xyxy_from_cxcywh(as_boxes([(10, 20, 4, 6)]))
    np.testing.assert_array_equal(corners, [[8, 17, 12, 23]])
