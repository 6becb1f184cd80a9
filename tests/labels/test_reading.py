"""Finding out how a folder holds its labels."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from labels.annotations import Layout
from labels.errors import LayoutError
from labels.reading import detect_layout, read_annotations

VOC = "<annotation><object/></annotation>"
TASKS = json.dumps([{"data": {"image": "a_1.png"}, "annotations": [{"result": []}]}])
PUZZLE = {
    "id": "1",
    "background": "a_1.png",
    "prompt": {"words": ["x"]},
    "words": ["x"],
    "targets": [[1, 1, 9, 9]],
}

FOLDERS: dict[str, tuple[dict[str, str], Layout]] = {
    "yolo": ({"classes.txt": "item\n", "a_1.txt": "0 0.5 0.5 0.1 0.1"}, Layout.YOLO),
    "yolo without labels yet": ({"classes.txt": "item\n"}, Layout.YOLO),
    "yolo with old voc": (
        {"classes.txt": "item\n", "a_1.txt": "", "a_1.xml": VOC},
        Layout.YOLO,
    ),
    "voc": ({"a_1.xml": VOC}, Layout.VOC),
    "voc with a list of classes": ({"a_1.xml": VOC, "classes.txt": "item\n"}, Layout.VOC),
    "voc with notes": ({"a_1.xml": VOC, "notes.txt": "x"}, Layout.VOC),
    "label studio": ({"project.json": TASKS}, Layout.LABEL_STUDIO),
    "class folders": ({"other.json": "{}"}, Layout.CLASSES),
    "puzzles": ({"puzzles.jsonl": json.dumps(PUZZLE), "classes.txt": "item\n"}, Layout.PUZZLES),
}


@pytest.mark.parametrize(("files", "layout"), FOLDERS.values(), ids=FOLDERS.keys())
def test_layouts(tmp_path: Path, draw, files: dict[str, str], layout: Layout) -> None:
    draw(tmp_path / "a_1.png")
    draw(tmp_path / "cat" / "1.png")
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert detect_layout(tmp_path) is layout
    assert read_annotations(tmp_path).layout is layout


def test_named_pictures(tmp_path: Path, draw) -> None:
    draw(tmp_path / "a_1.png")
    assert detect_layout(tmp_path) is Layout.NAMED


def test_a_layout_that_is_given_counts(tmp_path: Path, draw) -> None:
    draw(tmp_path / "a_1.png")
    draw(tmp_path / "cat" / "1.png")
    found = read_annotations(tmp_path, Layout.NAMED)
    assert (found.layout, found.classes) == (Layout.NAMED, ("a",))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder.rmdir(), "is no folder"),
        (lambda folder: None, "no labels of a known layout"),
        (lambda folder: (folder / "plain.png").write_bytes(b""), "no labels of a known layout"),
    ],
    ids=["missing", "empty", "nothing labelled"],
)
def test_what_has_no_layout(tmp_path: Path, make: Callable[[Path], object], sentence: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    make(folder)
    with pytest.raises(LayoutError, match=sentence) as caught:
        read_annotations(folder)
    assert str(folder) in str(caught.value)
