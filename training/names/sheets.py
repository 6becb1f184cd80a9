"""Contact sheets: the icons of every thing, to be looked over by a person."""

from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from labels.console import say
from siamese.vocabulary import Vocabulary
from training.synthetic.ingredients.catalogue import SPLITS
from training.synthetic.ingredients.named import NamedIcon, by_thing, named_icons
from training.synthetic.ingredients.store import IngredientStore

_CELL_PX, _CELLS, _NAME_PX = 34, 14, 110
_ROWS, _COLUMNS = 34, 3
_FONT_PX = 12
_LONGEST = 17


def run_sheets(out: Path, cache: Path | None = None, console: Console | None = None) -> None:
    """Write a PNG for every hundred things of the vocabulary.

    Args:
        out: Folder of the pictures.
        cache: Folder of the ingredients; None for the usual place.
        console: Where the number of pictures is said.

    Raises:
        IngredientsMissingError: there are no ingredients.
    """
    vocabulary = Vocabulary.load()
    store = IngredientStore.open(cache)
    collections = [collection for split in SPLITS for collection in store.icons(split)]
    drawings = by_thing(named_icons(collections, vocabulary))
    ids = [thing.id for thing in vocabulary.things]
    out.mkdir(parents=True, exist_ok=True)
    sheets = range(0, len(ids), _ROWS * _COLUMNS)
    for number, start in enumerate(sheets):
        shown = ids[start : start + _ROWS * _COLUMNS]
        _sheet(shown, drawings).save(out / f"names-{number:02d}.png")
    say(console or Console(stderr=True), f"{len(sheets)} sheets in {out}.")


def _sheet(ids: list[str], drawings: dict[str, list[NamedIcon]]) -> Image.Image:
    width = _NAME_PX + _CELLS * _CELL_PX
    sheet = Image.new("RGB", (_COLUMNS * width, _ROWS * _CELL_PX), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_PX)
    for place, id_ in enumerate(ids):
        left, top = place // _ROWS * width, place % _ROWS * _CELL_PX
        pen.text((left + 2, top + 8), id_[:_LONGEST], (200, 0, 0), font)
        for cell, icon in enumerate(islice(_mixed(drawings.get(id_, [])), _CELLS)):
            picture = Image.fromarray(np.asarray(icon.collection.picture(icon.index)))
            small = picture.resize((_CELL_PX, _CELL_PX))
            sheet.paste(small, (left + _NAME_PX + cell * _CELL_PX, top), small)
    return sheet


def _mixed(icons: list[NamedIcon]) -> list[NamedIcon]:
    """One of each collection first, then the second ones."""
    collections: dict[str, list[NamedIcon]] = {}
    for icon in icons:
        collections.setdefault(icon.collection.name, []).append(icon)
    return [one for row in zip_longest(*collections.values()) for one in row if one is not None]
