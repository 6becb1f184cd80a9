"""What an adaptation remembers, and what it refuses to go on with."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from clickorder.adapt.state import AdaptationState, AdaptOptions, Training, fingerprint_of
from clickorder.errors import CommandError
from labels.annotations import Annotations, LabelledBox, LabelledPicture, Layout

BOX = LabelledBox(1, 2, 30, 40, "cat")


def annotations(*boxes: LabelledBox) -> Annotations:
    folder = Path("pictures")
    picture = LabelledPicture(folder / "a.png", 100, 80, boxes or (BOX,))
    return Annotations(folder, Layout.YOLO, (picture,), ("cat",))


PARTS = {"train": [Path("pictures/a.png")], "validation": [], "test": []}


def test_trainings_that_are_done_are_known_after_a_restart(tmp_path: Path) -> None:
    state = AdaptationState.open(tmp_path / "out", tmp_path / "pictures", "f")
    assert state.training("detector") is None
    state.done("detector", Training(12.34, 7))
    again = AdaptationState.open(tmp_path / "out", tmp_path / "pictures", "f")
    assert again.training("detector") == Training(12.3, 7)
    assert again.training("matcher") is None


def test_other_labels_are_refused(tmp_path: Path) -> None:
    AdaptationState.open(tmp_path / "out", tmp_path / "pictures", "f")
    with pytest.raises(CommandError, match="other labels"):
        AdaptationState.open(tmp_path / "out", tmp_path / "pictures", "g")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(CommandError, match="is not empty"):
        AdaptationState.open(out, tmp_path / "pictures", "f")
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("out", "folder"), [("a/out", "a"), ("a", "a/pictures"), ("a", "a")], ids=["in", "around", "is"]
)
def test_folders_in_each_other_are_refused(tmp_path: Path, out: str, folder: str) -> None:
    with pytest.raises(CommandError, match="lie in each other"):
        AdaptationState.open(tmp_path / out, tmp_path / folder, "f")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fingerprint": "f", "trainings": {"a": 1}}'])
def test_a_broken_file_is_told_by_name(tmp_path: Path, text: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "adapt.json").write_text(text)
    with pytest.raises(CommandError, match=r"adapt\.json cannot be read"):
        AdaptationState.open(out, tmp_path / "pictures", "f")


def test_the_file_is_json_that_a_person_reads(tmp_path: Path) -> None:
    AdaptationState.open(tmp_path / "out", tmp_path / "p", "f").done("matcher", Training(1, 2))
    value = json.loads((tmp_path / "out" / "adapt.json").read_text())
    assert value["trainings"] == {"matcher": {"seconds": 1, "generated": 2}}


@pytest.mark.parametrize(
    "changed",
    [
        fingerprint_of(annotations(replace(BOX, x2=31)), PARTS, AdaptOptions()),
        fingerprint_of(annotations(replace(BOX, label="dog")), PARTS, AdaptOptions()),
        fingerprint_of(annotations(replace(BOX, order=0)), PARTS, AdaptOptions()),
        fingerprint_of(annotations(BOX, replace(BOX, x1=3)), PARTS, AdaptOptions()),
        fingerprint_of(annotations(), {"test": PARTS["train"]}, AdaptOptions()),
        fingerprint_of(annotations(), PARTS, AdaptOptions(minutes=13)),
        fingerprint_of(annotations(), PARTS, AdaptOptions(seed=2)),
        fingerprint_of(annotations(), PARTS, AdaptOptions(mix=False)),
        fingerprint_of(annotations(), PARTS, AdaptOptions(models_dir=Path("m"))),
    ],
    ids=["box", "label", "order", "more", "part", "minutes", "seed", "mix", "models"],
)
def test_every_change_that_matters_is_seen(changed: str) -> None:
    assert changed != fingerprint_of(annotations(), PARTS, AdaptOptions())


def test_what_does_not_matter_is_not_seen() -> None:
    one = fingerprint_of(annotations(), PARTS, AdaptOptions(threads=1))
    assert one == fingerprint_of(annotations(), PARTS, AdaptOptions(threads=2))
