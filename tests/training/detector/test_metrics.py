"""Average precision and whole pictures, against cases worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from detector import Detections
from training.detector.metrics import (
    Thresholds,
    average_precision,
    best_thresholds,
    missed_and_spare,
    score,
)
from training.detector.samples import Sample


def truth(*boxes: tuple[int, int, int, int], strip: bool = False, number: int = 0) -> Sample:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(Path("x.png"), array, np.full(len(boxes), number, np.int64), strip)


def found(*entries: tuple[float, tuple[int, int, int, int]], number: int = 0) -> Detections:
    ordered = sorted(entries, key=lambda entry: -entry[0])
    return Detections(
        np.array([box for _, box in ordered], np.float32).reshape(-1, 4),
        np.array([value for value, _ in ordered], np.float32),
        np.full(len(ordered), number, np.int64),
    )


A, B, C = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)
NEAR_A = (3, 0, 13, 10)  # IoU 7/13 with A


class TestAveragePrecision:
    @pytest.mark.parametrize(
        ("boxes", "iou", "expected"),
        [
            (found((0.9, A), (0.8, B)), 0.5, 1.0),
            (found((0.9, A)), 0.5, 0.5),
            (found(), 0.5, 0.0),
            # right, wrong, right: precision 1 up to recall 1/2, then 2/3.
            (found((0.9, A), (0.8, C), (0.7, B)), 0.5, 0.5 + 0.5 * 2 / 3),
            # The second box on one item is wrong.
            (found((0.9, A), (0.8, A), (0.7, B)), 0.5, 0.5 + 0.5 * 2 / 3),
            (found((0.9, NEAR_A), (0.8, B)), 0.5, 1.0),
            (found((0.9, NEAR_A), (0.8, B)), 0.75, 0.25),
            (found((0.9, A), (0.8, B), number=1), 0.5, 0.0),
        ],
    )
    def test_by_hand(self, boxes: Detections, iou: float, expected: float) -> None:
        assert average_precision([truth(A, B)], [boxes], iou) == pytest.approx(expected)

    def test_without_any_truth(self) -> None:
        assert np.isnan(average_precision([truth()], [found((0.9, A))], 0.5))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        (found((0.9, A), (0.9, B)), (0, 0)),
        (found((0.9, A)), (1, 0)),
        (found((0.9, A), (0.5, NEAR_A), (0.9, B)), (0, 1)),
        (found((0.9, C)), (2, 1)),
        (found((0.9, A), (0.9, B), number=1), (2, 2)),
        # One box over both: its centre is in neither.
        (found((0.9, (0, 0, 30, 10))), (2, 1)),
    ],
)
def test_missed_and_spare(boxes: Detections, expected: tuple[int, int]) -> None:
    assert missed_and_spare(truth(A, B), boxes) == expected


def test_scores_of_scenes_and_strips() -> None:
    samples = [truth(A, B), truth(A, B), truth(A, strip=True), truth(A, strip=True)]
    boxes = [
        found((0.9, A), (0.9, B), (0.9, C)),
        found((0.9, A), (0.1, B)),
        found((0.9, A), (0.1, B)),
        found((0.9, A), (0.9, B)),
    ]
    figures = score(samples, boxes, Thresholds(0.5, 0.5))
    assert figures.scenes_found == 0.5
    assert figures.spare == 0.5
    assert figures.strips_right == 0.5
    assert 0 < figures.fitness < 1


def test_without_strips_the_fitness_is_still_a_number() -> None:
    figures = score([truth(A)], [found((0.9, A))], Thresholds(0.5, 0.5))
    assert np.isnan(figures.strips_right)
    assert figures.fitness == 1.0


def test_scenes_and_strips_have_thresholds_of_their_own() -> None:
    samples = [truth(A, B), truth(A, strip=True)]
    weak_but_right = found((0.9, A), (0.2, B))
    weak_and_wrong = found((0.9, A), (0.3, B))
    best = best_thresholds(samples, [weak_but_right, weak_and_wrong])
    assert best.scene <= 0.2
    assert best.strip > 0.3
    assert best_thresholds(samples[:1], [weak_but_right]).strip == Thresholds().strip


def test_an_item_that_scores_little_is_worth_a_spare_box() -> None:
    hardly = found((0.9, A), (0.02, B), (0.02, C))
    assert best_thresholds([truth(A, B)], [hardly]).scene <= 0.02
    assert best_thresholds([truth(A)], [hardly]).scene > 0.02
