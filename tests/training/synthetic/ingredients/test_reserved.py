"""What is kept for the last word stays out, whatever it is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.synthetic.ingredients.catalogue import CATALOGUE
from training.synthetic.ingredients.reserved import Kind, is_reserved

RESERVED: list[tuple[Kind, str, str]] = [
    ("font", "fonts-lxgw-wenkai", ""),
    ("font", "@fontsource/lxgw-wenkai-tc", ""),
    ("font", "@fontsource/lxgw-marker-gothic", ""),
    ("font", "machine", "LXGW WenKai Mono"),
    ("font", "machine", "LXGWWenKai-Regular"),
    ("font", "machine", "霞鹜文楷"),
    ("font", "machine", "霞鶩文楷 TC"),
    ("font", "fonts-klee", "Klee One"),
    ("font", "fonts-font-awesome", "FontAwesome"),
    ("font", "machine", "Font Awesome 6 Free Solid"),
    ("font", "machine", "ForkAwesome"),
    ("icon", "@iconify-json/fa", ""),
    ("icon", "@iconify-json/fa-solid", ""),
    ("icon", "@iconify-json/fa6-brands", ""),
    ("icon", "@iconify-json/fa7-regular", ""),
    ("icon", "@iconify-json/la", ""),
    ("icon", "@fortawesome/fontawesome-free", ""),
    ("icon", "font-awesome", ""),
    ("icon", "line-awesome", ""),
    ("icon", "fork-awesome", ""),
    ("icon", "qtawesome", ""),
    ("icon", "react-icons", ""),
    ("icon", "@iconify/json", ""),
    ("icon", "some-bundle", "fas"),
    ("photo", "mate-backgrounds", ""),
    ("photo", "mate-backgrounds", "usr/share/backgrounds/mate/nature/Aqua.jpg"),
    ("photo", "plasma-workspace-wallpapers", ""),
    ("photo", "machine", "mate/nature/Aqua.jpg"),
    ("photo", "lxqt-themes", "usr/share/lxqt/wallpapers/plasma_arch.png"),
]

FREE: list[tuple[Kind, str, str]] = [
    ("font", "fonts-noto-cjk", "Noto Sans CJK SC"),
    ("font", "machine", "Lato"),
    ("font", "machine", "Fantasque Sans"),
    ("font", "machine", "FaKai"),
    ("icon", "@iconify-json/flat-color-icons", "flat-color-icons"),
    ("icon", "lucide", "lucide"),
    ("icon", "@iconify-json/fluent-emoji-flat", ""),
    ("photo", "gnome-backgrounds", "usr/share/backgrounds/gnome/wood-d.webp"),
    ("photo", "lxqt-themes", "usr/share/lxqt/wallpapers/climate.png"),
]


@pytest.mark.parametrize("one", RESERVED, ids=lambda one: "-".join(one))
def test_reserved(one: tuple[Kind, str, str]) -> None:
    assert is_reserved(*one)


@pytest.mark.parametrize("one", FREE, ids=lambda one: "-".join(one))
def test_free(one: tuple[Kind, str, str]) -> None:
    assert not is_reserved(*one)


@given(st.lists(st.sampled_from(["", " ", "-", "_", "."]), min_size=10, max_size=10), st.booleans())
def test_wenkai_in_any_spelling(separators: list[str], upper: bool) -> None:
    letters = [*"LXGW", "Wen", "Kai"]
    spelling = "".join(a + b for a, b in zip(letters, separators, strict=False))
    assert is_reserved("font", "machine", spelling.upper() if upper else spelling)


def test_catalogue_asks_for_nothing_reserved() -> None:
    assert not [p.name for p in CATALOGUE.packages if is_reserved(p.kind, p.name, "")]
    listed = [m for d in CATALOGUE.fonts for m in d.members if is_reserved("font", "", m)]
    listed += [m for d in CATALOGUE.icons for m in d.members if is_reserved("icon", "", m)]
    assert not listed
