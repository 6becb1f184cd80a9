"""Ingredients that the tests draw themselves: a font, icons and photos, none of them fetched."""

from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw

from siamese.vocabulary import shipped_vocabulary
from training.synthetic.ingredients.catalogue import CATALOGUE
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.stamps import CollectionRecord, FaceRecord, PhotoRecord, Stamp
from training.synthetic.ingredients.store import FontFace, IconCollection, Photo
from training.synthetic.items.characters import DIGITS, LEVEL_1, LOWER, UPPER

FONTS = [design.members[0] for design in CATALOGUE.fonts if design.split == "test"]
ICONS = [design.members[0] for design in CATALOGUE.icons if design.split == "test"]
NAMES = tuple(thing.id.replace(" ", "-") for thing in shipped_vocabulary().things[:240:4])
"""Names of the icons: things of the vocabulary, so that they can be asked for by name."""

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


@pytest.fixture(scope="session")
def cache(palette: Palette, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn ingredients in the form of a fetched cache."""
    root = tmp_path_factory.mktemp("cache")
    records: dict[str, dict[str, list[object]]] = {"font": {}, "icon": {}, "photo": {}}
    folders = {kind: root / "packages" / kind / "machine" / kind for kind in records}
    for folder in folders.values():
        folder.mkdir(parents=True)
    faces = []
    for face in (*palette.han, *palette.latin):
        (folders["font"] / "bars.ttf").write_bytes(face.path.read_bytes())
        (folders["font"] / "bars.npy").write_bytes(face.coverage_path.read_bytes())
        # Under names of the test split, or unknown names would be placed by their hash.
        name = FONTS.pop()
        faces.append(FaceRecord("bars.ttf", 0, name, "Regular", face.script, "bars.npy", 500))
    collections = []
    for icons in palette.icons:
        np.save(folders["icon"] / f"{icons.name}.npy", np.load(icons.path))
        collections.append(
            CollectionRecord(ICONS.pop(), f"{icons.name}.npy", icons.monochrome, list(icons.names))
        )
    photos = []
    for number, photo in enumerate(palette.photos):
        (folders["photo"] / f"{number}.jpg").write_bytes(photo.path.read_bytes())
        photos.append(PhotoRecord(str(number), f"{number}.jpg", str(number), f"{number:064x}"))
    Stamp("font", "machine", "font", "1", "CC0-1.0", "recipe", faces=faces).write(folders["font"])
    Stamp("icon", "machine", "icon", "1", "CC0-1.0", "recipe", collections=collections).write(
        folders["icon"]
    )
    Stamp("photo", "machine", "photo", "1", "CC0-1.0", "recipe", photos=photos).write(
        folders["photo"]
    )
    return root
