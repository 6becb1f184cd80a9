"""Letters on a noisy ground, as small click CAPTCHAs draw them: a generator to copy from.

clickorder audit --generator clickorder.audit.examples.plain:draw
"""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from clickorder.audit.generator import Parts, Range

SETTINGS = {
    "rotation": Range(0, 90),
    "contrast": Range(20, 160),
    "noise": Range(0, 60),
    "lines": Range(0, 12, integer=True),
    "decoys": Range(0, 4, integer=True),
    "size": Range(22, 44),
}

WIDTH, HEIGHT, ASKED = 300, 180, 3
LETTERS = "ABCDEFGHJKLMNPRSTUVWXY"


def draw(settings: dict[str, float], rng: Generator) -> Parts:
    """Three letters to click, and decoys, in cells of a grid with free places in them."""
    count = ASKED + int(settings["decoys"])
    letters = rng.choice(list(LETTERS), count, replace=False)
    cells = rng.choice(8, count, replace=False)
    pixels = 128 + rng.normal(0, settings["noise"], (HEIGHT, WIDTH, 1)) * np.ones(3)
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    boxes, masks = [], []
    for letter, cell in zip(letters, cells, strict=True):
        mask = _letter(str(letter), settings, rng)
        x = int(cell % 4 * WIDTH // 4 + rng.integers(max(1, WIDTH // 4 - mask.width)))
        y = int(cell // 4 * HEIGHT // 2 + rng.integers(max(1, HEIGHT // 2 - mask.height)))
        shade = round(128 - rng.choice((-1, 1)) * min(127.0, settings["contrast"]))
        picture.paste((shade,) * 3, (x, y), mask)
        boxes.append((x, y, min(WIDTH, x + mask.width), min(HEIGHT, y + mask.height)))
        masks.append(mask)
    pen = ImageDraw.Draw(picture)
    for _ in range(int(settings["lines"])):
        start, end = rng.integers((WIDTH, HEIGHT), size=(2, 2)).tolist()
        pen.line((*start, *end), fill=(int(rng.integers(256)),) * 3, width=2)
    return Parts(
        picture,
        tuple(map(str, letters[:ASKED])),
        tuple(boxes[:ASKED]),
        tuple(boxes[ASKED:]),
        masks=tuple(masks[:ASKED]),
    )


def _letter(letter: str, settings: dict[str, float], rng: Generator) -> Image.Image:
    font = ImageFont.load_default(settings["size"])
    left, top, right, bottom = (round(value) for value in font.getbbox(letter))
    mask = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(mask).text((2 - left, 2 - top), letter, fill=255, font=font)
    angle = float(rng.uniform(-1, 1)) * settings["rotation"]
    turned = mask.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return turned.crop(turned.getbbox())
