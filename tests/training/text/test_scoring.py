"""Accuracies, confusions and the sheet of a text model's readings."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from classifier.charsets import LabelRule
from classifier.text_reader import TextReading
from labels.texts import TextPicture
from training.errors import TrainingError
from training.evaluation.failures import Lettering
from training.evaluation.statistics import wilson_interval
from training.text.scoring import (
    TextOutcome,
    differing,
    read_all,
    score_json,
    score_texts,
)
from training.text.sheet import MOST, draw_text_sheet, worst_first

short = st.text("ab0", max_size=5)


def slow_distance(one, other):
    """Levenshtein's distance by its recursive definition."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        slow_distance(one[1:], other[1:]) + (one[0] != other[0]),
        slow_distance(one[1:], other) + 1,
        slow_distance(one, other[1:]) + 1,
    )


@given(short, short)
def test_the_fewest_differences(truth, text):
    pairs = differing(truth, text)
    assert len(pairs) == slow_distance(truth, text)
    assert all(there != read for there, read in pairs)
    # What is missed and what is added makes up for the lengths.
    assert sum(bool(b) - bool(a) for a, b in pairs) == len(text) - len(truth)


@pytest.mark.parametrize(
    ("truth", "text", "pairs"),
    [
        ("0123", "0123", []),
        ("0123", "O123", [("0", "O")]),
        ("0123", "023", [("1", "")]),
        ("0123", "01x23", [("", "x")]),
        ("ab", "", [("a", ""), ("b", "")]),
        ("aXb", "aYYb", [("", "Y"), ("X", "Y")]),
    ],
)
def test_differences(truth, text, pairs):
    assert differing(truth, text) == pairs


def outcome(truth, text, confidence=0.9, milliseconds=1.0, path=Path("x.png")):
    return TextOutcome(path, truth, TextReading(text, confidence, ()), milliseconds)


def test_scores():
    outcomes = [
        outcome("00ab", "00ab", milliseconds=1),
        outcome("00ab", "0Oab", milliseconds=2),
        outcome("0a", "Oa", milliseconds=3),
        outcome("ab", "abb", milliseconds=100),
    ]
    score = score_texts(outcomes)
    assert (score.pictures.right, score.pictures.total) == (1, 4)
    assert (score.pictures.low, score.pictures.high) == wilson_interval(1, 4)
    assert (score.characters.right, score.characters.total) == (9, 12)
    assert list(score.confusions.items()) == [(("0", "O"), 2), (("", "b"), 1)]
    assert score.median_ms == 2.5
    assert 3 < score.p95_ms <= 100
    assert str(score.pictures).startswith("25.00% (1 of 4; 95 %: ")
    content = score_json(score, outcomes)
    assert content["confusions"][0] == {"truth": "0", "read": "O", "count": 2}
    assert content["readings"][1]["text"] == "0Oab"


def test_more_was_read_than_there_is():
    score = score_texts([outcome("a", "bcdefg")])
    assert (score.characters.right, score.characters.share) == (0, 0)


def test_the_surest_mistake_is_the_worst():
    ordered = [
        outcome("a", "b", 0.99).on_sheet, outcome("a", "b", 0.2).on_sheet,
        outcome("a", "a", 0.3).on_sheet, outcome("a", "a", 0.9).on_sheet,
    ]  # fmt: skip
    assert worst_first(ordered[::-1]) == ordered


class Echo:
    """Says how wide a picture is, and keeps what it was asked."""

    rule = LabelRule("lower", "o0")

    def __init__(self):
        self.asked = []

    def read(self, pictures, **restrictions):
        self.asked.append(restrictions)
        return [TextReading(str(picture.shape[1]), 0.5, ()) for picture in pictures]


def test_reading_folds_the_truth_and_passes_restrictions_on(tmp_path):
    pictures = []
    for number, label in enumerate(("O1O", "11")):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.zeros((4, 11, 3), np.uint8)).save(path)
        pictures.append(TextPicture(path, label, tmp_path))
    echo = Echo()
    first, second = read_all(pictures, echo, charset="01", length=2, colour="red")
    assert (first.truth, first.reading.text, first.right) == ("010", "11", False)
    assert second.right
    assert second.milliseconds > 0
    assert echo.asked == [{"charset": "01", "length": 2, "colour": "red"}] * 2
    pictures[0].path.write_bytes(b"broken")
    with pytest.raises(TrainingError, match=r"0\.png cannot be read"):
        read_all(pictures, echo)


def test_the_sheet_shows_what_was_wrong(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.full((40, 90, 3), (10, 90, 200), np.uint8)).save(path)
    wrong = [outcome("a成", "b", path=path).on_sheet]
    right = [outcome("a", "a", path=path).on_sheet]
    lettering = Lettering.find()
    sheets = [np.asarray(draw_text_sheet(found, lettering), int) for found in (wrong, right)]
    assert all((sheet == (10, 90, 200)).all(axis=2).sum() > 90 * 40 for sheet in sheets)
    # A mistake is written in red, a success is not.
    reds = [(sheet[..., 0] > sheet[..., 1] + 100).sum() for sheet in sheets]
    assert reds[0] > 20
    assert reds[1] == 0
    many = draw_text_sheet(wrong * (MOST + 9), lettering)
    assert many.size == draw_text_sheet(wrong * MOST, lettering).size
