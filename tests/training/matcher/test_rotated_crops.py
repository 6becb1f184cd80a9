"""Crops turned about their middle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from training.matcher.mixed_blocks import MixedSource
from training.matcher.pairs import Block
from training.matcher.picture_blocks import KIND
from training.matcher.rotated_crops import turned

SIDE = 64


def arrow() -> np.ndarray:
    """A dark bar at the top of a pale square."""
    crop = np.full((SIDE, SIDE, 3), 220, np.uint8)
    crop[4:14, 12:52] = 20
    return crop


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_quarter_turn_is_numpys(quarters: int) -> None:
    found = turned(arrow(), 90.0 * quarters).astype(int)
    assert np.abs(found - np.rot90(arrow(), quarters).astype(int)).mean() < 6


def test_the_box_of_a_tilted_item_grows_so_that_it_shows_smaller() -> None:
    crop = np.full((SIDE, SIDE, 3), 220, np.uint8)
    crop[22:42, 22:42] = 20
    # Only the middle: the corners show mirrored what lies beside.
    found = [turned(crop, degrees)[17:47, 17:47] < 100 for degrees in (45, 90)]
    shares = [shown.sum() / (crop < 100).sum() for shown in found]
    assert shares == pytest.approx([0.5, 1.0], abs=0.06)


@given(st.floats(-720, 720))
def test_any_angle_gives_a_crop_of_the_same_size_and_colours(degrees: float) -> None:
    crop = arrow()
    found = turned(crop, degrees)
    assert found.shape == crop.shape
    assert found.dtype == np.uint8
    assert found.min() >= 20
    assert found.max() <= 220


def test_turning_there_and_back_shows_the_same_where_nothing_was_lost() -> None:
    crop = np.asarray(Image.fromarray(arrow()).resize((SIDE, SIDE)))
    back = turned(turned(crop, 90.0), -90.0).astype(int)
    assert np.abs(back - crop.astype(int)).mean() < 8


class _Fixed:
    """A source of one block."""

    def block(self, kind: str) -> Block:
        del kind
        crops = np.stack([arrow()] * 4)
        return Block(crops, crops.copy(), tuple("abcd"), np.arange(4))


class TestMixedTurns:
    def test_own_pictures_are_never_turned(self) -> None:
        source = MixedSource(_Fixed(), _Fixed(), [180.0], np.random.default_rng(0))
        for _ in range(8):
            np.testing.assert_array_equal(source.block(KIND).scene[0], arrow())

    def test_drawn_scenes_are_turned_as_measured_and_prompts_are_not(self) -> None:
        source = MixedSource(_Fixed(), _Fixed(), [180.0], np.random.default_rng(0))
        blocks = [source.block("icons") for _ in range(40)]
        assert all((block.prompt[0] == arrow()).all() for block in blocks)
        bars = [block.scene[0][:20].mean() > block.scene[0][-20:].mean() for block in blocks]
        assert 20 <= sum(bars) < 40  # a quarter stays as it was drawn

    def test_without_turns_nothing_is_touched(self) -> None:
        block = MixedSource(_Fixed(), _Fixed()).block("icons")
        np.testing.assert_array_equal(block.scene[0], arrow())
