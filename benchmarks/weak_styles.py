"""Weak styles: invented sites whose look lies outside of everything the models were trained on.

Each imitates one site: one size of picture, one font or set of icons, one way of drawing. The
ingredients are those of the test split, and every puzzle can be solved by a person at sight.
`label_efficiency.py` measures on three of them how many labelled pictures a new look takes.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.random import Generator
from PIL import Image

from benchmarks import odd_inks as inks
from labels.puzzles import PromptValue, Puzzle, write_puzzles
from training.synthetic.colours import RGB
from training.synthetic.errors import IngredientsMissingError
from training.synthetic.grounds import photo_ground
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.store import IconCollection
from training.synthetic.items.characters import pick_characters
from training.synthetic.items.item import IconItem, Item, Pose, TextItem, cut_out, distinct_icons
from training.synthetic.layers import Box, ink_box
from training.synthetic.prompts.strips import Strip, draw_prompt_icon, encode_strip
from training.synthetic.puzzle import Drawn
from training.synthetic.scenes import Placed, compose

Ground = Callable[[tuple[int, int], Palette, Generator], Image.Image]

_ATTEMPTS = 60
_TRIES = 80
_GAP_PX = 3
_QUALITY = 88
"""Quality of the JPEGs."""


@dataclass(frozen=True, slots=True)
class StripLook:
    """How a site draws its prompt picture.

    Attributes:
        height: Height of the picture in pixels; its width follows from the items.
        paper: Colour of the ground.
        ink: Paints the items.
        shear: Slant of the items.
        advance: From an item to the next, relative to its size; less than one makes them touch.
    """

    height: int
    paper: RGB
    ink: inks.Ink
    shear: float = 0.0
    advance: float = 1.15


@dataclass(frozen=True, slots=True)
class WeakStyle:
    """One invented site.

    Attributes:
        name: On the command line and in tables.
        look: What is unusual, in a few words.
        source: Family of the Chinese font, or name of the icon collection.
        size: Width and height of its pictures.
        ink: Paints the items.
        ground: What they lie on.
        item_px: Smallest and largest size of an item.
        turn_deg: Smallest and largest turn, to either side.
        tilt: Largest perspective.
        targets: Least and most items asked for.
        decoys: Least and most items beside them.
        strip: How the prompt picture is drawn; without one, characters are asked for as words,
            icons as one clean picture each.
        icons: Whether its items are icons.
        vocabulary: How many different icons it has; 0 for all of the collection.
    """

    name: str
    look: str
    source: str
    size: tuple[int, int]
    ink: inks.Ink
    ground: Ground
    item_px: tuple[float, float]
    turn_deg: tuple[float, float] = (0, 20)
    tilt: float = 0.0
    targets: tuple[int, int] = (3, 4)
    decoys: tuple[int, int] = (1, 2)
    strip: StripLook | None = None
    icons: bool = False
    vocabulary: int = 0

    @property
    def kind(self) -> Literal["words", "icons", "image"]:
        """The kind of prompt."""
        return "image" if self.strip else "icons" if self.icons else "words"


def draw_weak(style: WeakStyle, palette: Palette, rng: Generator) -> Drawn:
    """Draw one puzzle.

    Args:
        style: The site.
        palette: Ingredients of one split.
        rng: The only source of chance.

    Raises:
        IngredientsMissingError: the style's font or icon collection is not in the palette.
    """
    for _ in range(_ATTEMPTS):
        count = int(rng.integers(style.targets[0], style.targets[1] + 1))
        decoys = int(rng.integers(style.decoys[0], style.decoys[1] + 1))
        items = _items(style, palette, count + decoys, rng)
        if len(items) < count + decoys:
            continue
        ground = style.ground(style.size, palette, rng)
        placed = _place(style, items, rng)
        if placed is None:
            continue
        # The prompt's order must not be the order of drawing, or overlaps would tell it.
        shown = [placed[int(i)] for i in rng.permutation(len(placed))]
        strip = draw_strip(style.strip, items[:count], style.size[0], rng) if style.strip else None
        if style.strip and strip is None:
            continue
        pictures: list[Image.Image] = [strip.picture] if strip else []
        if style.kind == "icons":
            pictures = [draw_prompt_icon(item, (30, 30, 30), rng, 44) for item in items[:count]]
        boxes = tuple(one.box for one in placed)
        return Drawn(
            picture=compose(ground, shown),
            prompt_pictures=tuple(encode_strip(picture) for picture in pictures),
            kind=style.kind,
            region=None,
            words=tuple(item.word for item in items[:count]),
            targets=boxes[:count],
            distractors=boxes[count:],
            prompt_boxes=strip.boxes if strip else (),
            placed=tuple(placed),
            meta={"rotation": [round(one.angle_deg) for one in placed]},
        )
    raise RuntimeError(f"No {style.name} puzzle fitted its picture in {_ATTEMPTS} attempts")


def draw_strip(
    look: StripLook, items: Sequence[Item], most_px: int, rng: Generator
) -> Strip | None:
    """Draw a prompt picture.

    Args:
        look: How.
        items: In reading order.
        most_px: Largest width.
        rng: Source of small variations.

    Returns:
        None where nothing is seen of an item.
    """
    side = 1.05 + look.shear
    size = 0.72 * look.height
    size *= min(1.0, (most_px - 8) / (size * (look.advance * (len(items) - 1) + side)))
    step = look.advance * size
    width = round(step * (len(items) - 1) + side * size) + 8
    picture = Image.new("RGBA", (width, look.height), (*look.paper, 255))
    boxes: list[Box] = []
    for number, item in enumerate(items):
        layer = _painted(
            item, Pose(size * rng.uniform(0.94, 1.04), shear=look.shear), look.ink, rng
        )
        if layer is None:
            return None
        x = round(4 + side * size / 2 + step * number - layer.width / 2)
        y = round((look.height - layer.height) / 2 + rng.uniform(-0.06, 0.06) * look.height)
        x = int(np.clip(x, 0, width - layer.width))
        y = int(np.clip(y, 0, look.height - layer.height))
        picture.alpha_composite(layer, (x, y))
        boxes.append((x, y, x + layer.width, y + layer.height))
    return Strip(picture.convert("RGB"), tuple(boxes), "noisy")


def write_set(folder: Path, style: WeakStyle, palette: Palette, count: int, seed: int) -> None:
    """Draw a new puzzle set; each puzzle depends on style, seed and number alone.

    Raises:
        IngredientsMissingError: the style's font or icon collection is not in the palette.
        PuzzleSetError: the folder already holds a set, or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    puzzles = []
    for number in range(1, count + 1):
        rng = np.random.default_rng([zlib.crc32(style.name.encode()), seed, number])
        drawn = draw_weak(style, palette, rng)
        name = f"{style.name}-{number:04d}"
        data = BytesIO()
        drawn.picture.save(data, "JPEG", quality=_QUALITY)
        (folder / f"{name}.jpg").write_bytes(data.getvalue())
        puzzles.append(_puzzle(folder, name, style, drawn))
    write_puzzles(folder, puzzles)


def _puzzle(folder: Path, name: str, style: WeakStyle, drawn: Drawn) -> Puzzle:
    """The line of a drawn puzzle; writes the pictures of its prompt."""
    files = [f"{name}.prompt{number}.png" for number in range(len(drawn.prompt_pictures))]
    for file, data in zip(files, drawn.prompt_pictures, strict=True):
        (folder / file).write_bytes(data)
    prompts: dict[str, PromptValue] = {
        "words": drawn.words,
        "icons": tuple(files),
        "image": files[0] if files else "",
    }
    extra = {"prompt_boxes": drawn.prompt_boxes} if drawn.prompt_boxes else {}
    return Puzzle(
        id=name,
        background=f"{name}.jpg",
        prompt={drawn.kind: prompts[drawn.kind]},
        words=drawn.words,
        targets=drawn.targets,
        distractors=drawn.distractors,
        family=style.name,
        meta=drawn.meta | extra,
    )


def _items(style: WeakStyle, palette: Palette, count: int, rng: Generator) -> list[Item]:
    """So many items of the site's font or collection, all different."""
    if style.icons:
        collection = next((c for c in palette.icons if c.name == style.source), None)
        if collection is None:
            raise _missing(style, "icon collection")
        if not style.vocabulary:
            return list(distinct_icons((collection,), count, rng))
        known = _vocabulary(collection, style.vocabulary)
        return [known[int(i)] for i in rng.permutation(len(known))[:count]]
    face = next((f for f in palette.han if f.family == style.source), None)
    if face is None:
        raise _missing(style, "font")
    reference = palette.reference or face
    words = pick_characters(face, reference, count, rng, rare=0.0, alike=0.0)
    return [TextItem(word, face) for word in words]


def _missing(style: WeakStyle, what: str) -> IngredientsMissingError:
    return IngredientsMissingError(
        f"The style {style.name} is drawn with the {what} {style.source!r}, which is not there; "
        "run `clickorder ingredients`."
    )


@lru_cache(maxsize=8)
def _vocabulary(collection: IconCollection, count: int) -> tuple[IconItem, ...]:
    """The icons that a site has, always the same ones."""
    return tuple(distinct_icons((collection,), count, np.random.default_rng(count)))


def _place(style: WeakStyle, items: Sequence[Item], rng: Generator) -> list[Placed] | None:
    """Paint the items and find room for each; None where they do not all fit."""
    width, height = style.size
    taken = np.zeros((height, width), np.bool_)
    placed: list[Placed] = []
    for item in items:
        angle = float(rng.uniform(*style.turn_deg)) * (1 if rng.random() < 0.5 else -1)
        size = float(rng.uniform(*style.item_px))
        tilt_x, tilt_y = rng.uniform(-style.tilt, style.tilt, 2)
        pose = Pose(size, angle, perspective=(float(tilt_x), float(tilt_y)))
        layer = _painted(item, pose, style.ink, rng)
        if layer is None or layer.width > width or layer.height > height:
            return None
        for _ in range(_TRIES):
            x = int(rng.integers(width - layer.width + 1))
            y = int(rng.integers(height - layer.height + 1))
            box = (x, y, x + layer.width, y + layer.height)
            left, top = max(0, x - _GAP_PX), max(0, y - _GAP_PX)
            if not taken[top : box[3] + _GAP_PX, left : box[2] + _GAP_PX].any():
                taken[y : box[3], x : box[2]] = True
                placed.append(Placed(item, layer, x, y, box, angle))
                break
        else:
            return None
    return placed


def _painted(item: Item, pose: Pose, ink: inks.Ink, rng: Generator) -> Image.Image | None:
    """A layer that is cut to what is seen of it; None where that is nothing."""
    layer = ink(cut_out(item, pose, rng).mask, pose.size_px, rng)
    box = ink_box(layer)
    return None if box is None else layer.crop(box)


# Grounds


def _photo(size: tuple[int, int], palette: Palette, rng: Generator) -> Image.Image:
    return photo_ground(size, palette.photos, rng)


def _pale_photo(size: tuple[int, int], palette: Palette, rng: Generator) -> Image.Image:
    return Image.blend(_photo(size, palette, rng), Image.new("RGB", size, (255, 255, 255)), 0.6)


def _dark_photo(size: tuple[int, int], palette: Palette, rng: Generator) -> Image.Image:
    return Image.blend(_photo(size, palette, rng), Image.new("RGB", size, (10, 12, 20)), 0.7)


def _slate(size: tuple[int, int], _palette: Palette, rng: Generator) -> Image.Image:
    """A blackboard that was wiped badly."""
    dust = rng.normal(0, 1, (size[1] // 12 + 2, size[0] // 12 + 2))
    cloud = Image.fromarray(dust.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    grain = np.asarray(cloud)[..., None] * 7 + rng.normal(0, 6, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.array((44, 62, 54)) + grain, 0, 255).astype(np.uint8))


def _plate(colours: Sequence[RGB], paper: RGB) -> Ground:
    def ground(size: tuple[int, int], _palette: Palette, rng: Generator) -> Image.Image:
        return inks.plate(size, colours, paper, rng)

    return ground


_GREENS: tuple[RGB, ...] = ((120, 150, 70), (146, 168, 92), (98, 132, 84), (160, 160, 90))
_REDS: tuple[RGB, ...] = ((196, 70, 40), (206, 92, 56), (176, 52, 44), (204, 100, 40))
_IVORY: RGB = (236, 230, 210)
_WHITE: RGB = (250, 250, 250)
_DARK: tuple[RGB, ...] = ((24, 32, 84), (110, 16, 30), (16, 78, 44), (60, 20, 92))
_LIGHT: tuple[RGB, ...] = ((250, 244, 214), (255, 214, 120), (186, 240, 255), (255, 196, 214))
_VIVID: tuple[RGB, ...] = (
    (214, 40, 40), (0, 110, 200), (240, 150, 0), (20, 150, 90), (140, 60, 180)
)  # fmt: skip
_LAMPS: tuple[RGB, ...] = ((255, 170, 40), (110, 255, 120), (255, 90, 80))
_CHALKS: tuple[RGB, ...] = ((236, 236, 226), (250, 226, 150), (190, 226, 250))

STYLES = (
    WeakStyle(
        "overturned", "characters turned by 100 to 180 degrees", "MotoyaLMaru", (320, 180),
        inks.flat(_LIGHT), _dark_photo, (38, 46), (100, 180),
    ),
    WeakStyle(
        "halftone", "characters of coarse dots", "ZCOOL QingKe HuangYou", (360, 200),
        inks.halftone(_DARK, 4.5, 30), _pale_photo, (62, 76), (0, 25),
    ),
    WeakStyle(
        "deep", "characters thirty layers deep, tilted", "RocknRoll One", (360, 200),
        inks.deep(_VIVID, 30, 0.8), _photo, (48, 60), (0, 30), tilt=0.5,
    ),
    WeakStyle(
        "tiny", "characters of 13 to 15 pixels", "WenQuanYi Micro Hei", (200, 100),
        inks.flat(_DARK), _pale_photo, (13, 15), (0, 10), decoys=(3, 5),
    ),
    WeakStyle(
        "lamps", "icons of coarse lamps", "mingcute", (340, 190),
        inks.lamps(_LAMPS, 15), _dark_photo, (56, 66), (0, 0), icons=True,
    ),
    WeakStyle(
        "chalk", "40 icons, contours in crumbling chalk", "healthicons", (340, 190),
        inks.chalk(_CHALKS, 1, 0.3), _slate, (44, 58), (0, 40), icons=True, vocabulary=40,
    ),
    WeakStyle(
        "badges", "icons left out of small discs, any way up", "mingcute", (340, 190),
        inks.badges(_VIVID, _WHITE), _photo, (24, 30), (0, 180), icons=True,
    ),
    WeakStyle(
        "halved", "40 icons, any way up, on discs whose halves change colours", "mingcute",
        (340, 190), inks.halved(_VIVID, _WHITE), _photo, (30, 36), (0, 180), icons=True,
        vocabulary=40,
    ),
    WeakStyle(
        "plate", "40 icons of red dots among green ones", "mingcute", (360, 200),
        inks.dotted(_REDS, _IVORY), _plate(_GREENS, _IVORY), (62, 76), (0, 30), icons=True,
        vocabulary=40,
    ),
    WeakStyle(
        "slanted", "prompt picture: white on dark, slanted, touching", "MotoyaLMaru", (320, 180),
        inks.flat(_DARK), _pale_photo, (34, 46), (0, 40),
        strip=StripLook(36, (40, 44, 60), inks.flat((_WHITE,)), 0.7, 0.82),
    ),
    WeakStyle(
        "stencil", "prompt picture: touching contours of icons", "octicon", (340, 190),
        inks.flat(_VIVID), _photo, (36, 48), (0, 180), icons=True,
        strip=StripLook(52, _WHITE, inks.chalk(((60, 60, 60),), 1, 0.0), 0.0, 0.95),
    ),
)  # fmt: skip
"""All candidates."""

CHOSEN = ("overturned", "halved", "slanted")
"""What `label_efficiency.py` measures on; `benchmarks/README.md` says why."""
