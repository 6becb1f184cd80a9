"""Hard negatives are what the detector finds where no item is."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from typer.testing import CliRunner

from detector.yolo import YoloDetector
from labels.puzzles import Box, Puzzle, PuzzleSet, read_puzzles, write_puzzles
from training.core.initial_weights import shipped_file
from training.errors import TrainingError
from training.matcher.cli import classifier_app, siamese_app
from training.matcher.mining import false_alarms, mine, open_mined
from training.matcher.synthetic_blocks import SyntheticSource
from training.synthetic.ingredients.palette import Palette

LETTERS = {"A": (20, 15), "K": (120, 80), "R": (210, 20), "W": (35, 95)}


def box_of(letter: str) -> Box:
    """About where a letter is."""
    x, y = LETTERS[letter]
    return x, y, x + 34, y + 42


@pytest.fixture(scope="module")
def detector() -> YoloDetector:
    return YoloDetector.load(shipped_file("detector"))


def labelled(folder: Path, letters: str, *, count: int = 1) -> PuzzleSet:
    """Puzzles that show four letters each and call only some of them items."""
    picture = Image.new("RGB", (300, 150), (226, 224, 218))
    draw = ImageDraw.Draw(picture)
    for letter, place in LETTERS.items():
        draw.text(place, letter, fill=(30, 40, 90), font=ImageFont.load_default(44))
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / "scene.png")
    first, *others = letters
    puzzles = [
        Puzzle(
            id=str(number),
            background="scene.png",
            prompt={"words": (first,)},
            words=(first,),
            targets=(box_of(first),),
            distractors=tuple(map(box_of, others)),
        )
        for number in range(count)
    ]
    write_puzzles(folder, puzzles)
    return read_puzzles(folder)


def holds(box: tuple[float, float, float, float], letter: str) -> bool:
    """Whether the middle of a letter is in a box."""
    x1, y1, x2, y2 = box_of(letter)
    return box[0] < (x1 + x2) / 2 < box[2] and box[1] < (y1 + y2) / 2 < box[3]


@pytest.mark.parametrize("letters", ["A", "AK", "WRK"])
def test_false_alarms_are_found_beside_the_items(
    tmp_path: Path, detector: YoloDetector, letters: str
) -> None:
    (puzzle,) = labelled(tmp_path, letters).puzzles
    views = list(false_alarms(tmp_path, puzzle, detector))
    for letter in LETTERS:
        assert any(holds(view.box, letter) for view in views) == (letter not in letters), letter


def test_mined_crops_are_written_for_both_models(tmp_path: Path, detector: YoloDetector) -> None:
    sets = [labelled(tmp_path / name, "AK", count=4).folder for name in ("one", "two")]
    said = io.StringIO()
    count = mine(sets, detector, tmp_path / "mined.npy", Console(file=said))
    crops = open_mined(tmp_path / "mined.npy")
    assert crops.shape == (count, 2, 64, 64, 3)
    assert count >= 16
    # Letters on paper, not paper alone, and cut otherwise for the other model.
    assert (crops.reshape(count, -1).max(axis=1) - crops.reshape(count, -1).min(axis=1) > 100).all()
    assert not np.array_equal(crops[:, 0], crops[:, 1])
    assert f"{count} hard negatives" in said.getvalue()


def test_sets_without_false_alarms_are_refused(tmp_path: Path, detector: YoloDetector) -> None:
    folder = labelled(tmp_path / "set", "AKRW").folder
    with pytest.raises(TrainingError, match="false alarms"):
        mine([folder], detector, tmp_path / "mined.npy", Console(file=io.StringIO()))


@pytest.mark.parametrize(
    "content", [None, b"", np.zeros((3, 2)).tobytes()], ids=["missing", "empty", "other"]
)
def test_a_file_that_holds_no_crops_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "mined.npy"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TrainingError, match="--hard-negatives"):
        open_mined(file)


def test_another_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "mined.npy", np.zeros((4, 64, 64, 3), np.uint8))
    with pytest.raises(TrainingError, match="does not hold mined crops"):
        open_mined(tmp_path / "mined.npy")


@pytest.mark.parametrize("app", [siamese_app, classifier_app], ids=["siamese", "classifier"])
def test_hard_negatives_need_drawn_crops(app: object, tmp_path: Path) -> None:
    arguments = [str(tmp_path), "--hard-negatives", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)  # type: ignore[arg-type]
    assert result.exit_code == 2
    assert "--synthetic" in result.output


def test_mined_crops_join_the_drawn_negatives_of_every_block(palette: Palette) -> None:
    mined = np.zeros((5, 2, 64, 64, 3), np.uint8)
    mined[:, 0] = (np.arange(5) + 1)[:, None, None, None]
    mined[:, 1] = (np.arange(5) + 101)[:, None, None, None]
    source = SyntheticSource(palette, ("A",), 0, np.random.default_rng(4), mined=mined)
    cut_for = set()
    for _ in range(6):
        negatives = source.block("icons").scene_negatives
        even = [int(crop[0, 0, 0]) for crop in negatives if (crop == crop[0, 0, 0]).all()]
        ours = [value for value in even if value in (*range(1, 6), *range(101, 106))]
        assert len(ours) == 5
        assert len(negatives) > len(ours)
        # All of a block are cut for one model, as the drawn ones are.
        assert len({value > 100 for value in ours}) == 1
        cut_for.add(ours[0] > 100)
    assert cut_for == {False, True}
