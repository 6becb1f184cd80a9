"""Drawn texts as a folder of labelled pictures: `label_hash.png` and `labels.txt`."""

import hashlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from classifier.charsets import characters_of
from classifier.colours import COLOURS
from labels.atomic import write_atomically
from labels.class_names import folder_of_class
from labels.texts import LABELS_TEXT
from training.errors import TextTrainingError
from training.text.settings import TextSettings
from training.text.synthetic import WRITTEN, DrawingPlan, TextDrawer

ANY_COLOUR = "any"
"""Folder of the pictures in several colours of which the whole text is wanted."""


_NAMES = {COLOURS[name]: name for name in reversed(list(COLOURS)) if name.isascii()}


def write_texts(settings: TextSettings, count: int, out: Path) -> Iterator[Path]:
    """Draw pictures and write them.

    Where one colour of several is to be read, pictures lie in a folder for each colour, since the
    label says only what is written in that one.

    Args:
        settings: `synthetic`, `charset`, `exclude`, `often`, `length`, `draw` or `size`, `fold`
            and `replace` for the labels, and `seed` count here.
        count: How many.
        out: A new or empty folder; `labels.txt` comes last, when all pictures are there.

    Yields:
        Each picture's file when it is written.

    Raises:
        TextTrainingError: `out` has something in it, or this cannot be drawn.
        IngredientsMissingError: strips need fonts, and there are none.
        CharacterSetError: the charset is none.
        OSError: a file cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TextTrainingError(f"{out} is not empty; give --out a new folder.")
    rule = settings.preprocess.rule
    plan = DrawingPlan(
        characters_of(settings.charset or "numeric+upper", exclude=settings.exclude),
        settings.lengths or (4, 4),
        settings.drawn_sides,
        settings.often,
    )
    drawer = TextDrawer(plan, WRITTEN, settings.seed)
    kinds = itertools.cycle(k for k, share in settings.kinds.items() for _ in range(share))
    lines = []
    for kind in itertools.islice(kinds, count):
        drawn, content = drawer.draw(kind), io.BytesIO()
        Image.fromarray(drawn.picture).save(content, "PNG")
        label = rule.apply(drawn.text)
        digest = hashlib.sha256(content.getvalue()).hexdigest()[:10]
        # The list is what counts; names are for people, and file systems do not take all of them.
        name = f"{folder_of_class(label).replace('_', '%5F')[:60]}_{digest}.png"
        if kind == "two-colours":
            place = ANY_COLOUR if drawn.colour is None else _NAMES[drawn.colour]
            name = f"{place}/{name}"
        file = out / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.getvalue())
        lines.append(f"{name}\t{label}\n")
        yield file
    write_atomically(out / LABELS_TEXT, "".join(lines).encode())
