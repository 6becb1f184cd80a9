"""A sheet of the pictures a detector is worst at, for a person to look at."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from detector import Detections
from training.detector.metrics import Thresholds, counted, missed_and_spare
from training.detector.samples import Sample

_COLUMNS, _MOST = 4, 24
_CELL = (360, 250)
_CAPTION_PX = 18
_TRUTH, _FOUND, _INK, _PAPER = (0, 150, 60), (60, 110, 255), (25, 25, 25), (250, 250, 248)


def draw_mistakes(
    samples: Sequence[Sample], found: Sequence[Detections], thresholds: Thresholds, file: Path
) -> int:
    """Draw the pictures with the most missed items and spare boxes, worst first.

    Args:
        samples: Pictures with their true boxes (green).
        found: For each picture the boxes found (blue, with scores), in picture pixels.
        thresholds: Scores from which boxes count.
        file: Where the sheet goes.

    Returns:
        How many pictures are on it; without mistakes no file is written.
    """
    wrong = []
    for sample, boxes in zip(samples, found, strict=True):
        shown = counted(boxes, thresholds.of(sample))
        missed, spare = missed_and_spare(sample, shown)
        if missed or spare:
            wrong.append((2 * missed + spare, missed, spare, sample, shown))
    wrong.sort(key=lambda entry: -entry[0])
    wrong = wrong[:_MOST]
    if not wrong:
        return 0
    rows = -(-len(wrong) // _COLUMNS)
    high = _CELL[1] + _CAPTION_PX
    sheet = Image.new("RGB", (_COLUMNS * _CELL[0], rows * high), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, (_, missed, spare, sample, boxes) in enumerate(wrong):
        x, y = number % _COLUMNS * _CELL[0], number // _COLUMNS * high
        caption = f"{sample.picture.name}: {missed} missed, {spare} spare"
        draw.text((x + 4, y + 2), caption, fill=_INK, font=font)
        sheet.paste(_cell(sample, boxes), (x, y + _CAPTION_PX))
    sheet.save(file)
    return len(wrong)


def _cell(sample: Sample, found: Detections) -> Image.Image:
    picture = Image.fromarray(sample.load())
    scale = min((_CELL[0] - 8) / picture.width, (_CELL[1] - 8) / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(10)
    for box in sample.boxes:
        draw.rectangle(_corners(box * scale), outline=_TRUTH, width=2)
    for box, score in zip(found.boxes, found.scores, strict=True):
        x1, y1, x2, y2 = _corners(box * scale)
        draw.rectangle((x1, y1, x2, y2), outline=_FOUND, width=1)
        draw.text((x1 + 2, y1), f"{score:.2f}", fill=_FOUND, font=font)
    return picture


def _corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    """As Pillow draws them: both ends included."""
    x1, y1, x2, y2 = (float(value) for value in box)
    return x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)
