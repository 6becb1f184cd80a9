"""Families: the kinds of puzzles sites draw, each with its prompt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from PIL import Image

from training.synthetic.characters import LEVEL_1, pick_characters, pick_latin
from training.synthetic.clutter import encode, strew, wear
from training.synthetic.colours import RGB, random_colour
from training.synthetic.grounds import (
    flat_ground,
    gradient_ground,
    lettered_ground,
    pattern_ground,
    photo_ground,
    shapes_ground,
    soften,
    watermark,
)
from training.synthetic.illustrations import illustrated_ground
from training.synthetic.items import (
    Item,
    Motion,
    TextItem,
    distinct_icons,
    random_motion,
)
from training.synthetic.palette import Palette
from training.synthetic.prompt_pictures import PromptPainter
from training.synthetic.scenes import (
    Box,
    Placed,
    Spacing,
    compose,
    item_sizes,
    place,
    random_spacing,
)
from training.synthetic.solids import solids_ground
from training.synthetic.store import FontFace
from training.synthetic.strips import (
    Strip,
    draw_prompt_icon,
    draw_strip,
    encode_strip,
    icon_readable,
    on_page,
)
from training.synthetic.styles import Style, random_style

FAMILIES = (
    "text-words", "text-strip", "icon-list", "icon-strip", "mixed", "composite", "latin",
)  # fmt: skip

_ATTEMPTS = 40
_WIDE_SHARE = 0.5
"""Of prompt pictures are drawn by `PromptPainter`."""

_STRIPS = 6
_PAGES = 8


@dataclass(frozen=True, slots=True)
class Drawn:
    """One puzzle, drawn.

    Attributes:
        picture: The background, mode `RGB`, not yet compressed.
        prompt_pictures: The prompt's own pictures, encoded; none for words and regions.
        kind: `words`, `icons`, `image` or `region`.
        region: For `region`: where the prompt lies, in picture pixels, end exclusive.
        words: What to click, in order.
        targets: Their boxes, `x1, y1, x2, y2` in picture pixels, end exclusive.
        distractors: Boxes of the items that are not asked for.
        prompt_boxes: Boxes of the items of a prompt strip, in its pixels (of `picture` for
            regions), in order; none for words and icons.
        placed: The items on the picture, targets first.
        meta: How it was drawn.
    """

    picture: Image.Image
    prompt_pictures: tuple[bytes, ...]
    kind: str
    region: Box | None
    words: tuple[str, ...]
    targets: tuple[Box, ...]
    distractors: tuple[Box, ...]
    prompt_boxes: tuple[Box, ...]
    placed: tuple[Placed, ...]
    meta: dict[str, object] = field(default_factory=dict)


def draw_puzzle(family: str, palette: Palette, rng: Generator) -> Drawn:
    """Draw one puzzle.

    Args:
        family: One of `FAMILIES`.
        palette: Ingredients of one split; `palette.check(family)` holds.
        rng: The only source of chance: the same state draws the same puzzle.
    """
    for _ in range(_ATTEMPTS):
        drawn = _DRAWERS[family](palette, rng)
        if drawn is not None:
            return drawn
    raise RuntimeError(f"No {family} puzzle fitted its picture in {_ATTEMPTS} attempts")


def encode_background(drawn: Drawn, rng: Generator) -> tuple[bytes, str]:
    """Compress a drawn background; see `clutter.encode`."""
    return encode(drawn.picture, rng)


# What is shared by all families


def _size(rng: Generator) -> tuple[int, int]:
    """200 x 100 up to 700 x 400, mostly near 300 x 200 as sites have it."""
    if rng.random() < 0.65:
        width = int(rng.integers(240, 401))
        return width, int(np.clip(width * rng.uniform(0.45, 0.75), 100, 400))
    width = int(rng.integers(200, 701))
    return width, int(np.clip(width * rng.uniform(0.4, 0.8), 100, 400))


def _ground(size: tuple[int, int], palette: Palette, rng: Generator) -> Image.Image:
    kind = rng.random()
    if kind < 0.14:
        picture = illustrated_ground(size, palette.icons, rng)
    elif palette.photos and kind < 0.6:
        picture = soften(photo_ground(size, palette.photos, rng), rng)
    elif kind < 0.7:
        picture = gradient_ground(size, rng)
    elif kind < 0.75:
        picture = pattern_ground(size, rng)
    elif kind < 0.8:
        picture = solids_ground(size, rng)
    elif kind < 0.88:
        picture = shapes_ground(size, rng)
    elif palette.han and kind < 0.95:
        picture = lettered_ground(size, palette.han, LEVEL_1, rng)
    else:
        picture = flat_ground(size, rng)
    faces = palette.han or palette.latin
    if faces and rng.random() < 0.12:
        letters = LEVEL_1 if palette.han else "ABCDEFGHKLMNPRSTUVXYZ"
        text = "".join(letters[int(i)] for i in rng.integers(len(letters), size=rng.integers(2, 6)))
        watermark(picture, faces, text, rng)
    return picture


@dataclass(frozen=True, slots=True)
class _Request:
    """What a scene shows.

    Attributes:
        targets: In prompt order.
        decoys: The rest.
        motions: One for each item, targets first.
        low: Smallest size in pixels.
    """

    targets: list[Item]
    decoys: list[Item]
    motions: list[Motion]
    low: float = 16


@dataclass(frozen=True, slots=True)
class _Scene:
    """A finished background.

    Attributes:
        picture: Mode `RGB`, with clutter and wear.
        placed: Targets first.
        boxes: In the same order.
        meta: How it was drawn.
    """

    picture: Image.Image
    placed: tuple[Placed, ...]
    boxes: tuple[Box, ...]
    meta: dict[str, object]


def _scene(
    request: _Request,
    ground: Image.Image,
    rng: Generator,
    free: Box | None = None,
) -> _Scene | None:
    items = [*request.targets, *request.decoys]
    room = (free[2] - free[0], free[3] - free[1]) if free else ground.size
    sizes = item_sizes(room, len(items), rng, low=request.low)
    poses = [m.pose(size, rng) for m, size in zip(request.motions, sizes, strict=True)]
    styles: Style | list[Style] = random_style(rng)
    if rng.random() < 0.15:
        styles = [random_style(rng) for _ in items]
    spacing = random_spacing(rng)
    spacing = Spacing(spacing.gap_px, 0.0 if free else spacing.beyond, free)
    # The prompt's order must not be the order of drawing, or overlaps would tell it.
    order = [int(i) for i in rng.permutation(len(items))]
    own = styles if isinstance(styles, Style) else [styles[i] for i in order]
    found = place(ground, [(items[i], poses[i]) for i in order], own, spacing, rng)
    if found is None:
        return None
    clean = picture = compose(ground, found)
    if rng.random() < 0.5:
        picture = clean.copy()
        strew(picture, rng, 0.3 if min(sizes) < 22 else 1.0)
    picture = wear(picture, rng)
    placed = tuple(found[order.index(i)] for i in range(len(items)))
    if not _still_readable(placed[: len(request.targets)], found, clean, picture):
        return None
    style = styles if isinstance(styles, Style) else styles[0]
    meta: dict[str, object] = {
        "rotation": [round(p.angle_deg) for p in placed],
        "size": [round(s) for s in sizes],
        "fill": style.fill,
        "opacity": round(style.opacity, 2),
        "edge": style.edge,
        "close": style.close,
        "extrusion": style.extrusion,
        "shadow": style.shadow,
    }
    return _Scene(picture, placed, tuple(p.box for p in placed), meta)


def _still_readable(
    targets: Sequence[Placed],
    others: Sequence[Placed],
    before: Image.Image,
    after: Image.Image,
) -> bool:
    """Whether targets that were readable are so in the finished picture.

    Args:
        targets: Items that are asked for.
        others: All items that may lie near them.
        before: Mode `RGB`, the picture in which the targets were readable.
        after: The same size, finished.
    """
    return all(one.readable(after) for one in targets if one.is_altered(others, before, after))


def _counts(rng: Generator) -> tuple[int, int]:
    """Targets and decoys: three or four of the first mostly, none to five of the second."""
    targets = int(rng.choice(np.array([1, 2, 3, 4, 5, 6]), p=[0.02, 0.1, 0.36, 0.36, 0.1, 0.06]))
    return targets, int(rng.choice(6, p=[0.25, 0.2, 0.2, 0.15, 0.12, 0.08]))


def _face(faces: Sequence[FontFace], rng: Generator) -> FontFace:
    """A face, each design as likely as any other however many weights and variants it has."""
    designs = sorted({face.design for face in faces})
    design = designs[int(rng.integers(len(designs)))]
    own = [face for face in faces if face.design == design]
    return own[int(rng.integers(len(own)))]


def _finish(
    scene: _Scene,
    targets: Sequence[Item],
    kind: str,
    *,
    pictures: tuple[bytes, ...] = (),
    strip: Strip | None = None,
    region: Box | None = None,
) -> Drawn:
    count = len(targets)
    meta = dict(scene.meta)
    boxes = strip.boxes if strip else ()
    if strip:
        meta["strip"] = strip.look
    if region:
        boxes = tuple(
            (x1 + region[0], y1 + region[1], x2 + region[0], y2 + region[1])
            for x1, y1, x2, y2 in boxes
        )
    return Drawn(
        picture=scene.picture,
        prompt_pictures=pictures,
        kind=kind,
        region=region,
        words=tuple(item.word for item in targets),
        targets=scene.boxes[:count],
        distractors=scene.boxes[count:],
        prompt_boxes=boxes,
        placed=scene.placed,
        meta=meta,
    )


def _text_request(palette: Palette, rng: Generator) -> _Request | None:
    targets, decoys = _counts(rng)
    face = _face(palette.han, rng)
    words = pick_characters(face, palette.reference or face, targets + decoys, rng)
    if len(words) <= decoys:
        return None
    items: list[Item] = [TextItem(word, face) for word in words]
    if rng.random() < 0.2:
        # Every item in a font of its own.
        others = [_face(palette.han, rng) for _ in items]
        items = [
            TextItem(i.word, other) if other.covers(i.word) else i
            for i, other in zip(items, others, strict=True)
        ]
    if rng.random() < 0.03 and targets > 1:
        items[1] = items[0]  # An item asked for twice.
    motion = random_motion(rng, icons=False)
    low = 16 if rng.random() < 0.08 else 22
    return _Request(items[:targets], items[targets:], [motion] * len(items), low)


def _icon_request(palette: Palette, rng: Generator) -> _Request | None:
    targets, decoys = _counts(rng)
    which = rng.choice(len(palette.icons), size=1 if rng.random() < 0.75 else 2)
    collections = tuple(palette.icons[int(i)] for i in which)
    items = distinct_icons(collections, targets + decoys, rng)
    if len(items) < targets + decoys:
        return None
    every: list[Item] = list(items)
    motion = random_motion(rng, icons=True)
    return _Request(every[:targets], every[targets:], [motion] * len(every), low=18)


def _strip_items(items: Sequence[Item], palette: Palette, rng: Generator) -> list[Item]:
    """The prompt's own rendering of the items: half of the time in another font."""
    if rng.random() < 0.5:
        return list(items)
    face = _face(palette.han, rng) if palette.han else None
    return [
        TextItem(item.word, face)
        if isinstance(item, TextItem) and face is not None and face.covers(item.word)
        else item
        for item in items
    ]


def _strip(
    items: Sequence[Item], palette: Palette, rng: Generator, size: tuple[int, int] | None = None
) -> Strip | None:
    """A prompt strip that a person could read; None for items that leave no such strip.

    Those that lie in a picture of their own are drawn as widely as sites draw them half of the
    time; a band of the scene is tidy.
    """
    if size is None and palette.han and palette.icons and rng.random() < _WIDE_SHARE:
        drawn = PromptPainter(palette).draw_items(_strip_items(items, palette, rng), rng)
        return Strip(drawn.picture, drawn.boxes, "wide")
    for _ in range(_STRIPS):
        shown = _strip_items(items, palette, rng)
        strip = draw_strip(shown, palette.photos, rng, size=size)
        if strip.readable():
            return strip
    return None


# The families


def _text_words(palette: Palette, rng: Generator) -> Drawn | None:
    request = _text_request(palette, rng)
    scene = request and _scene(request, _ground(_size(rng), palette, rng), rng)
    return _finish(scene, request.targets, "words") if request and scene else None


def _latin(palette: Palette, rng: Generator) -> Drawn | None:
    targets, decoys = _counts(rng)
    face = _face(palette.latin, rng)
    words = pick_latin(face, targets + decoys, rng)
    if len(words) < targets + decoys:
        return None
    items: list[Item] = [TextItem(word, face) for word in words]
    motion = random_motion(rng, icons=False)
    request = _Request(items[:targets], items[targets:], [motion] * len(items), low=20)
    scene = _scene(request, _ground(_size(rng), palette, rng), rng)
    return _finish(scene, request.targets, "words") if scene else None


def _with_strip(request: _Request | None, palette: Palette, rng: Generator) -> Drawn | None:
    scene = request and _scene(request, _ground(_size(rng), palette, rng), rng)
    if not request or not scene:
        return None
    strip = _strip(request.targets, palette, rng)
    if strip is None:
        return None
    picture = encode_strip(strip.picture)
    return _finish(scene, request.targets, "image", pictures=(picture,), strip=strip)


def _text_strip(palette: Palette, rng: Generator) -> Drawn | None:
    return _with_strip(_text_request(palette, rng), palette, rng)


def _icon_strip(palette: Palette, rng: Generator) -> Drawn | None:
    return _with_strip(_icon_request(palette, rng), palette, rng)


def _mixed(palette: Palette, rng: Generator) -> Drawn | None:
    text, icons = _text_request(palette, rng), _icon_request(palette, rng)
    if text is None or icons is None:
        return None
    targets, decoys = _counts(rng)
    targets = max(2, targets)
    pool = [
        *[(t, text.motions[0]) for t in (*text.targets, *text.decoys)],
        *[(i, icons.motions[0]) for i in (*icons.targets, *icons.decoys)],
    ]
    # At least one of each kind among the targets.
    first = [pool[0], pool[-1]]
    rest = [pool[1:-1][int(i)] for i in rng.permutation(len(pool) - 2)]
    chosen = [*first, *rest[: targets - 2]]
    others = [pair for pair in rest[targets - 2 :] if pair[0] not in [t for t, _ in chosen]]
    order = rng.permutation(len(chosen))
    pairs = [*[chosen[int(i)] for i in order], *others[:decoys]]
    items, motions = [p[0] for p in pairs], [p[1] for p in pairs]
    request = _Request(items[: len(chosen)], items[len(chosen) :], motions, low=18)
    return _with_strip(request, palette, rng)


def _icon_list(palette: Palette, rng: Generator) -> Drawn | None:
    request = _icon_request(palette, rng)
    scene = request and _scene(request, _ground(_size(rng), palette, rng), rng)
    if not request or not scene:
        return None
    ink: RGB = (
        (int(rng.integers(0, 70)),) * 3 if rng.random() < 0.75 else random_colour(rng, "dark")
    )
    side = int(rng.integers(24, 65))
    icons = [draw_prompt_icon(item, ink, rng, side) for item in request.targets]
    page: RGB = (255, 255, 255)
    for _ in range(_PAGES):
        drawn = zip(icons, request.targets, strict=True)
        if all(icon_readable(icon, item, page) for icon, item in drawn):
            break
        # Never a dark one: there are black icons beside the white ones.
        page = random_colour(rng, "pastel" if rng.random() < 0.5 else "vivid")
    else:
        return None
    if page != (255, 255, 255) or scene.picture.width % 3 == 0:
        icons = [on_page(icon, page) for icon in icons]
    pictures = [encode_strip(icon) for icon in icons]
    return _finish(scene, request.targets, "icons", pictures=tuple(pictures))


def _composite(palette: Palette, rng: Generator) -> Drawn | None:
    """The prompt is a band of the picture itself, above or below the scene."""
    use_icons = bool(palette.icons) and rng.random() < 0.4
    request = _icon_request(palette, rng) if use_icons else _text_request(palette, rng)
    if request is None:
        return None
    width, height = _size(rng)
    band = int(rng.integers(26, 61))
    below = rng.random() < 0.7
    ground = _ground((width, height + band), palette, rng)
    free = (0, 0, width, height) if below else (0, band, width, height + band)
    scene = _scene(request, ground, rng, free)
    if scene is None:
        return None
    region = (0, height, width, height + band) if below else (0, 0, width, band)
    strip_width = min(width, 400)
    strip = _strip(request.targets, palette, rng, (strip_width, band))
    if strip is None:
        return None
    picture = scene.picture.copy()
    if rng.random() < 0.8:
        filler = strip.picture.convert("RGBA").getpixel((0, 0))
        picture.paste(filler[:3], region)  # type: ignore[index]  # mode RGBA has four bands
    else:
        region = (region[0], region[1], strip_width, region[3])
    opaque = strip.picture.convert("RGBA")
    if strip.picture.mode == "RGBA":
        picture.paste((255, 255, 255), region)
    picture.paste(opaque, region[:2], opaque)
    # An item at the border of the band was measured on the ground that lay there before.
    if not _still_readable(scene.placed[: len(request.targets)], (), scene.picture, picture):
        return None
    finished = _Scene(picture, scene.placed, scene.boxes, scene.meta)
    return _finish(finished, request.targets, "region", strip=strip, region=region)


_DRAWERS: dict[str, Callable[[Palette, Generator], Drawn | None]] = {
    "text-words": _text_words,
    "text-strip": _text_strip,
    "icon-list": _icon_list,
    "icon-strip": _icon_strip,
    "mixed": _mixed,
    "composite": _composite,
    "latin": _latin,
}
