"""What a text model gets to see, pixel by pixel."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from classifier.errors import CropShapeError
from classifier.text_preprocess import TextPreprocess, otsu_threshold
from modelfile import ModelMetadata, ModelMetadataError

PLAIN = TextPreprocess(height=6, width=8)


def flat(colour, size=(8, 6)):
    return np.full((size[1], size[0], 3), colour, np.uint8)


def noise(seed=0, size=(8, 6)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def test_pictures_of_the_right_size_are_not_resampled():
    picture = noise()
    batch = PLAIN.to_batch([picture])
    assert batch.shape == (1, 1, 6, 8)
    assert batch.dtype == np.float32
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    np.testing.assert_allclose(batch[0, 0], grey / 255, rtol=1e-6)
    colour = dataclasses.replace(PLAIN, grey=False)
    assert colour.channels == 3
    wanted = picture.transpose(2, 0, 1) / 255
    np.testing.assert_allclose(colour.to_batch([picture])[0], wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("size", "inner"),
    [
        pytest.param((4, 6), 4, id="narrow"),
        pytest.param((16, 12), 8, id="twice"),
        pytest.param((8, 12), 4, id="tall"),
        pytest.param((40, 6), 8, id="wide-is-squeezed"),
        pytest.param((1, 60), 1, id="sliver"),
    ],
)
def test_padding_keeps_the_shape_and_continues_the_border(size, inner):
    preprocess = dataclasses.replace(PLAIN, fit="pad")
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[..., 0] = np.linspace(0, 200, size[1]).astype(np.uint8)[:, None]
    (plane,) = preprocess.to_batch([picture])[0]
    resized = Image.fromarray(picture).resize((inner, 6), Image.Resampling.LANCZOS)
    np.testing.assert_allclose(plane[:, :inner], np.asarray(resized.convert("L")) / 255, rtol=1e-6)
    assert (plane[:, inner:] == plane[:, inner - 1 : inner]).all()


def test_stretching_fills_the_input():
    picture = flat((0, 0, 0), (4, 4))
    picture[:, 2:] = 255
    (plane,) = PLAIN.to_batch([picture])[0]
    assert plane[:, 0].max() < 0.1
    assert plane[:, -1].min() > 0.9


def test_binarise_leaves_two_levels_and_smooth_takes_specks_out():
    picture = flat((200, 200, 200))
    picture[:, 5:] = 90
    picture[2, 2] = 0
    two = dataclasses.replace(PLAIN, binarise=True)
    assert set(np.unique(two.to_batch([picture]))) == {0.0, 1.0}
    smooth = dataclasses.replace(two, smooth=3)
    (plane,) = smooth.to_batch([picture])[0]
    assert plane[2, 2] == 1
    assert (plane[:, 5:] == 0).all()
    assert (plane[:, :5] == 1).all()


def test_blur_spreads():
    picture = flat((255, 255, 255))
    picture[:, 4] = 0
    (sharp,) = PLAIN.to_batch([picture])[0]
    (soft,) = dataclasses.replace(PLAIN, blur=1.0).to_batch([picture])[0]
    assert sharp[3, 4] == 0
    assert 0.3 < soft[3, 4] < 0.8
    assert soft[3, 3] < 0.9


def test_nearness_to_the_wanted_colour():
    preprocess = dataclasses.replace(PLAIN, colours=True)
    assert preprocess.channels == 2
    picture = flat((255, 255, 255))
    picture[:, 2], picture[:, 3] = (200, 0, 0), (200, 64, 0)
    batch = preprocess.to_batch([picture, picture], [(200, 0, 0), None])
    assert (batch[1, 1] == 1).all()
    near = batch[0, 1]
    assert near[0, 2] == pytest.approx(1)
    assert near[0, 3] == pytest.approx(np.exp(-1))
    assert near[0, 0] == pytest.approx(np.exp(-np.sqrt(55**2 + 2 * 255**2) / 64), rel=1e-4)
    np.testing.assert_array_equal(batch[0, 0], batch[1, 0])
    assert (preprocess.to_batch([picture])[0, 1] == 1).all()


def test_batches():
    assert PLAIN.to_batch([]).shape == (0, 1, 6, 8)
    sizes = [(8, 6), (30, 9), (5, 50)]
    pictures = [noise(number, size) for number, size in enumerate(sizes)]
    batch = PLAIN.to_batch(pictures)
    for row, picture in zip(batch, pictures, strict=True):
        np.testing.assert_array_equal(row, PLAIN.to_batch([picture])[0])
    with pytest.raises(CropShapeError):
        PLAIN.to_batch([pictures[0][..., 0]])
    with pytest.raises(ValueError, match="zip"):
        PLAIN.to_batch(pictures, [None])


def slow_threshold(grey):
    """The lowest level of the greatest variance between the classes, class by class."""
    best, found = 0.0, 0
    for level in range(255):
        dark, light = grey[grey <= level], grey[grey > level]
        if dark.size and light.size:
            between = dark.size * light.size * (dark.mean() - light.mean()) ** 2
            if between > best * (1 + 1e-9):
                best, found = between, level
    return found


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_otsu_against_all_thresholds(grey):
    level, slow = otsu_threshold(grey), slow_threshold(grey.astype(np.float64))

    def between(at):
        dark, light = grey[grey <= at].astype(float), grey[grey > at].astype(float)
        return dark.size * light.size * (dark.mean() - light.mean()) ** 2 if light.size else 0.0

    if len(np.unique(grey)) == 1:
        assert level == 0
    else:
        assert between(level) == pytest.approx(between(slow), rel=1e-6)


METADATA = ModelMetadata(
    kind="text",
    name="text",
    version="0.1",
    input_size=(8, 6),
    colour="GRAY",
    scale=1 / 255,
    mean=(0.0,),
    std=(1.0,),
    training_data="None.",
    code_revision="0",
    licence="Apache-2.0",
    charset=("", "a", "b"),
    decoding="ctc",
)


@pytest.mark.parametrize(
    "preprocess",
    [
        PLAIN,
        TextPreprocess(6, 8, grey=True, fit="pad", binarise=True, smooth=3, blur=0.5),
        TextPreprocess(6, 8, grey=False, colours=True, fold="upper", replace="O0I1"),
    ],
    ids=["plain", "filters", "colours"],
)
def test_options_survive_a_model_file(preprocess):
    plain = preprocess.grey
    metadata = dataclasses.replace(
        METADATA,
        colour="GRAY" if plain else "RGB",
        mean=(0.0,) * (1 if plain else 3),
        std=(1.0,) * (1 if plain else 3),
        options=preprocess.options(),
    )
    read = ModelMetadata.from_properties(metadata.to_properties(), source="a.onnx")
    assert TextPreprocess.of(read, source="a.onnx") == preprocess


def test_a_file_without_options_stretches():
    assert TextPreprocess.of(METADATA, source="a.onnx") == PLAIN


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"height": 0}, "height and width", id="height"),
        pytest.param({"fit": "crop"}, "fit 'crop'", id="fit"),
        pytest.param({"grey": False, "binarise": True}, "not grey", id="binarise"),
        pytest.param({"smooth": 4}, "smooth 4", id="smooth-even"),
        pytest.param({"smooth": -3}, "smooth -3", id="smooth-negative"),
        pytest.param({"blur": -1.0}, "blur -1", id="blur"),
        pytest.param({"blur": float("nan")}, "blur nan", id="blur-nan"),
        pytest.param({"fold": "title"}, "fold 'title'", id="fold"),
        pytest.param({"replace": "O01"}, "pairs", id="replace"),
    ],
)
def test_values_that_make_no_sense(change, fault):
    with pytest.raises(ModelMetadataError, match=fault):
        dataclasses.replace(PLAIN, **change)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"blur": "much"}, "blur is not a number"),
        ({"binarise": 2}, "binarise is neither 0 nor 1"),
        ({"smooth": 1.5}, "smooth 1.5 is not whole"),
        ({"width": 9}, "the options width 9 and height 6, but the input_size 8 x 6"),
        ({"sharpen": 1}, "the option 'sharpen'"),
    ],
)
def test_options_of_a_file_that_cannot_be_used(options, fault):
    metadata = dataclasses.replace(METADATA, options=options)
    with pytest.raises(ModelMetadataError, match=fault) as caught:
        TextPreprocess.of(metadata, source="a.onnx")
    assert str(caught.value).startswith("a.onnx")
