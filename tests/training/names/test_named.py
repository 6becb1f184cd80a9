from pathlib import Path

import pytest

from siamese.vocabulary import shipped_vocabulary
from training.synthetic.ingredients.colouring import ColouredIn
from training.synthetic.ingredients.named import (
    by_thing,
    commonly_named_icons,
    named_icons,
)
from training.synthetic.ingredients.store import IconCollection


def collection(name, *icons, monochrome=True):
    return IconCollection(name, name, "train", icons, monochrome, Path("nowhere.npy"))


@pytest.mark.parametrize(
    ("source", "icon", "thing"),
    [
        pytest.param("tabler", "apple", "red apple", id="an alias"),
        pytest.param("mdi", "airplane-outline", "airplane", id="outlined"),
        pytest.param("ph", "umbrella-duotone", "umbrella", id="a weight"),
        pytest.param("solar", "home-2-bold-duotone", "house", id="a number and a weight"),
        pytest.param("heroicons", "micro/key", "key", id="in a folder"),
        pytest.param("lucide", "tree-palm", "palm tree", id="parts in another order"),
        pytest.param("octicon", "bell-24", "bell", id="a size"),
        pytest.param("noto", "hot-beverage", "hot beverage", id="a name of CLDR"),
        pytest.param("mdi", "mouse", "computer mouse", id="a button"),
        pytest.param("game-icons", "mouse", "mouse", id="a drawing"),
        pytest.param("mdi", "bell-off-outline", "bell with slash", id="another thing"),
        pytest.param("mdi", "window-close", None, id="a part of the name"),
        pytest.param("bi", "apple", None, id="a brand"),
        pytest.param("tabler", "brand-apple", None, id="a brand that says so"),
        pytest.param("mdi", "outline", None, id="nothing but a way of drawing"),
        pytest.param("mdi", "alpha-a", None, id="no thing"),
    ],
)
def test_things_of_icons(source, icon, thing):
    found = named_icons([collection(source, "no-such-thing", icon)])
    assert [(one.thing, one.index) for one in found] == ([(thing, 1)] if thing else [])


def test_coloured_icons_are_named_like_their_source():
    coloured = ColouredIn.of(collection("mdi", "mouse", "scale"))
    assert [one.thing for one in named_icons([coloured])] == ["computer mouse"]


def test_icons_by_thing():
    icons = named_icons([collection("mdi", "key", "cat"), collection("ph", "cat-bold")])
    groups = by_thing(icons)
    assert list(groups) == ["cat", "key"]
    assert [one.collection.name for one in groups["cat"]] == ["mdi", "ph"]
    assert all(one.thing in shipped_vocabulary() for one in icons)


def test_other_names_that_designs_share():
    icons = commonly_named_icons(
        [
            collection("mdi", "arrow-left", "arrow-left-bold", "key", "apple", "rare"),
            collection("ph", "arrow-left-duotone", "key", "apple-fill", "often", "often-2"),
        ]
    )
    assert {(one.thing, one.collection.name, one.index) for one in icons} == {
        ("arrow-left", "mdi", 0),
        ("arrow-left", "mdi", 1),
        ("arrow-left", "ph", 0),
    }
