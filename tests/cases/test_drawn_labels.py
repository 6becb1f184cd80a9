"""What was drawn is read or named, and never becomes "shows nothing"."""

import json
import math
from pathlib import Path

import pytest

from labels.annotations import Kind
from labels.reading import read_annotations

W, H = 200, 100


@pytest.fixture
def export(tmp_path, shape):
    """Write an export beside two pictures, and read the folder."""
    for number, name in enumerate(("a.png", "b.png")):
        shape(number, size=(W, H)).save(tmp_path / name)

    def read(*results, data=None, **fields):
        task = {"id": 7, "data": data or {"image": "/data/upload/1/a.png"}}
        task |= {"annotations": [{"result": list(results)}]} | fields
        (tmp_path / "export.json").write_text(json.dumps([task]))
        return read_annotations(tmp_path)

    return read


def row(kind, value, **fields):
    return {"id": "r", "type": kind, "to_name": "image", "value": value, **fields}


RECTANGLE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
BOX = (20.0, 20.0, 80.0, 60.0)


def boxes(found, name="a.png"):
    return [
        (box.label, tuple(round(side, 6) for side in box.xyxy))
        for picture in found.pictures
        if picture.path.name == name
        for box in picture.boxes
    ]


# id, results, the box around them
SHAPES = {
    "one result": [row("rectanglelabels", RECTANGLE | {"rectanglelabels": ["c"]})],
    "rectangle and labels": [
        row("rectangle", RECTANGLE),
        row("labels", RECTANGLE | {"labels": ["c"]}),
    ],
    "labels first": [row("labels", {"labels": ["c"]}), row("rectangle", RECTANGLE)],
    "with a text": [
        row("rectanglelabels", RECTANGLE | {"rectanglelabels": ["c"]}),
        row("textarea", RECTANGLE | {"text": ["hello"]}),
    ],
    "drawn from the lower right": [
        row(
            "rectanglelabels",
            {"x": 40, "y": 60, "width": -30, "height": -40, "rectanglelabels": ["c"]},
        )
    ],
    "polygon": [
        row(
            "polygonlabels",
            {"points": [[10, 30], [25, 20], [40, 50], [20, 60]], "polygonlabels": ["c"]},
        )
    ],
    "polygon and labels": [
        row("polygon", {"points": [[10, 20], [40, 20], [40, 60]]}),
        row("labels", {"points": [[10, 20], [40, 20], [40, 60]], "labels": ["c"]}),
    ],
    "ellipse": [
        row(
            "ellipselabels",
            {"x": 25, "y": 40, "radiusX": 15, "radiusY": 20, "rotation": 0, "ellipselabels": ["c"]},
        )
    ],
}


@pytest.mark.parametrize("results", SHAPES.values(), ids=SHAPES)
def test_shapes_give_the_box_around_them(export, results):
    found = export(*results)
    assert found.faults == ()
    assert boxes(found) == [("c", BOX)]


def test_a_turned_ellipse(export):
    value = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 10, "rotation": 90, "ellipselabels": ["c"]}
    # 20 pixels wide and 10 high to either side; turned by a right angle it is the other way.
    assert boxes(export(row("ellipselabels", value))) == [("c", (90.0, 30.0, 110.0, 70.0))]


def test_a_turned_rectangle_with_a_negative_side(export):
    value = {"x": 50, "y": 50, "width": -10, "height": 20, "rotation": 90, "rectanglelabels": ["c"]}
    ((_, box),) = boxes(export(row("rectanglelabels", value)))
    assert box == pytest.approx((80, 30, 100, 50))
    assert math.isfinite(sum(box))


# id, results, words of the sentence
LEFT_OUT = {
    "brush": (
        [row("brushlabels", {"rle": [1, 2], "format": "rle", "brushlabels": ["c"]})],
        "brush",
    ),
    "point": ([row("keypointlabels", {"x": 1, "y": 2, "width": 0.5, "keypointlabels": ["c"]})], ""),
    "no label": ([row("rectangle", RECTANGLE)], "has 0 labels"),
    "two labels": (
        [row("rectanglelabels", RECTANGLE | {"rectanglelabels": ["a", "b"]})],
        "2 labels",
    ),
    "unknown type": ([row("cuboid", {"corners": []})], "of the type cuboid"),
    "choices only": ([row("choices", {"choices": ["cat"]})], "no boxes"),
    "turned picture": (
        [row("rectanglelabels", RECTANGLE | {"rectanglelabels": ["c"]}, image_rotation=90)],
        "while the picture was turned",
    ),
}


@pytest.mark.parametrize(("results", "words"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_not_understood_is_named_and_shows_not_nothing(export, results, words):
    found = export(*results)
    (fault,) = found.faults
    assert "task 7" in fault.sentence
    assert words in fault.sentence
    assert "a.png" not in [picture.path.name for picture in found.pictures]
    # Its fault is told, and not once more that it has no label.
    assert "a.png" not in [path.name for path in found.unlabelled]


def test_an_empty_result_shows_nothing(export):
    found = export()
    assert [(p.path.name, p.boxes) for p in found.pictures] == [("a.png", ())]


class TestTwoPicturesInOneTask:
    def one(self, number, **fields):
        value = {**RECTANGLE, "rectanglelabels": [f"c{number}"]}
        return row("rectanglelabels", value, id=f"r{number}", **fields)

    def test_by_to_name(self, export):
        found = export(
            self.one(1, to_name="left"),
            self.one(2, to_name="right"),
            data={"left": "/data/a.png", "right": "/data/b.png"},
        )
        assert found.faults == ()
        assert (boxes(found), boxes(found, "b.png")) == ([("c1", BOX)], [("c2", BOX)])

    def test_by_item_index(self, export):
        found = export(
            self.one(1, item_index=1),
            self.one(2, item_index=0),
            data={"images": ["/data/a.png", "/data/b.png"]},
        )
        assert found.faults == ()
        assert (boxes(found), boxes(found, "b.png")) == ([("c2", BOX)], [("c1", BOX)])

    def test_where_nothing_says_which(self, export):
        found = export(
            self.one(1, to_name="img"), data={"left": "/data/a.png", "right": "/data/b.png"}
        )
        (fault,) = found.faults
        assert "which picture" in fault.sentence
        assert found.pictures == ()


@pytest.mark.parametrize(
    "url",
    [
        "/data/local-files/?d=set%5Ca.png",
        "/data/local-files/?d=C:%5Cset%5Ca.png",
        "\\set\\a.png",
        "set%5Ca.png",
    ],
)
def test_backslashes_of_windows(export, url):
    value = RECTANGLE | {"rectanglelabels": ["c"]}
    found = export(row("rectanglelabels", value), data={"image": url})
    assert found.faults == ()
    assert boxes(found) == [("c", BOX)]


def test_json_min(tmp_path, shape):
    shape(1, size=(W, H)).save(tmp_path / "a.png")
    label = RECTANGLE | {"rectanglelabels": ["c"], "original_width": W, "original_height": H}
    task = {"id": 1, "image": "/data/upload/1/a.png", "label": [label], "annotator": 1}
    (tmp_path / "export.json").write_text(json.dumps([task]))
    assert boxes(read_annotations(tmp_path)) == [("c", BOX)]


def test_corners_of_voc_in_any_order(tmp_path: Path, shape) -> None:
    shape(1, size=(W, H)).save(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(
        "<annotation><object><name>c</name><bndbox><xmin>80</xmin><ymin>60</ymin><xmax>20</xmax>"
        "<ymax>20</ymax></bndbox></object></annotation>"
    )
    assert boxes(read_annotations(tmp_path)) == [("c", BOX)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "0 0.1 0.1 0.4 0.1 0.4 0.4\n"),
        ("a.txt", "9 0.5 0.5 0.1 0.1\n"),
        ("a.xml", "<annotation><object><name>c</name></object></annotation>"),
    ],
    ids=["polygon of YOLO", "unknown class", "VOC without box"],
)
def test_no_reader_takes_lines_it_did_not_understand_for_an_empty_picture(
    tmp_path, shape, name, text
):
    shape(1).save(tmp_path / "a.png")
    (tmp_path / name).write_text(text)
    if name.endswith(".txt"):
        (tmp_path / "classes.txt").write_text("c\n")
    found = read_annotations(tmp_path)
    assert found.pictures == ()
    assert found.faults[0].kind in (Kind.MALFORMED_LINE, Kind.UNKNOWN_CLASS)
