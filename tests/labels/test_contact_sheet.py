import numpy as np
import pytest
from PIL import Image

from labels.contact_sheet import MOST, TILE_PX, contact_sheet

STEP = TILE_PX + 4


def solid(path, colour, size=(20, 20)):
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.mark.parametrize(
    ("count", "columns", "rows"),
    [(1, 1, 1), (3, 3, 1), (8, 8, 1), (9, 8, 2), (MOST, 8, 12)],
)
def test_rows_and_columns(tmp_path, count, columns, rows):
    path = solid(tmp_path / "a.png", "red")
    assert contact_sheet([path] * count).size == (columns * STEP + 4, rows * STEP + 4)


def test_each_picture_has_its_tile_in_order(tmp_path):
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    paths = [solid(tmp_path / f"{i}.png", colour) for i, colour in enumerate(colours)]
    sheet = contact_sheet(paths)
    assert [sheet.getpixel((i * STEP + 36, 36)) for i in range(3)] == colours


def test_a_wide_picture_keeps_its_shape(tmp_path):
    sheet = np.asarray(contact_sheet([solid(tmp_path / "a.png", (0, 0, 0), (40, 10))]))
    dark = np.argwhere(sheet.max(axis=2) < 128)
    height, width = dark.max(axis=0) - dark.min(axis=0) + 1
    assert (width, height) == (TILE_PX, TILE_PX // 4)


def test_what_cannot_be_read_is_an_empty_tile(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    good = solid(tmp_path / "b.png", (0, 200, 0))
    sheet = contact_sheet([tmp_path / "a.png", tmp_path / "gone.png", good])
    assert sheet.getpixel((2 * STEP + 36, 36)) == (0, 200, 0)
    assert sheet.getpixel((36, 36)) == sheet.getpixel((STEP + 36, 36)) != (255, 255, 255)


def test_a_foot_says_how_many_more(tmp_path):
    path = solid(tmp_path / "a.png", "red")
    full, more = contact_sheet([path] * MOST), contact_sheet([path] * (MOST + 5))
    assert more.height > full.height
    foot = np.asarray(more)[full.height :]
    assert (foot.min(axis=2) < 128).any()
