"""Regions of Label Studio: what was drawn, what it is called, and which picture it is on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from labels.annotations import PICTURE_SUFFIXES, Fault, Kind, LabelledBox
from labels.bounds import Corners, box_fault, cut_box
from labels.pictures import composed

Task = Mapping[str, Any]

_SHAPE_KEYS = {"x", "y", "width", "height", "points", "radiusX", "rle"}
CHOICES = frozenset({"choices", "taxonomy"})
_ASIDE = CHOICES | {"relation", "textarea", "rating", "number", "datetime", "pairwise"}
"""Types of results that say something beside boxes and labels, or of the whole picture."""


@dataclass(frozen=True, slots=True)
class Region:
    """The results of an annotation that have one id: a shape, and what it is called.

    Attributes:
        rows: As they are in the file. A labelling configuration with `<Rectangle>` and `<Labels>`
            makes two of each region, one with `RectangleLabels` makes one.
    """

    rows: tuple[Task, ...]

    @property
    def shape(self) -> Task | None:
        """The value of the first result with a place in the picture."""
        return next((v for v in self._values if _SHAPE_KEYS & v.keys()), None)

    @property
    def labels(self) -> list[object]:
        """All names that its results give, each once."""
        found: list[object] = []
        for value in self._values:
            for key, names in value.items():
                if key.endswith("labels") and isinstance(names, list):
                    found += [name for name in names if name not in found]
        return found

    @property
    def kinds(self) -> str:
        """The types of its results, for a sentence."""
        return ", ".join(dict.fromkeys(str(row.get("type")) for row in self.rows))

    def get(self, key: str, default: object = None) -> object:
        """The first value that a result has under this key."""
        return next((row[key] for row in self.rows if row.get(key) is not None), default)

    @property
    def _values(self) -> list[Task]:
        return [row["value"] for row in self.rows if isinstance(row.get("value"), dict)]


def regions_of(results: object) -> list[Region]:
    """The results of an annotation by their id, without what is about no box."""
    grouped: dict[object, list[Task]] = {}
    for number, row in enumerate(dicts(results)):
        key = (row["id"], str(row.get("item_index"))) if isinstance(row.get("id"), str) else number
        grouped.setdefault(key, []).append(row)
    regions = [Region(tuple(rows)) for rows in grouped.values()]
    return [
        region
        for region in regions
        if region.shape or not all(str(row.get("type")) in _ASIDE for row in region.rows)
    ]


def url_of(task: Task, region: Region) -> str | None:
    """The picture that a region is on; None where the task has several and nothing says which."""
    urls = picture_urls(task)
    if len(urls) < 2:
        return urls[0] if urls else None
    at, name = region.get("item_index"), region.get("to_name")
    data = task["data"]
    value = data.get(name) if isinstance(name, str) else None
    if isinstance(value, str) and value in urls:
        return value
    lists = [v for v in data.values() if isinstance(v, list)]
    listed = value if isinstance(value, list) else lists[0] if len(lists) == 1 else None
    if isinstance(listed, list) and type(at) is int and 0 <= at < len(listed):
        return listed[at] if listed[at] in urls else None
    return None


def region_fault(place: str, export: Path, what: str, kind: Kind = Kind.MALFORMED_LINE) -> Fault:
    """The fault of a region, whose sentence begins with where it is."""
    return Fault(kind, export, f"{place} {what}; correct it in Label Studio and export again.")


def read_box(
    region: Region, place: str, export: Path, size: tuple[int, int], score: float | None
) -> LabelledBox | Fault:
    """The box of a region, or what is wrong with it.

    Args:
        region: As it was drawn.
        place: What a sentence calls it.
        export: The file that it is from.
        size: Width and height of its picture in pixels, as displayed.
        score: Score of whoever guessed it; None where a person drew it.
    """

    def fault(kind: Kind, what: str) -> Fault:
        return region_fault(place, export, what, kind)

    value, names = region.shape, region.labels
    if value is None and len(names) < 2:
        return fault(Kind.MALFORMED_LINE, f"is no box but of the type {region.kinds}")
    if not all(isinstance(n, str) and n.strip() for n in names):
        return fault(Kind.MALFORMED_LINE, "has labels that are no names")
    if len(names) != 1 or value is None:
        return fault(Kind.UNKNOWN_CLASS, f"has {len(names)} labels, but exactly one is needed")
    if region.get("image_rotation", 0) not in (0, 0.0):
        return fault(Kind.MALFORMED_LINE, "was drawn while the picture was turned")
    corners = _corners(value, size)
    if isinstance(corners, str):
        return fault(Kind.MALFORMED_LINE, corners)
    wrong = box_fault(corners, *size)
    if wrong is not None:
        what = "no area" if wrong is Kind.EMPTY_BOX else "a part outside the picture"
        sides = [
            round(side / of * 100, 2) for side, of in zip(corners, (*size, *size), strict=True)
        ]
        return fault(wrong, f"has {what} (its corners are at {sides} percent)")
    return LabelledBox(
        *cut_box(corners, *size), label=composed(str(names[0]).strip()), confidence=score
    )


def _corners(value: Task, size: tuple[int, int]) -> Corners | str:
    """The upright box around a shape in pixels, or what is wrong with it.

    Args:
        value: In percent of the picture: a rectangle (turned clockwise about its upper left corner,
            with negative sides where it was drawn from its lower right), an ellipse, or a polygon.
        size: Width and height of the picture.
    """
    width, height = size
    if "rle" in value:
        return "is painted with the brush, which has no corners"
    if "points" in value:
        points = value["points"]
        if not isinstance(points, list) or len(points) < 3 or not all(map(_is_point, points)):
            return "has no points with two numbers each"
        xs = [float(x) / 100 * width for x, _ in points]
        ys = [float(y) / 100 * height for _, y in points]
        return (min(xs), min(ys), max(xs), max(ys))
    keys = ("x", "y", "radiusX", "radiusY") if "radiusX" in value else ("x", "y", "width", "height")
    if not {"width", "height", "radiusX"} & value.keys():
        return "is a point, which has no sides"
    numbers = [*(value.get(key) for key in keys), value.get("rotation", 0)]
    if not all(type(n) in (int, float) for n in numbers):
        return f"has no numbers for {', '.join(keys)}"
    *percent, turned = (float(n) for n in numbers if n is not None)
    x, y, w, h = (n / 100 * side for n, side in zip(percent, (*size, *size), strict=True))
    sine, cosine = math.sin(math.radians(turned)), math.cos(math.radians(turned))
    if not math.isfinite(turned):
        sine, cosine = 0.0, 1.0
    if "radiusX" in value:
        half_x, half_y = math.hypot(w * cosine, h * sine), math.hypot(w * sine, h * cosine)
        return (x - half_x, y - half_y, x + half_x, y + half_y)
    xs = [x, x + w * cosine, x - h * sine, x + w * cosine - h * sine]
    ys = [y, y + w * sine, y + h * cosine, y + w * sine + h * cosine]
    return (min(xs), min(ys), max(xs), max(ys))


def _is_point(point: object) -> bool:
    return (
        isinstance(point, list) and len(point) == 2 and all(type(n) in (int, float) for n in point)
    )


def picture_urls(task: Task) -> list[str]:
    """The values of the task's data whose path ends as a picture's does, lists of them too."""
    data = task.get("data")
    values: list[object] = []
    for value in data.values() if isinstance(data, dict) else ():
        values += value if isinstance(value, list) else [value]
    return [value for value in values if isinstance(value, str) and _names_picture(value)]


def _names_picture(url: str) -> bool:
    try:
        return PurePosixPath(path_of(url)).suffix.lower() in PICTURE_SUFFIXES
    except ValueError:
        return False


def path_of(url: str) -> str:
    """The path that a URL means, also one of a local storage.

    Raises:
        ValueError: it is no URL.
    """
    parts = urlsplit(url)
    local = parse_qs(parts.query).get("d")
    # Windows writes paths with backslashes, and its storage encodes them.
    return (local[0] if local else unquote(parts.path)).replace("\\", "/")


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
