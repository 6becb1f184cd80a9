"""Contact sheets: many small pictures on one, to be looked over at a glance."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from labels.pictures import UNREADABLE, load_rgb

COLUMNS = 8
TILE_PX = 64
MOST = 96
"""Tiles on a sheet; whoever has seen so many knows what the rest is."""

_GAP_PX = 4
_FOOT_PX = 18
_GROUND = (255, 255, 255)
_EMPTY = (235, 225, 225)
_INK = (60, 60, 60)


def contact_sheet(pictures: Sequence[Path]) -> Image.Image:
    """Draw the pictures in rows, each fitted into a square tile.

    Args:
        pictures: Their files, at most 96 of which are shown; a line below says how many more there
            are. One that cannot be read is an empty tile.

    Returns:
        An RGB picture, as many columns wide as there are tiles, 8 at most.
    """
    shown = pictures[:MOST]
    columns = max(1, min(COLUMNS, len(shown)))
    rows = max(1, -(-len(shown) // COLUMNS))
    step = TILE_PX + _GAP_PX
    more = len(pictures) - len(shown)
    size = (columns * step + _GAP_PX, rows * step + _GAP_PX + (_FOOT_PX if more else 0))
    sheet = Image.new("RGB", size, _GROUND)
    for index, path in enumerate(shown):
        corner = (
            index % COLUMNS * step + _GAP_PX,
            index // COLUMNS * step + _GAP_PX,
        )
        sheet.paste(_tile(path), corner)
    if more:
        draw = ImageDraw.Draw(sheet)
        place = (_GAP_PX, rows * step + _GAP_PX)
        draw.text(place, f"and {more} more", fill=_INK, font=ImageFont.load_default(12))
    return sheet


def _tile(path: Path) -> Image.Image:
    try:
        picture = Image.fromarray(load_rgb(path))
    except UNREADABLE:
        return Image.new("RGB", (TILE_PX, TILE_PX), _EMPTY)
    return ImageOps.pad(picture, (TILE_PX, TILE_PX), color=_GROUND)
