"""Losses, readings and measures of a text network."""

import itertools
import math

import numpy as np
import pytest
import torch

from training.text.measures import Alphabet, Predictions, metrics_of

CTC, FIXED = Alphabet("ab"), Alphabet("ab", places=3)


def spelled(path: tuple[int, ...]) -> str:
    """What a path of frames says, the slow way."""
    merged = [number for number, _ in itertools.groupby(path)]
    return "".join("ab"[number - 1] for number in merged if number)


@pytest.mark.parametrize("word", ["a", "ab", "aa", "aba"])
def test_the_loss_of_ctc_is_that_of_all_paths(word: str) -> None:
    torch.manual_seed(1)
    logits = torch.randn(1, 5, 3)
    steps = torch.log_softmax(logits, dim=2)[0].numpy()
    total = sum(
        math.exp(sum(steps[at, number] for at, number in enumerate(path)))
        for path in itertools.product(range(3), repeat=5)
        if spelled(path) == word
    )
    assert CTC.confidences(logits, [word]) == [pytest.approx(total, rel=1e-4)]
    # The mean over pictures, each by the length of its text.
    assert float(CTC.loss(logits, [word])) == pytest.approx(-math.log(total) / len(word), rel=1e-4)


def test_the_loss_of_places_counts_empty_ones() -> None:
    logits = torch.zeros(1, 3, 3)
    for place, number in enumerate((2, 1, 0)):
        logits[0, place, number] = 20
    assert float(FIXED.loss(logits, ["ba"])) < 1e-6
    assert float(FIXED.loss(logits, ["bab"])) > 5


@pytest.mark.parametrize(
    ("alphabet", "numbers", "text"),
    [
        (CTC, (1, 1, 0, 1, 2), "aab"),
        (CTC, (0, 0, 0, 0, 0), ""),
        (FIXED, (1, 1, 0), "aa"),
        (FIXED, (2, 1, 2), "bab"),
    ],
    ids=["repeated", "blank", "short", "full"],
)
def test_texts_are_read_along_the_likeliest_path(
    alphabet: Alphabet, numbers: tuple[int, ...], text: str
) -> None:
    logits = np.full((1, len(numbers), 3), -5, np.float32)
    for at, number in enumerate(numbers):
        logits[0, at, number] = 5
    assert alphabet.read(logits) == [text]
    (sure,) = alphabet.confidences(torch.from_numpy(logits), [text])
    assert sure == pytest.approx((1 / (1 + 2 * math.exp(-10))) ** len(numbers), rel=1e-3)


def test_measures_count_pictures_and_characters() -> None:
    found = metrics_of(Predictions(("ab", "a", "bb"), (1, 1, 1), 0.5), ("ab", "aa", "ab"))
    assert found == {
        "accuracy": pytest.approx(1 / 3),
        "character_accuracy": pytest.approx(4 / 6),
        "cost": 0.5,
    }
