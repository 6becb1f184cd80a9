import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from classifier import CropShapeError
from classifier.preprocess import cut, dddd_trainer_input, ddddocr_input, own_frame

IMAGE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
numbers = st.floats(-20, 60, width=32)


def test_margins_are_shares_of_the_sides_and_stop_at_the_border():
    boxes = np.array([[10, 10, 20, 14], [0, 0, 10, 10]], np.float32)
    plain = cut(IMAGE, boxes, margin=0)
    np.testing.assert_array_equal(plain[0], IMAGE[10:14, 10:20])
    wide = cut(IMAGE, boxes, margin=0.5)
    np.testing.assert_array_equal(wide[0], IMAGE[8:16, 5:25])
    np.testing.assert_array_equal(wide[1], IMAGE[0:15, 0:15])


@settings(deadline=None)
@given(boxes=st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=4))
def test_every_box_gives_pixels(boxes):
    crops = cut(IMAGE, np.array(boxes, np.float32).reshape(-1, 4), margin=0.1)
    assert len(crops) == len(boxes)
    assert all(crop.ndim == 3 and crop.size for crop in crops)


@pytest.mark.parametrize(
    ("image", "boxes"),
    [
        (IMAGE[..., 0], np.zeros((1, 4), np.float32)),
        (IMAGE.astype(np.float32), np.zeros((1, 4), np.float32)),
        (IMAGE, np.zeros(4, np.float32)),
        (IMAGE, np.zeros((1, 5), np.float32)),
    ],
    ids=["grey", "float", "one-box", "five-columns"],
)
def test_wrong_arrays_are_refused(image, boxes):
    with pytest.raises(CropShapeError):
        cut(image, boxes, margin=0)


def test_ddddocr_input_is_what_ddddocr_makes_of_the_png():
    """Its steps, from `core/ocr_engine.py`, on the PNG that its callers send."""
    crop = IMAGE[3:21, 5:32]
    png = io.BytesIO()
    Image.fromarray(crop).save(png, "PNG")
    picture = Image.open(png)
    picture = picture.resize((int(27 * (64 / 18)), 64), Image.Resampling.LANCZOS).convert("L")
    np.testing.assert_array_equal(
        ddddocr_input(crop)[0, 0], np.array(picture).astype(np.float32) / 255.0
    )


@pytest.mark.parametrize(
    ("shape", "width"),
    [((64, 64), 64), ((64, 1), 16), ((1, 64), 1024), ((3, 200), 1024)],
    ids=["square", "upright-sliver", "flat-sliver", "flat"],
)
def test_slivers_become_neither_nothing_nor_gigantic(shape, width):
    assert ddddocr_input(np.zeros((*shape, 3), np.uint8)).shape == (1, 1, 64, width)


@pytest.mark.parametrize(
    ("size", "channels", "single", "wanted"),
    [
        pytest.param((-1, 32), 1, False, (1, 1, 32, 64), id="keeps-shape"),
        pytest.param((-1, 32), 1, True, (1, 1, 32, 32), id="one-symbol-square"),
        pytest.param((48, 32), 3, False, (1, 3, 32, 48), id="fixed"),
    ],
)
def test_dddd_trainer_shapes(size, channels, single, wanted):
    crop = np.zeros((20, 40, 3), np.uint8)
    made = dddd_trainer_input(crop, size=size, channels=channels, single_symbol=single)
    assert made.shape == wanted
    assert made.dtype == np.float32


def test_dddd_trainer_values_are_those_of_training():
    crop = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    colour = dddd_trainer_input(crop, size=(4, 4), channels=3, single_symbol=True)
    np.testing.assert_allclose(
        colour[0, :, 0, 0],
        [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225],
        rtol=1e-5,
    )
    grey = dddd_trainer_input(crop, size=(4, 4), channels=1, single_symbol=True)
    np.testing.assert_allclose(grey[0, 0], (76 / 255 - 0.456) / 0.224, rtol=1e-5)


def test_own_frame_keeps_the_shape_and_continues_the_border():
    crop = np.zeros((2, 4, 3), np.uint8)
    crop[0], crop[1] = (10, 20, 30), (40, 50, 60)
    made = own_frame(crop, (4, 8))
    assert made.shape == (8, 4, 3)
    np.testing.assert_array_equal(made[:4], np.broadcast_to(crop[0, 0], (4, 4, 3)))
    np.testing.assert_array_equal(made[4:], np.broadcast_to(crop[1, 0], (4, 4, 3)))
    np.testing.assert_array_equal(own_frame(crop, (4, 2)), crop)
