"""Before and after, on the same pictures."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifier import OnnxClassifier
from detector import Detections
from labels.puzzle import Puzzle
from siamese.glyphs import draw_word
from training.adapt.measures import all_found, compare, named_right
from training.adapt.record import Share
from training.core.initial_weights import shipped_file
from training.detector.samples import Sample as Scene
from training.evaluation.evaluate import Outcome
from training.evaluation.scoring import Reply, Score
from training.matcher.items import Item
from training.matcher.pictures import Sample

PUZZLE = Puzzle("a", "a.png", {"words": ("x",)}, ("x",), ((1, 1, 9, 9),))


def outcome(*, solved: bool, found: bool, counted: bool | None = None) -> Outcome:
    score = Score(solved, solved, None if solved else "wrong-item", found, counted)
    return Outcome("recorded", PUZZLE, Path(), Reply(), score, 1.0)


def test_measures_that_nothing_says_anything_of_are_left_out() -> None:
    before = [outcome(solved=False, found=True), outcome(solved=True, found=True)]
    after = [outcome(solved=True, found=True), outcome(solved=True, found=False)]
    solved, found = compare(before, after)
    assert (solved.name, solved.before, solved.after) == ("solved", Share(1, 2), Share(2, 2))
    assert (found.before, found.after) == (Share(2, 2), Share(1, 2))


def test_prompts_that_are_no_pictures_do_not_count_as_counted() -> None:
    before = [outcome(solved=False, found=True, counted=False), outcome(solved=True, found=True)]
    after = [outcome(solved=True, found=True, counted=True), outcome(solved=True, found=True)]
    *_, counted = compare(before, after)
    assert (counted.before, counted.after) == (Share(0, 1), Share(1, 1))


def test_nothing_held_back_is_nothing_compared() -> None:
    assert compare([], []) == ()


def test_a_crop_is_named_among_the_words_that_can_be_read(tmp_path: Path) -> None:
    """Two digits as the shipped classifier reads them, in the font that comes with Pillow."""
    for name in ("2", "7"):
        Image.fromarray(draw_word(name)).save(tmp_path / f"{name}.png")
    classifier = OnnxClassifier.load(shipped_file("classifier"))
    groups = [(Item(Sample(tmp_path / f"{n}.png"), word),) for n, word in (("2", "2"), ("7", "7"))]
    groups.append((Item(Sample(tmp_path / "7.png"), "no such word"),))
    groups.append((Item(Sample(tmp_path / "7.png")),))
    found = named_right(classifier, groups, ("2", "7", "no such word"))
    assert found == Share(2, 3)
    assert named_right(classifier, groups, ("no such word",)) == Share(0, 3)


class _Finds:
    """A detector that finds the same boxes in every picture."""

    name = "fixed"

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        self._boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        del image
        count = len(self._boxes)
        return Detections(self._boxes, np.ones(count, np.float32), np.zeros(count, np.int64))


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ([], 0),
        ([(0, 0, 20, 20)], 0),
        ([(0, 0, 20, 20), (30, 30, 50, 50)], 1),
        ([(0, 0, 20, 20), (2, 2, 18, 18)], 0),
        ([(10, 10, 30, 30), (30, 30, 50, 50)], 0),
        ([(9, 9, 29, 29), (30, 30, 50, 50), (60, 60, 70, 70)], 1),
    ],
    ids=["none", "one", "both", "one twice", "centre on the end", "and a spare one"],
)
def test_a_picture_counts_when_every_box_has_a_centre_in_it(
    tmp_path: Path, found: list[tuple[int, int, int, int]], right: int
) -> None:
    Image.new("RGB", (80, 80)).save(tmp_path / "a.png")
    boxes = np.array([(0, 0, 20, 20), (30, 30, 50, 50)], np.float32)
    scene = Scene(tmp_path / "a.png", boxes, np.zeros(2, np.int64))
    empty = Scene(tmp_path / "a.png", boxes[:0], np.zeros(0, np.int64))
    strip = Scene(tmp_path / "a.png", boxes, np.zeros(2, np.int64), strip=True)
    assert all_found(_Finds(*found), [scene, empty, strip]) == Share(right, 1)
