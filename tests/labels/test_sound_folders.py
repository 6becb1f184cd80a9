"""Folders as people have them: read whole, and `check --fix` of a sound one changes nothing."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from clickorder.cli import app
from labels.check import MOVABLE, check_folder, fix_folder
from labels.class_lists import class_list_of
from labels.class_names import folder_of_class
from labels.errors import LayoutError
from labels.split import split_folder
from labels.split_export import write_parts
from labels.yolo import label_file_of, write_classes
from training.detector.data import read_detection_data

Build = Callable[[Path, Sequence[Path], Sequence[str]], None]
NAMES = ("1", "0", "0 0.5 0.5 1 1", "item", "成", "bi:alarm", "two words", "classes")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, draw) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    return [draw(folder / f"{number}.png", number) for number in range(6)]


def yolo(pictures_in: str, labels_in: str, classes_in: str) -> Build:
    """Pictures, label files and `classes.txt`, each in a folder."""

    def build(folder: Path, pictures: Sequence[Path], names: Sequence[str]) -> None:
        for place in (pictures_in, labels_in, classes_in):
            (folder / place).mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}\n" for name in names)
        (folder / classes_in / "classes.txt").write_text(text, encoding="utf-8")
        for number, picture in enumerate(pictures):
            shutil.copy(picture, folder / pictures_in)
            lines = [f"{(number + k) % len(names)} 0.{3 + k} 0.5 0.2 0.4\n" for k in range(2)]
            # The last shows nothing.
            text = "".join(lines) if number < len(pictures) - 1 else ""
            (folder / labels_in / f"{picture.stem}.txt").write_text(text)

    return build


def voc(labels_in: str) -> Build:
    def build(folder: Path, pictures: Sequence[Path], names: Sequence[str]) -> None:
        for place in ("", labels_in, "JPEGImages" if labels_in else ""):
            (folder / place).mkdir(exist_ok=True)
        for number, picture in enumerate(pictures):
            shutil.copy(picture, folder / ("JPEGImages" if labels_in else ""))
            box = "<xmin>10</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60</ymax>"
            item = f"<name>{names[number % len(names)]}</name><bndbox>{box}</bndbox>"
            text = f"<annotation><object>{item}</object></annotation>"
            (folder / labels_in / f"{picture.stem}.xml").write_text(text, encoding="utf-8")
        # labelImg leaves it behind when its user changes the format.
        (folder / "classes.txt").write_text("1\n")

    return build


def label_studio(folder: Path, pictures: Sequence[Path], names: Sequence[str]) -> None:
    tasks = []
    for number, picture in enumerate(pictures):
        shutil.copy(picture, folder)
        sides = {"x": 10, "y": 20, "width": 25, "height": 40, "rotation": 0}
        value = {**sides, "rectanglelabels": [names[number % len(names)]]}
        result = [{"type": "rectanglelabels", "value": value}]
        tasks.append({"data": {"image": picture.name}, "annotations": [{"result": result}]})
    (folder / "export.json").write_text(json.dumps(tasks), encoding="utf-8")


def class_folders(folder: Path, pictures: Sequence[Path], names: Sequence[str]) -> None:
    for number, picture in enumerate(pictures):
        place = folder / folder_of_class(names[number % len(names)])
        place.mkdir(exist_ok=True)
        shutil.copy(picture, place)


def named(folder: Path, pictures: Sequence[Path], names: Sequence[str]) -> None:
    for number, picture in enumerate(pictures):
        shutil.copy(picture, folder / f"{folder_of_class(names[number % len(names)])}_{number}.png")


LAYOUTS: dict[str, Build] = {
    "all in one": yolo("", "", ""),
    "images and labels, list on top": yolo("images", "labels", ""),
    "images and labels, list beside labels": yolo("images", "labels", "labels"),
    "two folders of any name": yolo("shots", "my txt", "my txt"),
    "labels below the pictures": yolo("", "labels", "labels"),
    "voc": voc(""),
    "voc in two folders": voc("Annotations"),
    "label studio": label_studio,
    "class folders": class_folders,
    "names": named,
}
TWO_FOLDERS = [name for name in LAYOUTS if "labels" in name or "folders of any" in name]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@given(
    layout=st.sampled_from(sorted(LAYOUTS)),
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
    notes=st.sampled_from(["2024 was a good year\n", "1\n", "a note", "1. one\n2. two\n"]),
)
def test_mending_a_sound_folder_changes_nothing(
    pictures: list[Path], layout: str, names: list[str], notes: str
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        LAYOUTS[layout](folder, pictures, names)
        if layout not in ("voc", "voc in two folders"):
            (folder / "README.txt").write_text(notes)
        before = contents(folder)
        report = check_folder(folder)
        assert [fault for fault in report.faults if fault.kind in MOVABLE] == []
        assert len(report.annotations.pictures) == len(pictures)
        assert len(fix_folder(report)) == 0
        assert contents(folder) == before
        if layout != "names":  # where no name is escaped
            assert {name for name, n in report.annotations.counts.items() if n} <= set(names)


@pytest.mark.parametrize("layout", TWO_FOLDERS)
def test_a_labelimg_folder_is_one_wherever_its_files_lie(
    pictures: list[Path], tmp_path: Path, layout: str
) -> None:
    folder = tmp_path / "data"
    LAYOUTS[layout](folder, pictures, ["1"])
    done = CliRunner().invoke(app, ["labels", "check", str(folder), "--fix"])
    assert done.exit_code == 0, done.output
    assert not (folder / "quarantine").exists()
    data = read_detection_data([folder])
    assert data.classes == ("1",)
    assert sum(len(s.boxes) for s in (*data.train, *data.validation)) == 10
    # The parts are such folders again.
    report = check_folder(folder)
    split = split_folder(report.annotations, report.prints)
    write_parts(report.annotations, split, tmp_path / "parts")
    part = check_folder(tmp_path / "parts" / "train")
    assert len(part.annotations.pictures) == len(split.of("train"))
    assert set(part.annotations.classes) == {"1"}
    assert part.faults == ()


def test_a_new_label_goes_to_the_others(pictures: list[Path], tmp_path: Path) -> None:
    LAYOUTS["two folders of any name"](tmp_path, pictures, ["a1"])
    shutil.copy(pictures[0], tmp_path / "shots" / "new.png")
    wanted = label_file_of(tmp_path / "shots" / "new.png", tmp_path)
    assert wanted == tmp_path / "my txt" / "new.txt"
    write_classes(tmp_path, ["a1", "b1"])
    assert (tmp_path / "my txt" / "classes.txt").read_text() == "a1\nb1\n"
    assert not (tmp_path / "classes.txt").exists()


def test_pictures_are_not_given_the_labels_of_another_set(
    pictures: list[Path], tmp_path: Path
) -> None:
    LAYOUTS["all in one"](tmp_path / "site", pictures, ["a1"])
    (tmp_path / "other").mkdir()
    shutil.copy(pictures[1], tmp_path / "other" / pictures[0].name)
    found = check_folder(tmp_path).annotations
    assert found.unlabelled == (tmp_path / "other" / pictures[0].name,)
    assert len(found.pictures) == len(pictures)


def test_two_class_lists_are_not_guessed_between(pictures: list[Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        LAYOUTS["all in one"](tmp_path / name, pictures, [name])
    with pytest.raises(LayoutError, match="several class lists"):
        class_list_of(tmp_path)


def test_labels_that_lost_their_picture_are_still_found(
    pictures: list[Path], tmp_path: Path
) -> None:
    LAYOUTS["two folders of any name"](tmp_path, pictures, ["1"])
    (tmp_path / "shots" / pictures[0].name).unlink()
    report = check_folder(tmp_path)
    assert len(fix_folder(report)) == 1
    assert (tmp_path / "quarantine" / "my txt" / f"{pictures[0].stem}.txt").is_file()
    assert class_list_of(tmp_path).is_file()
