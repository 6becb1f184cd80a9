"""The order of clicks beside labels that have no place for it: `order.json`.

labelImg's files say which boxes a picture has and not which of them is clicked first. So a folder
may hold one more file, a JSON object:

    {"a.png": [1, null, 0], "more/b.png": [0, 1]}

The key is the picture's path relative to the folder, with `/` between its parts. The list has one
entry for each line of the picture's label file, in their order: the box's place in the order of
clicks from 0, or null where it is not to be clicked. A picture without an entry has no order that
anyone knows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from labels.annotations import Annotations, LabelledPicture
from labels.atomic import write_atomically
from labels.errors import LayoutError
from labels.pictures import composed

ORDER_FILE = "order.json"

Order = tuple[int | None, ...]


def read_order(folder: Path) -> dict[str, Order]:
    """The order of clicks of each picture that has one; empty where there is no `order.json`.

    Raises:
        LayoutError: the file cannot be read, or an entry is not what the format says.
    """
    file = folder / ORDER_FILE
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise LayoutError(f"{file} cannot be read ({error}); it must be UTF-8.") from error
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LayoutError(
            f"{file} is not JSON ({error}); mend it, or take it away if no order is known."
        ) from error
    if not isinstance(entries, dict):
        raise LayoutError(
            f'{file} must be a JSON object of pictures and lists, as in {{"a.png": [1, null, 0]}}.'
        )
    return {composed(name): _order(places, name, file) for name, places in entries.items()}


def write_order(folder: Path, order: Mapping[str, Sequence[int | None]]) -> None:
    """Write `order.json` anew, pictures sorted; nothing of what it held before is kept.

    Raises:
        LayoutError: an entry is not what the format says.
        OSError: it cannot be written; what was there is as before.
    """
    file = folder / ORDER_FILE
    checked = {name: _order(list(order[name]), name, file) for name in sorted(order)}
    # A line for each picture, so that two versions can be compared.
    lines = [
        f" {json.dumps(name, ensure_ascii=False)}: {json.dumps(places)}"
        for name, places in checked.items()
    ]
    write_atomically(file, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def picture_key(picture: Path, folder: Path) -> str:
    """What `order.json` of a folder calls a picture in it."""
    return composed(picture.relative_to(folder).as_posix())


def with_order(annotations: Annotations, order: Mapping[str, Order]) -> Annotations:
    """The same pictures with the order of their clicks.

    Where a picture has an entry, that counts and not what its boxes said before. An entry whose
    length is not the number of boxes belongs to labels that have changed since, and is passed over.
    """

    def ordered(picture: LabelledPicture) -> LabelledPicture:
        places = order.get(picture_key(picture.path, annotations.folder))
        if places is None or len(places) != len(picture.boxes):
            return picture
        return replace(
            picture,
            boxes=tuple(
                replace(box, order=place) for box, place in zip(picture.boxes, places, strict=True)
            ),
        )

    return replace(annotations, pictures=tuple(map(ordered, annotations.pictures)))


def _order(places: object, name: str, file: Path) -> Order:
    if not isinstance(places, list) or not all(
        place is None or (isinstance(place, int) and not isinstance(place, bool) and place >= 0)
        for place in places
    ):
        raise LayoutError(
            f"{file}: the order of {name} is {places!r}; it is a list of whole numbers from 0, "
            "and null for boxes that are not clicked."
        )
    given = [place for place in places if place is not None]
    if len(set(given)) != len(given):
        raise LayoutError(
            f"{file}: the order of {name} is {places!r}, with two boxes at the same place; give "
            "each its own."
        )
    return tuple(places)
