"""Probabilities under connectionist temporal classification, in the log domain.

A CTC network answers a distribution over the charset and a blank for every frame. A word's
probability is the sum over all paths that spell it once repetitions are merged and blanks are
taken out (Graves et al., "Connectionist Temporal Classification", 2006, section 4.1).

`-inf` stands for impossible throughout.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.charset import BLANK

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def log_softmax(logits: F32) -> F32:
    """Logarithm of the softmax over the last axis.

    Args:
        logits: `(..., C)` float32.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalised: F32 = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def stack_frames(readings: Sequence[F32]) -> F32:
    """Make readings of different lengths one array.

    Frames that are certainly blank are appended; they change no word's probability.

    Args:
        readings: N arrays of `(T_i, C)` float32 log-probabilities, N and every `T_i` at least 1.

    Returns:
        `(N, max(T_i), C)` float32 log-probabilities.
    """
    longest = max(len(reading) for reading in readings)
    stacked = np.full((len(readings), longest, readings[0].shape[1]), -np.inf, np.float32)
    stacked[:, :, BLANK] = 0
    for row, reading in zip(stacked, readings, strict=True):
        row[: len(reading)] = reading
    return stacked


def word_log_probabilities(frames: F32, words: Sequence[Sequence[int]]) -> F64:
    """Log-probability of exactly each word on each reading: the CTC forward recursion.

    Args:
        frames: `(N, T, C)` float32 log-probabilities; index 0 is the blank.
        words: W words as indices, none of which is the blank; an empty word is allowed.

    Returns:
        `(W, N)` float64, at most 0, `-inf` for a word that has no path.
    """
    count, length, _ = frames.shape
    states = 2 * max((len(word) for word in words), default=0) + 1
    # A word's states are: blank, symbol, blank, symbol, ..., blank.
    symbols = np.full((len(words), states), BLANK, np.intp)
    for row, word in zip(symbols, words, strict=True):
        row[1 : 2 * len(word) : 2] = word
    # A path may step over the blank between two symbols, unless they are the same.
    may_skip = np.zeros(symbols.shape, bool)
    may_skip[:, 2:] = (symbols[:, 2:] != BLANK) & (symbols[:, 2:] != symbols[:, :-2])
    alpha = np.full((len(words), count, states), -np.inf)
    # Before the first frame a path stands where a blank would have left it, so that it may emit
    # that blank or step to the first symbol.
    alpha[:, :, 0] = 0
    for frame in range(length):
        step = np.full_like(alpha, -np.inf)
        step[:, :, 1:] = alpha[:, :, :-1]
        jump = np.full_like(alpha, -np.inf)
        jump[:, :, 2:] = alpha[:, :, :-2]
        jump[~np.broadcast_to(may_skip[:, None, :], jump.shape)] = -np.inf
        reached = np.logaddexp(np.logaddexp(alpha, step), jump)
        # (N, W, S) -> (W, N, S)
        alpha = reached + frames[:, frame, :][:, symbols].transpose(1, 0, 2)
    last = np.array([2 * len(word) for word in words], np.intp)
    at = np.arange(len(words))
    ends_blank = alpha[at, :, last]
    ends_symbol = np.where((last > 0)[:, None], alpha[at, :, np.maximum(last - 1, 0)], -np.inf)
    total: F64 = np.logaddexp(ends_blank, ends_symbol)
    return np.minimum(total, 0.0)


def single_symbol_log_probabilities(frames: F32) -> F64:
    """Log-probability, for every symbol at once, that a reading shows it once and nothing else.

    The forward recursion of a one-symbol word has three states (before it, in it, after it), so it
    runs over the whole charset as arrays.

    Args:
        frames: `(N, T, C)` float32 log-probabilities; index 0 is the blank.

    Returns:
        `(N, C)` float64; the blank's column is `-inf`.
    """
    blank = frames[:, :, BLANK].astype(np.float64)
    before = np.zeros((len(frames), 1))
    inside = np.full((len(frames), frames.shape[2]), -np.inf)
    after = inside.copy()
    for frame in range(frames.shape[1]):
        silence = blank[:, frame, None]
        after = np.logaddexp(after, inside) + silence
        inside = np.logaddexp(inside, before) + frames[:, frame]
        before = before + silence
    single: F64 = np.minimum(np.logaddexp(inside, after), 0.0)
    single[:, BLANK] = -np.inf
    return single


def best_path(frames: F32) -> list[tuple[int, ...]]:
    """The symbols of the likeliest path of each reading: merged repetitions, no blanks.

    Args:
        frames: `(N, T, C)` float32 log-probabilities; index 0 is the blank.
    """
    winners = frames.argmax(axis=2)
    changes = np.ones_like(winners, dtype=bool)
    changes[:, 1:] = winners[:, 1:] != winners[:, :-1]
    keep = changes & (winners != BLANK)
    return [
        tuple(int(index) for index in row[kept]) for row, kept in zip(winners, keep, strict=True)
    ]
