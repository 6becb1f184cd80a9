"""Looks: views of crops, and the best score among them."""

import numpy as np
import pytest

from service.looks import CLOSE, FIRST, Look, turned


def test_a_turned_crop_turns_back() -> None:
    crop = np.full((41, 41, 3), 200, np.uint8)
    crop[15:26, 5:12] = (10, 60, 90)
    back = turned(turned(crop, 30.0), -30.0)
    assert back.shape == crop.shape
    assert np.abs(back.astype(int) - crop).mean() < 4
    assert np.abs(turned(crop, 30.0).astype(int) - crop).mean() > 8


def test_a_turn_is_counter_clockwise() -> None:
    crop = np.zeros((21, 21, 3), np.uint8)
    crop[8:13, 16:21] = 255  # At the right.
    assert turned(crop, 90.0)[:5, 8:13].min() == 255, "is at the top after a quarter turn"


def test_corners_take_the_crops_usual_colour() -> None:
    crop = np.full((20, 20, 3), (7, 130, 55), np.uint8)
    crop[8:12, 8:12] = 255
    assert (turned(crop, 45.0)[0, 0] == (7, 130, 55)).all()


@pytest.mark.parametrize("look", [FIRST, CLOSE, Look(True, (10.0,))], ids=["first", "close", "one"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_best_of_all_views_counts(look: Look, count: int) -> None:
    crops = [np.full((9, 5 + i, 3), 40 * i, np.uint8) for i in range(count)]
    views = look.views(crops)
    assert [view.shape for view in views] == [crop.shape for crop in crops] * (
        1 + len(look.turns_deg)
    )
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(2, len(views)))
    best = look.best(scores, count)
    wanted = [
        [max(scores[item, at] for at in range(crop, len(views), count)) for crop in range(count)]
        for item in range(2)
    ]
    np.testing.assert_array_equal(best, np.array(wanted).reshape(2, count))
