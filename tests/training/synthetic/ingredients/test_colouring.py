"""Icons of one colour, coloured in."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from training.synthetic.crops.icon_likeness import Mirrored
from training.synthetic.ingredients.colouring import ColouredIn, coloured_in, with_coloured
from training.synthetic.ingredients.store import IconCollection
from training.synthetic.items.glyphs import icon_layers

SEEDS = st.integers(0, 2**32 - 1)


def house() -> np.ndarray:
    """An outline with two enclosed regions and a bar beside it."""
    alpha = np.zeros((96, 96), np.uint8)
    alpha[10:86, 10:70] = 255
    alpha[18:44, 18:62] = 0
    alpha[52:78, 18:62] = 0
    alpha[20:70, 78:86] = 255
    return alpha


def stroke() -> np.ndarray:
    """One part that encloses nothing."""
    alpha = np.zeros((96, 96), np.uint8)
    alpha[40:56, 8:88] = 255
    return alpha


@pytest.fixture
def collection(tmp_path: Path) -> IconCollection:
    file = tmp_path / "black.npy"
    np.save(file, np.stack([house(), stroke()]))
    return IconCollection("black", "black", "train", ("house", "stroke"), True, file)


@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, which=st.sampled_from([house, stroke]))
@example(seed=5979, which=stroke)  # halves whose border missed the ink
def test_the_icon_stays_what_it_was_and_gets_colours(seed, which):
    alpha = which()
    before = alpha.copy()
    picture = coloured_in(alpha, np.random.default_rng(seed))
    np.testing.assert_array_equal(alpha, before)
    assert (picture.shape, picture.dtype) == ((96, 96, 4), np.uint8)
    # Whatever was inked still is, and transparent pixels are empty.
    assert (picture[..., 3][alpha == 255] == 255).all()
    assert not picture[picture[..., 3] == 0].any()
    # More than one colour; a shade makes many of one, which lie on one ray.
    solid = picture[picture[..., 3] == 255][:, :3].astype(float)
    rays = {tuple(ray) for ray in (solid / np.maximum(solid.max(1, keepdims=True), 1)).round(1)}
    spread = np.ptp(solid, axis=0).max()
    assert len(rays) > 1 or spread > 20


@settings(deadline=None, max_examples=60)
@given(seed=SEEDS)
def test_the_outline_can_be_told_from_what_fills_it(seed):
    alpha = house()
    picture = coloured_in(alpha, np.random.default_rng(seed)).astype(int)
    inside = ndimage.binary_erosion(ndimage.binary_fill_holes(alpha > 0) & (alpha == 0))
    filled = inside & (picture[..., 3] == 255)
    if not filled.any():
        return  # parts in colours of their own
    ink = np.median(picture[10:86, 12:16, :3].reshape(-1, 3), axis=0)
    for region in range(1, ndimage.label(filled)[1] + 1):
        fill = np.median(picture[..., :3][ndimage.label(filled)[0] == region], axis=0)
        assert np.abs(ink - fill).max() > 20


def test_the_same_icon_has_the_same_colours_every_time(collection):
    sister = ColouredIn.of(collection)
    first = sister.picture(0)
    first[:] = 7  # a fresh array: the next one is not touched
    np.testing.assert_array_equal(sister.picture(0), ColouredIn.of(collection).picture(0))
    assert sister.picture(0)[12, 12, 3] == 255
    assert len(sister) == len(collection)
    assert sister.split == "train"


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_a_translucent_icon_is_coloured_as_well(seed):
    picture = coloured_in(stroke() // 3, np.random.default_rng(seed))
    assert (picture[..., 3][stroke() > 0] > 0).all()


def test_a_coloured_icon_is_mirrored_with_its_colours(collection):
    # Decoys of the matcher's trainer are mirrored, and so are those of coloured icons.
    sister = ColouredIn.of(collection)
    twin = Mirrored.of(sister)
    for at in range(len(sister)):
        np.testing.assert_array_equal(twin.picture(at), sister.picture(at)[:, ::-1])
    assert icon_layers(twin, 0, 60).mode == "RGBA"
    assert {twin.name, sister.name, collection.name} == {
        "black-coloured~",
        "black-coloured",
        "black",
    }


def test_only_collections_of_one_colour_have_sisters(collection, tmp_path):
    file = tmp_path / "bright.npy"
    np.save(file, np.zeros((1, 96, 96, 4), np.uint8))
    bright = IconCollection("bright", "bright", "train", ("sun",), False, file)
    found = with_coloured((collection, bright))
    assert [one.name for one in found] == ["black", "bright", "black-coloured"]
    assert [one.monochrome for one in found] == [True, False, False]
