"""Drawn pictures of text, without end: of the `captcha` package, in two colours, or strips."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from classifier.colours import COLOURS, Rgb
from training.errors import TextTrainingError
from training.synthetic.errors import IngredientsMissingError
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.store import FontFace, IngredientStore
from training.synthetic.items.item import TextItem
from training.synthetic.prompts.strips import draw_strip, on_page

U8 = NDArray[np.uint8]

TRAINING, HELD_OUT, BENCHMARK, WRITTEN = 0, 1, 2, 3
"""What pictures are drawn for; with the same seed, no two of these draw the same."""

_INKS = ("red", "green", "blue", "orange", "purple", "brown", "black", "pink", "cyan", "yellow")
_INK_JITTER = 14.0
_APART, _OFF_GROUND = 120.0, 110.0
"""Distances in RGB: of two inks, and of an ink from its ground."""

_ANY_COLOUR = 0.2
"""Share of pictures of which the whole text is wanted."""

_OFTEN = 4
"""Times that confused characters come."""

_FONT_PX = (26, 46)
_CHINESE_FROM = "\u2e80"
_HAN_SHARE = 0.8
_COLOURED_HAN_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class DrawnText:
    """A picture and what is to be read on it.

    Attributes:
        picture: `(H, W, 3)` uint8 RGB.
        text: The label.
        colour: The wanted colour; None where the text is all that is there.
    """

    picture: U8
    text: str
    colour: Rgb | None = None


@dataclass(frozen=True, slots=True)
class DrawingPlan:
    """What to draw.

    Attributes:
        characters: To choose from.
        lengths: Shortest and longest text.
        size: `(width, height)` in pixels; strips keep their own.
        often: Those of the characters that are drawn four times as often.
    """

    characters: str
    lengths: tuple[int, int]
    size: tuple[int, int]
    often: str = ""


class TextDrawer:
    """Draws pictures of any kind; two with different seeds never draw the same."""

    def __init__(self, plan: DrawingPlan, *seed: int, palette: Palette | None = None) -> None:
        """Prepare.

        Args:
            plan: What to draw.
            seed: One or several numbers.
            palette: Fonts and photos; by default those of the training split, where there are any.
        """
        self._plan = plan
        self._rng = np.random.default_rng(np.random.SeedSequence(seed))
        self._palette = palette
        self._package: _CaptchaPackage | None = None

    def draw(self, kind: str) -> DrawnText:
        """The next picture.

        Args:
            kind: `captcha`, `two-colours` or `strips`.

        Raises:
            TextTrainingError: the `captcha` package is not installed, or has none of the
                characters.
            IngredientsMissingError: strips need fonts, and there are none.
        """
        if kind == "captcha":
            return self._captcha()
        return self._strip() if kind == "strips" else self._two_colours()

    def _text(self, characters: Sequence[str]) -> str:
        low, high = self._plan.lengths
        count = int(self._rng.integers(low, high + 1))
        often = [c for c in characters if c in self._plan.often]
        choice = [*characters, *often * (_OFTEN - 1)]
        return "".join(choice[i] for i in self._rng.integers(len(choice), size=count))

    def _alphabet(self, han_share: float) -> list[str]:
        """The Chinese characters of the charset or the others; texts here do not mix them."""
        han = [c for c in self._plan.characters if c >= _CHINESE_FROM]
        rest = [c for c in self._plan.characters if c < _CHINESE_FROM]
        return han if han and (not rest or self._rng.random() < han_share) else rest

    def _captcha(self) -> DrawnText:
        if self._package is None:
            self._package = _CaptchaPackage(self._plan, int(self._rng.integers(2**63)))
        text = self._text(self._package.characters)
        return DrawnText(self._package.draw(text), text)

    def _strip(self) -> DrawnText:
        if self._palette is None:
            self._palette = Palette.of(IngredientStore.open(), "train")
        faces, rng = self._palette.han, self._rng
        if not faces:
            raise IngredientsMissingError(
                "Strips need at least one Chinese font in this split, and there is none; run "
                "`clickorder ingredients`."
            )
        chosen = self._alphabet(_HAN_SHARE)
        if chosen[0] < _CHINESE_FROM and self._palette.latin:
            faces = self._palette.latin
        for _ in range(200):
            face = faces[int(rng.integers(len(faces)))]
            text = self._text(chosen)
            if face.covers(text):
                break
        else:
            raise TextTrainingError(
                "No font here has the characters of the charset; leave out those that are not "
                "common."
            )
        strip = draw_strip([TextItem(c, face) for c in text], self._palette, rng).picture
        return DrawnText(np.asarray(on_page(strip)), text)

    def _two_colours(self) -> DrawnText:
        rng = self._rng
        ground, inks = _ground_and_inks(rng, 2 if rng.random() < 0.8 else 3)
        text = self._text(self._alphabet(_COLOURED_HAN_SHARE))
        owners = rng.integers(len(inks), size=len(text))
        picture = Image.new("RGB", self._plan.size, ground)
        self._scatter(picture, text, [_jittered(inks[i][1], rng) for i in owners])
        _clutter(picture, [value for _, value in inks], rng)
        if rng.random() < 0.7:
            picture = picture.filter(ImageFilter.SMOOTH)
        pixels = np.asarray(picture)
        if rng.random() < _ANY_COLOUR:
            return DrawnText(pixels, text)
        # One that is there: nobody asks for the blue characters where there are none.
        wanted = int(owners[int(rng.integers(len(text)))])
        own = "".join(c for c, i in zip(text, owners, strict=True) if i == wanted)
        return DrawnText(pixels, own, COLOURS[inks[wanted][0]])

    def _scatter(self, picture: Image.Image, text: str, inks: Sequence[Rgb]) -> None:
        """Draw the characters in a row, turned and shifted a little."""
        rng, (width, height) = self._rng, picture.size
        step = width / (len(text) + 0.4)
        face = self._face(text)
        for at, (character, ink) in enumerate(zip(text, inks, strict=True)):
            most = min(_FONT_PX[1], 0.72 * height, 1.35 * step)
            size = float(rng.uniform(max(0.7 * most, 12), most))
            mask = _letter(character, face, size)
            mask = mask.rotate(float(rng.uniform(-25, 25)), Image.Resampling.BILINEAR, expand=True)
            x = (at + 0.7) * step - mask.width / 2 + rng.uniform(-0.12, 0.12) * step
            y = (height - mask.height) / 2 + rng.uniform(-0.14, 0.14) * height
            picture.paste(ink, (round(x), round(y)), mask)

    def _face(self, text: str) -> FontFace | None:
        """A font of ours that has the characters; None for the one that Pillow brings."""
        if self._palette is None:
            try:
                self._palette = Palette.of(IngredientStore.open(), "train")
            except IngredientsMissingError:
                self._palette = Palette((), (), (), ())
        chinese = any(c >= _CHINESE_FROM for c in text)
        faces = self._palette.han if chinese else (*self._palette.latin, *self._palette.han)
        for _ in range(20):
            if not faces:
                break
            face = faces[int(self._rng.integers(len(faces)))]
            if face.covers(text):
                return face
        return None


class _CaptchaPackage:
    """The package's own pictures, from a seed.

    It takes its chances from the `secrets` module, which has no seed; while a picture is drawn, a
    seeded generator stands in its place. Nothing else about the package is changed.
    """

    def __init__(self, plan: DrawingPlan, seed: int) -> None:
        try:
            from captcha import image
        except ImportError as error:
            raise TextTrainingError(
                "Drawing with the captcha package needs it; install it with "
                'pip install -e ".[texts]".'
            ) from error
        self.characters = [c for c in plan.characters if c < _CHINESE_FROM]
        if not self.characters:
            raise TextTrainingError(
                "The captcha package draws no Chinese, and the charset has nothing else; add "
                "digits or letters to --charset, or draw strips."
            )
        self._module: Any = image
        self._maker = image.ImageCaptcha(*plan.size)
        self._chances = _Chances(seed)

    def draw(self, text: str) -> U8:
        """A picture, `(H, W, 3)` uint8 RGB."""
        usual = self._module.secrets
        self._module.secrets = self._chances
        try:
            return np.asarray(self._maker.generate_image(text).convert("RGB"))
        finally:
            self._module.secrets = usual


class _Chances:
    """What the package uses of `secrets`, from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # as intended: pictures come again

    def randbelow(self, limit: int) -> int:
        """0 to `limit`, exclusive."""
        return self._random.randrange(limit)

    def randbits(self, count: int) -> int:
        """So many bits."""
        return self._random.getrandbits(count)

    def choice(self, items: Sequence[Any]) -> Any:
        """One of the items."""
        return self._random.choice(items)


def _ground_and_inks(rng: Generator, count: int) -> tuple[Rgb, list[tuple[str, Rgb]]]:
    """A ground, and so many colours with their names that can be told from it and another."""
    level = float(rng.uniform(215, 255)) if rng.random() < 0.85 else float(rng.uniform(0, 40))
    red, green, blue = (int(v) for v in np.clip(level + rng.uniform(-18, 18, 3), 0, 255))
    ground = (red, green, blue)
    found: list[tuple[str, Rgb]] = []
    for at in rng.permutation(len(_INKS)):
        value = COLOURS[_INKS[int(at)]]
        far = all(_distance(value, other) > _APART for _, other in found)
        if far and _distance(value, ground) > _OFF_GROUND:
            found.append((_INKS[int(at)], value))
        if len(found) == count:
            break
    return ground, found


def _distance(first: Rgb, second: Rgb) -> float:
    return float(np.linalg.norm(np.subtract(first, second)))


def _jittered(ink: Rgb, rng: Generator) -> Rgb:
    red, green, blue = (int(v) for v in np.clip(rng.normal(ink, _INK_JITTER), 0, 255))
    return red, green, blue


def _letter(character: str, face: FontFace | None, size_px: float) -> Image.Image:
    """The coverage of a character, mode `L`."""
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont = (
        ImageFont.load_default(size_px)
        if face is None
        else ImageFont.truetype(str(face.path), round(size_px), index=face.index)
    )
    left, top, right, bottom = font.getbbox(character)
    mask = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(mask).text((-left, -top), character, fill=255, font=font)
    return mask


def _clutter(picture: Image.Image, inks: Sequence[Rgb], rng: Generator) -> None:
    """Dots and lines over a picture, in its own inks and in others."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    for _ in range(int(rng.integers(0, 30))):
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        ink = _jittered(inks[int(rng.integers(len(inks)))], rng)
        draw.ellipse((x, y, x + 1.5, y + 1.5), fill=ink)
    for _ in range(int(rng.integers(0, 3))):
        ends = [float(v) for v in rng.uniform((0, 0, 0, 0), (width, height, width, height))]
        red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
        draw.line(ends, fill=(red, green, blue), width=1)
