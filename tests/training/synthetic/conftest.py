"""A tiny world of packages: real archives with a drawn font, written icons and painted pictures."""

import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from PIL import Image

from training.synthetic.errors import PackageUnavailableError
from training.synthetic.ingredients.catalogue import Catalogue, Design, Package

HAN = tuple(range(0x4E00, 0x4E00 + 1100))
LATIN = tuple(range(0x21, 0x7F))
# Mapped by the drawn fonts, yet nothing that a person would see as that character.
EMPTY = tuple(range(0x6000, 0x6010))
BOXED = tuple(range(0x7000, 0x7020))


def _squares(code: int) -> object:
    """A glyph of its own for every code: its bits as squares, and one square for all."""
    pen = TTGlyphPen(None)
    for bit in range(17):
        if bit == 16 or code >> bit & 1:
            x, y = 100 + bit % 4 * 200, bit // 4 * 180
            pen.moveTo((x, y))
            pen.lineTo((x, y + 150))
            pen.lineTo((x + 170, y + 150))
            pen.lineTo((x + 170, y))
            pen.closePath()
    return pen.glyph()


def draw_font(
    path: Path, family: str, codes: Iterable[int] = (*LATIN, *HAN), web: bool = False
) -> Path:
    """Write a TrueType font that draws `codes`, maps EMPTY to nothing and BOXED to one box."""
    glyphs = {".notdef": _squares(0xFFFF), "empty": TTGlyphPen(None).glyph(), "box": _squares(0x99)}
    mapped = dict.fromkeys(EMPTY, "empty") | dict.fromkeys(BOXED, "box")
    for code in codes:
        glyphs[f"u{code:04X}"] = _squares(code)
        mapped[code] = f"u{code:04X}"
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap(mapped)
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    if web:
        with TTFont(path) as font:
            font.flavor = "woff2"
            font.save(path.with_suffix(".woff2"))
        path.unlink()
        return path.with_suffix(".woff2")
    return path


def paint(seed: int, size: tuple[int, int] = (1600, 900)) -> Image.Image:
    """A picture of large soft blots; other seeds look unlike."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def iconify(icons: dict[str, str], **more: object) -> str:
    """An Iconify set of 24x24 icons."""
    bodies = {name: {"body": body} for name, body in icons.items()}
    return json.dumps({"prefix": "tiny", "icons": bodies, "width": 24, "height": 24, **more})


BLACK_ICONS = {
    "square": '<path fill="currentColor" d="M4 4h16v16H4z"/>',
    "ring": '<circle cx="12" cy="12" r="8" fill="none" stroke="currentColor" stroke-width="3"/>',
    "square-again": '<rect fill="currentColor" x="4" y="4" width="16" height="16"/>',
    "nothing": '<path fill="none" d="M4 4h16v16H4z"/>',
    "broken": '<path fill="currentColor" d="M4 4h16',
    "bar-light": '<path fill="currentColor" d="M2 10h20v4H2z"/>',
}
COLOURED_ICONS = {
    "sun": '<circle cx="12" cy="12" r="9" fill="#fc0"/>',
    "sea": '<circle cx="12" cy="12" r="9" fill="#06c"/>',
    "hand": '<path fill="#fc8" d="M6 2h12v20H6z"/>',
    "hand-dark": '<path fill="#520" d="M6 2h12v20H6z"/>',
    "hand-medium-dark": '<path fill="#852" d="M6 2h12v20H6z"/>',
}


class Shelf:
    """Archives by package; a stand-in for the network that keeps the archives real."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []

    def fetch(self, package: Package, folder: Path) -> Path:
        self.asked.append(package.name)
        for archive in self.folder.glob(f"{package.name.replace('/', '+')}_*"):
            return Path(shutil.copy(archive, folder))
        raise PackageUnavailableError(f"{package.label} was not fetched: it is not on the shelf.")

    def add(self, package: Package, files: dict[str, bytes]) -> None:
        plain = package.name.replace("/", "+")
        if package.client == "npm":
            manifest = {"name": package.name, "version": "1.2.3", "license": "OFL-1.1"}
            files = {"package.json": json.dumps(manifest).encode(), **files}
            with tarfile.open(self.folder / f"{plain}_1.2.3.tgz", "w:gz") as tar:
                for name, data in files.items():
                    info = tarfile.TarInfo(f"package/{name}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
        elif package.client == "pypi":
            metadata = (
                f"Metadata-Version: 2.4\nName: {plain}\nVersion: 4.5\nLicense-Expression: MIT\n"
            )
            files = {f"{plain}-4.5.dist-info/METADATA": metadata.encode(), **files}
            with zipfile.ZipFile(self.folder / f"{plain}_4.5-py3-none-any.whl", "w") as wheel:
                for name, data in files.items():
                    wheel.writestr(name, data)
        else:
            root = self.folder / "deb" / plain
            for name, data in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(data)
            (root / "DEBIAN").mkdir()
            (root / "DEBIAN/control").write_text(
                f"Package: {plain}\nVersion: 2.0-1\nArchitecture: all\n"
                "Maintainer: Nobody <nobody@example.org>\nDescription: tiny\n"
            )
            target = self.folder / f"{plain}_2.0-1_all.deb"
            subprocess.run(["dpkg-deb", "-b", root, target], check=True, capture_output=True)


FONTS = Package("font", "npm", "@tiny/brush", "1.2.3", r"\.woff2$")
ICONS = Package("icon", "npm", "@tiny/black", "1.2.3", r"/icons\.json$")
EMOJI = Package("icon", "npm", "@tiny/bright", "1.2.3", r"/icons\.json$")
LOOSE = Package("icon", "pypi", "loose", "4.5", r"\.svg$")
PHOTOS = Package("photo", "apt", "tiny-wallpapers", files=r"/backgrounds/")

CATALOGUE = Catalogue(
    packages=(FONTS, ICONS, EMOJI, LOOSE, PHOTOS),
    fonts=(Design("brush", "test", ("Tiny Brush",)),),
    icons=(
        Design("black", "train", ("black",)),
        Design("bright", "validation", ("bright", "bright-flat")),
        Design("loose", "test", ("loose",)),
    ),
)


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five packages of three clients."""
    folder = tmp_path_factory.mktemp("shelf")
    shelf = Shelf(folder)
    font = draw_font(tmp_path_factory.mktemp("font") / "brush.ttf", "Tiny Brush", web=True)
    shelf.add(FONTS, {"files/brush.woff2": font.read_bytes(), "files/note.txt": b"no font"})
    shelf.add(ICONS, {"icons.json": iconify(BLACK_ICONS).encode()})
    shelf.add(EMOJI, {"icons.json": iconify(COLOURED_ICONS).encode()})
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}">'
        '<path d="M0 0h{}v{}H0z"/></svg>'
    )
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as bundle:
        bundle.writestr("outline/tall.svg", svg.format(10, 20, 10, 20))
        bundle.writestr("outline/wide.svg", svg.format(20, 10, 20, 10))
    shelf.add(LOOSE, {"loose/loose.zip": inner.getvalue()})
    if shutil.which("dpkg-deb"):
        backgrounds = "usr/share/backgrounds/"
        shelf.add(
            PHOTOS,
            {
                backgrounds + "hill.jpg": jpeg(paint(1)),
                backgrounds + "hill_800x450.jpg": jpeg(paint(1, (800, 450))),
                backgrounds + "lake-l.jpg": jpeg(paint(2)),
                backgrounds + "lake-d.jpg": jpeg(paint(2).point(lambda v: v // 2)),
                backgrounds + "stripes-blue.jpg": jpeg(paint(3)),
                backgrounds + "stripes-red.jpg": jpeg(paint(4)),
                backgrounds + "plasma-arch.jpg": jpeg(paint(5)),
                backgrounds + "flat.png": jpeg(Image.new("RGB", (900, 600), "navy")),
                backgrounds + "torn.jpg": jpeg(paint(6))[:900],
                "usr/share/doc/tiny-wallpapers/copyright": b"Files: *\nLicense: CC-BY-4.0\n text\n",
            },
        )
    return folder


@pytest.fixture
def shelf(archives: Path, tmp_path: Path) -> Shelf:
    """The five packages, for this test alone."""
    return Shelf(Path(shutil.copytree(archives, tmp_path / "shelf")))


@pytest.fixture
def catalogue() -> Catalogue:
    return CATALOGUE


@pytest.fixture
def font_drawer() -> Callable[..., Path]:
    return draw_font


@pytest.fixture
def painter() -> Callable[..., Image.Image]:
    return paint
