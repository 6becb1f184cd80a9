import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import Geometry, PictureShapeError, letterbox, to_tensor
from detector.letterbox import PAD

sides = st.integers(1, 400)
aligns = st.sampled_from(["centre", "top_left"])


def blank(width, height, value=0):
    return np.full((height, width, 3), value, np.uint8)


@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides, size=st.tuples(sides, sides), align=aligns, data=st.data())
def test_boxes_come_back(width, height, size, align, data):
    _, geometry = letterbox(blank(width, height), size, align=align)
    corner = st.tuples(st.floats(0, width, width=32), st.floats(0, height, width=32))
    boxes = np.array([data.draw(corner) + data.draw(corner)], np.float32)
    there = geometry.to_input(boxes)
    np.testing.assert_allclose(geometry.to_picture(there), boxes, atol=max(width, height) * 1e-4)
    assert (there >= -1e-3).all()
    assert (there <= np.array([*size, *size]) + 1e-3).all()


@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides, size=st.tuples(sides, sides), align=aligns)
def test_the_picture_lies_where_the_geometry_says(width, height, size, align):
    frame, geometry = letterbox(blank(width, height, 255), size, align=align)
    assert frame.shape == (size[1], size[0], 3)
    rows, columns = np.nonzero(frame[..., 0] == 255)
    whole = geometry.to_input(np.array([[0, 0, width, height]], np.float32))[0]
    np.testing.assert_allclose(
        whole, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1e-3
    )
    assert len(rows) == (columns.max() + 1 - columns.min()) * (rows.max() + 1 - rows.min())
    assert (frame[frame[..., 0] != 255] == PAD).all()


@pytest.mark.parametrize(
    ("align", "left", "top"), [("centre", 0, 50), ("top_left", 0, 0)], ids=["centre", "corner"]
)
def test_alignment(align, left, top):
    _, geometry = letterbox(blank(50, 25), (200, 200), align=align)
    assert geometry == Geometry(scale_x=4.0, scale_y=4.0, left=left, top=top)


def test_a_picture_of_the_right_size_is_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    frame, _ = letterbox(image, (48, 32))
    np.testing.assert_array_equal(frame, image)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "empty"],
)
def test_what_is_no_picture_is_refused(image):
    with pytest.raises(PictureShapeError, match="wants"):
        letterbox(image, (32, 32))


def test_tensors():
    frame = np.zeros((2, 1, 3), np.uint8)
    frame[0, 0] = (10, 20, 30)
    rgb = to_tensor(frame, scale=0.5, mean=(1, 2, 3), std=(2, 4, 6))
    assert rgb.shape == (1, 3, 2, 1)
    assert rgb.dtype == np.float32
    np.testing.assert_allclose(rgb[0, :, 0, 0], [2, 2, 2])
    np.testing.assert_allclose(rgb[0, :, 1, 0], [-0.5, -0.5, -0.5])
    bgr = to_tensor(frame, colour="BGR", scale=1.0)
    np.testing.assert_allclose(bgr[0, :, 0, 0], [30, 20, 10])
    grey = to_tensor(frame, colour="GRAY", scale=1.0, mean=(0,), std=(1,))
    assert grey.shape == (1, 1, 2, 1)
    # ITU-R 601 luma, as Pillow rounds it.
    assert grey[0, 0, 0, 0] == round(0.299 * 10 + 0.587 * 20 + 0.114 * 30)
