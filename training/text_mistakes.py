"""The sheet of the worst mistakes of a text reader: the picture, what it says, what was read."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from training.failures import Lettering
from training.text_blocks import TextBlock
from training.text_measures import Answers

MOST = 48

_COLUMNS = 4
_TILE_PX = (192, 72)
_CAPTION_PX = 20
_GAP_PX = 6
_PAPER, _RIGHT, _WRONG = (245, 245, 245), (30, 120, 50), (200, 40, 40)


def draw_text_mistakes(pictures: TextBlock, answers: Answers, path: Path) -> int:
    """Draw wrong readings, the surest first; then, where there is room, the least sure right ones.

    Args:
        pictures: That were read.
        answers: What was read.
        path: The picture to write.

    Returns:
        The number of wrong readings drawn.
    """
    words = pictures.words
    wrong = [at for at, text in enumerate(answers.texts) if text != words[at]]
    right = [at for at, text in enumerate(answers.texts) if text == words[at]]
    wrong.sort(key=lambda at: -answers.confidences[at])
    right.sort(key=lambda at: answers.confidences[at])
    shown = [*wrong[:MOST], *right[: MOST - len(wrong[:MOST])]]
    wide, high = _TILE_PX[0] + _GAP_PX, _TILE_PX[1] + _CAPTION_PX + _GAP_PX
    rows = max(1, -(-len(shown) // _COLUMNS))
    sheet = Image.new("RGB", (_COLUMNS * wide + _GAP_PX, rows * high + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    lettering = Lettering.find()
    for number, at in enumerate(shown):
        x = number % _COLUMNS * wide + _GAP_PX
        y = number // _COLUMNS * high + _GAP_PX
        tile = _picture(pictures, at)
        tile.thumbnail(_TILE_PX)
        sheet.paste(tile, (x, y))
        y += _TILE_PX[1]
        for text, ink in (
            (words[at], _RIGHT),
            *([(answers.texts[at] or "-", _WRONG)] if answers.texts[at] != words[at] else []),
            (f"{answers.confidences[at]:.0%}", (90, 90, 90)),
        ):
            said, font = lettering.word(text)
            draw.text((x, y), said, fill=ink, font=font)
            x += round(draw.textlength(said, font)) + 10
    sheet.save(path)
    return min(len(wrong), MOST)


def _picture(pictures: TextBlock, at: int) -> Image.Image:
    """A picture as the network sees it, without the channel of the wanted colour."""
    planes = pictures.inputs[at]
    if len(planes) < 3:
        return Image.fromarray(planes[0]).convert("RGB")
    return Image.fromarray(np.ascontiguousarray(planes[:3].transpose(1, 2, 0)))
