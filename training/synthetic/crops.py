"""Crops drawn on the fly: pairs of views of one item, as the service would cut them out.

Items come in groups that are hard to tell apart (look-alike characters, icons of one collection,
mirrored icons), so that they meet as negatives. Each group of four is drawn on one small scene and
in one prompt; the crops are then cut by boxes as inexact as a detector's.

A detector also offers boxes of what is no item: ground, parts of items, two items at once, clutter
of a prompt. Some of these are cut out of every picture, as negatives that have no partner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from training.core.view import View
from training.synthetic.characters import (
    DIGITS,
    LEVEL_1,
    LEVEL_2,
    LOWER,
    TRADITIONAL,
    UPPER,
    look_alikes,
    pick_latin,
)
from training.synthetic.clutter import encode, strew, wear
from training.synthetic.colours import away_from, random_colour
from training.synthetic.errors import IngredientsMissingError
from training.synthetic.grounds import (
    flat_ground,
    gradient_ground,
    lettered_ground,
    pattern_ground,
    photo_ground,
    shapes_ground,
    soften,
)
from training.synthetic.icon_likeness import C64, SAME_SHAPE, Mirrored, likeness, turning_of
from training.synthetic.illustrations import illustrated_ground
from training.synthetic.items import (
    IconItem,
    Item,
    Motion,
    TextItem,
    cut_out,
    paint_cut,
    random_motion,
)
from training.synthetic.palette import Palette
from training.synthetic.prompt_pictures import PromptPainter
from training.synthetic.scenes import Box, Spacing, compose, place
from training.synthetic.shapes import SHAPE_KINDS, SHAPES
from training.synthetic.solids import solids_ground
from training.synthetic.store import FontFace
from training.synthetic.strips import draw_prompt_icon, draw_strip
from training.synthetic.styles import Style, random_style

U8 = NDArray[np.uint8]

CHARSET = LEVEL_1 + LEVEL_2 + TRADITIONAL + DIGITS + UPPER + LOWER
"""What the shipped classifier reads."""

_SCENE_ITEMS = 4
_LEAST_CHARACTERS = 24
_SHAPE_SHARE = 0.12
"""Of the groups of icons are plain shapes."""

_ALIKE_SHAPES = 0.94
"""Likeness from which two shapes of one kind are the same for a person as well."""

_GROUNDS = 40
_GROUND_PX = (460, 320)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two views of one item.

    Attributes:
        word: The character, the short word, or `collection:name` of an icon.
        prompt: As a prompt shows it.
        scene: As a background shows it.
    """

    word: str
    prompt: View
    scene: View


class CropSource:
    """An endless source of pairs, the same for the same seed.

    Attributes:
        ease: Share of the groups that are drawn plainly: unlike items, one font, even grounds. A
            network that knows nothing learns nothing from hard pairs alone.
        scene_strangers: Views of scenes that show no item, of the pairs drawn last; to be taken
            away by whoever uses them.
        prompt_strangers: The same of prompt pictures.
    """

    def __init__(self, palette: Palette, rng: Generator) -> None:
        """Remember what to draw with.

        Args:
            palette: Ingredients of one split.
            rng: The only source of chance.

        Raises:
            IngredientsMissingError: there are no Chinese fonts or no icons.
        """
        if not palette.han or not palette.icons:
            raise IngredientsMissingError(
                "Crops need at least one Chinese font and one icon collection in this split; run "
                "`clickorder ingredients`."
            )
        self._palette = palette
        self._rng = rng
        self.ease = 0.0
        self._easy = False
        self._designs = _by_design(palette.han)
        self._latin = _by_design(palette.latin or palette.han)
        faces = [face for design in self._designs for face in design]
        self._pools = {
            name: "".join(c for c in letters if any(face.covers(c) for face in faces))
            for name, letters in (
                ("common", LEVEL_1), ("rare", LEVEL_2), ("traditional", TRADITIONAL)
            )
        }  # fmt: skip
        if len(self._pools["common"]) < _LEAST_CHARACTERS:
            raise IngredientsMissingError(
                f"The Chinese fonts of this split draw only {len(self._pools['common'])} common "
                "characters; run `clickorder ingredients`."
            )
        self._grounds: list[Image.Image] = []
        self._painter = PromptPainter(palette)
        self.scene_strangers: list[View] = []
        self.prompt_strangers: list[View] = []
        names = [collection.design for collection in palette.icons]
        self._shapes_at = names.index(SHAPES) if SHAPES in names else None
        self._mirrored = tuple(Mirrored.of(collection) for collection in palette.icons)

    def pairs(self, kind: str, count: int) -> list[Pair]:
        """About `count` pairs of `characters`, of `icons`, or of `latin` letters and digits."""
        draw = {"characters": self.characters, "icons": self.icons, "latin": self.latin}[kind]
        return draw(count)

    def characters(self, count: int) -> list[Pair]:
        """Pairs of characters, look-alikes among them, at most `count`."""
        pairs: list[Pair] = []
        taken: set[str] = set()
        while len(pairs) < count:
            self._easy = self._rng.random() < self.ease
            group = [w for w in self._alike_characters() if w not in taken][:_SCENE_ITEMS]
            if len(group) < _SCENE_ITEMS:
                continue
            taken.update(group)
            scene = self._in_faces(group, self._designs)
            prompt = scene
            if not self._easy and self._rng.random() < 0.55:
                prompt = self._in_faces(group, self._designs)
            pairs += self._pairs(group, prompt, scene, icons=False)
        return pairs[:count]

    def latin(self, count: int) -> list[Pair]:
        """Pairs of letters, digits and two-character words, at most `count`."""
        pairs: list[Pair] = []
        taken: set[str] = set()
        for _ in range(20 * count):
            if len(pairs) >= count:
                break
            self._easy = self._rng.random() < self.ease
            face = self._face(self._latin)
            group = [w for w in pick_latin(face, _SCENE_ITEMS, self._rng) if w not in taken]
            if len(group) < _SCENE_ITEMS:
                continue
            taken.update(group)
            scene: list[Item] = [TextItem(word, face) for word in group]
            prompt = scene
            if not self._easy and self._rng.random() < 0.4:
                prompt = self._in_faces(group, self._latin)
            pairs += self._pairs(group, prompt, scene, icons=False)
        return pairs[:count]

    def icons(self, count: int) -> list[Pair]:
        """Pairs of icons, mirrored and similar ones among them, at most `count`."""
        pairs: list[Pair] = []
        shapes: list[C64] = []
        while len(pairs) < count:
            self._easy = self._rng.random() < self.ease
            items = self._alike_icons(shapes)
            if not items:
                shapes.clear()  # A small collection has been through.
                continue
            pairs += self._pairs([item.word for item in items], items, items, icons=True)
        return pairs[:count]

    # What to draw

    def _alike_characters(self) -> list[str]:
        """About eight characters, hard to tell apart more often than not."""
        rng = self._rng
        kind = 0.5 if self._easy else rng.random()
        if kind < 0.45 and self._palette.reference is not None:
            pool = self._pool("common" if rng.random() < 0.75 else "rare")
            first = pool[int(rng.integers(len(pool)))]
            return [first, *look_alikes(self._palette.reference, first)]
        if kind < 0.75:
            pool = self._pool("common")
            return [pool[int(i)] for i in rng.choice(len(pool), 6, replace=False)]
        # By radical, or by stroke count: neighbours have much in common.
        pool = self._pool("rare" if rng.random() < 0.6 else "traditional")
        start = int(rng.integers(len(pool) - 7))
        return [pool[start + int(i)] for i in rng.permutation(8)]

    def _pool(self, name: str) -> str:
        """Characters that some face draws; common ones where there are too few of the kind."""
        pool = self._pools[name]
        return pool if len(pool) >= _LEAST_CHARACTERS else self._pools["common"]

    def _in_faces(self, words: Sequence[str], designs: Sequence[Sequence[FontFace]]) -> list[Item]:
        """The words in one face, or in several where one does not have them all."""
        rng = self._rng
        face = self._face(designs)
        items: list[Item] = []
        for word in words:
            own = face if self._easy or rng.random() < 0.8 else self._face(designs)
            for _ in range(30):
                if own.covers(word):
                    break
                own = self._face(designs)
            else:
                own = next(f for faces in designs for f in faces if f.covers(word))
            items.append(TextItem(word, own))
        return items

    def _face(self, designs: Sequence[Sequence[FontFace]]) -> FontFace:
        faces = designs[int(self._rng.integers(len(designs)))]
        return faces[int(self._rng.integers(len(faces)))]

    def _alike_icons(self, shapes: list[C64]) -> list[IconItem]:
        """Four icons of one or two collections that no turn makes the same.

        Args:
            shapes: Shapes drawn before; those of the icons are appended.
        """
        rng = self._rng
        which = int(rng.integers(len(self._palette.icons)))
        shapes_at = self._shapes_at
        if shapes_at is not None and rng.random() < _SHAPE_SHARE:
            which = shapes_at
        collection, near = self._palette.icons[which], rng.random() < 0.4 and not self._easy
        start = int(rng.integers(len(collection)))
        found: list[IconItem] = []
        for attempt in range(80):
            if len(found) == _SCENE_ITEMS:
                break
            if attempt == 40:
                collection, near = (
                    self._palette.icons[int(rng.integers(len(self._mirrored)))],
                    False,
                )
            alike = SAME_SHAPE
            if near and which == shapes_at and attempt < 40:
                # Of one kind: discs and scalloped discs, flowers of five and of six petals.
                index = (start + SHAPE_KINDS * int(rng.integers(12))) % len(collection)
                alike = _ALIKE_SHAPES
            elif near:
                index = (start + int(rng.integers(24))) % len(collection)
            else:
                index = int(rng.integers(len(collection)))
            item = IconItem(collection, index)
            if found and not self._easy and rng.random() < 0.12 and attempt < 40:
                item = IconItem(self._mirrored[which], found[-1].index)
            turning = turning_of(item)
            if likeness(turning, shapes[-40:]) > alike:
                continue
            found.append(item)
            shapes.append(turning)
        return found

    # How to draw it

    def _pairs(
        self, words: Sequence[str], prompt: Sequence[Item], scene: Sequence[Item], *, icons: bool
    ) -> list[Pair]:
        scenes = self._scene(scene, icons=icons)
        prompts = self._prompt(prompt, icons=icons)
        return [
            Pair(word, p, s)
            for word, p, s in zip(words, prompts, scenes, strict=False)
            if p is not None and s is not None
        ]

    def _scene(self, items: Sequence[Item], *, icons: bool) -> list[View | None]:
        """The items on one small ground, in their order; None where one had no room."""
        rng = self._rng
        if self._easy:
            return self._plain_scene(items)
        low = 16 if rng.random() < 0.15 else 22
        size = low + (90 - low) * rng.beta(1.3, 2.6)
        motion = random_motion(rng, icons=icons)
        shares = rng.uniform(0.85, 1.2, len(items))
        poses = [motion.pose(float(np.clip(size * v, 16, 90)), rng) for v in shares]
        ground = self._patch(size * rng.uniform(2.9, 3.7), size * rng.uniform(2.9, 3.7))
        styles: Style | list[Style] = random_style(rng)
        if rng.random() < 0.3:
            styles = [random_style(rng) for _ in items]
        spacing = Spacing(int(rng.integers(-3, 6)), 0.15 if rng.random() < 0.12 else 0.0)
        placed = place(ground, list(zip(items, poses, strict=True)), styles, spacing, rng)
        if placed is None:
            return [None] * len(items)
        picture = compose(ground, placed)
        if rng.random() < 0.4:
            strew(picture, rng, 0.25)
        picture = _reopened(wear(picture, rng), rng) if rng.random() < 0.7 else picture
        pixels = np.asarray(picture)
        self.scene_strangers += self._strangers(pixels, [one.box for one in placed])
        return [View(pixels, self._jittered(one.box)) for one in placed]

    def _strangers(self, pixels: U8, boxes: Sequence[Box]) -> list[View]:
        """Boxes of a scene that are no item, though a detector might think so.

        Args:
            pixels: `(H, W, 3)` uint8 RGB.
            boxes: Boxes of all items of the scene, in its pixels.
        """
        rng = self._rng
        height, width = pixels.shape[:2]
        grey = pixels.mean(axis=2)
        found: list[View] = []
        usual = float(np.median([max(b[2] - b[0], b[3] - b[1]) for b in boxes]))
        free: list[tuple[float, tuple[float, float, float, float]]] = []
        for _ in range(10):
            w, h = usual * rng.uniform(0.6, 1.3, 2)
            x, y = rng.uniform(0, max(1, width - w)), rng.uniform(0, max(1, height - h))
            if all(_shared(b, (x, y, x + w, y + h)) < 0.12 for b in boxes):
                busy = float(grey[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1].std())
                free.append((busy, (x, y, x + w, y + h)))
        # What a detector offers is mostly where the ground has something to show.
        free.sort(key=lambda one: -one[0] if rng.random() < 0.8 else 0.0)
        found += [View(pixels, box) for _, box in free[:2]]
        x1, y1, x2, y2 = boxes[int(rng.integers(len(boxes)))]
        w, h = x2 - x1, y2 - y1
        kind = rng.random()
        if kind < 0.45:  # A part.
            share = rng.uniform(0.3, 0.6, 2)
            left, top = (
                x1 + (1 - share[0]) * w * rng.random(),
                y1 + (1 - share[1]) * h * rng.random(),
            )
            found.append(View(pixels, (left, top, left + share[0] * w, top + share[1] * h)))
        elif kind < 0.8:  # Displaced by half of it or more.
            angle = rng.uniform(0, 2 * np.pi)
            away = rng.uniform(0.55, 0.9)
            dx, dy = away * w * np.cos(angle), away * h * np.sin(angle)
            found.append(View(pixels, (x1 + dx, y1 + dy, x2 + dx, y2 + dy)))
        elif len(boxes) > 1:  # Two items at once.
            one, two = (boxes[int(i)] for i in rng.choice(len(boxes), 2, replace=False))
            both = (
                min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])
            )  # fmt: skip
            if max(both[2] - both[0], both[3] - both[1]) < 2.6 * usual:
                found.append(View(pixels, both))
        return [v for v in found if v.box[2] > 2 and v.box[3] > 2 and v.box[0] < width - 2]

    def _plain_scene(self, items: Sequence[Item]) -> list[View | None]:
        """The items on an even ground, nearly upright."""
        rng = self._rng
        size = float(rng.uniform(30, 70))
        kinds = (flat_ground, gradient_ground)
        ground = kinds[int(rng.integers(2))]((round(3.4 * size), round(3.4 * size)), rng)
        motion = Motion(25.0)
        poses = [(item, motion.pose(size, rng)) for item in items]
        placed = place(ground, poses, Style(contrast=0.45), Spacing(2), rng)
        if placed is None:
            return [None] * len(items)
        pixels = np.asarray(compose(ground, placed))
        return [View(pixels, self._jittered(one.box)) for one in placed]

    def _prompt(self, items: Sequence[Item], *, icons: bool) -> list[View | None]:
        rng = self._rng
        kind = rng.random()
        if self._easy:
            return [self._clean(item) for item in items]
        if kind < (0.2 if icons else 0.22):
            return self._scene(items, icons=icons)
        if kind < (0.33 if icons else 0.35):
            strip = draw_strip(items, self._palette.photos, rng)
            pixels = np.asarray(_on_paper(strip.picture, rng))
            return [View(pixels, self._jittered(box)) for box in strip.boxes]
        if kind < 0.75:
            drawn = self._painter.draw_items(items, rng)
            pixels = np.asarray(_on_paper(drawn.picture, rng))
            apart = rng.permutation(len(drawn.clutter))[:2]
            self.prompt_strangers += [View(pixels, drawn.clutter[int(i)]) for i in apart]
            x1, y1, x2, y2 = drawn.boxes[int(rng.integers(len(drawn.boxes)))]
            if rng.random() < 0.3:  # A part of an item is none.
                across = rng.uniform(0.3, 0.55) * (x2 - x1)
                left = float(x1 if rng.random() < 0.5 else x2 - across)
                self.prompt_strangers.append(View(pixels, (left, y1, left + across, y2)))
            return [View(pixels, self._jittered(box)) for box in drawn.boxes]
        return [self._clean(item) for item in items]

    def _clean(self, item: Item) -> View | None:
        """One item by itself, as a list of icons shows it or a font writes it."""
        rng = self._rng
        ground = (255, 255, 255) if rng.random() < 0.7 else random_colour(rng, "light")
        ink = (0, 0, 0) if rng.random() < 0.4 else away_from(ground, rng, 0.4, tone="dark")
        side = int(rng.integers(18, 80))
        if isinstance(item, IconItem) or len(item.word) == 1:
            layer = draw_prompt_icon(item, ink, rng, side)
        else:
            cut = cut_out(item, Motion().pose(side, rng), rng)
            layer = paint_cut(cut, Style(), ground, rng, colour=ink)
        box = layer.getchannel("A").getbbox()
        if box is None:
            return None
        picture = Image.new("RGB", layer.size, ground)
        picture.paste(layer, (0, 0), layer)
        if rng.random() < 0.15:
            picture = _reopened(picture, rng)
        return View(np.asarray(picture), self._jittered(box, 0.03))

    def _patch(self, width: float, height: float) -> Image.Image:
        """A piece of a ground; grounds are kept for a while, for a fresh one each is too slow."""
        rng = self._rng
        if len(self._grounds) < _GROUNDS:
            self._grounds.append(self._ground())
        elif rng.random() < 0.25:
            self._grounds[int(rng.integers(_GROUNDS))] = self._ground()
        ground = self._grounds[int(rng.integers(len(self._grounds)))]
        size = (min(int(width), ground.width), min(int(height), ground.height))
        x = int(rng.integers(ground.width - size[0] + 1))
        y = int(rng.integers(ground.height - size[1] + 1))
        return ground.crop((x, y, x + size[0], y + size[1]))

    def _ground(self) -> Image.Image:
        rng, palette = self._rng, self._palette
        kind = rng.random()
        if kind < 0.14:
            return illustrated_ground(_GROUND_PX, palette.icons, rng)
        if palette.photos and kind < 0.65:
            return soften(photo_ground(_GROUND_PX, palette.photos, rng), rng)
        if kind < 0.77:
            return solids_ground(_GROUND_PX, rng)
        if kind < 0.91:
            kinds = (gradient_ground, pattern_ground, shapes_ground)
            return kinds[int(rng.integers(3))](_GROUND_PX, rng)
        if kind < 0.96:
            return lettered_ground(_GROUND_PX, palette.han, LEVEL_1, rng)
        return flat_ground(_GROUND_PX, rng)

    def _jittered(
        self, box: tuple[int, int, int, int], spread: float = 0.045
    ) -> tuple[float, float, float, float]:
        """A box as a detector finds it: each side off by some percent, now and then by more."""
        rng = self._rng
        if rng.random() < 0.1:
            spread *= 2
        width, height = box[2] - box[0], box[3] - box[1]
        off = np.clip(rng.normal(0.01, spread, 4), -0.12, 0.16) * (width, height, width, height)
        x1, y1, x2, y2 = (float(v) for v in np.array(box) + off * (-1, -1, 1, 1))
        return x1, y1, x2, y2


def _shared(box: Box, other: tuple[float, float, float, float]) -> float:
    """How much of `other` lies within `box`, 0..1."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    area = (other[2] - other[0]) * (other[3] - other[1])
    return max(0.0, width) * max(0.0, height) / max(area, 1e-6)


def _by_design(faces: Sequence[FontFace]) -> list[list[FontFace]]:
    """Faces by drawing: a design with twenty weights must not crowd out the others."""
    designs: dict[str, list[FontFace]] = {}
    for face in faces:
        designs.setdefault(face.design, []).append(face)
    return [designs[name] for name in sorted(designs)]


def _reopened(picture: Image.Image, rng: Generator) -> Image.Image:
    """The picture after a site saved it."""
    with Image.open(BytesIO(encode(picture, rng)[0])) as reopened:
        return reopened.convert("RGB")


def _on_paper(picture: Image.Image, rng: Generator) -> Image.Image:
    """A strip as a browser shows it: transparent ground on white, now and then saved lossily."""
    if picture.mode == "RGBA":
        paper = Image.new("RGB", picture.size, (255, 255, 255))
        paper.paste(picture, (0, 0), picture)
        picture = paper
    return _reopened(picture, rng) if rng.random() < 0.25 else picture
