import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import iou_matrix, nms, nms_per_class

coordinate = st.integers(0, 12)
candidates = st.lists(
    st.tuples(
        coordinate,
        coordinate,
        st.integers(1, 8),
        st.integers(1, 8),
        st.sampled_from([0.1, 0.2, 0.5, 0.9]),  # few values, so that ties occur
        st.integers(0, 2),
    ),
    max_size=12,
)
thresholds = st.sampled_from([0.0, 0.25, 0.45, 0.9, 1.0])


def arrays(rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1)
    return boxes, table[:, 4], table[:, 5].astype(np.int64)


def slow_nms(boxes, scores, classes, threshold):
    """By definition: best first, each against every one that was kept."""
    order = sorted(range(len(boxes)), key=lambda index: (-scores[index], index))
    kept = []
    for index in order:
        overlaps = [
            iou_matrix(boxes[index, None], boxes[other, None])[0, 0]
            for other in kept
            if classes[other] == classes[index]
        ]
        if all(overlap <= threshold for overlap in overlaps):
            kept.append(index)
    return kept


@settings(deadline=None)
@given(rows=candidates, threshold=thresholds)
def test_per_class_is_the_definition(rows, threshold):
    boxes, scores, classes = arrays(rows)
    found = nms_per_class(boxes, scores, classes, threshold)
    assert found.tolist() == slow_nms(boxes, scores, classes, threshold)


@settings(deadline=None)
@given(rows=candidates, threshold=thresholds)
def test_class_agnostic_is_the_definition_with_one_class(rows, threshold):
    boxes, scores, classes = arrays(rows)
    found = nms(boxes, scores, threshold)
    assert found.tolist() == slow_nms(boxes, scores, np.zeros_like(classes), threshold)


@settings(deadline=None)
@given(rows=candidates, threshold=thresholds)
def test_kept_boxes_do_not_overlap_and_stay_when_run_again(rows, threshold):
    boxes, scores, _ = arrays(rows)
    kept = nms(boxes, scores, threshold)
    overlaps = iou_matrix(boxes[kept], boxes[kept]) - np.eye(len(kept), dtype=np.float32)
    assert (overlaps <= threshold).all()
    assert len(nms(boxes[kept], scores[kept], threshold)) == len(kept)


TWO = [(0, 0, 10, 10), (0, 0, 10, 8)]


@pytest.mark.parametrize(
    ("scores", "classes", "threshold", "wanted"),
    [
        pytest.param([0.5, 0.9], [0, 0], 0.5, [1], id="better-stays"),
        pytest.param([0.5, 0.5], [0, 0], 0.5, [0], id="tie-keeps-lower-index"),
        pytest.param([0.5, 0.9], [0, 1], 0.5, [1, 0], id="classes-apart"),
        pytest.param([0.5, 0.9], [0, 0], 0.8, [1, 0], id="equal-to-threshold-stays"),
    ],
)
def test_two_boxes(scores, classes, threshold, wanted):
    boxes, scores = np.array(TWO, np.float32), np.array(scores, np.float32)
    assert nms_per_class(boxes, scores, np.array(classes), threshold).tolist() == wanted


def test_nothing():
    assert nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).shape == (0,)
