"""Whatever opens a picture sees the same pixels, and refuses the same files."""

import ast
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labels.pictures import displayed_size, load_rgb
from labels.puzzles import Puzzle, PuzzleWriter, read_puzzles
from service.pictures import decode_picture
from service.settings import Limits
from training.matcher.pictures import load_picture, read_classes

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "clickorder", "service", "training", "labels", "modelfile", "detector", "classifier", "siamese",
)  # fmt: skip
OTHER_DECODERS = {
    "modelfile/picture.py",  # the one
    "labels/group_overview.py",  # reads a mark in the head of what the project wrote
    "training/synthetic/ingredients/icons.py",  # what the SVG rasteriser has just drawn
    "training/synthetic/clutter.py",  # what the generator has just encoded
}


def turned(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def ramp() -> np.ndarray:
    return np.linspace(0, 65535, 24 * 16).reshape(24, 16).astype(np.uint16)


def colours(mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(1).integers(0, 255, (24, 16, 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def white_star() -> Image.Image:
    picture = Image.new("RGBA", (24, 24), (255, 255, 255, 0))
    picture.paste((255, 255, 255, 255), (8, 4, 16, 20))
    return picture


def dark_star() -> Image.Image:
    picture = Image.new("RGBA", (24, 24), (0, 0, 0, 0))
    picture.paste((10, 10, 10, 255), (8, 4, 16, 20))
    return picture


def palette_clear() -> Image.Image:
    picture = white_star().convert("RGB").convert("P")
    picture.putpalette([255, 255, 255] * 2)
    pixels = np.zeros((24, 24), np.uint8)
    pixels[4:20, 8:16] = 1
    picture.putdata(pixels.ravel().tolist())
    picture.info["transparency"] = 0
    return picture


# name, picture, options of save
FILES = {
    "grey16.png": (Image.fromarray(ramp()), {}),
    "grey16.tif": (Image.fromarray(ramp()), {}),
    "grey16-big-endian.tif": (Image.fromarray(ramp().astype(">u2")), {}),
    "grey32.tif": (Image.fromarray(ramp().astype(np.int32)), {}),
    "float.tif": (Image.fromarray(ramp().astype(np.float32) / 65535), {}),
    "white-on-clear.png": (white_star(), {}),
    "white-on-clear.webp": (white_star(), {"lossless": True}),
    "white-on-clear-palette.png": (palette_clear(), {"transparency": 0}),
    "dark-on-clear.png": (dark_star(), {}),
    **{
        f"turned-{value}{suffix}": (colours(), {"exif": turned(value)})
        for value in range(1, 9)
        for suffix in (".jpg", ".png", ".webp", ".tif")
    },
    "cmyk.jpg": (colours("CMYK"), {}),
    "one-bit.bmp": (colours("1"), {}),
    "palette.gif": (colours("P"), {}),
}


@pytest.mark.parametrize("name", FILES)
def test_every_reader_sees_the_same_pixels(tmp_path, name):
    picture, options = FILES[name]
    file = tmp_path / name
    picture.save(file, **options)
    seen = load_rgb(file)
    if not name.endswith(".tif"):  # HTTP takes what browsers show
        assert (decode_picture(file.read_bytes(), Limits()) == seen).all()
    assert (load_picture(file) == seen).all()
    assert displayed_size(file) == (seen.shape[1], seen.shape[0])


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(("grey", "float"))])
def test_more_than_eight_bits_are_scaled(tmp_path, name):
    FILES[name][0].save(tmp_path / name)
    wanted = np.rint(ramp() / 257)
    assert np.abs(load_rgb(tmp_path / name)[..., 0] - wanted).max() <= 1


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("turned")])
def test_a_turned_picture_is_upright(tmp_path, name):
    picture, options = FILES[name]
    picture.save(tmp_path / name, **options)
    wide = int(name.split("-")[1].split(".")[0]) >= 5
    assert load_rgb(tmp_path / name).shape == ((16, 24, 3) if wide else (24, 16, 3))


@pytest.mark.parametrize(
    ("name", "ground", "item"),
    [
        ("white-on-clear.png", 32, 255),
        ("white-on-clear.webp", 32, 255),
        ("white-on-clear-palette.png", 32, 255),
        ("dark-on-clear.png", 255, 10),
    ],
)
def test_the_ground_keeps_what_the_picture_shows(tmp_path, name, ground, item):
    picture, options = FILES[name]
    picture.save(tmp_path / name, **options)
    seen = load_rgb(tmp_path / name)
    assert (seen[0, 0] == ground).all()
    assert (seen[12, 12] == item).all()


def test_sixteen_bit_pictures_are_no_copies_of_each_other(tmp_path, run, tree):
    rng = np.random.default_rng(2)
    for label in ("big", "small"):
        (tmp_path / label).mkdir()
        for number in range(4):
            coarse = rng.integers(20_000, 65_000, (6, 6)).astype(np.uint16)
            Image.fromarray(coarse.repeat(8, 0).repeat(8, 1)).save(
                tmp_path / label / f"{number}.png"
            )
    before = tree(tmp_path)
    result = run("labels", "check", tmp_path, "--layout", "classes", "--fix")
    assert result.exit_code == 0, result.output
    assert tree(tmp_path) == before


def test_white_icons_stay_icons_for_the_trainers(tmp_path):
    for label, side in (("tall", 4), ("wide", 16)):
        (tmp_path / label).mkdir()
        for number in range(2):
            icon = Image.new("RGBA", (24, 24), (255, 255, 255, 0))
            icon.paste((255, 255, 255, 255), (2 + number, 2, 2 + number + side, 20))
            icon.save(tmp_path / label / f"{number}.png")
    classes = read_classes(tmp_path)
    shown = {load_picture(s.path).tobytes() for row in classes.samples.values() for s in row}
    assert len(shown) == 4


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (40, 40), (60 * n, 9, 9)) for n in range(3)]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


@pytest.mark.parametrize(("kind", "suffix", "what"), [
    ("GIF", "gif", "animated GIF of 3 frames"),
    ("PNG", "png", "animated PNG of 3 frames"),
    ("WEBP", "webp", "animated WEBP of 3 frames"),
    ("TIFF", "tif", "TIFF of 3 pages"),
])  # fmt: skip
class TestAnimations:
    def test_class_folders(self, tmp_path, run, kind, suffix, what):
        for label in "ab":
            (tmp_path / label).mkdir()
            (tmp_path / label / f"1.{suffix}").write_bytes(animated(kind))
        result = run("labels", "check", tmp_path, "--layout", "classes")
        assert result.exit_code == 1
        assert what in result.output
        assert not result.exception or isinstance(result.exception, SystemExit)

    def test_text_read(self, tmp_path, run, kind, suffix, what):
        (tmp_path / f"x.{suffix}").write_bytes(animated(kind))
        result = run("text", "read", tmp_path / f"x.{suffix}")
        assert result.exit_code == 1
        assert what in result.stderr

    def test_prelabel(self, tmp_path, run, kind, suffix, what):
        (tmp_path / f"x.{suffix}").write_bytes(animated(kind))
        result = run("labels", "prelabel", tmp_path)
        assert what in result.output
        assert not list(tmp_path.glob("*.txt"))

    def test_training(self, tmp_path, kind, suffix, what):
        from training.matcher.pictures import PicturesError

        for label in "ab":
            (tmp_path / label).mkdir()
            (tmp_path / label / f"1.{suffix}").write_bytes(animated(kind))
        with pytest.raises(PicturesError, match=what):
            read_classes(tmp_path, single=True)


def test_a_turned_puzzle_set_is_trained_and_measured_upright(tmp_path):
    """The boxes are of the picture as displayed, and so are the crops."""
    upright = Image.new("RGB", (120, 60), "white")
    upright.paste((200, 0, 0), (80, 10, 110, 40))
    with PuzzleWriter(tmp_path) as writer:
        # Orientation 6: stored lying, to be turned by a quarter clockwise.
        stored = upright.transpose(Image.Transpose.ROTATE_90)
        stored.save(tmp_path / "p.jpg", exif=turned(6), quality=95)
        writer.write(Puzzle("p", "p.jpg", {"words": ("r",)}, ("r",), ((80, 10, 110, 40),)))
    (puzzle,) = read_puzzles(tmp_path)
    x1, y1, x2, y2 = puzzle.targets[0]
    crop = load_picture(tmp_path / "p.jpg")[y1:y2, x1:x2].astype(int)
    assert np.abs(crop.mean((0, 1)) - (200, 0, 0)).max() < 40


def test_there_is_one_decoder():
    """`Image.open` stands in one module, and where the project reads what it has just written."""
    found = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                    "Image.open",
                    "PIL.Image.open",
                ):
                    found.add(file.relative_to(ROOT).as_posix())
    assert found == OTHER_DECODERS
