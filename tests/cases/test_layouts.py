"""Exports in the layouts of their tools are read, or what was seen is named."""

import json
from pathlib import Path

import pytest

from labels.errors import LayoutError
from labels.reading import read_annotations
from training.detector.data import DetectionDataError, read_detection_data
from training.matcher.pictures import PicturesError, read_classes

LINE = "0 0.5 0.5 0.4 0.4\n"


def write(folder: Path, shape, files: dict[str, str | None]) -> Path:
    """Pictures where the content is None, texts elsewhere."""
    for number, (name, text) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            shape(number).save(path)
        else:
            path.write_text(text)
    return folder


NAMES = "names: [char, other]\n"
# id, files, pictures with a box
SETS = {
    "CVAT YOLO 1.1": {
        "obj.names": "char\nother\n", "obj.data": "classes = 2\ntrain = data/train.txt\n",
        "train.txt": "data/obj_train_data/0.jpg\n", "obj_train_data/0.jpg": None,
        "obj_train_data/0.txt": LINE, "obj_train_data/1.jpg": None, "obj_train_data/1.txt": LINE,
    },
    "Roboflow": {
        "data.yaml": "train: ../train/images\nval: ../valid/images\n" + NAMES,
        "train/images/0.jpg": None, "train/labels/0.txt": LINE, "valid/images/1.jpg": None,
        "valid/labels/1.txt": LINE,
    },
    "Ultralytics": {
        "data.yaml": "path: .\ntrain: images/train\nval: images/val\nnames: {0: char, 1: other}\n",
        "images/train/0.jpg": None, "labels/train/0.txt": LINE, "images/val/1.jpg": None,
        "labels/val/1.txt": LINE,
    },
    "lists of files": {
        "data.yaml": "train: train.txt\nval: val.txt\n" + NAMES,
        "train.txt": "./images/0.jpg\n", "val.txt": "images/1.jpg\n", "images/0.jpg": None,
        "images/1.jpg": None, "labels/0.txt": LINE, "labels/1.txt": LINE,
    },
    "classes.txt inside labels": {
        "images/0.jpg": None, "images/1.jpg": None, "labels/classes.txt": "char\nother\n",
        "labels/0.txt": LINE, "labels/1.txt": LINE,
    },
    "numbers with a fraction": {
        "classes.txt": "char\nother\n", "0.jpg": None, "0.txt": "0.0 0.5 0.5 0.4 0.4\n",
        "1.jpg": None, "1.txt": "0.0 0.5 0.5 0.4 0.4\n",
    },
    "suffixes in capitals": {
        "classes.txt": "char\nother\n", "0.JPG": None, "0.TXT": LINE, "1.JPG": None, "1.TXT": LINE,
    },
}  # fmt: skip


@pytest.mark.parametrize("files", SETS.values(), ids=SETS)
def test_labels_are_read(tmp_path, shape, files):
    found = read_annotations(write(tmp_path, shape, files))
    assert found.faults == ()
    assert found.classes == ("char", "other")
    assert [[box.label for box in picture.boxes] for picture in found.pictures] == [["char"]] * 2


@pytest.mark.parametrize("files", SETS.values(), ids=SETS)
def test_a_detector_learns_from_them(tmp_path, shape, files):
    data = read_detection_data([write(tmp_path, shape, files)], classes="char")
    samples = [*data.train, *data.validation]
    assert sorted(sample.picture.stem for sample in samples) == ["0", "1"]
    assert all(len(sample.boxes) == 1 for sample in samples)
    assert data.classes == ("char",)


# id, files, words of the sentence
REFUSED = {
    "COCO of Roboflow": (
        {"train/0.jpg": None, "train/_annotations.coco.json": json.dumps(
            {"images": [], "annotations": [], "categories": []})},
        "COCO (train/_annotations.coco.json)",
    ),
    "COCO": (
        {"images/0.jpg": None, "annotations/instances.json": json.dumps(
            {"images": [], "annotations": [], "categories": []})},
        "COCO (annotations/instances.json)",
    ),
    "YOLO without names": (
        {"images/0.jpg": None, "labels/0.txt": LINE},
        "the folders images, which are no classes",
    ),
    "CVAT without names": (
        {"obj_train_data/0.jpg": None, "obj_train_data/0.txt": LINE, "train.txt": "x\n"},
        "obj_train_data",
    ),
    "train and val": ({"train/0.jpg": None, "val/1.jpg": None}, "train, val"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "words"), REFUSED.values(), ids=REFUSED)
def test_what_would_become_classes_is_refused(tmp_path, shape, files, words):
    folder = write(tmp_path, shape, files)
    with pytest.raises(LayoutError) as caught:
        read_annotations(folder)
    assert words in str(caught.value)
    with pytest.raises(PicturesError) as seen:
        read_classes(folder, single=True)
    assert words in str(seen.value)


def test_folders_of_these_names_are_classes_where_somebody_says_so(tmp_path, shape, run):
    write(tmp_path, shape, {f"{name}/{n}.png": None for name in ("train", "data") for n in "12"})
    result = run("labels", "check", tmp_path, "--layout", "classes")
    assert result.exit_code == 0, result.output


def test_a_picture_that_a_list_names_and_nobody_has(tmp_path, shape):
    files = {**SETS["lists of files"], "train.txt": "./images/0.jpg\n./images/gone.jpg\n"}
    with pytest.raises(DetectionDataError, match=r"train\.txt, line 2, names \./images/gone\.jpg"):
        read_detection_data([write(tmp_path, shape, files)])


def test_a_split_of_a_described_set_has_its_own_list(tmp_path, shape, run):
    files = {"data.yaml": "train: images\n" + NAMES}
    for number in range(8):
        files |= {f"images/{number}.png": None, f"labels/{number}.txt": LINE}
    folder = write(tmp_path / "set", shape, files)
    result = run("labels", "split", folder, "--out", tmp_path / "parts")
    assert result.exit_code == 0, result.output
    found = read_annotations(tmp_path / "parts" / "train")
    assert (found.classes, found.faults) == (("char", "other"), ())


def test_the_sentence_on_missing_labels_names_the_pattern(tmp_path, shape, run):
    shape(1).save(tmp_path / "abcd.png")
    result = run("text", "check", tmp_path)
    assert "say with --pattern where in the name it is" in result.output
