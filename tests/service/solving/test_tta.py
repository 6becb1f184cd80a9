"""Test-time augmentation: views of crops, and one score out of theirs."""

import numpy as np
import pytest

from service.solving.tta import FIRST_PASS, SECOND_PASS, Augmentation, merged, rotated


def test_a_turned_crop_turns_back() -> None:
    crop = np.full((41, 41, 3), 200, np.uint8)
    crop[15:26, 5:12] = (10, 60, 90)
    back = rotated(rotated(crop, 30.0), -30.0)
    assert back.shape == crop.shape
    assert np.abs(back.astype(int) - crop).mean() < 4
    assert np.abs(rotated(crop, 30.0).astype(int) - crop).mean() > 8


def test_a_turn_is_counter_clockwise() -> None:
    crop = np.zeros((21, 21, 3), np.uint8)
    crop[8:13, 16:21] = 255  # At the right.
    assert rotated(crop, 90.0)[:5, 8:13].min() == 255, "is at the top after a quarter turn"


def test_corners_take_the_crops_usual_colour() -> None:
    crop = np.full((20, 20, 3), (7, 130, 55), np.uint8)
    crop[8:12, 8:12] = 255
    assert (rotated(crop, 45.0)[0, 0] == (7, 130, 55)).all()


AUGMENTATIONS = [
    FIRST_PASS,
    SECOND_PASS,
    Augmentation(True, (10.0,), ()),
    Augmentation(True, zooms=(0.9, 0.5)),
]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=["first", "second", "one", "zooms"])
@pytest.mark.parametrize("items", [0, 1, 2])
@pytest.mark.parametrize("boxes", [0, 1, 3])
def test_all_views_count_by_their_best_and_by_their_mean(
    augmentation: Augmentation, items: int, boxes: int
) -> None:
    crops = [np.full((9, 5 + i, 3), 40 * i, np.uint8) for i in range(boxes)]
    views = augmentation.views(crops)
    pictures = augmentation.item_views(crops[:1] * items)
    assert len(views) == boxes * (1 + len(augmentation.rotations_deg) + len(augmentation.zooms))
    turns = [crop.shape for crop in crops] * (1 + len(augmentation.rotations_deg))
    assert [view.shape for view in views[: len(turns)]] == turns
    scores = np.random.default_rng(3).normal(size=(len(pictures), len(views)))
    views_of = [[scores[item::items, box::boxes] for box in range(boxes)] for item in range(items)]
    wanted = [[(np.log(np.exp(s).mean()) + s.mean()) / 2 for s in row] for row in views_of]
    found = merged(scores, items, boxes)
    np.testing.assert_allclose(found, np.array(wanted).reshape(items, boxes))


def test_a_zoom_shows_the_middle_and_leaves_tiny_crops_whole() -> None:
    crop = np.zeros((20, 40, 3), np.uint8)
    crop[5:15, 10:30] = 255
    tiny = np.zeros((5, 9, 3), np.uint8)
    middle, whole = Augmentation(True, zooms=(0.5,)).views([crop, tiny])[2:]
    assert middle.shape == (10, 20, 3)
    assert middle.min() == 255
    assert whole.shape == tiny.shape


def test_one_view_of_each_is_left_as_it_is() -> None:
    scores = np.random.default_rng(5).normal(size=(2, 4))
    np.testing.assert_array_equal(merged(scores, 2, 4), scores)
