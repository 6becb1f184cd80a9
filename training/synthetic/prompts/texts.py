"""Texts in prompt pictures that are not items: instructions, and faint characters behind them."""

from collections.abc import Sequence

from numpy.random import Generator
from PIL import Image

from training.synthetic.colours import away_from, mix, random_colour
from training.synthetic.grounds import mean_colour
from training.synthetic.ingredients.palette import random_face
from training.synthetic.ingredients.store import FontFace
from training.synthetic.items.characters import DIGITS, LEVEL_1, LOWER, UPPER
from training.synthetic.items.glyphs import text_mask
from training.synthetic.prompts.clutter import Canvas

Designs = Sequence[Sequence[FontFace]]

_INSTRUCTIONS = (
    "请依次点击", "请按顺序点击", "依次点击:", "请点击", "点击下图", "按顺序选择", "請依次點擊",
    "Click in order:", "Please click", "Select in order", "Click:", "Tap these", "in order",
    "Cliquez", "Klicken Sie", "Haga clic",
)  # fmt: skip
"""What sites write beside the items; none of it is to be clicked."""


def faint_text(canvas: Canvas, han: Designs, latin: Designs, rng: Generator) -> None:
    """Draw faint or tiny characters.

    Args:
        canvas: What to draw on.
        han: Chinese faces by design.
        latin: Faces for letters and digits by design.
        rng: Source of everything.
    """
    face = random_face(latin if rng.random() < 0.6 else han, rng)
    pool = DIGITS + UPPER + LOWER if rng.random() < 0.6 else LEVEL_1
    tone = mix(mean_colour(canvas.picture), random_colour(rng), rng.uniform(0.12, 0.3))
    for _ in range(int(rng.integers(3, 14))):
        letter = pool[int(rng.integers(len(pool)))]
        if not face.covers(letter):
            continue
        mask = text_mask(face, letter, 24)
        scale = canvas.side * rng.uniform(0.25, 0.45) / 24
        mask = mask.resize((max(2, int(mask.width * scale)), max(2, int(mask.height * scale))))
        x = int(rng.integers(0, max(1, canvas.picture.width - mask.width)))
        y = int(rng.integers(0, max(1, canvas.picture.height - mask.height)))
        canvas.picture.paste(tone, (x, y), mask)


def instruction(
    canvas: Canvas, han: Designs, latin: Designs, columns: tuple[int, int], rng: Generator
) -> None:
    """Write an instruction in smaller characters than the items.

    Args:
        canvas: What to write on; remembers the characters as clutter.
        han: Chinese faces by design.
        latin: Faces for letters and digits by design.
        columns: First and last column, exclusive, that are free for it.
        rng: Source of everything.
    """
    text = _INSTRUCTIONS[int(rng.integers(len(_INSTRUCTIONS)))]
    chinese = ord(text[0]) > 127
    for _ in range(12):
        face = random_face(han if chinese else latin, rng)
        if face.covers(text.replace(" ", "")):
            break
    else:
        return
    mask = text_mask(face, text, 36)
    high = canvas.side * rng.uniform(0.32, 0.6) * (1.0 if chinese else 1.1)
    scale = min(high / mask.height, (columns[1] - columns[0] - 2) / mask.width)
    if scale * mask.height < 5:
        return
    mask = mask.resize(
        (max(2, round(mask.width * scale)), max(2, round(mask.height * scale))),
        Image.Resampling.BILINEAR,
    )
    x = columns[0] + int(rng.integers(0, max(1, columns[1] - columns[0] - mask.width)))
    y = (canvas.picture.height - mask.height) // 2 + int(rng.integers(-2, 3))
    tone = away_from(mean_colour(canvas.picture), rng, 0.35, tone="dull")
    canvas.picture.paste(tone, (x, y), mask)
    step = max(1, mask.width // max(1, len(text)))
    for start in range(x, x + mask.width - step + 1, step):
        canvas.note(start, y, start + step, y + mask.height)
