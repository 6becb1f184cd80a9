"""The sheet of the worst readings: each picture with what it says and what was read."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from labels.pictures import load_rgb
from training.failures import Lettering
from training.text_scoring import TextOutcome, worst_first

MOST = 60
"""Pictures on a sheet."""

_COLUMNS = 4
_CELL_PX = (200, 96)
_CAPTION_PX = 40
_GAP_PX = 6
_GROUND, _WRONG, _RIGHT, _INK = (245, 245, 245), (200, 40, 40), (40, 130, 60), (60, 60, 60)


def draw_text_sheet(outcomes: Sequence[TextOutcome], lettering: Lettering) -> Image.Image:
    """Draw the wrong readings, the surest first, and after them the least sure right ones.

    Args:
        outcomes: Of a test; 60 at most are drawn.
        lettering: For the captions.

    Returns:
        An RGB picture.

    Raises:
        OSError: a picture cannot be read (any more).
    """
    shown = worst_first(outcomes)[:MOST]
    columns = max(1, min(_COLUMNS, len(shown)))
    step = (_CELL_PX[0] + _GAP_PX, _CELL_PX[1] + _CAPTION_PX + _GAP_PX)
    rows = max(1, -(-len(shown) // columns))
    sheet = Image.new("RGB", (columns * step[0] + _GAP_PX, rows * step[1] + _GAP_PX), _GROUND)
    draw = ImageDraw.Draw(sheet)
    for number, outcome in enumerate(shown):
        x = number % columns * step[0] + _GAP_PX
        y = number // columns * step[1] + _GAP_PX
        truth, font = lettering.word(outcome.truth)
        draw.text((x, y), truth, fill=_INK, font=font)
        read, font = lettering.word(outcome.reading.text)
        caption = f"{read or '(nothing)'}  {outcome.reading.confidence:.0%}"
        colour = _RIGHT if outcome.right else _WRONG
        draw.text((x, y + _CAPTION_PX // 2), caption, fill=colour, font=font)
        picture = Image.fromarray(load_rgb(outcome.path))
        scale = min(_CELL_PX[0] / picture.width, _CELL_PX[1] / picture.height, 2.0)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        sheet.paste(picture.resize(size, Image.Resampling.BILINEAR), (x, y + _CAPTION_PX))
    return sheet
