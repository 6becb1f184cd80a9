"""Words of several characters that no font here draws: read character by character."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from detector.detections import Detections
from labels.puzzles import read_puzzles
from service.errors import UnknownWordsError
from service.solving.prompts import WordsPrompt
from service.solving.solver import Solver
from service.solving.spelling import with_joined

SET = Path(__file__).resolve().parents[3] / "benchmarks" / "puzzles" / "text-words"
SIDE = 44


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.5, count, dtype=np.float32),
        np.zeros(count, np.int64),
    )


@pytest.mark.parametrize(
    ("boxes", "length", "joined"),
    [
        ([(0, 0, 20, 20), (22, 1, 42, 21)], 2, [(0, 0, 42, 21)]),
        ([(22, 1, 42, 21), (0, 0, 20, 20)], 2, [(0, 0, 42, 21)]),
        ([(0, 0, 20, 20), (1, 24, 21, 44)], 2, [(0, 0, 21, 44)]),
        ([(0, 0, 20, 20), (60, 0, 80, 20)], 2, []),
        ([(0, 0, 20, 20), (22, 30, 42, 50)], 2, []),
        ([(0, 0, 20, 20), (22, 0, 82, 60)], 2, []),
        ([(0, 0, 20, 20), (22, 0, 42, 20), (44, 0, 64, 20)], 3, [(0, 0, 64, 20)]),
    ],
    ids=["row", "order", "column", "far", "askew", "other size", "three"],
)
def test_neighbours_are_joined(boxes, length: int, joined) -> None:
    found = with_joined(detections(*boxes), {length})
    assert [tuple(box) for box in found.boxes[len(boxes) :].tolist()] == joined


side = st.integers(5, 60)
corner = st.integers(0, 300)


@given(st.lists(st.tuples(corner, corner, side, side), max_size=12), st.sets(st.integers(2, 4)))
def test_the_boxes_of_the_scene_stay_and_joined_ones_hold_some_of_them(drawn, lengths) -> None:
    scene = detections(*((x, y, x + w, y + h) for x, y, w, h in drawn))
    found = with_joined(scene, lengths)
    np.testing.assert_array_equal(found.boxes[: len(scene)], scene.boxes)
    np.testing.assert_array_equal(found.scores[: len(scene)], scene.scores)
    assert len(found.boxes) == len(found.scores) == len(found.classes)
    for x1, y1, x2, y2 in found.boxes[len(scene) :]:
        inside = (scene.boxes[:, :2] >= (x1, y1)).all(1) & (scene.boxes[:, 2:] <= (x2, y2)).all(1)
        assert inside.sum() >= min(lengths)


def pairs(down: bool):
    """Pictures with two words of two characters each, of the frozen puzzles, and their prompts."""
    puzzles = [p for p in read_puzzles(SET).puzzles if len(p.targets) >= 4][:10]
    for puzzle in puzzles:
        with Image.open(SET / puzzle.background) as file:
            scene = file.convert("RGB")
        picture = Image.new("RGB", (360, 210), (205, 214, 200))
        words, targets = [], []
        for at, (left, top) in enumerate([(30, 30), (210, 100)]):
            for place in (0, 1):
                cell = scene.crop(puzzle.targets[2 * at + place]).resize((SIDE, SIDE))
                step = place * (SIDE + 2)
                picture.paste(cell, (left, top + step) if down else (left + step, top))
            width, height = (SIDE, 2 * SIDE + 2) if down else (2 * SIDE + 2, SIDE)
            targets.append((left, top, left + width, top + height))
            words.append("".join(puzzle.words[2 * at : 2 * at + 2]))
        yield np.asarray(picture), words, targets
        yield np.asarray(picture), words[::-1], targets[::-1]


@pytest.mark.parametrize("down", [False, True], ids=["row", "column"])
def test_words_of_two_characters_are_found(shipped: Solver, down: bool) -> None:
    """By chance it would be half of them."""
    solved = 0
    for picture, words, targets in pairs(down):
        answer = shipped.solve(picture, WordsPrompt(tuple(words)))
        assert [click.label for click in answer.clicks] == words
        solved += all(
            x1 <= click.x < x2 and y1 <= click.y < y2
            for click, (x1, y1, x2, y2) in zip(answer.clicks, targets, strict=True)
        )
    assert solved >= 16


def test_a_crop_of_a_word_is_classified(shipped: Solver) -> None:
    picture, words, targets = next(pairs(down=False))
    x1, y1, x2, y2 = targets[0]
    shares = shipped.classify(picture[y1:y2, x1:x2], [words[0], words[1], words[0][::-1]])
    assert sum(shares) == pytest.approx(1)
    assert shares[0] > 0.9


def test_a_word_with_a_character_that_nobody_knows_is_refused(shipped: Solver) -> None:
    blank = np.full((80, 120, 3), 255, np.uint8)
    with pytest.raises(UnknownWordsError):
        shipped.solve(blank, WordsPrompt(("狮\u0378",)))
    answer = shipped.solve(blank, WordsPrompt(("狮子",)))
    assert answer.reason == "missed_target"
