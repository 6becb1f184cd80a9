"""Icon collections: SVG of an Iconify set or of loose files, rasterised once."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from training.synthetic.ingredients.catalogue import Package
from training.synthetic.ingredients.reserved import is_reserved
from training.synthetic.ingredients.stamps import CollectionRecord
from training.synthetic.ingredients.store import ICON_PX

_MARGIN_PX = 4
# A picture with less ink than this shows nothing that a person could click on.
_MIN_INK_PX = 40
# Skin tones repeat one drawing: five of six would only teach colours.
_SKIN_TONE = re.compile(r"(?:-skin-tone|-(?:medium|medium-light|medium-dark|light|dark))$")
_VIEW_BOX = re.compile(r'viewBox="\s*([-\d.]+)[\s,]+([-\d.]+)[\s,]+([\d.]+)[\s,]+([\d.]+)\s*"')


def index_icons(package: Package, source: Path, target: Path) -> list[CollectionRecord]:
    """Rasterise the collection of an unpacked package into one array file.

    The array is `(N, 96, 96)` uint8 alpha where every icon is black, or `(N, 96, 96, 4)` uint8
    RGBA with straight alpha. Icons that fail, are empty, or repeat another are left out.

    Args:
        package: says which files are wanted.
        source: folder with the unpacked package.
        target: folder that receives the array.
    """
    collection = package.name.rsplit("/", 1)[-1]
    if is_reserved("icon", package.name, collection):
        return []
    names: list[str] = []
    pictures: list[NDArray[np.uint8]] = []
    seen: set[bytes] = set()
    for name, svg in _drawings(package, source):
        picture = render(svg)
        if picture is None:
            continue
        print_ = _fingerprint(picture)
        if print_ not in seen:
            seen.add(print_)
            names.append(name)
            pictures.append(picture)
    if not pictures:
        return []
    coloured = sum(bool(p[..., :3][p[..., 3] > 0].any()) for p in pictures)
    monochrome = coloured <= 0.02 * len(pictures)
    if monochrome:  # the few coloured ones would come out as blots
        kept = [i for i, p in enumerate(pictures) if not p[..., :3][p[..., 3] > 0].any()]
        names = [names[i] for i in kept]
        stack = np.stack([pictures[i][..., 3] for i in kept])
    else:
        stack = np.stack(pictures)
    file = f"{collection}.npy"
    np.save(target / file, stack)
    return [CollectionRecord(collection, file, monochrome, names)]


def render(svg: str) -> NDArray[np.uint8] | None:
    """Draw an SVG in black (where it names no colour), its sides' proportion kept, centred.

    Args:
        svg: a document whose root has a `viewBox`.

    Returns:
        `(96, 96, 4)` uint8 RGBA with straight alpha, or None where nothing is drawn.
    """
    box = _VIEW_BOX.search(svg)
    inner = ICON_PX - 2 * _MARGIN_PX
    wide = box is None or float(box[3]) >= float(box[4])
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=svg,
            width=inner if wide else None,
            height=None if wide else inner,
            skip_system_fonts=True,
        )
    except ValueError:
        return None
    with Image.open(io.BytesIO(bytes(png))) as image:
        drawn = np.asarray(image.convert("RGBA"))[:inner, :inner]
    if int(drawn[..., 3].sum()) < _MIN_INK_PX * 255:
        return None
    picture = np.zeros((ICON_PX, ICON_PX, 4), np.uint8)
    top, left = (ICON_PX - drawn.shape[0]) // 2, (ICON_PX - drawn.shape[1]) // 2
    picture[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    picture[picture[..., 3] == 0] = 0
    return picture


def _drawings(package: Package, source: Path) -> Iterator[tuple[str, str]]:
    """Name and SVG document of every icon of a package, in a fixed order."""
    paths = sorted(path for path in source.rglob("*") if path.is_file())
    for path in paths:
        inside = path.relative_to(source).as_posix()
        if not re.search(package.files, inside):
            continue
        if path.name == "icons.json":
            yield from _iconify(json.loads(path.read_text(encoding="utf-8")))
        elif path.suffix == ".svg":
            yield f"{path.parent.name}/{path.stem}", path.read_text(encoding="utf-8")


def _iconify(collection: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Icons of an Iconify set: a body each; box sides default to the set's, those to 16."""
    icons = collection["icons"]
    for name, icon in sorted(icons.items()):
        plain = _SKIN_TONE.sub("", name)
        # `-light` alone may be a weight; beside `-medium-dark` it is a skin tone.
        toned = name.endswith("-skin-tone") or f"{plain}-medium-dark" in icons
        if icon.get("hidden") or (plain != name and toned):
            continue
        side = {
            key: icon.get(key, collection.get(key, default))
            for key, default in (("left", 0), ("top", 0), ("width", 16), ("height", 16))
        }
        box = " ".join(str(side[key]) for key in ("left", "top", "width", "height"))
        yield (
            name,
            (
                '<svg xmlns="http://www.w3.org/2000/svg"'
                ' xmlns:xlink="http://www.w3.org/1999/xlink"'
                f' viewBox="{box}" width="{side["width"]}" height="{side["height"]}"'
                f' color="#000">{icon["body"]}</svg>'
            ),
        )


def _fingerprint(picture: NDArray[np.uint8]) -> bytes:
    """Equal for pictures that differ by less than a person sees: 24x24 means in 16 steps."""
    cell = ICON_PX // 24
    premultiplied = picture.astype(np.uint16)
    premultiplied[..., :3] = premultiplied[..., :3] * premultiplied[..., 3:] // 255
    means = premultiplied.reshape(24, cell, 24, cell, 4).mean(axis=(1, 3))
    return bytes((means / 17).round().astype(np.uint8))
