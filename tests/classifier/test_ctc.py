"""The recursions against the definition: every path of a short reading, one by one."""

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.ctc import (
    best_path,
    log_softmax,
    single_symbol_log_probabilities,
    stack_frames,
    word_log_probabilities,
)

readings = st.tuples(
    st.integers(1, 5), st.integers(2, 4), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 6.0])
)


def reading(length, symbols, seed, spread):
    logits = np.random.default_rng(seed).normal(scale=spread, size=(length, symbols))
    return log_softmax(logits.astype(np.float32))


def by_enumeration(frames):
    """Probability of every word, from all `C ** T` paths."""
    probabilities = np.exp(frames.astype(np.float64))
    words = {}
    for path in product(range(frames.shape[1]), repeat=len(frames)):
        word = tuple(symbol for symbol, _ in groupby(path) if symbol)
        chance = np.prod([probabilities[at, symbol] for at, symbol in enumerate(path)])
        words[word] = words.get(word, 0.0) + chance
    return words


@settings(max_examples=60, deadline=None)
@given(parameters=readings)
def test_every_word_of_every_length(parameters):
    frames = reading(*parameters)
    truth = by_enumeration(frames)
    words = list(truth)
    found = word_log_probabilities(frames[None], words)
    assert found.shape == (len(words), 1)
    np.testing.assert_allclose(np.exp(found[:, 0]), list(truth.values()), rtol=1e-4, atol=1e-12)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(parameters=readings)
def test_every_single_symbol_at_once(parameters):
    frames = reading(*parameters)
    truth = by_enumeration(frames)
    found = single_symbol_log_probabilities(frames[None])[0]
    assert found[0] == -np.inf
    wanted = [truth.get((symbol,), 0.0) for symbol in range(1, frames.shape[1])]
    np.testing.assert_allclose(np.exp(found[1:]), wanted, rtol=1e-4, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), lengths=st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_a_batch_of_different_lengths_is_its_readings(seed, lengths):
    ragged = [reading(length, 4, seed + at, 3.0) for at, length in enumerate(lengths)]
    words = [(1,), (2, 2), (3, 1, 2), ()]
    together = word_log_probabilities(stack_frames(ragged), words)
    alone = np.concatenate([word_log_probabilities(one[None], words) for one in ragged], axis=1)
    assert together.shape == (len(words), len(lengths))
    np.testing.assert_allclose(np.exp(together), np.exp(alone), rtol=1e-5, atol=1e-15)
    np.testing.assert_allclose(
        single_symbol_log_probabilities(stack_frames(ragged)),
        np.concatenate([single_symbol_log_probabilities(one[None]) for one in ragged]),
        rtol=1e-5,
    )


def test_words_without_a_path():
    frames = reading(2, 3, 0, 1.0)[None]
    found = word_log_probabilities(frames, [(1, 1), (1, 2, 1), (1, 2), ()])
    # Two of the same need a blank between them, which makes three frames.
    assert found[0, 0] == -np.inf
    assert found[1, 0] == -np.inf
    assert np.isfinite(found[2:]).all()


def test_no_words():
    assert word_log_probabilities(reading(3, 3, 0, 1.0)[None], []).shape == (0, 1)


def test_best_path():
    winners = np.array([[0, 1, 1, 0, 1, 2], [2, 2, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0]])
    frames = np.log(np.eye(3, dtype=np.float32)[winners] * 0.9 + 0.01)
    assert best_path(frames) == [(1, 1, 2), (2,), ()]


def test_log_softmax_of_large_logits():
    found = log_softmax(np.array([[1000.0, 0.0], [0.0, 0.0]], np.float32))
    np.testing.assert_allclose(found, [[0, -1000], [-np.log(2)] * 2], rtol=1e-6)
