"""A kill -9 at any write: what was there stays, nothing is torn, and a second run ends the work."""

import signal
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from labels.pictures import find_pictures
from labels.puzzles import Puzzle, PuzzleWriter
from labels.reading import read_annotations

# Dies just before the file that it is told to would get its name.
DYING = """
import os, signal, sys
from pathlib import Path
from clickorder.cli import app

left, replace = int(sys.argv[1]), Path.replace

def dying(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

Path.replace = dying
app(["labels", *sys.argv[2:]])
"""


@pytest.fixture
def run(python):
    """`run("crop", source, out, writes=3)`: the exit code, less than 0 for a signal; the output."""

    def ran(*arguments, writes=10**6):
        done = python.run(DYING, writes, *arguments)
        return done.returncode, done.stdout + done.stderr

    return ran


def letters(path, text="HAK", shade=0):
    picture = Image.new("RGB", (240, 120), (225, 228, 220 - shade))
    font, draw, boxes = ImageFont.load_default(36), ImageDraw.Draw(picture), []
    for place, letter in enumerate(text):
        corner = (15 + 75 * place, 20 + 15 * place)
        draw.text(corner, letter, fill=(40, 30, 90), font=font)
        boxes.append(tuple(map(int, draw.textbbox(corner, letter, font=font))))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return tuple(boxes)


@pytest.fixture
def source(tmp_path):
    """A puzzle set, which is a folder of labelled pictures and of crops as well."""
    folder = tmp_path / "set"
    folder.mkdir()
    with PuzzleWriter(folder) as writer:
        for number in range(3):
            boxes = letters(folder / f"{number}.png", shade=number)
            puzzle = Puzzle(
                f"{number}", f"{number}.png", {"words": tuple("HAK")}, tuple("HAK"), boxes
            )
            writer.write(puzzle)
    return folder


def contents(folder):
    """What a reader sees: no hidden files, which a kill may leave."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize("writes", [0, 1, 4])
@pytest.mark.parametrize("command", ["crop", "from-puzzles", "prelabel", "group"])
def test_a_second_run_ends_what_a_kill_began(run, source, tmp_path, command, writes):
    def arguments(out):
        return (command, source, "--out", out) if command == "prelabel" else (command, source, out)

    given = contents(source)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    code, said = run(*arguments(whole))
    assert code == 0, said
    code, said = run(*arguments(killed), writes=writes)
    assert code == -signal.SIGKILL, said
    partly = contents(killed)
    # What is there is whole, but classes.txt and the like may still grow.
    pictures = {path.relative_to(killed).as_posix() for path in find_pictures(killed)}
    assert all(contents(whole)[name] == partly[name] for name in pictures)
    code, said = run(*arguments(killed))
    assert code == 0, said
    assert contents(killed) == contents(whole)
    assert contents(source) == given


def test_labels_drawn_between_a_kill_and_the_next_run_stay(run, source, tmp_path):
    out = tmp_path / "out"
    code, said = run("prelabel", source, "--out", out, writes=3)
    assert code == -signal.SIGKILL, said
    (done,) = [path for path in out.glob("*.txt") if path.name != "classes.txt"]
    done.write_text("0 0.5 0.5 0.25 0.25\n")
    code, said = run("prelabel", source, "--out", out)
    assert code == 0, said
    assert done.read_text() == "0 0.5 0.5 0.25 0.25\n"
    assert len(read_annotations(out).pictures) == 3
    assert Path(out / "prelabel.csv").read_text().count("\n") == 4
