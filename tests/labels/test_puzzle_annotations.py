import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labels.annotations import ITEM, Annotations, LabelledBox, LabelledPicture, Layout
from labels.click_order import read_order, with_order
from labels.errors import LayoutError, PuzzleSetError
from labels.puzzle_annotations import (
    annotations_to_puzzles,
    puzzles_to_yolo,
    read_puzzle_annotations,
)
from labels.puzzles import Puzzle, PuzzleWriter, read_puzzles
from labels.reading import read_annotations

WIDTH, HEIGHT = 120, 70


def boxes(count):
    """Boxes of whole pixels inside the picture."""
    corner = st.tuples(st.integers(0, WIDTH - 2), st.integers(0, HEIGHT - 2))
    side = st.tuples(st.integers(1, 60), st.integers(1, 60))
    box = st.tuples(corner, side).map(
        lambda b: (b[0][0], b[0][1], min(WIDTH, b[0][0] + b[1][0]), min(HEIGHT, b[0][1] + b[1][1]))
    )
    return st.lists(box, min_size=count[0], max_size=count[1])


PUZZLES = st.lists(
    st.tuples(boxes((1, 4)), boxes((0, 3)), st.lists(st.sampled_from("并细什A"), min_size=4)),
    min_size=1,
    max_size=3,
)


def make_set(folder, puzzles, **changes):
    with PuzzleWriter(folder) as writer:
        for number, (targets, distractors, letters) in enumerate(puzzles):
            Image.new("RGB", (WIDTH, HEIGHT), (number, 0, 0)).save(folder / f"p{number}.png")
            words = tuple(letters[: len(targets)])
            puzzle = Puzzle(
                f"p{number}",
                f"p{number}.png",
                {"words": words},
                words,
                tuple(targets),
                tuple(distractors),
            )
            writer.write(replace(puzzle, **changes))
    return folder


ONE = ([(10, 10, 30, 30), (50, 10, 80, 40)], [(90, 40, 110, 60)], "细并什A")


def truth(folder):
    return {
        p.background: (p.words, p.targets, frozenset(p.distractors)) for p in read_puzzles(folder)
    }


@settings(max_examples=25, deadline=None)
@given(puzzles=PUZZLES)
def test_there_and_back_again(puzzles, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round")
    make_set(folder / "set", puzzles)
    pictures = list(puzzles_to_yolo(folder / "set", folder / "yolo"))
    assert len(pictures) == len(puzzles)
    yolo = read_annotations(folder / "yolo")
    assert yolo.layout is Layout.YOLO
    assert not yolo.faults
    made, left_out = annotations_to_puzzles(
        with_order(yolo, read_order(folder / "yolo")), folder / "back"
    )
    assert not left_out
    assert len(made) == len(puzzles)
    assert truth(folder / "back") == truth(folder / "set")
    for picture in pictures:
        assert (folder / "back" / picture.name).read_bytes() == picture.read_bytes()


def test_targets_are_words_in_order_and_the_rest_items(tmp_path):
    found = read_puzzle_annotations(make_set(tmp_path / "set", [ONE]))
    (picture,) = found.pictures
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert [(b.label, b.order, b.xyxy) for b in picture.boxes] == [
        ("细", 0, (10, 10, 30, 30)),
        ("并", 1, (50, 10, 80, 40)),
        (ITEM, None, (90, 40, 110, 60)),
    ]
    assert found.layout is Layout.PUZZLES
    assert found.classes == ("item", "并", "细")
    assert read_annotations(tmp_path / "set") == found


def test_items_of_a_prompt_in_the_picture_are_boxes_too(tmp_path):
    changes = {
        "prompt": {"region": (0, 50, 120, 70)},
        "meta": {"prompt_boxes": [[2, 52, 20, 68], [22, 52, 40, 68]]},
    }
    found = read_puzzle_annotations(make_set(tmp_path / "set", [ONE], **changes))
    labels = [(box.label, box.order) for box in found.pictures[0].boxes]
    assert labels == [("细", 0), ("并", 1), (ITEM, None), (ITEM, None), (ITEM, None)]


def test_puzzles_that_share_a_background_share_its_boxes(tmp_path):
    folder = make_set(tmp_path / "set", [ONE])
    other = Puzzle(
        "other", "p0.png", {"words": ("什",)}, ("什",), ((90, 40, 110, 60),), ((10, 10, 30, 30),)
    )
    with (folder / "puzzles.jsonl").open("a", encoding="utf-8") as file:
        file.write(other.to_json() + "\n")
    (picture,) = read_puzzle_annotations(folder).pictures
    assert [(b.label, b.order) for b in picture.boxes] == [("细", 0), ("并", 1), ("什", None)]


def test_what_is_there_already_stays(tmp_path):
    folder, out = make_set(tmp_path / "set", [ONE, ONE]), tmp_path / "yolo"
    list(puzzles_to_yolo(folder, out))
    corrected = "0 0.5 0.5 0.5 0.5\n"
    (out / "p0.txt").write_text(corrected)
    (out / "order.json").write_text(json.dumps({"p0.png": [0]}))
    list(puzzles_to_yolo(folder, out))
    assert (out / "p0.txt").read_text() == corrected
    # Only what was lost is told again.
    assert read_order(out) == {"p0.png": (0,), "p1.png": (0, 1, None)}


def test_names_are_added_to_a_list_of_classes(tmp_path):
    out = tmp_path / "yolo"
    out.mkdir()
    (out / "classes.txt").write_text("炸\n并\n", encoding="utf-8")
    list(puzzles_to_yolo(make_set(tmp_path / "set", [ONE]), out))
    assert (out / "classes.txt").read_text("utf-8").split() == ["炸", "并", "item", "细"]
    assert [b.label for b in read_annotations(out).pictures[0].boxes] == ["细", "并", ITEM]


def test_another_picture_of_the_same_name_is_not_overwritten(tmp_path):
    out = tmp_path / "yolo"
    out.mkdir()
    (out / "p0.png").write_bytes(b"mine")
    with pytest.raises(LayoutError, match=r"p0\.png exists and is not the same as"):
        list(puzzles_to_yolo(make_set(tmp_path / "set", [ONE]), out))
    assert (out / "p0.png").read_bytes() == b"mine"


def test_two_pictures_that_would_share_a_label_file(tmp_path):
    folder = make_set(tmp_path / "set", [ONE])
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "p0.bmp")
    twin = Puzzle("twin", "p0.bmp", {"words": ("什",)}, ("什",), ((9, 9, 11, 11),))
    with (folder / "puzzles.jsonl").open("a", encoding="utf-8") as file:
        file.write(twin.to_json() + "\n")
    with pytest.raises(LayoutError, match=r"p0\.bmp and p0\.png would share one label file"):
        list(puzzles_to_yolo(folder, tmp_path / "yolo"))


LEFT_OUT = {
    "no order": ([("a", None)], "None of its boxes has a place"),
    "no boxes": ([], "None of its boxes has a place"),
    "same place": ([("a", 0), ("b", 0)], "the same place in the order"),
    "no word": ([("a", 0), (ITEM, 1)], "is no word yet"),
}


@pytest.mark.parametrize(("labels", "reason"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_pictures_that_are_no_puzzles_are_named(tmp_path, labels, reason):
    def picture(name, labels):
        path = tmp_path / name
        Image.new("RGB", (WIDTH, HEIGHT)).save(path)
        found = tuple(
            LabelledBox(9 * n, 9, 9 * n + 5, 20, label, order)
            for n, (label, order) in enumerate(labels)
        )
        return LabelledPicture(path, WIDTH, HEIGHT, found)

    good, bad = picture("good.png", [("a", 0)]), picture("bad.png", labels)
    annotations = Annotations(tmp_path, Layout.YOLO, (bad, good), ("a",))
    made, left_out = annotations_to_puzzles(annotations, tmp_path / "set")
    assert [one.id for one in made] == ["good"]
    assert [one.picture for one in left_out] == [bad.path]
    assert reason in left_out[0].reason
    assert not (tmp_path / "set" / "bad.png").exists()
    with pytest.raises(PuzzleSetError, match=r"has no picture that can be a puzzle \(bad\.png"):
        annotations_to_puzzles(replace(annotations, pictures=(bad,)), tmp_path / "other")
    with pytest.raises(PuzzleSetError, match="not free for a new puzzle set"):
        annotations_to_puzzles(annotations, tmp_path / "set")


def test_corners_are_rounded_into_the_picture_and_names_kept_apart(tmp_path):
    (tmp_path / "more").mkdir()
    pictures = []
    for name in ("more/a.png", "more-a.png", "more-a.bmp"):
        Image.new("RGB", (20, 10)).save(tmp_path / name)
        box = LabelledBox(19.6, -0.2, 20.0, 0.3, "a", order=3)
        pictures.append(LabelledPicture(tmp_path / name, 20, 10, (box,)))
    annotations = Annotations(tmp_path, Layout.YOLO, tuple(pictures), ("a",))
    made, _ = annotations_to_puzzles(annotations, tmp_path / "set")
    assert [one.id for one in made] == ["more-a", "more-a.png", "more-a.bmp"]
    assert {one.targets for one in made} == {((19, 0, 20, 1),)}
    assert len(read_puzzles(tmp_path / "set")) == 3


PROPOSALS = [
    {"box": [10, 10, 30, 30], "label": "并", "place": 0},
    {"box": [100, 50, 200, 90], "label": None, "place": 1},
    {"box": [40, 10, 60, 30], "label": "a\nb", "place": None},
    {"box": [300, 300, 310, 310], "label": "far", "place": 2},
    {"box": [1, 2, 3], "label": "x", "place": 3},
    {"box": [70, 10, 80, 30], "label": 7, "place": True},
    "nonsense",
]


def test_what_a_model_proposed_is_there_to_be_corrected(tmp_path):
    folder, out = tmp_path / "kept", tmp_path / "out"
    with PuzzleWriter(folder) as writer:
        for name, proposals in (("a", PROPOSALS), ("b", None), ("c", PROPOSALS[2:3])):
            Image.new("RGB", (WIDTH, HEIGHT), "white").save(folder / f"{name}.png")
            meta = {} if proposals is None else {"proposals": proposals}
            prompt = {"words": ("并", "细")}
            writer.write(Puzzle(name, f"{name}.png", prompt, (), (), meta=meta, known=False))
    assert len(list(puzzles_to_yolo(folder, out))) == 3
    labelled = with_order(read_annotations(out), read_order(out))
    boxes = {
        picture.path.stem: [(*map(round, box.xyxy), box.label, box.order) for box in picture.boxes]
        for picture in labelled.pictures
    }
    assert boxes == {
        "a": [
            (10, 10, 30, 30, "并", 0),
            (100, 50, WIDTH, HEIGHT, ITEM, 1),
            (40, 10, 60, 30, "a b", None),
            (70, 10, 80, 30, ITEM, None),
        ],
        "b": [],
        "c": [(40, 10, 60, 30, "a b", None)],
    }
    assert set(read_order(out)) == {"a.png"}
    with pytest.raises(PuzzleSetError, match="from-puzzles"):
        read_annotations(folder)
