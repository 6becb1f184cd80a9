"""labelImg's YOLO format: read, written, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labels.annotations import Kind, LabelledBox, LabelledPicture
from labels.errors import AnnotationError, LayoutError
from labels.yolo import (
    label_file_of,
    read_class_list,
    read_label_file,
    read_yolo,
    write_classes,
    write_yolo_labels,
)

GOOD = "0 0.5 0.5 0.2 0.4"


def test_boxes_are_in_pixels(yolo_folder: Path) -> None:
    found = read_yolo(yolo_folder)
    assert found.classes == ("cat", "bus")
    assert found.faults == ()
    assert [p.path.name for p in found.pictures] == [f"{n}.png" for n in range(6)]
    first = found.pictures[0]
    assert first.label_file == yolo_folder / "0.txt"
    assert [box.label for box in first.boxes] == ["cat", "bus"]
    assert first.boxes[0].xyxy == pytest.approx((32, 30, 64, 70))
    assert dict(found.counts) == {"cat": 6, "bus": 6}


def test_a_turned_picture_is_measured_as_displayed(tmp_path: Path, draw) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(tmp_path / "a.jpg", size=(100, 60), exif=exif)
    (tmp_path / "a.txt").write_text(GOOD)
    write_classes(tmp_path, ["item"])
    (picture,) = read_yolo(tmp_path).pictures
    assert (picture.width, picture.height) == (60, 100)
    assert picture.boxes[0].xyxy == pytest.approx((24, 30, 36, 70))


def test_a_sixth_column_is_a_confidence(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(f"{GOOD} 0.75\n")
    lines, faults = read_label_file(file, 1, confidence=True)
    assert lines is not None
    assert lines[0].confidence == 0.75
    assert faults == []
    assert [f.kind for f in read_label_file(file, 1)[1]] == [Kind.MALFORMED_LINE]


def test_an_empty_file_shows_nothing_and_a_missing_one_says_nothing(yolo_folder: Path) -> None:
    (yolo_folder / "1.txt").write_text("\n")
    (yolo_folder / "2.txt").unlink()
    found = read_yolo(yolo_folder)
    assert {p.path.name: len(p.boxes) for p in found.pictures}["1.png"] == 0
    assert found.unlabelled == (yolo_folder / "2.png",)
    assert found.faults == ()


LINES = {
    "words": ("0 a b c d", Kind.MALFORMED_LINE, "'0 a b c d' is not a class number"),
    "class as name": ("cat 0.5 0.5 0.1 0.1", Kind.MALFORMED_LINE, "is not a class number"),
    "too few": ("0 0.5 0.5", Kind.MALFORMED_LINE, "four shares"),
    "too many": (f"{GOOD} 0.5 1", Kind.MALFORMED_LINE, "four shares"),
    "confidence beyond 1": (f"{GOOD} 1.5", Kind.MALFORMED_LINE, "four shares"),
    "unknown class": ("2 0.5 0.5 0.1 0.1", Kind.UNKNOWN_CLASS, "2 is not one of the 2 classes"),
    "negative class": ("-1 0.5 0.5 0.1 0.1", Kind.UNKNOWN_CLASS, "-1 is not one of"),
    "no width": ("0 0.5 0.5 0 0.1", Kind.EMPTY_BOX, "0.5 0.5 0 0.1 has no area"),
    "negative height": ("0 0.5 0.5 0.1 -0.1", Kind.EMPTY_BOX, "has no area"),
    "a hair of a width": ("0 0.5 0.5 1e-30 0.1", Kind.EMPTY_BOX, "has no area"),
    "pixels": ("0 50 25 20 20", Kind.OUTSIDE_BOX, "50 25 20 20 lies outside"),
    "half outside": ("0 0.95 0.5 0.2 0.1", Kind.OUTSIDE_BOX, "lies outside"),
    "on the other side": ("0 -0.004 0.5 0.004 0.1", Kind.OUTSIDE_BOX, "lies outside"),
    "not a number": ("0 nan 0.5 0.1 0.1", Kind.OUTSIDE_BOX, "lies outside"),
    "infinite": ("0 0.5 0.5 inf 0.1", Kind.OUTSIDE_BOX, "lies outside"),
}


@pytest.mark.parametrize(("line", "kind", "words"), LINES.values(), ids=LINES.keys())
def test_a_bad_line_is_named_and_hides_no_other(
    yolo_folder: Path, line: str, kind: Kind, words: str
) -> None:
    (yolo_folder / "3.txt").write_text(f"{GOOD}\n{line}\n{GOOD}\n")
    found = read_yolo(yolo_folder)
    (fault,) = found.faults
    assert (fault.kind, fault.file, fault.line) == (kind, yolo_folder / "3.txt", 2)
    assert words in fault.sentence
    assert "3.txt, line 2" in fault.sentence
    assert len(found.pictures[3].boxes) == 2
    assert len(found.pictures) == 6


def test_what_reaches_over_the_border_by_a_hair_is_cut(yolo_folder: Path) -> None:
    (yolo_folder / "0.txt").write_text("0 0.5 0.5 1.000001 1.000001\n")
    found = read_yolo(yolo_folder)
    assert found.faults == ()
    assert found.pictures[0].boxes[0].xyxy == (0, 0, 160, 100)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("3.txt", b"0 0.5 0.5 0.1 0.1 \xff\xfe", Kind.UNREADABLE_LABEL),
        ("3.png", b"no picture", Kind.UNREADABLE_PICTURE),
        ("gone.txt", b"0 0.5 0.5 0.1 0.1\n", Kind.ORPHANED_LABEL),
        ("gone.txt", b"", Kind.ORPHANED_LABEL),
    ],
    ids=["label not text", "no picture", "orphan", "empty orphan"],
)
def test_a_bad_file_hides_no_other(
    yolo_folder: Path, name: str, content: bytes, kind: Kind
) -> None:
    (yolo_folder / name).write_bytes(content)
    found = read_yolo(yolo_folder)
    assert [(fault.kind, fault.file) for fault in found.faults] == [(kind, yolo_folder / name)]
    assert str(yolo_folder / name) in found.faults[0].sentence
    assert len(found.pictures) == (6 if kind is Kind.ORPHANED_LABEL else 5)


def test_notes_beside_the_pictures_are_no_labels(yolo_folder: Path) -> None:
    (yolo_folder / "notes.txt").write_text("taken on a Monday\n")
    (yolo_folder / "train.txt").write_text("0.png\n1.png\n")
    assert read_yolo(yolo_folder).faults == ()


def test_quarantine_and_hidden_files_are_not_read(yolo_folder: Path) -> None:
    before = read_yolo(yolo_folder)
    for folder in ("quarantine", "more/quarantine", ".cache"):
        (yolo_folder / folder).mkdir(parents=True)
        (yolo_folder / folder / "x.png").write_bytes(b"no picture")
        (yolo_folder / folder / "x.txt").write_text("7 7 7")
    (yolo_folder / ".0.txt.12-3.part").write_text("0 0.")
    assert read_yolo(yolo_folder) == before


def test_labels_may_lie_in_a_folder_beside_images(tmp_path: Path, draw) -> None:
    draw(tmp_path / "images" / "a" / "1.png")
    (tmp_path / "labels" / "a").mkdir(parents=True)
    (tmp_path / "labels" / "a" / "1.txt").write_text(GOOD)
    (tmp_path / "labels" / "a" / "2.txt").write_text(GOOD)
    write_classes(tmp_path, ["item"])
    found = read_yolo(tmp_path)
    assert [p.label_file for p in found.pictures] == [tmp_path / "labels" / "a" / "1.txt"]
    assert [fault.file.name for fault in found.faults] == ["2.txt"]


def test_label_files_are_beside_where_there_is_no_folder_for_them(tmp_path: Path) -> None:
    picture = tmp_path / "images" / "1.png"
    assert label_file_of(picture, tmp_path) == tmp_path / "images" / "1.txt"


class TestClasses:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"\n\n", "names no class"),
            (b"a\n\nb\n", "line 2 is empty"),
            (b"a\nb\na\n", "names the class a twice"),
            (b"\xff\xfe", "must be UTF-8"),
        ],
        ids=["empty", "gap", "twice", "not UTF-8"],
    )
    def test_faults(self, tmp_path: Path, content: bytes, sentence: str) -> None:
        (tmp_path / "classes.txt").write_bytes(content)
        with pytest.raises(LayoutError, match=sentence):
            read_yolo(tmp_path)

    def test_a_missing_list(self, tmp_path: Path) -> None:
        with pytest.raises(LayoutError, match="cannot be read"):
            read_yolo(tmp_path)

    def test_a_mark_of_byte_order_and_ends_of_line(self, tmp_path: Path) -> None:
        (tmp_path / "classes.txt").write_bytes("\ufeff猫\r\nbus stop \r\n\r\n".encode())
        assert read_class_list(tmp_path / "classes.txt") == ("猫", "bus stop")

    def test_names_may_be_added_but_not_moved(self, tmp_path: Path) -> None:
        write_classes(tmp_path, ["猫"])
        write_classes(tmp_path, ["猫", "bus"])
        assert read_class_list(tmp_path / "classes.txt") == ("猫", "bus")
        before = (tmp_path / "classes.txt").read_bytes()
        for others in (["bus", "猫"], ["猫"], ["x", "猫", "bus"]):
            with pytest.raises(LayoutError, match="keep them first and in this order"):
                write_classes(tmp_path, others)
        assert (tmp_path / "classes.txt").read_bytes() == before

    @pytest.mark.parametrize("names", [[""], [" a"], ["a\nb"], ["a\u2028b"], ["a", "a"]])
    def test_names_that_no_line_can_hold(self, tmp_path: Path, names: list[str]) -> None:
        with pytest.raises(AnnotationError):
            write_classes(tmp_path, names)
        assert list(tmp_path.iterdir()) == []


SIDE = st.floats(0, 1, allow_subnormal=False)


@st.composite
def pictures(draw: st.DrawFn) -> LabelledPicture:
    width, height = draw(st.integers(1, 9000)), draw(st.integers(1, 9000))

    def sides(length: int) -> tuple[float, float]:
        low, high = sorted(draw(st.tuples(SIDE, SIDE)))
        high = max(high, low + 1e-6)
        return (low - max(0, high - 1)) * length, min(high, 1) * length

    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        (x1, x2), (y1, y2) = sides(width), sides(height)
        confidence = draw(st.none() | SIDE)
        boxes.append(
            LabelledBox(x1, y1, x2, y2, draw(st.sampled_from("abc")), confidence=confidence)
        )
    return LabelledPicture(Path("x.png"), width, height, tuple(boxes))


@settings(deadline=None)
@given(pictures())
def test_what_is_written_is_read(tmp_path_factory, picture: LabelledPicture) -> None:
    file = tmp_path_factory.mktemp("round") / "x.txt"
    write_yolo_labels(picture, "abc", file)
    assert all(len(row.split(" ")) == 5 for row in file.read_text().splitlines())
    assert "e" not in file.read_text()
    lines, faults = read_label_file(file, 3)
    assert faults == []
    assert lines is not None
    assert ["abc"[line.index] for line in lines] == [box.label for box in picture.boxes]
    for line, box in zip(lines, picture.boxes, strict=True):
        assert line.box(picture.width, picture.height) == pytest.approx(box.xyxy, abs=1e-6)


class TestWriting:
    def test_a_class_that_is_not_listed(self, tmp_path: Path) -> None:
        picture = LabelledPicture(Path("x.png"), 10, 10, (LabelledBox(1, 1, 5, 5, "lion"),))
        with pytest.raises(AnnotationError, match="class lion"):
            write_yolo_labels(picture, ["cat"], tmp_path / "x.txt")
        assert list(tmp_path.iterdir()) == []

    def test_a_box_outside(self, tmp_path: Path) -> None:
        picture = LabelledPicture(Path("x.png"), 10, 10, (LabelledBox(11, 1, 15, 5, "cat"),))
        with pytest.raises(AnnotationError, match="lies outside"):
            write_yolo_labels(picture, ["cat"], tmp_path / "x.txt")

    def test_a_write_that_fails_leaves_the_old_file(self, tmp_path: Path, monkeypatch) -> None:
        file = tmp_path / "x.txt"
        file.write_text(GOOD)

        def full(self: Path, content: bytes) -> int:
            with self.open("wb") as stream:
                stream.write(content[:5])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        picture = LabelledPicture(Path("x.png"), 10, 10, (LabelledBox(1, 1, 5, 5, "cat"),))
        with pytest.raises(OSError, match="No space"):
            write_yolo_labels(picture, ["cat"], file)
        assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]
        assert file.read_text() == GOOD
