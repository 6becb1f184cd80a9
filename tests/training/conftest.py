"""Ingredients that the tests draw themselves: a font, icons and photos, none of them fetched."""

from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw

from siamese.vocabulary import shipped_vocabulary
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.store import FontFace, IconCollection, Photo
from training.synthetic.items.characters import DIGITS, LEVEL_1, LOWER, UPPER

NAMES = tuple(thing.id.replace(" ", "-") for thing in shipped_vocabulary().things[:240:4])
"""Of the icons: things of the vocabulary, so that they can be asked for by name."""

CHARACTERS = LEVEL_1[::8] + DIGITS + UPPER + LOWER


def _glyph(seed: int) -> object:
    """A few bars, different for every character."""
    rng = np.random.default_rng(seed)
    pen = TTGlyphPen(None)
    for number in range(int(rng.integers(3, 7))):
        x, y = (int(v) for v in rng.integers(40, 700, 2))
        wide, high = (int(rng.integers(200, 500)), 70) if number % 2 else (70, 400)
        corners = [(x, y), (x, y + high), (x + wide, y + high), (x + wide, y)]
        pen.moveTo(corners[0])
        for corner in corners[1:]:
            pen.lineTo(corner)
        pen.closePath()
    return pen.glyph()


def _font(path: Path) -> None:
    names = [".notdef", *(f"u{ord(c):04X}" for c in CHARACTERS)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(c): f"u{ord(c):04X}" for c in CHARACTERS})
    builder.setupGlyf({name: _glyph(number) for number, name in enumerate(names)})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "Test Bars", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def _icon(seed: int, *, monochrome: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    picture = Image.new("RGBA", (96, 96))
    draw = ImageDraw.Draw(picture)
    for _ in range(4):
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 6))))
        reach = rng.uniform(8, 44, len(angles))
        points = [
            (48 + r * np.cos(a), 48 + r * np.sin(a)) for a, r in zip(angles, reach, strict=True)
        ]
        colour = (0, 0, 0) if monochrome else tuple(int(v) for v in rng.integers(0, 256, 3))
        draw.polygon(points, fill=(*colour, 255))
    pixels = np.asarray(picture)
    return pixels[..., 3] if monochrome else pixels


@pytest.fixture(scope="session")
def palette(tmp_path_factory: pytest.TempPathFactory) -> Palette:
    """One font for everything, a plain and a coloured icon collection, three photos."""
    folder = tmp_path_factory.mktemp("ingredients")
    _font(folder / "bars.ttf")
    np.save(folder / "bars.npy", np.array(sorted(map(ord, CHARACTERS)), np.uint32))
    faces = [
        FontFace(
            path=folder / "bars.ttf",
            index=0,
            family="Test Bars",
            style="Regular",
            design="Test Bars",
            split="test",
            script=script,
            coverage_path=folder / "bars.npy",
        )
        for script in ("han", "latin")
    ]
    collections = []
    for name, monochrome in (("plain", True), ("coloured", False)):
        icons = np.stack([_icon(seed, monochrome=monochrome) for seed in range(60)])
        np.save(folder / f"{name}.npy", icons)
        collections.append(
            IconCollection(
                name=name,
                design=name,
                split="test",
                names=NAMES,
                monochrome=monochrome,
                path=folder / f"{name}.npy",
            )
        )
    photos = []
    for number in range(3):
        rng = np.random.default_rng(number)
        small = Image.fromarray(rng.integers(0, 256, (12, 18, 3), dtype=np.uint8))
        small.resize((900, 600)).save(folder / f"{number}.jpg")
        photos.append(Photo(folder / f"{number}.jpg", str(number), "test", str(number), "test"))
    return Palette((faces[0],), (faces[1],), tuple(collections), tuple(photos))
