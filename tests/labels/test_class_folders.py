"""Labels in names of folders and files."""

from pathlib import Path

import pytest

from labels.annotations import Kind
from labels.class_folders import label_of_name, read_class_folders, read_named


def test_a_folder_for_each_class(tmp_path: Path, draw) -> None:
    for name in ("cat/1.png", "cat/2.jpg", "猫/1.png", "bi%3Aalarm/1.png"):
        draw(tmp_path / name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("x")
    found = read_class_folders(tmp_path)
    assert found.faults == ()
    assert found.classes == ("bi:alarm", "cat", "empty", "猫")
    assert dict(found.counts) == {"bi:alarm": 1, "cat": 2, "empty": 0, "猫": 1}
    assert (found.pictures[0].label, found.pictures[0].width) == ("bi:alarm", 160)


def test_pictures_outside_of_classes_have_no_label(tmp_path: Path, draw) -> None:
    for name in ("a/1.png", "loose.png", "a/deep/1.png", "_unnamed/1.png", "quarantine/a/1.png"):
        draw(tmp_path / name)
    found = read_class_folders(tmp_path)
    assert [p.path for p in found.pictures] == [tmp_path / "a" / "1.png"]
    assert {p.relative_to(tmp_path).as_posix() for p in found.unlabelled} == {
        "loose.png",
        "a/deep/1.png",
        "_unnamed/1.png",
    }


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("7K_0a1.png", "7K"),
        ("a_b_1.png", "a_b"),
        ("_1.png", ""),
        ("plain.png", ""),
        ("猫_.png", "猫"),
    ],
)
def test_the_label_ends_at_the_last_underscore(name: str, label: str) -> None:
    assert label_of_name(Path(name)) == label


def test_named_pictures(tmp_path: Path, draw) -> None:
    for name in ("7K_1.png", "7K_2.png", "猫_1.png", "plain.png", "deep/x_1.png"):
        draw(tmp_path / name)
    found = read_named(tmp_path)
    assert dict(found.counts) == {"7K": 2, "猫": 1}
    assert {path.name for path in found.unlabelled} == {"plain.png", "x_1.png"}


@pytest.mark.parametrize("read", [read_class_folders, read_named])
def test_a_broken_picture_hides_no_other(tmp_path: Path, draw, read) -> None:
    draw(tmp_path / "a" / "a_1.png")
    draw(tmp_path / "a_1.png")
    for broken in (tmp_path / "a" / "a_2.png", tmp_path / "a_2.png"):
        broken.write_bytes(b"no picture")
    found = read(tmp_path)
    assert {(f.kind, f.file) for f in found.faults} == {
        (Kind.UNREADABLE_PICTURE, tmp_path / "a" / "a_2.png"),
        (Kind.UNREADABLE_PICTURE, tmp_path / "a_2.png"),
    }
    assert len(found.pictures) == 1
