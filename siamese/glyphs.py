"""Glyphs: words drawn as pictures, for a matcher of pictures to look for.

The font is the one inside Pillow, so nothing needs to be installed: it has Latin letters, digits
and punctuation, and no Chinese. That is what is needed: words of several characters (`7K`) are
beyond a classifier of single characters.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_SIZE_PX = 40
_MARGIN_PX = 4


def can_draw(word: str) -> bool:
    """Whether the font has every character of a word."""
    return bool(word) and all("!" <= character <= "~" for character in word)


@lru_cache(maxsize=512)
def draw_word(word: str) -> NDArray[np.uint8]:
    """Draw a word in black on white.

    Args:
        word: `can_draw` holds for it.

    Returns:
        `(h, w, 3)` uint8 RGB, read-only, cut to the ink and a small margin.
    """
    font = ImageFont.load_default(_SIZE_PX)
    left, top, right, bottom = (round(v) for v in font.getbbox(word))
    size = (right - left + 2 * _MARGIN_PX, bottom - top + 2 * _MARGIN_PX)
    picture = Image.new("RGB", size, (255, 255, 255))
    ImageDraw.Draw(picture).text((_MARGIN_PX - left, _MARGIN_PX - top), word, (0, 0, 0), font)
    pixels = np.asarray(picture)
    pixels.setflags(write=False)
    return pixels
