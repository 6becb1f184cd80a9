"""Prompt pictures: boxes that fit what is drawn, in reading order, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.shapes import SHAPE_KINDS, ShapeCollection
from training.synthetic.items.item import IconItem, TextItem
from training.synthetic.prompts.pictures import PromptPainter
from training.synthetic.solids import solids_ground


@pytest.fixture(scope="module")
def painter(palette: Palette) -> PromptPainter:
    return PromptPainter(palette)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_lie_in_the_picture_in_reading_order(painter: PromptPainter, seed: int) -> None:
    drawn = painter.draw(np.random.default_rng(seed))
    width, height = drawn.picture.size
    assert drawn.picture.mode == "RGB"
    assert 1 <= len(drawn.boxes) <= 8
    for x1, y1, x2, y2 in (*drawn.boxes, *drawn.clutter):
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
    middles = [x1 + x2 for x1, _, x2, _ in drawn.boxes]
    assert middles == sorted(middles)


def test_every_item_gets_its_box(painter: PromptPainter, palette: Palette) -> None:
    items = [TextItem("A", palette.latin[0]), IconItem(ShapeCollection.of("train"), 3)]
    for seed in range(6):
        drawn = painter.draw_items(items, np.random.default_rng(seed))
        assert len(drawn.boxes) == 2
        pixels = np.asarray(drawn.picture).astype(int)
        for x1, y1, x2, y2 in drawn.boxes:
            assert pixels[y1:y2, x1:x2].std() > 1, "something is drawn there"


def test_the_same_seed_draws_the_same_picture(painter: PromptPainter) -> None:
    first, second = (painter.draw(np.random.default_rng(8)) for _ in range(2))
    assert first.boxes == second.boxes
    assert first.picture.tobytes() == second.picture.tobytes()


def test_clutter_shares_little_with_items(painter: PromptPainter) -> None:
    drawn = [painter.draw(np.random.default_rng(seed)) for seed in range(40)]
    assert any(one.clutter for one in drawn), "some pictures have clutter as large as items"
    for one in drawn:
        for cx1, cy1, cx2, cy2 in one.clutter:
            for x1, y1, x2, y2 in one.boxes:
                wide, high = min(cx2, x2) - max(cx1, x1), min(cy2, y2) - max(cy1, y1)
                shared = max(0, wide) * max(0, high)
                assert shared <= 0.25 * (cx2 - cx1) * (cy2 - cy1)


@pytest.mark.parametrize("number", range(2 * SHAPE_KINDS))
def test_every_shape_is_drawn_within_its_frame(number: int) -> None:
    picture = ShapeCollection.of("train").picture(number)
    assert picture.shape == (96, 96, 4)
    alpha = picture[..., 3]
    assert 0.02 < (alpha > 128).mean() < 0.95
    assert alpha[[0, -1]].max() == alpha[:, [0, -1]].max() == 0, "a margin is left"
    assert not picture[..., :3].any(), "shapes are black"


def test_splits_have_shapes_of_their_own() -> None:
    train, held = ShapeCollection.of("train"), ShapeCollection.of("validation")
    same = [
        np.array_equal(train.picture(i), held.picture(i)) for i in range(2 * SHAPE_KINDS)
    ]  # A plain disc is a disc in every split.
    assert sum(same) < SHAPE_KINDS / 2


@given(width=st.integers(40, 300), height=st.integers(40, 200), seed=st.integers(0, 2**32 - 1))
def test_solids_fill_any_size(width: int, height: int, seed: int) -> None:
    picture = solids_ground((width, height), np.random.default_rng(seed))
    assert (picture.mode, picture.size) == ("RGB", (width, height))
    assert np.asarray(picture).std() > 0
