"""Words drawn with the font inside Pillow."""

import string

import numpy as np
import pytest

from siamese.glyphs import can_draw, draw_word


@pytest.mark.parametrize("word", ["A", "7K", "g", "W" * 16, "i", "-"])
def test_a_word_is_drawn_whole_with_a_margin(word: str) -> None:
    picture = draw_word(word)
    ink = picture.min(axis=2) < 200
    assert ink.any()
    border = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    assert not border.any(), "nothing is cut off"


def test_different_characters_look_different() -> None:
    alphabet = string.ascii_letters + string.digits
    assert len({draw_word(c).tobytes() for c in alphabet}) == len(alphabet)


@pytest.mark.parametrize("word", ["", "并", "A并", "A B", "é"])
def test_what_the_font_lacks_is_not_drawn(word: str) -> None:
    assert not can_draw(word)
