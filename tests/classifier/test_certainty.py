"""Certainty: how sure a crop is to show one single character, for both kinds of networks."""

import numpy as np
import pytest

from classifier import Charset, CtcReadings, SoftmaxReadings


def test_softmax_certainty_is_the_greatest_probability() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]], np.float32))
    readings = SoftmaxReadings(logits, Charset(("a", "b", "c"), blank=False, source="test"))
    assert readings.certainty() == pytest.approx([0.7, 0.6], abs=1e-6)


def test_ctc_certainty_counts_every_path_of_one_character() -> None:
    # Two frames of blank, a, b: "a" alone is aa, a-, -a.
    frames = np.log(np.array([[0.3, 0.6, 0.1], [0.5, 0.4, 0.1]], np.float32))
    readings = CtcReadings([frames], Charset(("", "a", "b"), blank=True, source="test"))
    assert readings.certainty() == pytest.approx([0.6 * 0.4 + 0.6 * 0.5 + 0.3 * 0.4], abs=1e-6)


def test_the_likeliest_symbol_of_a_softmax_network() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]], np.float32))
    readings = SoftmaxReadings(logits, Charset(("a", "b", "c"), blank=False, source="test"))
    assert readings.symbols() == ("a", "c")


def test_the_likeliest_symbol_of_a_sequence_network_is_one_and_no_blank() -> None:
    frames = [
        # The likeliest path is "ab", and "b" alone likelier than "a" alone.
        np.log(np.array([[0.1, 0.6, 0.3], [0.1, 0.2, 0.7]], np.float32)),
        # Nearly all blank, and what is left is "a".
        np.log(np.array([[0.98, 0.015, 0.005], [0.98, 0.015, 0.005]], np.float32)),
    ]
    readings = CtcReadings(frames, Charset(("", "a", "b"), blank=True, source="test"))
    assert readings.texts() == ("ab", "")
    assert readings.symbols() == ("b", "a")


def test_no_crops_have_no_certainty() -> None:
    empty = SoftmaxReadings(
        np.zeros((0, 3), np.float32), Charset(("a", "b", "c"), blank=False, source="test")
    )
    assert empty.certainty().shape == (0,)
    assert empty.symbols() == ()
