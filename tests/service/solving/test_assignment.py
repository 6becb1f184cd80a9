"""The assignment against two oracles: every permutation where it is small, SciPy's where not."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from service.solving.assignment import best_assignment, priced_assignment
from service.solving.matching import MAX_ITEMS

SMALL = st.tuples(st.integers(0, 5), st.integers(0, 5))
# Few values, so that many are equal; SciPy's choice among equal sums may be another.
LEVELS = st.sampled_from([-30.0, -4.5, -1.0, 0.0, 0.25, 3.0])
ANY = st.floats(-1e6, 1e6)


def total(scores):
    rows, columns = best_assignment(scores)
    assert len(rows) == len(columns) == min(scores.shape)
    assert (np.diff(rows) > 0).all()
    assert len(set(columns.tolist())) == len(columns)
    return scores[rows, columns].sum()


@given(SMALL.flatmap(lambda shape: arrays(np.float64, shape, elements=LEVELS | ANY)))
def test_no_permutation_sums_to_more(scores):
    wide = scores if len(scores) <= scores.shape[1] else scores.T
    rows = range(len(wide))
    every = permutations(range(wide.shape[1]), len(wide))
    best = max(sum(wide[row, column] for row, column in zip(rows, p, strict=True)) for p in every)
    assert total(scores) == pytest.approx(best, rel=1e-9, abs=1e-6)


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, MAX_ITEMS), st.integers(1, 60)),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["normal", "rounded", "floored"]),
)
def test_it_sums_to_what_scipy_does(shape, seed, kind):
    scores = np.random.default_rng(seed).normal(scale=8, size=shape)
    scores = {"normal": scores, "rounded": scores.round(), "floored": np.maximum(scores, 0)}[kind]
    rows, columns = linear_sum_assignment(scores, maximize=True)
    assert total(scores) == pytest.approx(scores[rows, columns].sum(), abs=1e-9)
    if kind == "normal":  # only one is best
        found = best_assignment(scores)
        assert (found[0] == rows).all()
        assert (found[1] == columns).all()


@pytest.mark.parametrize(
    "scores",
    [np.zeros(3), np.zeros((1, 2, 3)), np.array([[0, np.nan]]), np.array([[0], [-np.inf]])],
    ids=["a row", "a cube", "nan", "infinite"],
)
def test_what_is_no_finite_matrix_is_refused(scores):
    with pytest.raises(ValueError, match="finite"):
        best_assignment(scores)


@given(
    st.tuples(st.integers(1, 6), st.integers(0, 4)).flatmap(
        lambda sides: arrays(
            np.float64, (sides[0], sides[0] + sides[1]), elements=st.floats(-900, 900)
        )
    )
)
def test_its_prices_prove_that_nothing_is_cheaper(costs):
    found = priced_assignment(costs)
    reduced = costs - found.row_prices[:, None] - found.column_prices
    assert (reduced > -1e-9).all()
    np.testing.assert_allclose(reduced[np.arange(len(costs)), found.columns], 0, atol=1e-9)
    assert (found.column_prices <= 1e-9).all()
    left_over = np.setdiff1d(np.arange(costs.shape[1]), found.columns)
    assert (found.column_prices[left_over] == 0).all()
