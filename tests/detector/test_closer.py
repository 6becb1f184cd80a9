"""The closer look, with a detector that sees only what is large in the picture it is given."""

import numpy as np
import pytest
from numpy.typing import NDArray

from detector import Detections
from detector.closer import detect_closely


class Nearsighted:
    """Finds white squares on black whose side is at least a share of the picture's width."""

    name = "nearsighted 1"

    def __init__(self, share: float) -> None:
        self._share = share
        self.sizes: list[tuple[int, int]] = []

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        self.sizes.append(image.shape[:2])
        left = (image[..., 0] > 0).copy()
        boxes = []
        while left.any():
            y, x = np.argwhere(left)[0]
            x2, y2 = x, y
            while x2 < left.shape[1] and left[y, x2]:
                x2 += 1
            while y2 < left.shape[0] and left[y2, x]:
                y2 += 1
            left[y:y2, x:x2] = False
            if x2 - x >= self._share * image.shape[1]:
                boxes.append((x, y, x2, y2))
        count = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.linspace(0.9, 0.8, count, dtype=np.float32),
            np.zeros(count, np.int64),
        )


def squares(*places: tuple[int, int]) -> NDArray[np.uint8]:
    image = np.zeros((200, 300, 3), np.uint8)
    for x, y in places:
        image[y : y + 24, x : x + 24] = 255
    return image


def corners(found: Detections) -> list[tuple[int, int]]:
    return sorted((round(float(x)), round(float(y))) for x, y, _, _ in found.boxes)


PLACES = ((5, 8), (60, 170), (140, 90), (270, 30), (250, 150))


def test_parts_show_what_the_whole_does_not() -> None:
    image = squares(*PLACES)
    detector = Nearsighted(0.1)  # 24 of 300 pixels are too little, 24 of 195 are enough
    assert len(detector.detect(image)) == 0
    assert corners(detect_closely(detector, image, 60)) == sorted(PLACES)


def test_what_several_runs_find_counts_once() -> None:
    found = detect_closely(Nearsighted(0.0), squares(*PLACES), 60)
    assert corners(found) == sorted(PLACES)
    np.testing.assert_allclose(found.boxes[:, 2:] - found.boxes[:, :2], 24)
    assert (np.diff(found.scores) <= 0).all()


def test_an_item_that_a_part_cuts_is_no_smaller_item() -> None:
    # 195 is the right end of the left parts, 150 the lower end of the upper ones.
    found = detect_closely(Nearsighted(0.0), squares((185, 140)), 60)
    assert corners(found) == [(185, 140)]
    np.testing.assert_allclose(found.boxes, [[185, 140, 209, 164]])


def test_the_best_boxes_are_kept() -> None:
    found = detect_closely(Nearsighted(0.0), squares(*PLACES), 2)
    assert len(found) == 2
    assert found.scores[0] == pytest.approx(0.9)


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (40, 1)])
def test_any_picture_has_parts(shape: tuple[int, int]) -> None:
    detector = Nearsighted(0.5)
    assert len(detect_closely(detector, np.zeros((*shape, 3), np.uint8), 60)) == 0
    assert all(min(size) >= 1 for size in detector.sizes)
