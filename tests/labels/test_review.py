"""Labels under review: nothing is lost, by a conflict, by a fault, or by a kill at any step."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from labels.annotations import LabelledBox
from labels.click_order import read_order
from labels.errors import (
    AnnotationError,
    ChangedLabelsError,
    DoubtfulLabelsError,
    LayoutError,
    UnknownPictureError,
)
from labels.review import Review, read_certainties, read_reviewed
from labels.yolo import read_yolo

SIZE = (300, 200)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", SIZE, "white").save(folder / name)
    return folder


def box(x1, y1, x2, y2, label="cat", order=None):
    return LabelledBox(x1, y1, x2, y2, label, order)


def near(boxes):
    return [(*(pytest.approx(side, abs=1e-6) for side in b.xyxy), b.label, b.order) for b in boxes]


def plain(boxes):
    return [(*b.xyxy, b.label, b.order) for b in boxes]


def save(review, name, boxes, **options):
    return review.save(name, boxes, review.read(name).version, **options)


def test_a_save_is_what_labelimg_reads_with_the_order_beside_it(folder):
    review = Review(folder)
    assert not review.entries()[0].labelled
    boxes = [box(30, 20, 60, 60, "cat", 1), box(150, 100, 300, 200, "猫 头", 0), box(0, 0, 9, 9)]
    sheet = save(review, "a.png", boxes)
    assert plain(sheet.picture.boxes) == near(boxes)
    assert (folder / "classes.txt").read_text(encoding="utf-8") == "cat\n猫 头\n"
    assert (folder / "a.txt").read_text().splitlines()[0] == "0 0.15 0.2 0.1 0.2"
    assert read_order(folder) == {"a.png": (1, 0, None)}
    assert review.entries()[0].labelled
    (picture,) = read_yolo(folder).pictures
    assert len(picture.boxes) == 3
    assert sorted(file.name for file in folder.iterdir()) == [
        "a.png", "a.txt", "b.png", "classes.txt", "order.json",
    ]  # fmt: skip


def test_new_names_go_to_the_end_of_the_classes(folder):
    (folder / "classes.txt").write_text("zebra\ncat\n")
    save(Review(folder), "a.png", [box(0, 0, 9, 9, "dog"), box(0, 0, 9, 9), box(5, 5, 9, 9, "ape")])
    assert (folder / "classes.txt").read_text() == "zebra\ncat\ndog\nape\n"
    assert [line.split()[0] for line in (folder / "a.txt").read_text().splitlines()] == [*"213"]


def test_no_boxes_is_an_empty_file_and_no_order(folder):
    review = Review(folder)
    save(review, "b.png", [box(0, 0, 9, 9, order=0)])
    save(review, "a.png", [box(0, 0, 9, 9, order=0)])
    save(review, "a.png", [])
    assert (folder / "a.txt").read_bytes() == b""
    assert read_order(folder) == {"b.png": (0,)}


def test_a_picture_in_a_folder_below(folder):
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    Image.new("RGB", SIZE).save(folder / "images" / "c.png")
    review = Review(folder)
    assert [e.name for e in review.entries()] == ["a.png", "b.png", "images/c.png"]
    save(review, "images/c.png", [box(0, 0, 9, 9, order=0)])
    assert (folder / "labels" / "c.txt").is_file()
    assert read_order(folder) == {"images/c.png": (0,)}


@st.composite
def any_boxes(draw):
    count = draw(st.integers(0, 5))
    orders = draw(st.permutations([*range(draw(st.integers(0, count)))]))
    orders = draw(st.permutations([*orders, *[None] * (count - len(orders))]))
    boxes = []
    for order in orders:
        x1, y1 = draw(st.floats(0, SIZE[0] - 1)), draw(st.floats(0, SIZE[1] - 1))
        x2 = draw(st.floats(x1 + 0.5, SIZE[0]))
        y2 = draw(st.floats(y1 + 0.5, SIZE[1]))
        boxes.append(box(x1, y1, x2, y2, draw(st.sampled_from(["cat", "并", "a b"])), order))
    return boxes


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_boxes())
def test_what_is_saved_is_read_and_stays_so_when_saved_again(folder, boxes):
    review = Review(folder)
    sheet = save(review, "a.png", boxes)
    assert plain(sheet.picture.boxes) == near(boxes)
    again = save(review, "a.png", sheet.picture.boxes)
    assert plain(again.picture.boxes) == near(boxes)
    assert save(review, "a.png", boxes).version == sheet.version


def another_tool_writes_labels(folder):
    (folder / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")


def another_tool_writes_the_order(folder):
    (folder / "order.json").write_text('{"a.png": [0]}')


def another_tool_renames_a_class(folder):
    (folder / "classes.txt").write_text("dog\n")


@pytest.mark.parametrize(
    "meanwhile",
    [another_tool_writes_labels, another_tool_writes_the_order, another_tool_renames_a_class],
)
def test_a_change_meanwhile_is_a_conflict_and_is_kept(folder, meanwhile):
    review = Review(folder)
    version = save(review, "a.png", [box(0, 0, 30, 30)]).version
    meanwhile(folder)
    files = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(ChangedLabelsError, match=r"a\.png were changed"):
        review.save("a.png", [box(1, 1, 50, 50)], version)
    assert {file: file.read_bytes() for file in folder.iterdir()} == files


def test_the_same_save_again_is_no_conflict(folder):
    review = Review(folder)
    version = review.read("a.png").version
    wanted = [box(0, 0, 30, 30, "cat", 0), box(50, 50, 80, 80)]
    first = review.save("a.png", wanted, version)
    assert review.save("a.png", wanted, version) == first
    with pytest.raises(ChangedLabelsError):
        review.save("a.png", [replace(wanted[0], order=None), wanted[1]], version)


def malformed(folder):
    (folder / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n0 0.5 huh\n")
    return "line 2"


def unknown_class(folder):
    (folder / "a.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    return "class number 7"


def an_order_for_other_boxes(folder):
    (folder / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "order.json").write_text('{"a.png": [1, 0]}')
    return "2 entries for 1 boxes"


def one_label_file_for_two_pictures(folder):
    Image.new("RGB", SIZE).save(folder / "a.JPG", "JPEG")
    return r"a\.png and a\.JPG share the label file a\.txt"


@pytest.mark.parametrize(
    "spoil", [malformed, unknown_class, an_order_for_other_boxes, one_label_file_for_two_pictures]
)
def test_what_cannot_be_read_is_only_replaced_when_that_is_said(folder, spoil):
    (folder / "classes.txt").write_text("cat\n")
    sentence = spoil(folder)
    review = Review(folder)
    before = [file.read_bytes() for file in sorted(folder.iterdir())]
    with pytest.raises(DoubtfulLabelsError, match=sentence):
        save(review, "a.png", [box(0, 0, 9, 9)])
    assert [file.read_bytes() for file in sorted(folder.iterdir())] == before
    sheet = save(review, "a.png", [box(0, 0, 9, 9)], replace_doubtful=True)
    assert len(sheet.picture.boxes) == 1


@pytest.mark.parametrize(
    ("boxes", "sentence"),
    [
        ([box(310, 10, 320, 20)], "lies outside"),
        ([box(0, 0, 9, 9, "two\nlines")], "one line"),
        ([box(0, 0, 9, 9, " cat")], "white space at its ends"),
        ([box(0, 0, 9, 9, order=1)], "without gaps"),
        ([box(0, 0, 9, 9, order=0), box(9, 9, 20, 20, order=0)], "without gaps"),
    ],
    ids=["outside", "lines", "space", "gap", "twice"],
)
def test_boxes_that_cannot_be_are_refused_and_change_nothing(folder, boxes, sentence):
    review = Review(folder)
    save(review, "a.png", [box(0, 0, 30, 30, order=0)])
    before = review.read("a.png")
    with pytest.raises(AnnotationError, match=sentence):
        save(review, "a.png", boxes)
    assert review.read("a.png") == before


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../secret.png", "/etc/passwd", "a.txt", "none.png", "./a.png", "x/../a.png",
        ".hidden.png", "quarantine/c.png", "link.png", "out/secret.png", "a.png/", "a.png\0",
    ],
    ids=repr,
)  # fmt: skip
def test_only_pictures_of_the_folder_have_a_path(folder, name):
    for place in (".hidden.png", "quarantine/c.png", "../secret.png"):
        (folder / place).parent.mkdir(exist_ok=True)
        Image.new("RGB", SIZE).save(folder / place)
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    (folder / "out").symlink_to(folder.parent, target_is_directory=True)
    review = Review(folder)
    assert [entry.name for entry in review.entries()] == ["a.png", "b.png"]
    with pytest.raises(UnknownPictureError):
        review.path_of(name)


def test_a_picture_that_is_none_is_said_so(folder):
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    with pytest.raises(AnnotationError, match=r"a\.png cannot be read as a picture"):
        Review(folder).read("a.png")


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("classes.txt", "cat\n\ndog\n", "line 2 is empty"),
        ("order.json", "[", "not JSON"),
        ("review.json", "[]", r"review\.json cannot be read"),
        (".review-pending.json", "{}", "not the journal"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_at_once(folder, file, content, sentence):
    (folder / file).write_text(content)
    with pytest.raises(LayoutError, match=sentence):
        Review(folder)


def test_no_folder_and_no_pictures(tmp_path):
    with pytest.raises(LayoutError, match="is not a folder"):
        Review(tmp_path / "none")
    with pytest.raises(LayoutError, match="has no picture"):
        Review(tmp_path)


def test_marks_are_remembered(folder):
    review = Review(folder)
    review.mark("b.png", reviewed=True)
    review.mark("a.png", reviewed=True)
    review.mark("a.png", reviewed=False)
    assert read_reviewed(folder) == {"b.png"}
    assert [entry.reviewed for entry in Review(folder).entries()] == [False, True]
    assert json.loads((folder / "review.json").read_text()) == {"reviewed": ["b.png"]}
    with pytest.raises(UnknownPictureError):
        review.mark("c.png", reviewed=True)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("picture,confidence\na.png,0.9\nb.png,0.2\nb.png,0.7\n", {"a.png": 0.9, "b.png": 0.2}),
        ("picture,boxes\nb.png,3\na.png,1\n", {}),
        ("picture,confidence\na.png,high\nb.png,0.5\n", {"b.png": 0.5}),
        ("picture,confidence\na.png,\nb.png,0.5\n", {"b.png": 0.5}),
        ("name\na.png\n", {}),
        ("", {}),
    ],
    ids=["lowest", "no-confidence", "no-number", "gap", "other-table", "empty"],
)
def test_certainties(folder, table, found):
    (folder / "prelabel.csv").write_text(table)
    assert read_certainties(folder) == found


class Killed(BaseException):
    """Stands for the end of the process: no handler of ours may run after it."""


def test_a_kill_before_or_after_any_step_leaves_the_old_or_the_new(folder, monkeypatch):
    """Every rename and every removal in turn is where the process ends."""
    old = [box(0, 0, 30, 30, "cat", 1), box(50, 50, 80, 80, "cat", 0)]
    new = [box(9, 9, 40, 40, "dog", 0), box(50, 50, 80, 80, "cat", 1), box(1, 1, 5, 5, "ape")]
    seen = set()
    for kill in range(1, 30):
        review = Review(folder)
        was = save(review, "a.png", old, replace_doubtful=True)
        steps = 0

        def step(change, kill=kill):
            def changed(path, *arguments, **options):
                nonlocal steps
                steps += 1
                if steps > kill:
                    raise Killed
                result = change(path, *arguments, **options)
                if steps == kill:
                    raise Killed
                return result

            return changed

        with monkeypatch.context() as patch:
            for name in ("replace", "unlink"):
                patch.setattr(Path, name, step(getattr(Path, name)))
            try:
                review.save("a.png", new, was.version)
            except Killed:
                done = False
            else:
                done = True
        found = Review(folder).read("a.png")
        assert not found.doubts
        assert plain(found.picture.boxes) in (near(old), near(new)), f"killed at step {kill}"
        seen.add(len(found.picture.boxes))
        if done:
            assert plain(found.picture.boxes) == near(new)
            break
    else:
        pytest.fail("a save should not take so many steps")
    assert seen == {2, 3}
    assert kill >= 5
    assert not (folder / ".review-pending.json").exists()


def test_labels_written_after_a_kill_are_not_undone_by_the_unconfirmed_save(folder):
    review = Review(folder)
    save(review, "a.png", [box(0, 0, 30, 30)])
    (folder / ".a.txt.review").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / ".review-pending.json").write_text(
        json.dumps({"picture": "a.png", "before": "of something else", "order": [0]})
    )
    sheet = Review(folder).read("a.png")
    assert plain(sheet.picture.boxes) == near([box(0, 0, 30, 30)])
    assert not [file.name for file in folder.iterdir() if file.name.startswith(".")]


def test_a_full_disk_is_an_error_and_the_save_can_be_repeated(folder, monkeypatch):
    review = Review(folder)
    version = save(review, "a.png", [box(0, 0, 30, 30)]).version
    wanted = [box(1, 1, 40, 40, order=0)]

    def full(folder, order):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("labels.review.write_order", full)
        with pytest.raises(OSError, match="No space"):
            review.save("a.png", wanted, version)
    assert plain(review.save("a.png", wanted, version).picture.boxes) == near(wanted)


def test_two_reviews_of_a_folder_at_the_same_time_lose_nothing(folder):
    def work(name, label):
        review = Review(folder)
        for number in range(1, 25):
            save(review, name, [box(0, 0, number, number, f"{label}{number % 3}", 0)])

    threads = [
        threading.Thread(target=work, args=("a.png", "x")),
        threading.Thread(target=work, args=("b.png", "y")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    review = Review(folder)
    assert sorted(review.classes()) == ["x0", "x1", "x2", "y0", "y1", "y2"]
    for name, label in (("a.png", "x0"), ("b.png", "y0")):
        assert plain(review.read(name).picture.boxes) == near([box(0, 0, 24, 24, label, 0)])


def test_reading_writes_nothing(folder):
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    review = Review(folder)
    assert review.read("a.png").picture.boxes == ()
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
