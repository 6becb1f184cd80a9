"""The sheet of the worst readings: each picture with what it says and what was read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from training.evaluation.failures import Lettering

MOST = 60
"""Pictures on a sheet."""

_COLUMNS = 4
_CELL_PX = (200, 96)
_CAPTION_PX = 40
_GAP_PX = 6
_GROUND, _WRONG, _RIGHT, _INK = (245, 245, 245), (200, 40, 40), (40, 130, 60), (60, 60, 60)


@dataclass(frozen=True, slots=True)
class SheetReading:
    """One picture that was read.

    Attributes:
        truth: What it says.
        read: What was read.
        confidence: Its confidence, 0..1.
        picture: Loads it when it is drawn; most of a large set never are.
    """

    truth: str
    read: str
    confidence: float
    picture: Callable[[], Image.Image]

    @property
    def right(self) -> bool:
        """Whether all of it was read."""
        return self.read == self.truth


def draw_text_sheet(readings: Iterable[SheetReading], lettering: Lettering) -> Image.Image:
    """Draw the wrong readings, the surest first, and after them the least sure right ones.

    Args:
        readings: In any order; 60 at most are drawn.
        lettering: For the captions.

    Returns:
        An RGB picture.

    Raises:
        OSError: a picture cannot be read (any more).
    """
    shown = worst_first(readings)[:MOST]
    columns = max(1, min(_COLUMNS, len(shown)))
    step = (_CELL_PX[0] + _GAP_PX, _CELL_PX[1] + _CAPTION_PX + _GAP_PX)
    rows = max(1, -(-len(shown) // columns))
    sheet = Image.new("RGB", (columns * step[0] + _GAP_PX, rows * step[1] + _GAP_PX), _GROUND)
    draw = ImageDraw.Draw(sheet)
    for number, reading in enumerate(shown):
        x = number % columns * step[0] + _GAP_PX
        y = number // columns * step[1] + _GAP_PX
        truth, font = lettering.word(reading.truth)
        draw.text((x, y), truth, fill=_INK, font=font)
        read, font = lettering.word(reading.read)
        caption = f"{read or '(nothing)'}  {reading.confidence:.0%}"
        colour = _RIGHT if reading.right else _WRONG
        draw.text((x, y + _CAPTION_PX // 2), caption, fill=colour, font=font)
        picture = reading.picture()
        scale = min(_CELL_PX[0] / picture.width, _CELL_PX[1] / picture.height, 2.0)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        sheet.paste(picture.resize(size, Image.Resampling.BILINEAR), (x, y + _CAPTION_PX))
    return sheet


def worst_first(readings: Iterable[SheetReading]) -> list[SheetReading]:
    """Wrong ones before right ones; of the wrong ones the surest first, of the others the last."""
    return sorted(readings, key=lambda r: (r.right, r.confidence if r.right else -r.confidence))
