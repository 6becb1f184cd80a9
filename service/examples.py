"""The pictures and values of the examples at `/docs`, drawn when the app is imported."""

import base64
import io

from PIL import Image, ImageDraw, ImageFont

EXAMPLE_BOXES = ((12, 14, 42, 44), (60, 24, 90, 54), (106, 8, 136, 38))
EXAMPLE_WORDS = ("7", "4", "2")


def _encoded(image: Image.Image) -> str:
    file = io.BytesIO()
    image.quantize(8).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _draw(words: tuple[str, ...], boxes: tuple[tuple[int, int, int, int], ...]) -> str:
    width, height = max(b[2] for b in boxes) + 12, max(b[3] for b in boxes) + 12
    image = Image.new("RGB", (width, height), "#dfe6ee")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(28)
    for word, (x1, y1, x2, y2) in zip(words, boxes, strict=True):
        draw.text(((x1 + x2) / 2, (y1 + y2) / 2), word, "#20324a", font, anchor="mm")
    return _encoded(image)


EXAMPLE_BACKGROUND = _draw(EXAMPLE_WORDS, EXAMPLE_BOXES)
"""Base64 of a PNG with the digits of `EXAMPLE_WORDS` in `EXAMPLE_BOXES`."""

EXAMPLE_ITEM = _draw(("4",), ((6, 6, 36, 36),))
"""Base64 of a PNG with one digit."""

EXAMPLE_STRIP = _draw(("4", "7"), ((6, 4, 36, 34), (46, 4, 76, 34)))
"""Base64 of a PNG with two digits, as a prompt picture."""
