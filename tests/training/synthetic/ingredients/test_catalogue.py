"""The tables of splits: nothing in two of them, variety in each."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.synthetic.ingredients.catalogue import (
    CATALOGUE,
    SPLITS,
    Design,
    Split,
    hashed_split,
    plain_name,
)


@pytest.mark.parametrize("designs", [CATALOGUE.fonts, CATALOGUE.icons], ids=["fonts", "icons"])
def test_nothing_is_listed_twice(designs: tuple[Design, ...]) -> None:
    # Two spellings of one name in one design are fine.
    members = Counter(
        member for design in designs for member in {plain_name(name) for name in design.members}
    )
    assert not [member for member, times in members.items() if times > 1]
    names = Counter(design.name for design in designs)
    assert max(names.values()) == 1


def test_packages_are_listed_once() -> None:
    assert max(Counter((p.kind, p.client, p.name) for p in CATALOGUE.packages).values()) == 1
    assert max(Counter(p.label for p in CATALOGUE.packages).values()) == 1


def test_registries_versions_are_pinned() -> None:
    assert not [p.name for p in CATALOGUE.packages if p.client != "apt" and p.version is None]


def test_every_icon_package_has_its_split_by_the_table() -> None:
    listed = {member for design in CATALOGUE.icons for member in design.members}
    packages = {p.name.rsplit("/", 1)[-1] for p in CATALOGUE.packages if p.kind == "icon"}
    assert packages <= listed


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_variety(split: Split) -> None:
    assert sum(design.split == split for design in CATALOGUE.fonts) >= 10
    assert sum(design.split == split for design in CATALOGUE.icons) >= 3


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("Noto Sans CJK SC", ("source-han-sans", "train")),
        ("Source Han Sans SC Heavy", ("source-han-sans", "train")),
        ("AR PL KaitiM GB", ("arphic-kai", "train")),
        ("cwTeXKai", ("arphic-kai", "train")),
        ("WenQuanYi Micro Hei Mono", ("droid", "test")),
        ("Droid Sans Fallback", ("droid", "test")),
        ("Open Sans Condensed", ("droid", "test")),
        ("WDXL Lubrifont SC", ("qingke-huangyou", "test")),
        ("ZCOOL QingKe HuangYou", ("qingke-huangyou", "test")),
        ("ZCOOL KuaiLe", ("zcool-kuaile", "train")),
    ],
    ids=lambda value: value if isinstance(value, str) else value[1],
)
def test_families_that_share_a_drawing_share_a_split(
    family: str, expected: tuple[str, Split]
) -> None:
    assert CATALOGUE.font_split(family) == expected


@given(st.text(min_size=1, max_size=30), st.sampled_from(["", " Bold", " Mono", " Condensed"]))
def test_unlisted_families_keep_their_weights_together(word: str, ending: str) -> None:
    family = "Zzz" + word
    assert CATALOGUE.font_split(family + ending) == CATALOGUE.font_split(family)


def test_hashed_split_is_about_70_15_15() -> None:
    counts = Counter(hashed_split(f"package/picture-{i}") for i in range(4000))
    assert counts["train"] / 4000 == pytest.approx(0.70, abs=0.03)
    assert counts["validation"] / 4000 == pytest.approx(0.15, abs=0.03)
    # Known values: a changed hash would move pictures between splits of caches that exist.
    known = {
        "photo/hill": "test",
        "photo/lake": "test",
        "photo/sea": "train",
        "photo/wood": "train",
        "photo/fog": "train",
        "photo/dune": "test",
        "photo/rain": "train",
        "photo/wheat": "train",
    }
    assert {name: hashed_split(name) for name in known} == known
