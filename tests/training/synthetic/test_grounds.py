"""Grounds: every kind fills its size, and the table's weights are how often each is drawn."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from training.synthetic import grounds
from training.synthetic.grounds import GROUNDS, Ground, Use, random_ground
from training.synthetic.ingredients.palette import Palette

KINDS = [
    pytest.param(use, number, id=f"{use}-{number}")
    for use, table in GROUNDS.items()
    for number in range(len(table))
]


def plain(colour: int) -> Ground:
    return Ground(lambda size, *_: Image.new("RGB", size, (colour,) * 3))


def drawn(palette: Palette, count: int = 600) -> Counter[int]:
    """How often a ground of each colour is drawn for scenes."""
    pictures = (
        random_ground("scene", (4, 4), palette, np.random.default_rng(seed))
        for seed in range(count)
    )
    return Counter(picture.getpixel((0, 0))[0] for picture in pictures)


@pytest.mark.parametrize(("use", "number"), KINDS)
@pytest.mark.parametrize("size", [(300, 150), (120, 20)])
def test_every_kind_fills_its_size(
    use: Use, number: int, size: tuple[int, int], palette: Palette
) -> None:
    ground = GROUNDS[use][number][0]
    picture = ground.draw(size, palette, np.random.default_rng(number))
    assert (picture.mode, picture.size) == ("RGB", size)


@pytest.mark.parametrize("use", GROUNDS)
def test_without_ingredients_grounds_are_drawn(use: Use) -> None:
    for seed in range(20):
        bare = Palette((), (), (), ())
        picture = random_ground(use, (60, 30), bare, np.random.default_rng(seed))
        assert picture.size == (60, 30)


def test_kinds_are_drawn_as_often_as_they_weigh(palette: Palette, monkeypatch) -> None:
    table = ((plain(1), 1), (plain(2), 6), (plain(3), 3))
    monkeypatch.setitem(grounds.GROUNDS, "scene", table)
    counts = drawn(palette)
    for colour, share in ((1, 0.1), (2, 0.6), (3, 0.3)):
        assert abs(counts[colour] / 600 - share) < 0.06


def test_a_new_kind_is_drawn_from_its_one_row(palette: Palette, monkeypatch) -> None:
    monkeypatch.setitem(grounds.GROUNDS, "scene", (*GROUNDS["scene"], (plain(7), 300)))
    assert drawn(palette, 60)[7] > 30


def test_the_weight_of_a_kind_without_its_ingredient_goes_to_the_next(monkeypatch) -> None:
    photo = Ground(plain(2).draw, needs="photos")
    table = ((plain(1), 2), (photo, 5), (plain(3), 2), (plain(4), 1))
    monkeypatch.setitem(grounds.GROUNDS, "scene", table)
    counts = drawn(Palette((), (), (), ()))
    assert counts[2] == 0
    assert abs(counts[3] / 600 - 0.7) < 0.06
