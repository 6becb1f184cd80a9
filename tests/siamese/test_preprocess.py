import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese import CropShapeError, cut, square, to_batch

IMAGE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
numbers = st.floats(-20, 60, width=32)


def test_margins_are_shares_of_the_longer_side():
    boxes = np.array([[10, 10, 20, 14], [0, 0, 10, 10]], np.float32)
    np.testing.assert_array_equal(cut(IMAGE, boxes, margin=0)[0], IMAGE[10:14, 10:20])
    wide = cut(IMAGE, boxes, margin=0.2)
    np.testing.assert_array_equal(wide[0], IMAGE[8:16, 8:22])
    np.testing.assert_array_equal(wide[1], IMAGE[0:12, 0:12])


@settings(deadline=None)
@given(boxes=st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=4))
def test_every_box_gives_pixels(boxes):
    crops = cut(IMAGE, np.array(boxes, np.float32).reshape(-1, 4), margin=0.1)
    assert len(crops) == len(boxes)
    assert all(crop.ndim == 3 and crop.size for crop in crops)


@settings(deadline=None)
@given(width=st.integers(1, 40), height=st.integers(1, 40), level=st.integers(0, 255))
def test_a_flat_crop_stays_flat(width, height, level):
    crop = np.full((height, width, 3), level, np.uint8)
    np.testing.assert_array_equal(square(crop, 16), np.full((16, 16, 3), level))


def test_the_shape_is_kept_and_the_border_continued():
    crop = np.zeros((2, 6, 3), np.uint8)
    crop[0], crop[1] = 50, 200
    made = square(crop, 6)
    assert (made[:3] == 50).all()
    assert (made[3:] == 200).all()
    np.testing.assert_array_equal(square(crop.transpose(1, 0, 2), 6), made.transpose(1, 0, 2))


def test_batches():
    crop = np.full((4, 4, 3), (10, 20, 30), np.uint8)
    batch = to_batch([crop, crop[:2]], 8, scale=0.5, mean=(1, 2, 3), std=(2, 4, 6))
    assert batch.shape == (2, 3, 8, 8)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[1, :, 0, 0], [2, 2, 2])
    bgr = to_batch([crop], 8, colour="BGR", scale=1.0)
    np.testing.assert_allclose(bgr[0, :, 0, 0], [30, 20, 10])
    grey = to_batch([crop], 8, colour="GRAY", scale=1.0, mean=(0,), std=(1,))
    assert grey.shape == (1, 1, 8, 8)
    assert grey[0, 0, 0, 0] == round(0.299 * 10 + 0.587 * 20 + 0.114 * 30)


@pytest.mark.parametrize(
    "crop",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "float", "empty"],
)
def test_what_is_no_picture_is_refused(crop):
    with pytest.raises(CropShapeError, match="convert it to RGB"):
        square(crop, 8)
    with pytest.raises(CropShapeError):
        cut(crop, np.zeros((1, 4), np.float32), margin=0)
    with pytest.raises(CropShapeError, match=r"must be \(N, 4\)"):
        cut(IMAGE, np.zeros(4, np.float32), margin=0)
