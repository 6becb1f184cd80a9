import numpy as np
import pytest

from detector import Candidates, Geometry, Limits
from detector.selection import select

# A picture of 40x20 pixels at double size, 10 pixels from the left and 30 from the top.
GEOMETRY = Geometry(scale_x=2.0, scale_y=2.0, left=10, top=30)
SIZE = (40, 20)


def candidates(*rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Candidates(boxes=table[:, :4], scores=table[:, 4], classes=table[:, 5].astype(np.int64))


def test_boxes_come_back_clipped_and_best_first():
    found = select(
        candidates((20, 40, 30, 50, 0.3, 1), (0, 20, 20, 44, 0.9, 0)), GEOMETRY, SIZE, Limits()
    )
    np.testing.assert_array_equal(found.boxes, [[0, 0, 5, 7], [5, 5, 10, 10]])
    np.testing.assert_allclose(found.scores, [0.9, 0.3])
    assert found.classes.tolist() == [0, 1]


@pytest.mark.parametrize(
    "box", [(0, 40, 10, 60), (20, 0, 40, 30), (90, 40, 99, 60), (20, 70, 40, 99)]
)
def test_boxes_in_the_padding_are_none(box):
    assert len(select(candidates((*box, 0.9, 0)), GEOMETRY, SIZE, Limits())) == 0


def test_limits_change_only_what_is_given():
    limits = Limits(max_boxes=7).changed(iou_threshold=0.6)
    assert limits == Limits(max_boxes=7, iou_threshold=0.6)
    assert limits.changed() == limits


@pytest.mark.parametrize(
    "change", [{"confidence_threshold": -0.1}, {"iou_threshold": 1.1}, {"max_boxes": 0}]
)
def test_limits_out_of_range(change):
    with pytest.raises(ValueError, match=rf"^{next(iter(change))} is .*must"):
        Limits(**change)
