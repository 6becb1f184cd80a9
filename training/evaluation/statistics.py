"""Statistics of an evaluation: intervals, precision at coverage, calibration error."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

TIE = 1e-4
"""Log-likelihoods that differ by less are tied: those of one crop vary by some 1e-6 with its place
in a batch, so that an exact comparison would decide at random between equals."""


def strictly_best(
    scores: NDArray[np.floating], truth: NDArray[np.integer], tie: float = TIE
) -> NDArray[np.bool_]:
    """Whether the truth scores higher than every alternative; a tie is wrong.

    An `argmax` takes the first of those that tie, so that a model that says the same of everything
    would be right wherever the truth is listed first.

    Args:
        scores: `(..., C)` log-likelihoods of C alternatives.
        truth: `(...)` integer index of the right alternative, 0..C-1.
        tie: Least difference to every other score.

    Returns:
        `(...)` bool.
    """
    at = np.asarray(truth)[..., None]
    own = np.take_along_axis(scores, at, axis=-1)[..., 0]
    others = np.array(scores, np.float64)
    np.put_along_axis(others, at, -np.inf, axis=-1)
    ahead: NDArray[np.bool_] = own > others.max(axis=-1, initial=-np.inf) + tie
    return ahead


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (E. B. Wilson, JASA 22, 1927), 0..1.

    Args:
        successes: Number of successes, 0..`trials`.
        trials: Number of trials; without any, the interval is `(0, 1)`.
        level: Confidence level, 0..1.

    Returns:
        Lower and upper end.
    """
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / trials
    scale = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2)
    # At the ends the formula gives exactly 0 and 1; rounding must not say otherwise.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return low, high


class SolvedOf:
    """Share and interval of a record of `solved` puzzles of `n`.

    Attributes:
        n: Number of puzzles.
        solved: Number of them that were solved.
    """

    __slots__ = ()
    n: int
    solved: int

    @property
    def rate(self) -> float:
        """Share of the puzzles that were solved, 0..1."""
        return self.solved / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the rate."""
        return wilson_interval(self.solved, self.n)


def precision_at_coverage(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], coverage: float
) -> float:
    """Share that is right among the most confident answers.

    Among answers of the same confidence at the cut none is preferred: they count with their mean.

    Args:
        confidence: `(N,)` float64, any scale, larger is more confident; N at least 1.
        correct: `(N,)` bool, whether each answer is right.
        coverage: Share of the answers to keep, in (0, 1]; rounded up to whole answers.

    Returns:
        Precision of the kept answers, 0..1.
    """
    # The nudge keeps 0.95 * 100 = 95.00000000000001 from asking for a 96th answer.
    keep = max(1, math.ceil(coverage * len(confidence) - 1e-9))
    threshold = np.sort(confidence)[-keep]
    above, tied = confidence > threshold, confidence == threshold
    right = correct[above].sum() + (keep - above.sum()) * correct[tied].mean()
    return float(right / keep)


def coverage_at_precision(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], precision: float
) -> float:
    """The largest share of answers that a confidence threshold can keep at this precision.

    Args:
        confidence: `(N,)` float64, larger is more confident; N at least 1.
        correct: `(N,)` bool, whether each answer is right.
        precision: Share of the kept answers that must be right, 0..1.

    Returns:
        Coverage, 0..1; 0 where no threshold reaches the precision.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked, kept = confidence[order], np.arange(1, len(confidence) + 1)
    reached = np.cumsum(correct[order]) >= precision * kept - 1e-9
    # A threshold cannot cut between answers of the same confidence.
    reached &= np.append(ranked[1:] != ranked[:-1], True)
    return float(kept[reached].max(initial=0) / len(confidence))


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 10
) -> float:
    """Mean distance between confidence and accuracy over bins of equal mass.

    Args:
        confidence: `(N,)` float64 probabilities, 0..1; N at least 1.
        correct: `(N,)` bool, whether each answer is right.
        bins: Number of bins; fewer where there are fewer answers.

    Returns:
        Expected calibration error, 0..1.
    """
    order = np.argsort(confidence, kind="stable")
    # Predictions of the same confidence count with their mean, or their order would decide.
    _, group = np.unique(confidence, return_inverse=True)
    rate = (np.bincount(group, weights=correct) / np.bincount(group))[group]
    error = 0.0
    for part in np.array_split(order, min(bins, len(order))):
        error += len(part) * abs(float(confidence[part].mean() - rate[part].mean()))
    return error / len(order)
