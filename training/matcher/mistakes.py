"""The sheet of the worst mistakes: what was asked for, what was right, what was taken instead."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.evaluation.statistics import TIE
from training.matcher.crop_inputs import SIDE_PX, Trial
from training.matcher.match_metrics import Outcome

_COLUMNS = 6
_GAP_PX = 6
_CAPTION_PX = 14
_RIGHT, _WRONG, _ASKED = (40, 150, 60), (200, 40, 40), (90, 90, 90)


def draw_mistakes(
    trials: Sequence[Trial],
    matched: Sequence[Outcome],
    read: Sequence[Outcome],
    path: Path,
    *,
    most: int = 48,
) -> int:
    """Draw the items that lost by most, a triple each: asked for, right crop, taken crop.

    Where the character network was told the word and not shown a picture, the first of the three
    is empty. With fewer mistakes than there is room for, the narrowest successes follow.

    Args:
        trials: The small puzzles.
        matched: What the Siamese network made of them.
        read: What the character network made of them.
        path: The picture to write.
        most: Triples at most.

    Returns:
        The number of mistakes drawn; a tie is one.
    """
    found = sorted(
        [(_lead(o, i), o, i, "match") for o in matched for i in range(len(o.chosen))]
        + [(_lead(o, i), o, i, "words") for o in read for i in range(len(o.chosen))],
        key=lambda entry: entry[0],
    )[:most]
    cell = (3 * SIDE_PX + 3 * _GAP_PX, SIDE_PX + _CAPTION_PX + 2 * _GAP_PX)
    rows = max(1, -(-len(found) // _COLUMNS))
    sheet = Image.new("RGB", (_COLUMNS * cell[0], rows * cell[1]), (245, 245, 245))
    draw = ImageDraw.Draw(sheet)
    for number, (lead, outcome, item, how) in enumerate(found):
        x, y = number % _COLUMNS * cell[0] + _GAP_PX, number // _COLUMNS * cell[1] + _GAP_PX
        trial = trials[outcome.trial]
        crops = trial.scene if how == "match" else trial.reading
        other = _rival(outcome, item)
        taken = _WRONG if lead <= TIE else _ASKED
        draw.text((x, y), f"{how} {lead:+.1f}", fill=taken)
        asked = trial.prompt[item] if how == "match" else None
        for place, (crop, colour) in enumerate(
            ((asked, _ASKED), (crops[item], _RIGHT), (crops[other], taken))
        ):
            corner = (x + place * (SIDE_PX + 2), y + _CAPTION_PX)
            _lay(sheet, draw, crop, corner, colour)
    sheet.save(path)
    return sum(lead <= TIE for lead, *_ in found)


def _lead(outcome: Outcome, item: int) -> float:
    """By how much an item's right crop is ahead of its best wrong one."""
    row = outcome.scores[item]
    return float(row[item] - np.delete(row, item).max())


def _rival(outcome: Outcome, item: int) -> int:
    """The best wrong crop of an item."""
    row = outcome.scores[item].copy()
    row[item] = -np.inf
    return int(row.argmax())


def _lay(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    crop: NDArray[np.uint8] | None,
    corner: tuple[int, int],
    colour: tuple[int, int, int],
) -> None:
    if crop is not None:
        sheet.paste(Image.fromarray(crop), corner)
    frame = (corner[0] - 1, corner[1] - 1, corner[0] + SIDE_PX, corner[1] + SIDE_PX)
    draw.rectangle(frame, outline=colour)
