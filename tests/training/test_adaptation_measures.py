"""Before and after, on the same pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

from classifier import OnnxClassifier
from labels.puzzle import Puzzle
from training.adaptation_measures import compare, named_right
from training.adaptation_record import Share
from training.evaluation import Outcome
from training.own_pictures import Item
from training.pictures import Sample
from training.scoring import Reply, Score
from training.start import shipped_file

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
    """Bars that look like l and -, as the shipped classifier reads letters."""
    for name, box in (("l", (28, 8, 36, 56)), ("O", (8, 8, 56, 56))):
        pixels = np.full((64, 64, 3), 255, np.uint8)
        x1, y1, x2, y2 = box
        pixels[y1:y2, x1:x2] = 0
        if name == "O":
            pixels[18:46, 18:46] = 255
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    classifier = OnnxClassifier.load(shipped_file("classifier"))
    groups = [(Item(Sample(tmp_path / f"{n}.png"), word),) for n, word in (("l", "l"), ("O", "O"))]
    groups.append((Item(Sample(tmp_path / "O.png"), "no such word"),))
    groups.append((Item(Sample(tmp_path / "O.png")),))
    found = named_right(classifier, groups, ("l", "O", "no such word"))
    assert found == Share(2, 3)
    assert named_right(classifier, groups, ("no such word",)) == Share(0, 3)
