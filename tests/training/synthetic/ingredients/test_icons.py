"""Rasterising icons: placed in the middle, in proportion, each drawing once."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.synthetic.ingredients.catalogue import Package
from training.synthetic.ingredients.icons import index_icons, render

TINY = Package("icon", "npm", "@tiny/tiny", "1", r"icons\.json$|\.svg$")


def svg(width: float, height: float, body: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{body}</svg>'


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [
        (24, 24, (4, 4, 92, 92)),
        (40, 10, (4, 37, 92, 59)),
        (10, 40, (37, 4, 59, 92)),
    ],
    ids=["square", "wide", "tall"],
)
def test_render_keeps_proportion_and_centres(
    width: int, height: int, box: tuple[int, int, int, int]
) -> None:
    picture = render(svg(width, height, f'<path fill="#f00" d="M0 0h{width}v{height}H0z"/>'))
    assert picture is not None
    assert picture.shape == (96, 96, 4)
    rows, columns = np.nonzero(picture[..., 3])
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == box
    assert (picture[48, 48] == (255, 0, 0, 255)).all()


def test_render_gives_straight_alpha() -> None:
    picture = render(svg(8, 8, '<path fill="#f00" fill-opacity="0.5" d="M0 0h8v8H0z"/>'))
    assert picture is not None
    assert picture[48, 48].tolist() == pytest.approx([255, 0, 0, 128], abs=2)


@pytest.mark.parametrize(
    "body",
    ["", '<path fill="none" d="M0 0h8v8H0z"/>', '<path d="M0 0h.1v.1H0z"/>', "<g><path"],
    ids=["empty", "no-fill", "speck", "torn"],
)
def test_render_refuses_what_shows_nothing(body: str) -> None:
    assert render(svg(8, 8, body)) is None


def write_set(folder: Path, icons: dict[str, dict[str, object]], **more: object) -> None:
    (folder / "icons.json").write_text(json.dumps({"icons": icons, **more}))


def squares(count: int, colour: str) -> dict[str, dict[str, object]]:
    return {
        f"s{i:02}": {"body": f'<path fill="{colour}" d="M0 0h{i + 4}v24H0z"/>'}
        for i in range(count)
    }


def test_a_black_collection_is_stored_as_alpha(tmp_path: Path) -> None:
    icons = squares(16, "currentColor")
    icons["copy"] = icons["s03"]
    icons["hidden"] = {"body": '<path d="M0 0h24v2H0z"/>', "hidden": True}
    write_set(tmp_path, icons, width=24, height=24)
    [record] = index_icons(TINY, tmp_path, tmp_path)
    assert record.monochrome
    # `copy` comes first by name, and `s03` repeats it.
    assert record.names == ["copy", *(f"s{i:02}" for i in range(16) if i != 3)]
    stored = np.load(tmp_path / record.file)
    assert stored.shape == (16, 96, 96)
    assert stored.dtype == np.uint8


def test_a_few_coloured_icons_of_a_black_collection_are_left_out(tmp_path: Path) -> None:
    icons = {f"a{i}": {"body": f'<path d="M0 0h{i / 4 + 2}v24H0z"/>'} for i in range(80)}
    icons["brand"] = {"body": '<path fill="#07f" d="M0 0h24v3H0z"/>'}
    write_set(tmp_path, icons, width=24, height=24)
    [record] = index_icons(TINY, tmp_path, tmp_path)
    assert record.monochrome
    assert "brand" not in record.names
    assert len(record.names) == len(np.load(tmp_path / record.file))


def test_a_coloured_collection_keeps_colours_and_one_skin_tone(tmp_path: Path) -> None:
    icons = squares(3, "#c40")
    hand = "M9 0h12v24H9z"
    for tone, colour in (("", "#fc8"), ("-light", "#fed"), ("-medium-dark", "#852")):
        icons["hand" + tone] = {"body": f'<path fill="{colour}" d="{hand}"/>'}
    icons["sun-light"] = {"body": '<circle cx="12" cy="12" r="9" fill="#fd0"/>'}
    write_set(tmp_path, icons, width=24, height=24)
    [record] = index_icons(TINY, tmp_path, tmp_path)
    assert not record.monochrome
    assert record.names == ["hand", "s00", "s01", "s02", "sun-light"]
    sun = np.load(tmp_path / record.file)[4]
    assert (sun[48, 48] == (255, 221, 0, 255)).all()


def test_own_sides_of_an_icon_win_over_the_set(tmp_path: Path) -> None:
    body = {"body": '<path d="M-5 0h10v40h-10z"/>'}
    write_set(tmp_path, {"a": body | {"left": -5, "width": 10, "height": 40}}, width=24, height=24)
    [record] = index_icons(TINY, tmp_path, tmp_path)
    alpha = np.load(tmp_path / record.file)[0]
    rows, columns = np.nonzero(alpha)
    assert (columns.max() + 1 - columns.min(), rows.max() + 1 - rows.min()) == (22, 88)


def test_reserved_collection_is_not_rendered(tmp_path: Path) -> None:
    write_set(tmp_path, squares(3, "#000"), width=24, height=24)
    assert index_icons(Package("icon", "npm", "@x/fa6-solid"), tmp_path, tmp_path) == []
