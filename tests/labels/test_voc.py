"""Pascal VOC files, as labelImg and others write them."""

from pathlib import Path

import pytest

from labels.annotations import Kind, Layout
from labels.voc import is_voc_file, read_voc

OBJECT = (
    "<object><name>{name}</name><bndbox><xmin>{0}</xmin><ymin>{1}</ymin>"
    "<xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"
)
SIZE = "<size><width>160</width><height>100</height><depth>3</depth></size>"


def xml(*boxes: tuple[object, ...], name: str = "cat", size: str = SIZE) -> str:
    objects = "".join(OBJECT.format(*box, name=name) for box in boxes)
    return f"<annotation><filename>old.png</filename>{size}{objects}</annotation>"


@pytest.fixture
def folder(tmp_path: Path, draw) -> Path:
    for number in range(3):
        draw(tmp_path / f"{number}.png", number)
        (tmp_path / f"{number}.xml").write_text(
            xml((10, 20, 40, 60), name=f"猫{number}"), encoding="utf-8"
        )
    return tmp_path


def test_boxes_and_classes(folder: Path) -> None:
    found = read_voc(folder)
    assert (found.layout, found.faults, found.unlabelled) == (Layout.VOC, (), ())
    assert found.classes == ("猫0", "猫1", "猫2")
    assert found.pictures[1].boxes[0].xyxy == (10, 20, 40, 60)
    assert found.pictures[1].label_file == folder / "1.xml"


def test_the_folders_of_the_original_data_set(tmp_path: Path, draw) -> None:
    draw(tmp_path / "JPEGImages" / "a.jpg")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(xml((1, 1, 5, 5)))
    found = read_voc(tmp_path)
    assert found.faults == ()
    assert [p.label_file for p in found.pictures] == [tmp_path / "Annotations" / "a.xml"]


@pytest.mark.parametrize("size", ["", "<size><width>0</width><height>0</height></size>"])
def test_a_size_that_nobody_wrote_is_no_fault(folder: Path, size: str) -> None:
    (folder / "1.xml").write_text(xml((10, 20, 40, 60), size=size))
    assert read_voc(folder).faults == ()


OBJECTS = {
    "no area": ((10, 20, 10, 60), Kind.EMPTY_BOX),
    "turned round": ((40, 20, 40, 10), Kind.EMPTY_BOX),
    "outside": ((150, 20, 190, 60), Kind.OUTSIDE_BOX),
    "words": (("a", 20, 30, 60), Kind.MALFORMED_LINE),
    "nothing": (("", "", "", ""), Kind.MALFORMED_LINE),
    "infinite": (("inf", 20, 30, 60), Kind.MALFORMED_LINE),
}


@pytest.mark.parametrize(("box", "kind"), OBJECTS.values(), ids=OBJECTS.keys())
def test_a_bad_object_hides_no_other(folder: Path, box: tuple[object, ...], kind: Kind) -> None:
    (folder / "1.xml").write_text(xml((10, 20, 40, 60), box, (50, 20, 90, 60)))
    found = read_voc(folder)
    assert [(f.kind, f.file) for f in found.faults] == [(kind, folder / "1.xml")]
    assert "object 2" in found.faults[0].sentence
    assert len(found.pictures[1].boxes) == 2


def test_an_object_without_name(folder: Path) -> None:
    (folder / "1.xml").write_text(xml((10, 20, 40, 60), name=" "))
    assert [f.kind for f in read_voc(folder).faults] == [Kind.UNKNOWN_CLASS]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>'
    "<annotation>&lol2;</annotation>"
)
FILES = {
    "cut short": (xml((1, 1, 5, 5))[:40], "cannot be read as XML"),
    "entities": (BOMB, "declares XML entities"),
    "something else": ("<html/>", "its root is <html>"),
    "another picture": (
        xml((1, 1, 5, 5), size="<size><width>100</width><height>160</height></size>"),
        "100 x 160 pixels, but the picture has 160 x 100",
    ),
}


@pytest.mark.parametrize(("text", "words"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_used(folder: Path, text: str, words: str) -> None:
    (folder / "1.xml").write_text(text)
    found = read_voc(folder)
    assert [(f.kind, f.file) for f in found.faults] == [(Kind.UNREADABLE_LABEL, folder / "1.xml")]
    assert words in found.faults[0].sentence
    assert [p.path.name for p in found.pictures] == ["0.png", "2.png"]


def test_missing_and_orphaned(folder: Path) -> None:
    (folder / "1.xml").rename(folder / "9.xml")
    (folder / "other.xml").write_text("<project/>")
    (folder / "2.png").write_bytes(b"no picture")
    found = read_voc(folder)
    assert found.unlabelled == (folder / "1.png",)
    assert [(f.kind, f.file.name) for f in found.faults] == [
        (Kind.UNREADABLE_PICTURE, "2.png"),
        (Kind.ORPHANED_LABEL, "9.xml"),
    ]


def test_what_is_a_voc_file(folder: Path) -> None:
    (folder / "1.xml").write_text("<html/>")
    (folder / "2.xml").write_text("<annot")
    assert [is_voc_file(folder / f"{n}.xml") for n in range(4)] == [True, False, False, False]
