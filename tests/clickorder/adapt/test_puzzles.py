"""Labelled pictures as puzzles to measure by."""

import json
from pathlib import Path

from PIL import Image

from clickorder.adapt.puzzles import part_of, puzzles_of
from labels.click_order import read_order, with_order, write_order
from labels.reading import read_annotations

LABELS = "1 0.7 0.5 0.2 0.4\n0 0.3 0.5 0.2 0.4\n2 0.1 0.1 0.1 0.1\n"


def labelled(folder: Path, *names: str) -> None:
    (folder / "classes.txt").write_text("cat\ndog\nitem\n")
    for at, name in enumerate(names):
        Image.new("RGB", (100, 50), (40 * at, 90, 90)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(LABELS)


def test_without_an_order_all_named_boxes_are_asked_for_from_left_to_right(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    labelled(pictures, "a")
    puzzles = puzzles_of(read_annotations(pictures), tmp_path / "out")
    assert puzzles is not None
    (puzzle,) = puzzles
    assert puzzle.words == ("cat", "dog")
    assert puzzle.prompt == {"words": ("cat", "dog")}
    assert len(puzzle.distractors) == 1


def test_the_order_of_clicks_counts_where_it_is_known(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    labelled(pictures, "a", "b")
    write_order(pictures, {"a.png": [0, 1, None]})
    annotations = with_order(read_annotations(pictures), read_order(pictures))
    puzzles = puzzles_of(annotations, tmp_path / "out")
    assert puzzles is not None
    assert {puzzle.id: puzzle.words for puzzle in puzzles} == {
        "a": ("dog", "cat"),
        "b": ("cat", "dog"),
    }


def test_more_than_a_prompt_may_have_are_not_asked_for(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    labelled(pictures, "a")
    lines = [f"{n % 2} {0.05 + 0.06 * n} 0.5 0.04 0.4" for n in range(15)]
    (pictures / "a.txt").write_text("\n".join(lines))
    puzzles = puzzles_of(read_annotations(pictures), tmp_path / "out")
    assert puzzles is not None
    (puzzle,) = puzzles
    assert len(puzzle.words) == 12
    assert len(puzzle.distractors) == 3


def test_pictures_without_names_are_no_puzzles(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    labelled(pictures, "a")
    (pictures / "a.txt").write_text("2 0.1 0.1 0.1 0.1\n")
    assert puzzles_of(read_annotations(pictures), tmp_path / "out") is None


def test_one_name_for_everything_is_no_puzzle(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    labelled(pictures, "a")
    (pictures / "a.txt").write_text("0 0.3 0.5 0.2 0.4\n0 0.7 0.5 0.2 0.4\n")
    assert puzzles_of(read_annotations(pictures), tmp_path / "out") is None


def test_class_folders_are_no_puzzles(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("RGB", (30, 30)).save(tmp_path / "pictures" / name / "1.png")
    assert puzzles_of(read_annotations(tmp_path / "pictures"), tmp_path / "out") is None


def test_what_an_interrupted_run_wrote_is_read(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    labelled(pictures, "a")
    annotations = read_annotations(pictures)
    first = puzzles_of(annotations, tmp_path / "out")
    assert puzzles_of(annotations, tmp_path / "out") == first


def test_a_part_has_the_puzzles_of_its_pictures(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    labelled(pictures, "a", "b", "c")
    annotations = read_annotations(pictures)
    puzzles = puzzles_of(annotations, tmp_path / "out")
    chosen = part_of(puzzles, annotations, [pictures / "b.png", pictures / "none.png"])
    assert chosen is not None
    assert [puzzle.id for puzzle in chosen] == ["b"]
    assert chosen.folder == tmp_path / "out" / "puzzles"
    assert part_of(puzzles, annotations, []) is None
    assert part_of(None, annotations, [pictures / "b.png"]) is None


def test_a_puzzle_set_is_taken_as_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")
    line = {
        "id": "a",
        "background": "a.png",
        "prompt": {"words": ["x"]},
        "words": ["x"],
        "targets": [[1, 1, 9, 9]],
    }
    (tmp_path / "puzzles.jsonl").write_text(json.dumps(line) + "\n")
    puzzles = puzzles_of(read_annotations(tmp_path), tmp_path.with_name("out"))
    assert puzzles is not None
    assert puzzles.folder == tmp_path
