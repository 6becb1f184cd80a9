"""Cuts of prompt pictures: at gaps where they are clean, by the detector where it finds more."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.detections import Detections
from service.solving.prompt_segmentation import Candidates, candidates, content_box

Picture = NDArray[np.uint8]


class Finds:
    """A detector that finds the given boxes on any picture."""

    name = "fixed 1"

    def __init__(
        self,
        boxes: Sequence[tuple[float, float, float, float]] = (),
        scores: Sequence[float] | None = None,
    ) -> None:
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)
        self.scores = np.array([1.0] * len(boxes) if scores is None else scores, np.float32)

    def detect(self, image: Picture) -> Detections:
        return Detections(self.boxes, self.scores, np.zeros(len(self.boxes), np.int64))


def strip(spans: Sequence[tuple[int, int]], width: int = 200, ground: int = 255) -> Picture:
    """A 40 px high strip with bars from row 8 to 32 at the given columns."""
    picture = np.full((40, width, 3), ground, np.uint8)
    for start, end in spans:
        picture[8:32, start:end] = (10, 60, 90)
    return picture


def spans(boxes: NDArray[np.float32]) -> list[tuple[int, int]]:
    return [(int(x1), int(x2)) for x1, _, x2, _ in boxes]


def every(found: Candidates) -> list[NDArray[np.float32]]:
    """The boxes of every cut, the likeliest first."""
    return [found.boxes[list(cut.rows)] for cut in sorted(found.cuts, key=lambda c: c.prior)[::-1]]


NOISE = np.random.default_rng(0).integers(0, 256, (40, 200, 3), dtype=np.uint8)


@given(
    gaps=st.lists(st.integers(8, 30), min_size=1, max_size=6),
    widths=st.lists(st.integers(10, 26), min_size=6, max_size=6),
    ground=st.sampled_from([255, 200, 140]),
)
def test_clean_items_apart_are_cut_at_their_gaps(
    gaps: list[int], widths: list[int], ground: int
) -> None:
    drawn, x = [], 4
    for gap, width in zip(gaps, widths, strict=False):
        drawn.append((x, x + width))
        x += width + gap
    found = every(candidates(Finds(), strip(drawn, width=x + 10, ground=ground)))
    assert drawn in [spans(cut) for cut in found]
    assert all((cut[:, 1] == 8).all() and (cut[:, 3] == 32).all() for cut in found)


def test_parts_of_one_character_stay_together_in_one_of_the_cuts() -> None:
    # Two characters of two parts each, 4 px apart: 4/24 of the height.
    parts = [(10, 20), (24, 34), (60, 70), (74, 84)]
    found = [spans(cut) for cut in every(candidates(Finds(), strip(parts)))]
    assert [(10, 34), (60, 84)] in found
    assert parts in found


def test_the_detector_reads_left_to_right_and_loses_specks() -> None:
    boxes = [(90, 8, 114, 32), (10, 8, 34, 32), (50, 10, 74, 30), (140, 20, 143, 23)]
    likeliest, *others = every(candidates(Finds(boxes), NOISE))
    assert spans(likeliest) == [(10, 34), (50, 74), (90, 114)]
    assert not any((140, 143) in spans(cut) for cut in others)


class Nearsighted:
    """Finds dark bars that are at least a tenth of the picture's width."""

    name = "nearsighted 1"

    def __init__(self) -> None:
        self.widths: list[int] = []

    def detect(self, image: Picture) -> Detections:
        self.widths.append(image.shape[1])
        dark = np.flatnonzero(image[20, :, 0] < 50)
        starts = dark[np.diff(dark, prepend=-2) > 1]
        ends = dark[np.diff(dark, append=1 << 20) > 1] + 1
        wide = ends - starts >= 0.1 * image.shape[1]
        boxes = [(x1, 8, x2, 32) for x1, x2 in zip(starts[wide], ends[wide], strict=True)]
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.9, np.float32),
            np.zeros(len(boxes), np.int64),
        )


@pytest.mark.parametrize(
    ("drawn", "found", "runs"),
    [
        ([(100, 120), (128, 140)], [(100, 120), (128, 140)], [200, 68]),
        ([(10, 34), (60, 72), (160, 184)], [(10, 34), (160, 184)], [200]),
        ([], [], [200]),
    ],
    ids=["near-each-other", "all-over-the-picture", "nothing"],
)
def test_few_columns_of_a_wide_picture_are_looked_at_again(
    drawn: list[tuple[int, int]], found: list[tuple[int, int]], runs: list[int]
) -> None:
    detector = Nearsighted()
    # Bars on a ground that is nowhere empty, so that no cut comes from gaps.
    cuts = candidates(detector, np.minimum(strip(drawn), np.maximum(NOISE, 60)))
    assert sorted(spans(cuts.boxes)) == found
    assert detector.widths == runs


@pytest.mark.parametrize(
    ("last", "items"), [(0.85, 3), (0.5, 3), (0.08, 2)], ids=["sure", "likely", "doubtful"]
)
def test_a_doubtful_box_is_an_item_only_where_the_scene_speaks_for_it(
    last: float, items: int
) -> None:
    boxes = [(90, 8, 114, 32), (10, 8, 34, 32), (50, 10, 74, 30)]
    found = candidates(Finds(boxes, [0.95, 0.9, last]), NOISE)
    assert next(len(cut) for cut in every(found)) == items
    assert {len(cut.rows) for cut in found.cuts} == {1, 2, 3}, "all are left to choose from"
    assert {len(cut.rows) for cut in found.at_most(2).cuts} == {1, 2}


def test_any_of_several_doubtful_boxes_may_be_the_item() -> None:
    boxes = [(10, 8, 34, 32), (50, 10, 74, 30), (90, 8, 114, 32)]
    found = candidates(Finds(boxes, [0.95, 0.4, 0.3]), NOISE)
    cuts = {tuple(spans(cut)) for cut in every(found)}
    assert {((10, 34), (50, 74)), ((10, 34), (90, 114))} <= cuts


def test_a_part_within_an_item_speaks_against_a_cut_that_takes_both() -> None:
    boxes = [(10, 8, 34, 32), (60, 8, 84, 32), (66, 12, 80, 28)]
    likeliest, *_ = every(candidates(Finds(boxes, [0.9, 0.9, 0.5]), NOISE))
    assert spans(likeliest) == [(10, 34), (60, 84)]


@pytest.mark.parametrize(
    ("left", "score", "items"),
    [(50, 0.2, 4), (130, 0.2, 3), (130, 0.4, 4), (150, 0.4, 3), (150, 0.95, 4)],
    ids=["fills-a-gap", "faint-at-the-end", "fits-the-row", "out-of-the-row", "sure"],
)
def test_items_in_equal_cells_are_likelier_than_others(left: int, score: float, items: int) -> None:
    cells = [x for x in (10, 50, 90, 130) if x != left][:3]
    boxes = [(x, 8, x + 24, 32) for x in (*cells, left)]
    likeliest, *_ = every(candidates(Finds(boxes, [0.9, 0.9, 0.9, score]), NOISE))
    assert len(likeliest) == items


@pytest.mark.parametrize(
    ("count", "sizes"),
    [((2, 2), {2}), ((1, 2), {1, 2}), ((5, 6), {1, 2, 3})],
    ids=["exact", "range", "impossible-is-ignored"],
)
def test_a_known_number_of_items_leaves_only_such_cuts(
    count: tuple[int, int], sizes: set[int]
) -> None:
    boxes = [(10, 8, 34, 32), (50, 10, 74, 30), (90, 8, 114, 32)]
    found = candidates(Finds(boxes, [0.95, 0.9, 0.85]), NOISE, count)
    assert {len(cut.rows) for cut in found.cuts} == sizes


def test_a_cut_at_gaps_that_the_detector_gives_too_is_given_once() -> None:
    drawn = [(10, 34), (60, 84)]
    found = candidates(Finds([(61, 8, 84, 32), (10, 8, 34, 31)]), strip(drawn))
    assert len(found.boxes) == 2
    assert sorted(len(cut.rows) for cut in found.cuts) == [1, 2]


def test_gaps_add_what_the_detector_misses() -> None:
    drawn = [(10, 34), (60, 84)]
    found = candidates(Finds([(10, 8, 34, 32)]), strip(drawn))
    assert drawn in [spans(cut) for cut in every(found)]
    assert len(found.boxes) == 2, "a box that both give goes through the network once"


@pytest.mark.parametrize("ground", [255, 0], ids=["white", "black"])
def test_an_empty_strip_has_no_cut(ground: int) -> None:
    found = candidates(Finds(), strip([], ground=ground))
    assert (len(found.boxes), found.cuts) == (0, ())


@given(x=st.integers(1, 50), y=st.integers(1, 50), wide=st.integers(2, 40), high=st.integers(2, 40))
def test_the_content_of_an_icon_is_its_ink(x: int, y: int, wide: int, high: int) -> None:
    picture = np.full((100, 100, 3), 250, np.uint8)
    picture[y : y + high, x : x + wide] = (30, 30, 30)
    assert content_box(picture).tolist() == [x, y, x + wide, y + high]


def test_an_icon_without_ink_is_taken_whole() -> None:
    assert content_box(np.full((30, 50, 3), 7, np.uint8)).tolist() == [0, 0, 50, 30]
