"""Checking a data set, and mending it without losing anything."""

import json
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from clickorder.cli import app
from labels.annotations import Kind, Layout
from labels.check import MOVABLE, MOVED, check_folder, fix_folder
from labels.errors import LayoutError

ROOT = Path(__file__).resolve().parents[2]
GOOD = "0 0.3 0.5 0.2 0.4\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["labels", "check", *map(str, arguments)])


def copy(folder: Path, name: str, other: str) -> None:
    shutil.copy(folder / name, folder / other)


def saved_again(folder: Path) -> None:
    with Image.open(folder / "2.png") as picture:
        picture.save(folder / "2b.jpg", quality=85)
    copy(folder, "2.txt", "2b.txt")


def same_pixels(folder: Path) -> None:
    with Image.open(folder / "2.png") as picture:
        picture.save(folder / "9.bmp")
    copy(folder, "2.txt", "9.txt")


def cut_short(folder: Path) -> None:
    content = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(content[: len(content) // 2])


def one_lion(folder: Path) -> None:
    (folder / "classes.txt").write_text("cat\nbus\nlion\n")
    (folder / "2.txt").write_text(GOOD + "2 0.5 0.5 0.1 0.1\n")


def label(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "2.txt").write_text(GOOD + text)


def other_picture(file: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (100, 160, 3), np.uint8)
    Image.fromarray(noise).save(file)


FAULTS: dict[Kind, tuple[Callable[[Path], object], str]] = {
    Kind.UNREADABLE_PICTURE: (cut_short, "2.png"),
    Kind.UNREADABLE_LABEL: (lambda f: (f / "2.txt").write_bytes(b"\xff\xfe0"), "2.txt"),
    Kind.MISSING_LABEL: (lambda f: (f / "2.txt").unlink(), "2.png"),
    Kind.ORPHANED_LABEL: (lambda f: copy(f, "2.txt", "old.txt"), "old.txt"),
    Kind.SHARED_LABEL: (lambda f: other_picture(f / "2.webp"), "2.png"),
    Kind.MALFORMED_LINE: (label("0 0.5 oops\n"), "2.txt"),
    Kind.UNKNOWN_CLASS: (label("9 0.5 0.5 0.1 0.1\n"), "2.txt"),
    Kind.OUTSIDE_BOX: (label("0 1.5 0.5 0.1 0.1\n"), "2.txt"),
    Kind.EMPTY_BOX: (label("0 0.5 0.5 0 0.1\n"), "2.txt"),
    Kind.EXACT_DUPLICATE: (same_pixels, "9.bmp"),
    Kind.NEAR_DUPLICATE: (saved_again, "2b.jpg"),
    Kind.EMPTY_CLASS: (lambda f: (f / "classes.txt").write_text("cat\nbus\nlion\n"), "classes.txt"),
    Kind.SINGLE_PICTURE: (one_lion, "2.png"),
}


def test_every_kind_has_a_fixture() -> None:
    assert set(FAULTS) == set(Kind)


def test_a_clean_folder(yolo_folder: Path) -> None:
    report = check_folder(yolo_folder)
    assert report.faults == ()
    assert report.charset == "abcstu"
    assert dict(report.annotations.counts) == {"cat": 6, "bus": 6}


@pytest.mark.parametrize("kind", FAULTS, ids=str)
def test_a_fault_is_found_and_nothing_else(yolo_folder: Path, snapshot, kind: Kind) -> None:
    spoil, name = FAULTS[kind]
    spoil(yolo_folder)
    before = snapshot(yolo_folder)
    (fault,) = check_folder(yolo_folder).faults
    assert (fault.kind, fault.file) == (kind, yolo_folder / name)
    assert name in fault.sentence or kind in (Kind.EMPTY_CLASS, Kind.SINGLE_PICTURE)
    assert fault.sentence.endswith(".")
    assert snapshot(yolo_folder) == before


@pytest.mark.parametrize("kind", FAULTS, ids=str)
def test_mending_moves_and_loses_nothing(yolo_folder: Path, snapshot, kind: Kind) -> None:
    FAULTS[kind][0](yolo_folder)
    before = snapshot(yolo_folder)
    moved = len(fix_folder(check_folder(yolo_folder), MOVABLE))
    after = snapshot(yolo_folder)
    assert set(before.values()) <= set(after.values())
    if kind in MOVABLE:
        assert moved >= 1
        assert check_folder(yolo_folder).faults == ()
        log = (yolo_folder / "quarantine" / "quarantine.jsonl").read_text(encoding="utf-8")
        assert {json.loads(line)["reason"] for line in log.splitlines()} == {kind}
    else:
        assert (moved, after) == (0, before)


def test_what_a_person_must_decide_stays_unless_asked_for(yolo_folder: Path, snapshot) -> None:
    saved_again(yolo_folder)
    (yolo_folder / "5.txt").unlink()
    before = snapshot(yolo_folder)
    assert len(fix_folder(check_folder(yolo_folder))) == 0
    assert snapshot(yolo_folder) == before
    assert {
        Kind.NEAR_DUPLICATE,
        Kind.MISSING_LABEL,
        Kind.MALFORMED_LINE,
        Kind.UNREADABLE_LABEL,
    } == MOVABLE - MOVED
    assert len(fix_folder(check_folder(yolo_folder), [Kind.MISSING_LABEL])) == 1
    assert (yolo_folder / "quarantine" / "5.png").exists()
    assert (yolo_folder / "2b.jpg").exists()


class TestLines:
    def test_bad_ones_go_and_good_ones_stay_as_they_are(self, yolo_folder: Path) -> None:
        text = "\ufeff0  0.3 0.5 0.2 0.4\r\n9 0.5 0.5 0.1 0.1\r\n\r\n1 0.7 0.5 0.2 0.40\r\n0 x"
        (yolo_folder / "2.txt").write_bytes(text.encode())
        assert len(fix_folder(check_folder(yolo_folder))) == 1
        assert (yolo_folder / "2.txt").read_bytes() == (
            b"0  0.3 0.5 0.2 0.4\r\n\r\n1 0.7 0.5 0.2 0.40\r\n0 x"
        )
        assert (yolo_folder / "quarantine" / "2.txt").read_bytes() == text.encode()
        assert (yolo_folder / "2.png").exists()

    def test_a_file_without_a_good_line_does_not_come_to_say_nothing_is_there(
        self, yolo_folder: Path
    ) -> None:
        (yolo_folder / "2.txt").write_text("9 0.5 0.5 0.1 0.1\n")
        assert len(fix_folder(check_folder(yolo_folder))) == 2
        assert not (yolo_folder / "2.png").exists()
        assert (yolo_folder / "quarantine" / "2.png").exists()
        assert (yolo_folder / "quarantine" / "2.txt").exists()

    def test_a_label_file_that_two_pictures_share_stays(self, yolo_folder: Path, draw) -> None:
        draw(yolo_folder / "2.webp", 77)
        cut_short(yolo_folder)
        assert len(fix_folder(check_folder(yolo_folder))) == 1
        assert (yolo_folder / "2.txt").exists()
        assert check_folder(yolo_folder).faults == ()


class TestDuplicates:
    def test_the_one_that_has_labels_stays(self, yolo_folder: Path) -> None:
        (yolo_folder / "2.png").rename(yolo_folder / "z.png")
        (yolo_folder / "2.txt").rename(yolo_folder / "z.txt")
        copy(yolo_folder, "z.png", "a.png")
        report = check_folder(yolo_folder)
        assert [(f.kind, f.file.name) for f in report.faults] == [
            (Kind.EXACT_DUPLICATE, "a.png"),
            (Kind.MISSING_LABEL, "a.png"),
        ]
        fix_folder(report)
        assert (yolo_folder / "z.png").exists()

    def test_copies_with_other_labels_are_for_a_person_to_decide(
        self, tmp_path: Path, draw, snapshot
    ) -> None:
        for name in ("cat/1.png", "bus/1.png"):
            draw(tmp_path / name, 5)
        for name in ("cat/2.png", "bus/2.png"):
            draw(tmp_path / name, len(name) + ord(name[0]))
        report = check_folder(tmp_path)
        (fault,) = report.faults
        assert fault.kind is Kind.EXACT_DUPLICATE
        assert "but other labels" in fault.sentence
        before = snapshot(tmp_path)
        assert len(fix_folder(report)) == 0
        assert snapshot(tmp_path) == before

    def test_what_resembles_only_what_goes_stays(self, yolo_folder: Path) -> None:
        # a is near b and b near c, by brightness, but a is not near c.
        for step, name in enumerate("abc"):
            with Image.open(yolo_folder / "2.png") as picture:
                picture.point(lambda v, by=step: v - 12 * by).save(yolo_folder / f"k{name}.png")
            copy(yolo_folder, "2.txt", f"k{name}.txt")
        (yolo_folder / "2.png").unlink()
        (yolo_folder / "2.txt").unlink()
        report = check_folder(yolo_folder)
        assert [f.file.name for f in report.faults] == ["kb.png"]


class TestLayouts:
    def test_class_folders(self, tmp_path: Path, draw) -> None:
        for number, name in enumerate(("cat/1.png", "cat/2.png", "bus/1.png", "loose.png")):
            draw(tmp_path / name, number)
        (tmp_path / "empty").mkdir()
        (tmp_path / "cat" / "3.png").write_bytes(b"no picture")
        report = check_folder(tmp_path)
        assert {(f.kind, f.file.relative_to(tmp_path).as_posix()) for f in report.faults} == {
            (Kind.UNREADABLE_PICTURE, "cat/3.png"),
            (Kind.SINGLE_PICTURE, "bus/1.png"),
            (Kind.EMPTY_CLASS, "empty"),
            (Kind.MISSING_LABEL, "loose.png"),
        }
        assert len(fix_folder(report)) == 1
        assert (tmp_path / "quarantine" / "cat" / "3.png").exists()

    def test_voc_files_go_with_their_picture(self, tmp_path: Path, draw) -> None:
        box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>9</ymax></bndbox>"
        for number, right in enumerate((9, 9, 999)):
            draw(tmp_path / f"{number}.png", number)
            (tmp_path / f"{number}.xml").write_text(
                f"<annotation><object><name>a</name>{box.format(right)}</object></annotation>"
            )
        report = check_folder(tmp_path)
        assert [f.kind for f in report.faults] == [Kind.OUTSIDE_BOX]
        assert len(fix_folder(report)) == 2
        assert check_folder(tmp_path).faults == ()
        assert {p.name for p in (tmp_path / "quarantine").iterdir()} == {
            "2.png",
            "2.xml",
            "quarantine.jsonl",
        }

    def test_an_export_of_label_studio_is_never_changed(self, tmp_path: Path, draw) -> None:
        value = {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": ["a"]}
        wrong = {**value, "width": 0}
        tasks = [
            {
                "data": {"image": f"{number}.png"},
                "annotations": [{"result": [{"type": "rectanglelabels", "value": v}]}],
            }
            for number, v in enumerate((value, value, wrong, value))
        ]
        for number in range(4):
            draw(tmp_path / f"{number}.png", number)
        (tmp_path / "3.png").write_bytes(b"no picture")
        (tmp_path / "tasks.json").write_text(json.dumps(tasks))
        before = (tmp_path / "tasks.json").read_bytes()
        report = check_folder(tmp_path)
        assert len(fix_folder(report)) == 1
        assert (tmp_path / "tasks.json").read_bytes() == before
        assert [f.kind for f in check_folder(tmp_path).faults] == [Kind.EMPTY_BOX]

    def test_a_puzzle_set_is_not_taken_apart(self) -> None:
        report = check_folder(ROOT / "benchmarks" / "puzzles" / "latin")
        assert report.annotations.layout is Layout.PUZZLES
        assert report.faults == ()
        with pytest.raises(LayoutError, match="is a puzzle set"):
            fix_folder(report)


class TestCommand:
    def test_clean(self, yolo_folder: Path) -> None:
        result = run(yolo_folder)
        assert result.exit_code == 0, result.output
        assert "No faults." in result.stdout
        assert "charset (6)" in result.stdout

    def test_faults(self, yolo_folder: Path, tmp_path: Path) -> None:
        label("9 0.5 0.5 0.1 0.1\n")(yolo_folder)
        (yolo_folder / "5.txt").unlink()
        result = run(yolo_folder, "--json", tmp_path / "found.json")
        assert result.exit_code == 1
        assert "2.txt, line 2: the class number 9 is not one of the 2 classes" in result.stdout
        assert "--also missing-label" in result.stdout
        found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
        assert found["fault_counts"] == {"missing-label": 1, "unknown-class": 1}
        assert found["classes"] == {"cat": 5, "bus": 4}
        faults = [(f["kind"], f["file"], f["line"]) for f in found["faults"]]
        assert faults == [("unknown-class", "2.txt", 2), ("missing-label", "5.png", None)]

    @pytest.mark.parametrize("columns", ["20", "300"])
    def test_names_with_brackets_are_shown_as_they_are(
        self, yolo_folder: Path, columns: str, monkeypatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", columns)
        (yolo_folder / "classes.txt").write_text("[b]\n[/red]\n")
        folder = yolo_folder.rename(yolo_folder.parent / "a[bold]b")
        result = run(folder)
        assert result.exit_code == 0, result.output
        assert str(folder) in result.stdout.splitlines()
        assert all(name in result.stdout for name in ("[b]", "[/red]"))

    def test_json_on_stdout_is_json_alone(self, yolo_folder: Path) -> None:
        result = run(yolo_folder, "--json", "-")
        assert json.loads(result.stdout)["faults"] == []

    def test_fix(self, yolo_folder: Path) -> None:
        cut_short(yolo_folder)
        result = run(yolo_folder, "--fix")
        assert result.exit_code == 0, result.output
        assert "2 files moved" in result.stdout
        assert run(yolo_folder).exit_code == 0

    def test_fix_leaves_what_it_may_not_move(self, yolo_folder: Path) -> None:
        saved_again(yolo_folder)
        assert run(yolo_folder, "--fix").exit_code == 1
        assert run(yolo_folder, "--fix", "--also", "near-duplicate").exit_code == 0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("absent",), "is no folder"),
            (("data", "--also", "missing-label"), "give both"),
            (("data", "--layout", "voc", "--json", "gone/x.json"), "cannot be read or written"),
            (("empty",), "no labels of a known layout"),
        ],
        ids=["no folder", "also alone", "no place for json", "no layout"],
    )
    def test_refusals_are_one_sentence(
        self, yolo_folder: Path, monkeypatch, arguments: tuple[str, ...], words: str
    ) -> None:
        monkeypatch.chdir(yolo_folder.parent)
        Path("empty").mkdir()
        result = run(*arguments)
        assert result.exit_code == (1 if "--json" in arguments else 2)
        (line,) = result.stderr.splitlines()
        assert line.startswith("clickorder: ")
        assert words in line


KILLED = """
import sys, time
from pathlib import Path
from labels.check import check_folder, fix_folder
from labels.quarantine import Quarantine

def slow(function):
    # Gives a kill the time to come before, between and after.
    def call(*arguments, **options):
        time.sleep(0.002)
        return function(*arguments, **options)
    return call

folder = Path(sys.argv[1])
for name in ("rename", "replace", "unlink"):
    setattr(Path, name, slow(getattr(Path, name)))
Quarantine(folder).recover()
report = check_folder(folder)
print("begun", flush=True)
fix_folder(report)
"""


def spoilt(folder: Path, draw) -> Path:
    """A folder with many faults of the kinds that are moved."""
    for number in range(40):
        draw(folder / "deep" / f"{number}.png", number)
        text = GOOD + ("9 0.5 0.5 0.1 0.1\n" if number % 2 else "1 0.7 0.5 0.2 0.4\n")
        (folder / "deep" / f"{number}.txt").write_text(text)
        if number % 5 == 0:
            (folder / "deep" / f"{number}.png").write_bytes(b"no picture")
        if number % 7 == 0:
            (folder / f"orphan{number}.txt").write_text(text)
    (folder / "classes.txt").write_text("cat\nbus\n")
    return folder


def kill_after(python, seconds: float, folder: Path) -> None:
    """Mend a folder in another process, and kill that some time after it began to."""
    with python.start(KILLED, folder) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(seconds)
        process.kill()


def test_killed_and_run_again_nothing_is_lost(tmp_path: Path, draw, snapshot, python) -> None:
    start = spoilt(tmp_path / "start", draw)
    whole = Path(shutil.copytree(start, tmp_path / "whole"))
    fix_folder(check_folder(whole))
    assert check_folder(whole).faults == ()
    wanted = snapshot(whole)
    log = "quarantine/quarantine.jsonl"
    chance, amid = random.Random(4), 0
    for number in range(5):
        folder = Path(shutil.copytree(start, tmp_path / f"killed{number}"))
        for _ in range(2):
            kill_after(python, chance.uniform(0, 0.15), folder)
            left = snapshot(folder)
            amid += left.keys() != snapshot(start).keys() and left.keys() != wanted.keys()
            assert set(snapshot(start).values()) <= set(left.values())
        assert run(folder, "--fix").exit_code == 0
        now = snapshot(folder)
        assert now.keys() == wanted.keys()
        assert all(now[name] == wanted[name] for name in wanted if name != log)
        assert len(now[log].splitlines()) == len(wanted[log].splitlines())
    assert amid, "no kill came in the midst of moving; change the times"
