"""The commands of `clickorder labels` that turn screenshots into named crops."""

import csv
import re
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from clickorder.cli import app
from labels.puzzles import Puzzle, PuzzleWriter, read_puzzles

COMMANDS = ("from-puzzles", "to-puzzles", "crop", "prelabel", "group")


def run(*arguments: object):
    return CliRunner().invoke(app, ["labels", *map(str, arguments)])


def sentence(result) -> str:
    """The one sentence of a refusal; a traceback or a second line would fail here."""
    (line,) = result.stderr.splitlines()
    assert line.startswith("clickorder: ")
    return line


@pytest.fixture
def puzzles(tmp_path) -> Path:
    """Two puzzles of dark letters on a light ground, of two inks: no crop is a copy of another."""
    folder, font = tmp_path / "set", ImageFont.load_default(40)
    with PuzzleWriter(folder) as writer:
        for number, letters in enumerate(("HAK", "KHA")):
            picture = Image.new("RGB", (300, 160), (225, 228, 220))
            draw, boxes = ImageDraw.Draw(picture), []
            for place, letter in enumerate(letters):
                corner = (30 + 90 * place, 20 + 35 * ((place + number) % 3))
                draw.text(corner, letter, fill=(40, 30 + 40 * number, 90), font=font)
                boxes.append(tuple(map(int, draw.textbbox(corner, letter, font=font))))
            picture.save(folder / f"{number}.png")
            words, targets = tuple(letters[:2]), tuple(boxes[:2])
            writer.write(
                Puzzle(f"{number}", f"{number}.png", {"words": words}, words, targets, (boxes[2],))
            )
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"clickorder labels {command}" in " ".join(result.stdout.split())


def test_a_puzzle_set_there_and_back(puzzles, tmp_path):
    result = run("from-puzzles", puzzles, tmp_path / "yolo")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"2 pictures in {tmp_path / 'yolo'}.\n"
    Image.new("RGB", (9, 9)).save(tmp_path / "yolo" / "new.png")
    result = run("to-puzzles", tmp_path / "yolo", tmp_path / "back")
    assert result.exit_code == 0
    assert "2 puzzles" in result.stdout
    assert f"left out: {tmp_path / 'yolo' / 'new.png'}: It has no labels." in result.stderr
    for before, after in zip(read_puzzles(puzzles), read_puzzles(tmp_path / "back"), strict=True):
        assert (before.words, before.targets) == (after.words, after.targets)
        assert before.distractors == after.distractors


def test_crop_counts_and_fails_for_what_it_cannot_read(puzzles, tmp_path):
    run("from-puzzles", puzzles, tmp_path / "yolo")
    result = run("crop", tmp_path / "yolo", tmp_path / "crops")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("6 new crops")
    (tmp_path / "yolo" / "broken.png").write_bytes(b"no picture")
    result = run("crop", tmp_path / "yolo", tmp_path / "crops")
    assert result.exit_code == 1
    assert "broken.png" in result.stderr
    assert result.stdout.startswith("0 new crops")
    assert "6 were there" in result.stdout


def test_from_screenshots_to_groups(puzzles, tmp_path):
    shots = tmp_path / "shots"
    shots.mkdir()
    for path in puzzles.glob("*.png"):
        path.rename(shots / path.name)
    result = run("prelabel", shots, "--out", tmp_path / "labelled", "--names", "H，A, K")
    assert result.exit_code == 0, result.stderr
    first, told, *least = result.stdout.splitlines()
    assert first == f"2 pictures labelled in {tmp_path / 'labelled'}, 0 had labels already."
    assert told.startswith("Least certain")
    assert all(re.fullmatch(r"  0\.\d{3}   3 boxes  [01]\.png", line) for line in least)
    with (tmp_path / "labelled" / "prelabel.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["picture"] for row in rows] == [line.split()[-1] for line in least]
    classes = (tmp_path / "labelled" / "classes.txt").read_text("utf-8").split()
    assert classes == ["item", "H", "A", "K"]
    assert run("crop", tmp_path / "labelled", tmp_path / "crops").exit_code == 0
    crops = list((tmp_path / "crops").rglob("*.png"))
    assert len(crops) == 6
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in crops:
        path.rename(flat / path.name)
    result = run("group", flat, tmp_path / "groups")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("6 new crops: 0 joined groups, 3 new groups.")
    assert (tmp_path / "groups" / "index.html").is_file()
    sheets = {path.stem for path in (tmp_path / "groups" / "_sheets").iterdir()}
    assert sheets == {"group-001", "group-002", "group-003"}


REFUSED = {
    "crop of nothing": (["crop", "{}/nowhere", "{}/out"], 1, "is no folder"),
    "crop of crops": (["crop", "{}/classes", "{}/out"], 1, "has no boxes to cut out"),
    "a set that is none": (["from-puzzles", "{}/nowhere", "{}/out"], 2, "is not a puzzle set"),
    "no pictures": (["prelabel", "{}/nowhere"], 1, "is no folder"),
    "no models": (["prelabel", "{}", "--models-dir", "{}/nowhere"], 1, "nowhere"),
    "models of other names": (
        ["group", "{}/classes/a", "{}/out", "--models-dir", "{}/models"],
        1,
        "has mine.onnx, but none of detector.onnx",
    ),
    "no crops": (["group", "{}/classes", "{}/out"], 1, "has no crops"),
    "out is a file": (["group", "{}/classes/a", "{}/file"], 1, "cannot be read or written"),
}


@pytest.mark.parametrize(("arguments", "code", "part"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals_are_one_sentence(tmp_path, arguments, code, part):
    (tmp_path / "file").write_text("")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.onnx").touch()
    for number in range(2):
        path = tmp_path / "classes" / "ab"[number] / "a.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(path)
    result = run(*(argument.replace("{}", str(tmp_path)) for argument in arguments))
    assert part in sentence(result)
    assert result.exit_code == code
    assert result.stdout == ""
