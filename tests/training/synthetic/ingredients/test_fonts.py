"""Which characters a face really draws, and which faces are taken."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTCollection, TTFont

from training.synthetic.ingredients.catalogue import Package
from training.synthetic.ingredients.fonts import drawn_characters, index_file, index_fonts

ANY = Package("font", "apt", "fonts-tiny")
HAN = set(range(0x4E00, 0x4E00 + 1100))
LATIN = set(range(0x21, 0x7F))


def test_empty_glyphs_and_boxes_are_not_drawn(
    tmp_path: Path, font_drawer: Callable[..., Path]
) -> None:
    path = font_drawer(tmp_path / "a.ttf", "Tiny")
    with TTFont(path) as font:
        mapped = set(font.getBestCmap())
    assert mapped > HAN | LATIN  # the character map promises more than the face draws
    assert drawn_characters(path, 0, mapped) == HAN | LATIN


def test_a_character_that_looks_like_notdef_is_not_drawn(
    tmp_path: Path, font_drawer: Callable[..., Path]
) -> None:
    path = font_drawer(tmp_path / "a.ttf", "Tiny")
    with TTFont(path) as font:
        font["glyf"]["u4E05"] = font["glyf"][".notdef"]
        mapped = set(font.getBestCmap())
        font.save(path)
    assert 0x4E05 in mapped
    assert drawn_characters(path, 0, mapped) == (HAN | LATIN) - {0x4E05}


@pytest.mark.parametrize(
    ("codes", "script"),
    [
        (HAN | LATIN, "han"),
        (HAN, "han"),
        (LATIN, "latin"),
        (LATIN - {ord("7")}, None),
        (set(list(HAN)[:999]), None),
    ],
    ids=["both", "chinese-only", "latin", "no-seven", "too-few"],
)
def test_script(
    tmp_path: Path, font_drawer: Callable[..., Path], codes: set[int], script: str | None
) -> None:
    path = font_drawer(tmp_path / "a.ttf", "Tiny", sorted(codes))
    records = index_file(path, tmp_path, ANY)
    assert [record.script for record in records] == ([script] if script else [])
    for record in records:
        assert record.characters == len(codes)
        assert set(np.load(tmp_path / record.coverage).tolist()) == codes


def test_faces_and_families_of_a_collection_file(
    tmp_path: Path, font_drawer: Callable[..., Path]
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    collection = TTCollection()
    for family in ("Tiny SC", "Tiny TC", "LXGW WenKai", "Tiny JP"):
        collection.fonts.append(TTFont(font_drawer(tmp_path / "face.ttf", family, sorted(LATIN))))
    collection.save(source / "all.ttc")
    collection.close()

    def families(package: Package) -> list[tuple[str, int]]:
        return [(one.family, one.index) for one in index_file(source / "all.ttc", target, package)]

    assert families(ANY) == [("Tiny SC", 0), ("Tiny TC", 1), ("Tiny JP", 3)]
    assert families(Package("font", "apt", "x", families="TC$")) == [("Tiny TC", 1)]
    assert families(Package("font", "apt", "x", faces=(0, 3, 9))) == [
        ("Tiny SC", 0),
        ("Tiny JP", 3),
    ]


def test_web_fonts_are_unpacked_and_others_moved(
    tmp_path: Path, font_drawer: Callable[..., Path]
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    font_drawer(source / "web.ttf", "Tiny Web", sorted(LATIN), web=True)
    font_drawer(source / "plain.ttf", "Tiny Plain", sorted(LATIN))
    (source / "torn.ttf").write_bytes(b"\x00\x01\x00\x00 torn")
    records = index_fonts(ANY, source, target)
    assert [(r.family, r.file) for r in records] == [
        ("Tiny Plain", "plain.ttf"),
        ("Tiny Web", "web.ttf"),
    ]
    for record in records:
        with TTFont(target / record.file) as font:
            assert font.flavor is None
