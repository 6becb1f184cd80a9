import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import (
    LOG_FLOOR,
    Charset,
    CtcReadings,
    MixedReadingsError,
    Readings,
    SoftmaxReadings,
    UnknownWordError,
)

CTC = Charset(["", "a", "b", "c"], blank=True, source="ctc")
SOFTMAX = Charset(["a", "b", "cd"], blank=False, source="softmax")
seeds = st.integers(0, 2**32 - 1)


def ctc(seed, lengths):
    random = np.random.default_rng(seed)
    return CtcReadings(
        [random.normal(scale=3, size=(length, 4)).astype(np.float32) for length in lengths], CTC
    )


def softmax(seed, count):
    logits = np.random.default_rng(seed).normal(scale=3, size=(count, 3)).astype(np.float32)
    return SoftmaxReadings(logits, SOFTMAX)


def slow_agreement(first, second, symbols):
    """Sum over the words, crop by crop."""
    p, q = np.exp(first.score_words(symbols)), np.exp(second.score_words(symbols))
    return np.log(
        [[(p[:, i] * q[:, j]).sum() for j in range(len(second))] for i in range(len(first))]
    )


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_agreement_is_the_sum_over_symbols(seed):
    for first, second, symbols in (
        (ctc(seed, [3, 5]), ctc(seed + 1, [2, 4, 4]), "abc"),
        (softmax(seed, 2), softmax(seed + 1, 3), ["a", "b", "cd"]),
    ):
        found = first.agreement(second)
        assert found.shape == (2, 3)
        np.testing.assert_allclose(found, slow_agreement(first, second, symbols), atol=1e-3)
        np.testing.assert_allclose(found, second.agreement(first).T, atol=1e-5)


def test_softmax_scores_are_over_the_whole_charset():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32))
    readings: Readings = SoftmaxReadings(logits + 5, SOFTMAX)
    assert len(readings) == 2
    np.testing.assert_allclose(
        np.exp(readings.score_words(["cd", "a", "cd"])),
        [[0.1, 0.8], [0.7, 0.1], [0.1, 0.8]],
        rtol=1e-5,
    )
    assert SoftmaxReadings(logits, SOFTMAX).texts() == ("a", "cd")


def test_ctc_scores_a_word_and_not_its_parts():
    # Frames that surely say: a, blank, b.
    sure = np.full((3, 4), -20.0, np.float32)
    sure[[0, 1, 2], [1, 0, 2]] = 0
    readings: Readings = CtcReadings([sure], CTC)
    scores = readings.score_words(["ab", "a", "b", "ba", "aba"])[:, 0]
    assert scores[0] == pytest.approx(0, abs=1e-6)
    assert (scores[1:] < -15).all()
    assert CtcReadings([sure, sure[:2]], CTC).texts() == ("ab", "a")


@pytest.mark.parametrize("kind", ["ctc", "softmax"])
def test_scores_are_finite_and_floored(kind):
    sure = np.full((1, 4 if kind == "ctc" else 3), -1e4, np.float32)
    sure[0, 1] = 0
    readings = CtcReadings([sure], CTC) if kind == "ctc" else SoftmaxReadings(sure, SOFTMAX)
    words = ["a", "b", "abcabc"] if kind == "ctc" else ["a", "b", "cd"]
    scores = readings.score_words(words)
    assert scores.dtype == np.float32
    assert scores.shape == (3, 1)
    assert (scores <= 0).all()
    assert scores.min() == LOG_FLOOR
    other = np.roll(sure, 1, axis=1)
    opposite = CtcReadings([other], CTC) if kind == "ctc" else SoftmaxReadings(other, SOFTMAX)
    assert readings.agreement(opposite).item() == LOG_FLOOR
    assert readings.agreement(readings).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "empty",
    [CtcReadings([], CTC), SoftmaxReadings(np.zeros((0, 3), np.float32), SOFTMAX)],
    ids=["ctc", "softmax"],
)
def test_no_crops(empty):
    assert len(empty) == 0
    assert empty.score_words(["a", "b"]).shape == (2, 0)
    assert empty.agreement(empty).shape == (0, 0)
    assert empty.texts() == ()
    some = ctc(0, [3]) if isinstance(empty, CtcReadings) else softmax(0, 1)
    assert some.agreement(empty).shape == (1, 0)
    assert some.score_words([]).shape == (0, 1)


def test_unknown_words_and_mixed_models():
    with pytest.raises(UnknownWordError, match="'z'"):
        ctc(0, [2]).score_words(["a", "az"])
    with pytest.raises(MixedReadingsError):
        ctc(0, [2]).agreement(softmax(0, 1))
