import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from training.evaluation.statistics import (
    coverage_at_precision,
    expected_calibration_error,
    precision_at_coverage,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "trials"),
    [(0, 1), (1, 1), (0, 100), (1, 100), (37, 100), (99, 100), (100, 100), (5, 7), (690, 700)],
)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_is_that_of_scipy(successes, trials, level):
    expected = binomtest(successes, trials).proportion_ci(level, method="wilson")
    interval = wilson_interval(successes, trials, level)
    assert interval == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing_is_everything():
    assert wilson_interval(0, 0) == (0.0, 1.0)


PRECISION = {
    # confidence, correct, coverage, precision
    "all": ([0.9, 0.8, 0.1], [1, 1, 0], 1.0, 2 / 3),
    "the confident two": ([0.9, 0.8, 0.1], [1, 1, 0], 2 / 3, 1.0),
    "order does not matter": ([0.1, 0.9, 0.8], [0, 1, 1], 2 / 3, 1.0),
    "rounded up": ([0.9, 0.8, 0.1], [1, 0, 0], 0.5, 0.5),
    "never none": ([0.9, 0.8, 0.1], [1, 0, 0], 0.01, 1.0),
    "one": ([0.3], [0], 0.95, 0.0),
    "95 of 100, errors last": (np.linspace(1, 0, 100), [1] * 95 + [0] * 5, 0.95, 1.0),
    "95 of 100, errors first": (np.linspace(1, 0, 100), [0] * 5 + [1] * 95, 0.95, 90 / 95),
    "19 of 20": (np.linspace(1, 0, 20), [1] * 19 + [0], 0.95, 1.0),
    "ties count with their mean": ([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 1], 0.5, 0.5),
    "ties only at the cut": ([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0], 0.5, 0.75),
}


@pytest.mark.parametrize(
    ("confidence", "correct", "coverage", "expected"), PRECISION.values(), ids=PRECISION.keys()
)
def test_precision_at_coverage(confidence, correct, coverage, expected):
    measured = precision_at_coverage(
        np.asarray(confidence, float), np.asarray(correct, bool), coverage
    )
    assert measured == pytest.approx(expected)


COVERAGE = {
    # confidence, correct, precision, coverage
    "all right": ([0.9, 0.5], [1, 1], 0.995, 1.0),
    "all wrong": ([0.9, 0.5], [0, 0], 0.995, 0.0),
    "until the first error": ([0.9, 0.8, 0.7, 0.1], [1, 1, 0, 1], 1.0, 0.5),
    "an error made good later": ([0.9, 0.8, 0.7, 0.6, 0.1], [0, 1, 1, 1, 0], 0.75, 0.8),
    "no cut between equals": ([0.9, 0.5, 0.5], [1, 1, 0], 1.0, 1 / 3),
    "one in 200 is allowed": (np.linspace(1, 0, 200), [1] * 100 + [0] + [1] * 99, 0.995, 1.0),
}


@pytest.mark.parametrize(
    ("confidence", "correct", "precision", "expected"), COVERAGE.values(), ids=COVERAGE.keys()
)
def test_coverage_at_precision(confidence, correct, precision, expected):
    measured = coverage_at_precision(
        np.asarray(confidence, float), np.asarray(correct, bool), precision
    )
    assert measured == pytest.approx(expected)


answers = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1)


@given(answers, st.sampled_from([0.5, 0.9, 0.995, 1.0]))
def test_coverage_against_every_threshold(pairs, precision):
    best = 0.0
    for threshold, _ in pairs:
        kept = [right for confidence, right in pairs if confidence >= threshold]
        if sum(kept) / len(kept) >= precision:
            best = max(best, len(kept) / len(pairs))
    confidence, correct = (np.array(values) for values in zip(*pairs, strict=True))
    assert coverage_at_precision(confidence, correct, precision) == pytest.approx(best)


def test_ece_of_a_calibrated_solver_is_zero():
    confidence = np.repeat([0.1, 0.5, 0.9], 10)
    correct = np.array(([1] + [0] * 9) + [1, 0] * 5 + ([1] * 9 + [0]), bool)
    assert expected_calibration_error(confidence, correct, bins=3) == pytest.approx(0.0)


def test_ece_of_a_boaster_is_what_it_boasts():
    confidence, correct = np.full(200, 0.95), np.arange(200) % 2 == 0
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.45)


def test_ece_weighs_bins_by_their_answers():
    # Five answers in two bins of three and two: |0.2 - 1/3| * 3/5 + |0.8 - 1/2| * 2/5.
    confidence = np.array([0.2, 0.2, 0.2, 0.8, 0.8])
    correct = np.array([True, False, False, True, False])
    expected = (1 / 3 - 0.2) * 3 / 5 + 0.3 * 2 / 5
    assert expected_calibration_error(confidence, correct, bins=2) == pytest.approx(expected)


def test_ece_does_not_cancel_between_bins():
    confidence = np.array([0.0, 0.0, 1.0, 1.0])
    correct = np.array([True, True, False, False])
    assert expected_calibration_error(confidence, correct, bins=2) == pytest.approx(1.0)


def test_ece_of_one_answer():
    assert expected_calibration_error(np.array([0.7]), np.array([True])) == pytest.approx(0.3)
