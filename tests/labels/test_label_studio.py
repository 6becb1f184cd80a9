"""Exports of Label Studio, and tasks for it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labels.annotations import Annotations, Kind, LabelledBox, LabelledPicture, Layout
from labels.errors import AnnotationError
from labels.label_studio import find_exports, read_label_studio, tasks_of, write_label_studio


def rectangle(label: object = "cat", **more: object) -> dict[str, object]:
    value = {"x": 10, "y": 20, "width": 25, "height": 40, "rotation": 0, **more}
    return {"type": "rectanglelabels", "value": {**value, "rectanglelabels": [label]}}


def task(image: str, *result: object, **more: object) -> dict[str, object]:
    return {"id": 7, "data": {"image": image}, "annotations": [{"result": [*result]}], **more}


@pytest.fixture
def folder(tmp_path: Path, draw) -> Path:
    for number in range(3):
        draw(tmp_path / f"{number}.png", number)
    return tmp_path


def export(folder: Path, *tasks: object, name: str = "export.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(tasks), encoding="utf-8")
    return file


def test_boxes_are_in_pixels(folder: Path) -> None:
    file = export(folder, task("/data/upload/3/0.png", rectangle("猫"), {"type": "choices"}))
    found = read_label_studio(folder)
    assert found.faults == ()
    assert found.classes == ("猫",)
    (picture,) = found.pictures
    assert picture.boxes == (LabelledBox(16, 20, 56, 60, "猫"),)
    assert picture.label_file == file
    assert found.unlabelled == (folder / "1.png", folder / "2.png")


@pytest.mark.parametrize(
    ("image", "file"),
    [
        ("/data/upload/3/0a1b2c3d-my_shot.png", "my shot.png"),
        ("/data/upload/3/0a1b2c3d-shot.png", "shot.png"),
        ("/data/upload/3/shot.png", "0a1b2c3d-shot.png"),
        ("/data/upload/3/0a1b2c3d-shot.png", "0a1b2c3d-shot.png"),
        ("/data/local-files/?d=a/b/shot%20%E7%8C%AB.png", "b/shot 猫.png"),
        ("https://example.org/x/shot.png?sig=1", "shot.png"),
        ("s3://bucket/deep/shot.png", "deep/shot.png"),
        ("shot.png", "shot.png"),
    ],
)
def test_a_picture_is_found_by_its_name(tmp_path: Path, draw, image: str, file: str) -> None:
    draw(tmp_path / file)
    export(tmp_path, task(image, rectangle()))
    assert [p.path for p in read_label_studio(tmp_path).pictures] == [tmp_path / file]


def test_of_two_pictures_of_a_name_the_path_decides(tmp_path: Path, draw) -> None:
    draw(tmp_path / "a" / "1.png")
    draw(tmp_path / "b" / "1.png", 1)
    export(tmp_path, task("/data/local-files/?d=set/b/1.png"), task("/data/upload/1.png"))
    found = read_label_studio(tmp_path)
    assert [p.path.parent.name for p in found.pictures] == ["b"]
    assert [f.kind for f in found.faults] == [Kind.ORPHANED_LABEL]


def test_the_last_annotation_counts_and_cancelled_ones_do_not(folder: Path) -> None:
    rounds = [
        {"result": [rectangle("old")]},
        {"result": [rectangle("new")]},
        {"result": [rectangle("gave up")], "was_cancelled": True},
    ]
    export(folder, {"data": {"image": "0.png"}, "annotations": rounds})
    assert read_label_studio(folder).classes == ("new",)


def test_predictions_have_a_confidence(folder: Path) -> None:
    rows = [rectangle() | {"score": 0.75}, rectangle()]
    export(
        folder,
        {"data": {"image": "0.png"}, "predictions": [{"score": 0.5, "result": rows}]},
        {"data": {"image": "1.png"}, "predictions": [{"result": [rectangle()]}]},
    )
    found = read_label_studio(folder)
    assert [[box.confidence for box in p.boxes] for p in found.pictures] == [[0.75, 0.5], [0.0]]


def test_a_turned_box_becomes_the_upright_one_around_it(folder: Path) -> None:
    turned = rectangle(x=50, y=50, width=20, height=10, rotation=90)
    export(folder, task("0.png", turned))
    (box,) = read_label_studio(folder).pictures[0].boxes
    # A quarter turn clockwise about the upper left corner: 32 x 10 pixels become 10 x 32.
    assert box.xyxy == pytest.approx((70, 50, 80, 82))


def test_an_annotation_without_boxes_says_that_there_are_none(folder: Path) -> None:
    export(folder, task("0.png"), {"data": {"image": "1.png"}})
    found = read_label_studio(folder)
    assert [p.boxes for p in found.pictures] == [()]
    assert folder / "1.png" in found.unlabelled


BOXES = {
    "no value": ({"type": "rectanglelabels"}, Kind.MALFORMED_LINE),
    "no numbers": (rectangle(x="10"), Kind.MALFORMED_LINE),
    "a truth value": (rectangle(x=True), Kind.MALFORMED_LINE),
    "no name": (rectangle(3), Kind.MALFORMED_LINE),
    "empty name": (rectangle(" "), Kind.MALFORMED_LINE),
    "no area": (rectangle(width=0), Kind.EMPTY_BOX),
    "outside": (rectangle(x=90), Kind.OUTSIDE_BOX),
    "far outside and turned": (rectangle(x=200, rotation=30), Kind.OUTSIDE_BOX),
    "two labels": (
        {"type": "rectanglelabels", "value": {"rectanglelabels": ["a", "b"]}},
        Kind.UNKNOWN_CLASS,
    ),
}


@pytest.mark.parametrize(("row", "kind"), BOXES.values(), ids=BOXES.keys())
def test_a_bad_box_hides_no_other(folder: Path, row: object, kind: Kind) -> None:
    file = export(folder, task("0.png", rectangle(), row, rectangle()), task("1.png", rectangle()))
    found = read_label_studio(folder)
    assert [(f.kind, f.file) for f in found.faults] == [(kind, file)]
    assert "task 7, box 2" in found.faults[0].sentence
    assert [len(p.boxes) for p in found.pictures] == [2, 1]


class TestFiles:
    def test_a_broken_export_hides_no_other(self, folder: Path) -> None:
        export(folder, task("0.png", rectangle()))
        (folder / "broken.json").write_text("[{")
        (folder / "split.json").write_text("{}")
        (folder / "other.json").write_text('{"a": 1}')
        (folder / "2.png").write_bytes(b"no picture")
        found = read_label_studio(folder)
        assert [(f.kind, f.file.name) for f in found.faults] == [
            (Kind.UNREADABLE_PICTURE, "2.png"),
            (Kind.UNREADABLE_LABEL, "broken.json"),
        ]
        assert len(found.pictures) == 1
        assert find_exports(folder) == [folder / "export.json"]

    def test_tasks_without_picture_or_with_the_same(self, folder: Path) -> None:
        export(folder, task("gone.png"), task("0.png"), task("0.png"), {"data": {"text": "x"}})
        assert [f.kind for f in read_label_studio(folder).faults] == [
            Kind.ORPHANED_LABEL,
            Kind.MALFORMED_LINE,
            Kind.ORPHANED_LABEL,
        ]

    def test_a_picture_in_quarantine_is_no_missing_one(self, folder: Path) -> None:
        export(folder, task("/data/upload/0a1b2c3d-0.png"))
        (folder / "quarantine").mkdir()
        (folder / "0.png").rename(folder / "quarantine" / "0.png")
        assert read_label_studio(folder).faults == ()

    def test_tasks_of_some_pictures(self, folder: Path) -> None:
        file = export(folder, task("0.png", meta=1), task("1.png", meta=2), task("2.png", meta=3))
        chosen = json.loads(tasks_of(file, [folder / "0.png", folder / "2.png"], folder))
        assert [one["meta"] for one in chosen] == [1, 3]


SHARE = st.floats(0, 1)


@settings(deadline=None)
@given(
    boxes=st.lists(st.tuples(SHARE, SHARE, st.sampled_from(["猫", "a b"])), max_size=4),
    confident=st.booleans(),
)
def test_what_is_written_is_read(tmp_path_factory, draw, boxes, confident: bool) -> None:
    folder = tmp_path_factory.mktemp("round")
    file = draw(folder / "a b" / "猫 1.png", size=(90, 70))
    made = tuple(
        LabelledBox(80 * x, 60 * y, 80 * x + 5, 60 * y + 4, name, None, x if confident else None)
        for x, y, name in boxes
    )
    picture = LabelledPicture(file, 90, 70, made)
    write_label_studio(
        Annotations(folder, Layout.YOLO, (picture,), ("猫", "a b")), folder / "tasks.json"
    )
    found = read_label_studio(folder)
    assert found.faults == ()
    (back,) = found.pictures
    assert [(b.label, b.confidence) for b in back.boxes] == [(b.label, b.confidence) for b in made]
    for one, other in zip(back.boxes, made, strict=True):
        assert one.xyxy == pytest.approx(other.xyxy, abs=1e-6)


def test_tasks_say_how_certain_they_are(folder: Path) -> None:
    boxes = (
        LabelledBox(1, 1, 5, 5, "a", None, 0.9),
        LabelledBox(1, 1, 9, 5, "a", None, 0.4),
        LabelledBox(1, 1, 9, 9, "a"),
    )
    pictures = (
        LabelledPicture(folder / "0.png", 160, 100, boxes),
        LabelledPicture(folder / "1.png", 160, 100),
    )
    annotations = Annotations(folder, Layout.YOLO, pictures, ("a",), unlabelled=(folder / "2.png",))
    write_label_studio(annotations, folder / "tasks.json")
    guessed, empty, bare = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    (prediction,) = guessed["predictions"]
    assert prediction["score"] == 0.4
    assert [row["score"] for row in prediction["result"]] == [0.9, 0.4, 1.0]
    assert empty["annotations"] == [{"result": []}]
    assert bare == {"data": {"image": "/data/local-files/?d=2.png"}}


def test_a_label_of_a_whole_picture_is_no_box(folder: Path) -> None:
    picture = LabelledPicture(folder / "0.png", 160, 100, label="cat")
    with pytest.raises(AnnotationError, match="only boxes"):
        write_label_studio(
            Annotations(folder, Layout.CLASSES, (picture,), ("cat",)), folder / "tasks.json"
        )
    assert not (folder / "tasks.json").exists()
