"""Frames whose border goes on outwards, against NumPy's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfile.crops import extend_edges

side = st.integers(1, 9)


@given(side, side, st.integers(0, 7), st.integers(0, 7), st.integers(0, 2**32))
def test_borders_are_continued(height, width, below, beside, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    found = extend_edges(picture, (width + beside, height + below))
    top, left = below // 2, beside // 2
    wanted = np.pad(picture, ((top, below - top), (left, beside - left), (0, 0)), mode="edge")
    np.testing.assert_array_equal(found, wanted)


def test_a_frame_that_is_too_small_is_refused():
    with pytest.raises(ValueError):
        extend_edges(np.zeros((3, 5, 3), np.uint8), (4, 3))
