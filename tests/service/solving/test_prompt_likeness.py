"""What speaks for a cut of a prompt picture by the looks of its items."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.solving.prompt_likeness import inks, likeness

RED, BLUE, DARK = (200, 30, 30), (30, 30, 200), (20, 20, 20)


def row(*lefts: float, side: float = 20) -> np.ndarray:
    return np.array([(x, 5, x + side, 5 + side) for x in lefts], np.float32)


def colours(*values: tuple[int, int, int]) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param(
            (row(0, 30, 60), colours(RED, RED, RED)),
            (row(0, 30, 60), colours(RED, RED, BLUE)),
            id="one ink",
        ),
        pytest.param(
            (row(0, 30, 60), colours(RED, BLUE, DARK)),
            (row(0, 22, 60), colours(RED, BLUE, DARK)),
            id="equal cells",
        ),
        pytest.param(
            (row(0, 30, 60), colours(DARK, DARK, DARK)),
            (row(0, 30), colours(DARK, DARK)),
            id="one more of the same",
        ),
        pytest.param(
            (row(0, 30), colours(DARK, DARK)),
            (row(0, 30, 44), colours(DARK, DARK, RED)),
            id="a spot of another colour beside the row",
        ),
    ],
)
def test_what_speaks_for_a_cut(
    better: tuple[np.ndarray, np.ndarray], worse: tuple[np.ndarray, np.ndarray]
) -> None:
    assert likeness(*better) > likeness(*worse)


def test_the_ink_is_what_differs_most_from_the_ground() -> None:
    picture = np.full((40, 100, 3), (240, 235, 230), np.uint8)
    picture[10:30, 12:16] = RED
    picture[10:30, 60:64] = BLUE
    found = inks(picture, np.array([(5, 5, 25, 35), (50, 5, 70, 35)], np.float32))
    np.testing.assert_array_equal(found, colours(RED, BLUE))


coordinates = st.floats(-30, 130, width=32)


@given(corners=st.lists(st.tuples(*[coordinates] * 4), max_size=6))
def test_any_box_has_a_colour_of_the_picture(corners: list[tuple[float, ...]]) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (40, 100, 3), dtype=np.uint8)
    found = inks(picture, np.array(corners, np.float32).reshape(-1, 4))
    assert found.shape == (len(corners), 3)
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 255)).all()
