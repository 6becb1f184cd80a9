import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import detector
from classifier import Charset, OnnxClassifier, SoftmaxReadings
from detector import Detections, YoloDetector
from labels.annotations import ITEM
from labels.errors import LayoutError
from labels.pictures import load_rgb
from labels.prelabel import Prelabeller, Proposer
from labels.reading import read_annotations

ROOT = Path(detector.__file__).parents[1]
CHARSET = Charset(["a", "b", "c", "d"], blank=False, source="test")


class TwoBoxes:
    """Finds the same two boxes everywhere, and one of which nothing is left."""

    name = "two boxes"
    calls = 0

    def detect(self, image):
        self.calls += 1
        boxes = np.array([[5, 5, 20, 20], [40, 30, 40, 45], [30, 10, 50, 30]], np.float32)
        return Detections(boxes, np.array([0.9, 0.8, 0.6], np.float32), np.zeros(3, np.int64))


class Spelling:
    """Reads the given probabilities, a row for each crop."""

    def __init__(self, *rows):
        self.rows = rows

    def can_read(self, word):
        return CHARSET.knows(word)

    def crop(self, image, boxes):
        return [image] * len(boxes)

    def read(self, crops):
        assert len(crops) == len(self.rows)
        return SoftmaxReadings(np.log(np.array(self.rows, np.float32)), CHARSET)


GREY = np.zeros((60, 80, 3), np.uint8)
SURE, UNSURE = [0.97, 0.01, 0.01, 0.01], [0.4, 0.3, 0.2, 0.1]


@pytest.mark.parametrize(
    ("rows", "names", "labels", "sure"),
    [
        pytest.param((SURE, UNSURE), (), ["a", ITEM], [0.97, 0.4], id="whole-charset"),
        # 0.3 of 0.3 + 0.1: not sure enough. 0.01 of 0.02: far below what the charset allows.
        pytest.param((UNSURE, SURE), ("b", "d"), [ITEM, ITEM], [0.75, 0.1], id="not-in-list"),
        pytest.param((UNSURE, SURE), ("a",), ["a", "a"], [1.0, 1.0], id="the-only-name"),
        pytest.param(
            ([0.6, 0.05, 0.3, 0.05], UNSURE),
            ("c", "b", "☃"),
            ["c", ITEM],
            [0.857, 0.6],
            id="in-list",
        ),
        pytest.param((), ("☃",), [ITEM, ITEM], [], id="names-that-cannot-be-read"),
    ],
)
def test_names_are_given_where_they_are_certain(rows, names, labels, sure):
    found = Proposer(TwoBoxes(), Spelling(*rows), names).propose(GREY, "a.png")
    assert [box.label for box in found.boxes] == labels
    assert found.names == pytest.approx(sure, abs=1e-3)
    assert [box.xyxy for box in found.boxes] == [(5, 5, 20, 20), (30, 10, 50, 30)]
    assert [box.confidence for box in found.boxes] == pytest.approx([0.9, 0.6])
    assert (found.width, found.height) == (80, 60)


def test_without_a_classifier_all_are_items():
    found = Proposer(TwoBoxes()).propose(GREY, "a.png")
    assert [box.label for box in found.boxes] == [ITEM, ITEM]
    assert found.least_name is None


def shots(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 60), (200, 210, 220)).save(folder / name)
    return folder


PROPOSER = Proposer(TwoBoxes(), Spelling(SURE, UNSURE))


def prelabel(folder, out=None, proposer=PROPOSER):
    return list(Prelabeller(folder, out=out).run(proposer))


@pytest.mark.parametrize("to_out", [False, True], ids=["beside", "out"])
def test_labels_report_and_export(tmp_path, to_out):
    folder = shots(tmp_path / "in", "a.png", "more/b.png")
    out = tmp_path / "out" if to_out else folder
    before = sorted(folder.rglob("*"))
    outcomes = prelabel(folder, out if to_out else None)
    assert [one.fault for one in outcomes] == [None, None]
    found = read_annotations(out)
    assert not found.faults
    assert found.classes == (ITEM, "a")
    assert [[box.label for box in one.boxes] for one in found.pictures] == [["a", ITEM]] * 2
    assert found.pictures[0].boxes[0].xyxy == pytest.approx((5, 5, 20, 20))
    with (out / "prelabel.csv").open(encoding="utf-8", newline="") as file:
        assert [row["picture"] for row in csv.DictReader(file)] == ["a.png", "more/b.png"]
    assert (out / "prelabel.json").is_file()
    if to_out:
        assert sorted(folder.rglob("*")) == before
        assert (out / "more" / "b.png").read_bytes() == (folder / "more" / "b.png").read_bytes()


@pytest.mark.parametrize("to_out", [False, True], ids=["beside", "out"])
def test_labels_that_are_there_are_not_touched(tmp_path, to_out):
    folder = shots(tmp_path / "in", "a.png", "b.png")
    (folder / "classes.txt").write_text("鱼\n", encoding="utf-8")
    (folder / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    out = tmp_path / "out" if to_out else folder
    first, second = prelabel(folder, out)
    assert first.proposal is None
    assert second.proposal is not None
    assert (folder / "a.txt").read_text() == "0 0.5 0.5 0.1 0.1\n"
    assert read_annotations(out).classes == ("鱼", "a", ITEM)
    assert (out / "a.txt").exists() != to_out


def test_a_second_run_proposes_only_for_what_is_new(tmp_path):
    folder = shots(tmp_path, "b.png", "c.png")
    prelabel(folder)
    (folder / "b.txt").write_text("")  # Somebody said that it shows nothing.
    (folder / "c.png").unlink()
    shots(folder, "a.png")
    boxes = TwoBoxes()
    outcomes = prelabel(folder, proposer=Proposer(boxes))
    assert [one.proposal is not None for one in outcomes] == [True, False]
    assert boxes.calls == 1
    assert (folder / "b.txt").read_text() == ""
    # Of the earlier run, b is still reported; c is no more.
    assert [one.picture for one in Prelabeller(folder).proposals()] == ["b.png", "a.png"]


@pytest.mark.parametrize(
    ("listed", "given", "first", "second"),
    [
        pytest.param(None, (), (), (), id="anything"),
        pytest.param("item\n鱼\n", (), ("鱼",), ("鱼",), id="listed"),
        pytest.param("item\n", (), (), (), id="only-items-listed"),
        pytest.param("鱼\n", ("a", "b"), ("a", "b"), ("鱼", "a", "b"), id="given-once"),
    ],
)
def test_what_was_guessed_is_no_list_for_the_next_run(tmp_path, listed, given, first, second):
    folder = shots(tmp_path, "a.png")
    if listed:
        (folder / "classes.txt").write_text(listed, encoding="utf-8")
    run = Prelabeller(folder, names=given)
    assert run.names == first
    list(run.run(Proposer(TwoBoxes(), Spelling(SURE, UNSURE), run.names)))
    assert Prelabeller(folder).names == second
    # Names that somebody gave are all in classes.txt, to choose from; guessed ones as they come.
    found = set(read_annotations(folder).classes)
    assert found == {ITEM, *second} if second else found == {ITEM, "a"}


def test_a_folder_below_for_out_is_no_source_of_pictures(tmp_path):
    folder = shots(tmp_path, "a.png")
    prelabel(folder, folder / "out")
    assert [one.path.name for one in prelabel(folder, folder / "out")] == ["a.png"]
    assert len(list(folder.rglob("*.png"))) == 2


def test_a_broken_picture_and_a_twin_hide_no_other(tmp_path):
    folder = shots(tmp_path, "a.png", "a.bmp", "c.png")
    (folder / "b.png").write_bytes(b"no picture")
    faults = [one.fault for one in prelabel(folder)]
    assert [fault is None for fault in faults] == [True, False, False, True]
    assert "a.png would share a label file with a.bmp" in str(faults[1])
    assert "b.png cannot be read as a picture" in str(faults[2])
    assert not (folder / "b.txt").exists()


def test_numbers_without_names_are_not_guessed_at(tmp_path):
    folder = shots(tmp_path, "a.png", "b.png")
    (folder / "a.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    with pytest.raises(LayoutError, match=r"has label files, but no classes\.txt"):
        Prelabeller(folder)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_no_pictures(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match="give a folder of"):
        Prelabeller(tmp_path / name)


def test_the_shipped_models_find_and_name_letters(tmp_path):
    font, letters = ImageFont.load_default(40), "HAK"
    picture = Image.new("RGB", (300, 160), (225, 228, 220))
    draw = ImageDraw.Draw(picture)
    truth = {}
    for place, letter in enumerate(letters):
        corner = (30 + 90 * place, 20 + 35 * place)
        draw.text(corner, letter, fill=(40, 30, 90), font=font)
        truth[letter] = draw.textbbox(corner, letter, font=font)
    picture.save(tmp_path / "a.png")
    boxes = YoloDetector.load(
        ROOT / "detector" / "weights" / "detector.onnx", confidence_threshold=0.3
    )
    reader = OnnxClassifier.load(ROOT / "classifier" / "weights" / "classifier.onnx")
    prelabel(tmp_path, proposer=Proposer(boxes, reader, list("HAKRENTFW")))
    (found,) = read_annotations(tmp_path).pictures
    named = {box.label: box for box in found.boxes if box.label != ITEM}
    assert len(named) >= 2
    assert named.keys() <= truth.keys()
    for letter, box in named.items():
        x1, y1, x2, y2 = truth[letter]
        assert box.x1 < (x1 + x2) / 2 < box.x2
        assert box.y1 < (y1 + y2) / 2 < box.y2
    assert load_rgb(found.path).shape == (160, 300, 3)
