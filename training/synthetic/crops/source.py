"""Crops drawn on the fly: pairs of views of one item, as the service would cut them out.

Items come in groups that are hard to tell apart (look-alike characters, icons of one collection,
mirrored icons), so that they meet as negatives. Each group of four is drawn on one small scene and
in one prompt; the crops are then cut by boxes as inexact as a detector's.

A detector also offers boxes that are not items: ground, parts of items, two items at once, clutter
of a prompt. Some of these are cut out of every picture, as negatives without a match.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from training.core.view import View
from training.synthetic.clipping import clipped_box, frame_through_an_item
from training.synthetic.clutter import add_clutter, degrade, resaved
from training.synthetic.colours import away_from, random_colour
from training.synthetic.crops.groups import GROUP_SIZE, GroupPicker
from training.synthetic.crops.icon_likeness import C64
from training.synthetic.crops.negatives import FloatBox, negative_boxes
from training.synthetic.grounds import random_ground
from training.synthetic.ingredients.palette import Palette
from training.synthetic.items.characters import DIGITS, LEVEL_1, LEVEL_2, LOWER, TRADITIONAL, UPPER
from training.synthetic.items.item import IconItem, Item, Motion, cut_out, paint_cut, random_motion
from training.synthetic.items.styles import Style, random_style
from training.synthetic.layers import Box
from training.synthetic.prompts.pictures import PromptPainter
from training.synthetic.prompts.strips import draw_prompt_icon, draw_strip, on_page
from training.synthetic.scenes import Spacing, compose, place

U8 = NDArray[np.uint8]

CHARSET = LEVEL_1 + LEVEL_2 + TRADITIONAL + DIGITS + UPPER + LOWER
"""The characters of the shipped classifier."""

_GROUNDS = 40
_GROUND_PX = (460, 320)

_DISPLACED, _DISPLACED_PROMPT = 0.2, 0.12
"""Share of the boxes of hard scenes, and of prompt pictures, of which a side or two are far off:
more than of a detector's, as these are what is mistaken."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two views of one item.

    Attributes:
        word: The character, the short word, or `collection:name` of an icon.
        prompt: In a prompt.
        scene: In a background.
    """

    word: str
    prompt: View
    scene: View


class CropSource:
    """An endless source of pairs, the same for the same seed.

    Attributes:
        ease: Share of easy groups: unlike items, one font, even grounds. An untrained network
            learns nothing from hard pairs alone.
        clipped: Share of the hard scenes whose border cuts through an item, 0..1; a prompt shows
            items whole.
        scene_negatives: Negatives without a match from the scenes drawn so far; their user clears
            the list.
        prompt_negatives: The same from prompt pictures.
    """

    def __init__(self, palette: Palette, rng: Generator) -> None:
        """Sort the ingredients; arguments and errors are those of `GroupPicker`."""
        self._groups = GroupPicker(palette, rng)
        self._painter = PromptPainter(palette)
        self._palette = palette
        self._rng = rng
        self._easy = False
        self._grounds: list[Image.Image] = []
        self.ease = 0.0
        self.clipped = 0.0
        self.scene_negatives: list[View] = []
        self.prompt_negatives: list[View] = []

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
            candidates = self._groups.characters(easy=self._easy)
            group = [word for word in candidates if word not in taken][:GROUP_SIZE]
            if len(group) < GROUP_SIZE:
                continue
            taken.update(group)
            pairs += self._lettered(self._in_fonts(group, latin=False), 0.55, latin=False)
        return pairs[:count]

    def latin(self, count: int) -> list[Pair]:
        """Pairs of letters, digits and two-character words, at most `count`."""
        pairs: list[Pair] = []
        taken: set[str] = set()
        for _ in range(20 * count):
            if len(pairs) >= count:
                break
            self._easy = self._rng.random() < self.ease
            scene = [item for item in self._groups.latin() if item.word not in taken]
            if len(scene) < GROUP_SIZE:
                continue
            taken.update(item.word for item in scene)
            pairs += self._lettered(scene, 0.4, latin=True)
        return pairs[:count]

    def icons(self, count: int) -> list[Pair]:
        """Pairs of icons, mirrored and similar ones among them, at most `count`."""
        pairs: list[Pair] = []
        signatures: list[C64] = []
        while len(pairs) < count:
            self._easy = self._rng.random() < self.ease
            items = self._groups.icons(signatures, easy=self._easy)
            if not items:
                signatures.clear()  # All of a small collection were picked.
                continue
            pairs += self._pairs(items, items, icons=True)
        return pairs[:count]

    def icon_scene(self, items: Sequence[IconItem]) -> list[View | None]:
        """Icons as the service would cut them out of one small scene, drawn as widely as any.

        Args:
            items: A few icons; what else the scene shows is appended to `scene_negatives`.

        Returns:
            In the order of `items`; None for each if they do not all fit.
        """
        return self._scene(items, icons=True)

    def _lettered(self, scene: Sequence[Item], other_fonts: float, *, latin: bool) -> list[Pair]:
        """Pairs of texts; with the probability `other_fonts` the prompt's are other fonts."""
        prompt = scene
        if not self._easy and self._rng.random() < other_fonts:
            prompt = self._in_fonts([item.word for item in scene], latin=latin)
        return self._pairs(prompt, scene, icons=False)

    def _in_fonts(self, words: Sequence[str], *, latin: bool) -> list[Item]:
        return self._groups.in_fonts(words, latin=latin, easy=self._easy)

    def _pairs(self, prompt: Sequence[Item], scene: Sequence[Item], *, icons: bool) -> list[Pair]:
        """The pairs of those items that both pictures show."""
        scenes = self._scene(scene, icons=icons, clipped=self.clipped)
        prompts = self._prompt(prompt, icons=icons)
        return [
            Pair(item.word, p, s)
            for item, p, s in zip(scene, prompts, scenes, strict=True)
            if p is not None and s is not None
        ]

    def _scene(
        self, items: Sequence[Item], *, icons: bool, clipped: float = 0.0
    ) -> list[View | None]:
        """The items on one small ground, in order.

        Args:
            items: What to draw.
            icons: Whether these are icons, which turn further than characters.
            clipped: Probability that the scene's border cuts through one of them, 0..1.

        Returns:
            None for each if they do not all fit, and for one of which too little is left.
        """
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
            add_clutter(picture, rng, 0.25)
        picture = resaved(degrade(picture, rng), rng) if rng.random() < 0.7 else picture
        pixels = np.asarray(picture)
        negatives = negative_boxes(pixels, [one.box for one in placed], rng)
        self.scene_negatives += [View(pixels, box) for box in negatives]
        boxes: list[Box | None] = [one.box for one in placed]
        if clipped and rng.random() < clipped:
            whole = [one.box for one in placed]
            frame = frame_through_an_item(whole, picture.size, rng)
            boxes = [clipped_box(box, frame) for box in whole]
            pixels = pixels[frame[1] : frame[3], frame[0] : frame[2]]
        found = [box and self._displaced(self._jittered(box), _DISPLACED) for box in boxes]
        return [box and View(pixels, box) for box in found]

    def _plain_scene(self, items: Sequence[Item]) -> list[View | None]:
        """The items on an even ground, nearly upright."""
        rng = self._rng
        size = float(rng.uniform(30, 70))
        side = round(3.4 * size)
        ground = random_ground("plain crop", (side, side), self._palette, rng)
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
            strip = draw_strip(items, self._palette, rng)
            pixels = np.asarray(self._on_page(strip.picture))
            return [View(pixels, self._found_in_prompt(box)) for box in strip.boxes]
        if kind < 0.75:
            drawn = self._painter.draw_items(items, rng)
            pixels = np.asarray(self._on_page(drawn.picture))
            apart = rng.permutation(len(drawn.clutter))[:2]
            self.prompt_negatives += [View(pixels, drawn.clutter[int(i)]) for i in apart]
            x1, y1, x2, y2 = drawn.boxes[int(rng.integers(len(drawn.boxes)))]
            if rng.random() < 0.3:  # A part of an item is not an item.
                across = rng.uniform(0.3, 0.55) * (x2 - x1)
                left = float(x1 if rng.random() < 0.5 else x2 - across)
                self.prompt_negatives.append(View(pixels, (left, y1, left + across, y2)))
            return [View(pixels, self._found_in_prompt(box)) for box in drawn.boxes]
        return [self._clean(item) for item in items]

    def _on_page(self, picture: Image.Image) -> Image.Image:
        """A prompt picture as a browser shows it, now and then compressed."""
        picture = on_page(picture)
        return resaved(picture, self._rng) if self._rng.random() < 0.25 else picture

    def _clean(self, item: Item) -> View | None:
        """One item by itself, as in a list of icons."""
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
            picture = resaved(picture, rng)
        return View(np.asarray(picture), self._jittered(box, 0.03))

    def _patch(self, width: float, height: float) -> Image.Image:
        """A piece of a ground; grounds are reused, because a new one each time is too slow."""
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
        return random_ground("crop", _GROUND_PX, self._palette, self._rng)

    def _jittered(self, box: Box, spread: float = 0.045) -> FloatBox:
        """A box as a detector finds it: each side off by some percent, now and then by more."""
        rng = self._rng
        if rng.random() < 0.1:
            spread *= 2
        width, height = box[2] - box[0], box[3] - box[1]
        off = np.clip(rng.normal(0.01, spread, 4), -0.12, 0.16) * (width, height, width, height)
        x1, y1, x2, y2 = (float(v) for v in np.array(box) + off * (-1, -1, 1, 1))
        return x1, y1, x2, y2

    def _found_in_prompt(self, box: Box) -> FloatBox:
        return self._displaced(self._jittered(box), _DISPLACED_PROMPT)

    def _displaced(self, box: FloatBox, share: float) -> FloatBox:
        """The box, or in a share of cases one with a side or two far off.

        A detector's boxes mostly fit within 2 % of the item's size, but 6 % of them share less than
        0.7 of their area with it: a stroke is left out, or clutter taken in.
        """
        rng = self._rng
        if rng.random() >= share:
            return box
        sides = np.array(box)
        size = np.tile(sides[2:] - sides[:2], 2)
        for side in rng.choice(4, 1 if rng.random() < 0.7 else 2, replace=False):
            inward = rng.random() < 0.5
            away = -rng.uniform(0.08, 0.32) if inward else rng.uniform(0.1, 0.45)
            sides[side] += away * size[side] * (-1 if side < 2 else 1)
        x1, y1, x2, y2 = (float(v) for v in sides)
        return x1, y1, x2, y2
