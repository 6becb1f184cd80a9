"""Draws an answer on its background, for a person to check at a glance."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from service.solving.answers import Click, DetectedBox

_CLICK, _SPARE, _TEXT = "#e0004d", "#1f7ae0", "#ffffff"


def draw_answer(
    background: NDArray[np.uint8], clicks: Sequence[Click], boxes: Sequence[DetectedBox] = ()
) -> Image.Image:
    """Frame the boxes and number the clicks in click order.

    Args:
        background: `(H, W, 3)` uint8 RGB; it is not changed.
        clicks: In click order, boxes in background pixels, `x2`/`y2` exclusive.
        boxes: Framed thinly where no click is, in the same pixels.
    """
    image = Image.fromarray(background)
    draw = ImageDraw.Draw(image)
    clicked = {click.box for click in clicks}
    for found in boxes:
        if found.box not in clicked:
            _frame(draw, found.box, _SPARE, width=1)
    for number, click in enumerate(clicks, 1):
        _frame(draw, click.box, _CLICK, width=2)
        # Inside the box: a badge above a box at the upper edge could not be seen.
        size = max(9, min(18, (click.box[3] - click.box[1]) // 2))
        font = ImageFont.load_default(size)
        text, (x, y) = str(number), click.box[:2]
        _, _, right, bottom = draw.textbbox((x + 1, y), text, font)
        draw.rectangle((x, y, right + 1, bottom + 1), _CLICK)
        draw.text((x + 1, y), text, _TEXT, font)
        draw.ellipse((click.x - 2, click.y - 2, click.x + 2, click.y + 2), _CLICK, _TEXT)
    return image


def png_bytes(image: Image.Image) -> bytes:
    """The picture as a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _frame(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: str, width: int
) -> None:
    x1, y1, x2, y2 = box
    # Pillow's rectangles end inclusively, and refuse an end before the start.
    draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=width)
