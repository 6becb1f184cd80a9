import numpy as np
import pytest
from PIL import Image, ImageFont

from labels.puzzles import Puzzle, PuzzleWriter, read_puzzles
from training.errors import EvaluationError
from training.evaluation.evaluate import evaluate
from training.evaluation.failures import SCALE, Lettering, draw_answer, draw_failure, draw_failures
from training.evaluation.scoring import Reply

A, B = (10, 10, 30, 30), (60, 10, 80, 30)
TRUTH, FOUND, CLICKED = (0, 150, 60), (60, 110, 255), (220, 30, 30)
PLAIN = Lettering(ImageFont.load_default(15), None)
PROMPTS = {
    "words": {"words": ("并", "<b>")},
    "icons": {"icons": ("icon.png", "icon.png")},
    "image": {"image": "icon.png"},
    "region": {"region": (0, 40, 120, 60)},
}


def wrong(_puzzle, _folder):
    return {
        "solved": True,
        "confidence": 0.5,
        "clicks": [{"x": 70, "y": 20}, {"x": 20, "y": 20}],
        "boxes": [{"box": [12, 12, 28, 28], "confidence": 0.87}],
    }


@pytest.fixture
def outcomes(tmp_path):
    folder = tmp_path / "set"
    with PuzzleWriter(folder) as writer:
        Image.new("RGB", (120, 60), "white").save(folder / "0.png")
        Image.new("RGBA", (600, 40), (0, 200, 200, 255)).save(folder / "icon.png")
        for kind, prompt in PROMPTS.items():
            words = ("并", "<b>")
            writer.write(
                Puzzle(f"../{kind} 1", "0.png", prompt, words, (A, B), family=f"fam/{kind}")
            )
    return evaluate([read_puzzles(folder)], wrong)


def has(picture: Image.Image, colour: tuple[int, int, int], box=None) -> bool:
    pixels = np.asarray(picture.crop(box) if box else picture)
    return bool((pixels == colour).all(axis=2).any())


def test_draws_truth_boxes_and_clicks_where_they_are(outcomes):
    sheet = draw_failure(outcomes[0], PLAIN)
    assert sheet.width > 120 * SCALE
    assert sheet.height >= 60 * SCALE
    for colour in (TRUTH, FOUND, CLICKED):
        assert has(sheet, colour, (0, 0, 120 * SCALE, 60 * SCALE))
    # The last row of the target A is row 29, ends being exclusive.
    assert sheet.getpixel((50, 29 * SCALE + 1)) == TRUTH
    assert sheet.getpixel((50, 30 * SCALE)) != TRUTH
    # The first click is right of the centre of B, where no digit and no line is.
    assert sheet.getpixel((70 * SCALE + 7, 20 * SCALE)) == CLICKED


def test_the_prompt_picture_is_shown(outcomes):
    by_kind = {outcome.puzzle.kind: draw_failure(outcome, PLAIN) for outcome in outcomes}
    shows = {
        kind: has(sheet, (0, 200, 200), (120 * SCALE, 0, *sheet.size))
        for kind, sheet in by_kind.items()
    }
    assert shows == {"words": False, "icons": True, "image": True, "region": False}


def test_files_and_index(outcomes, tmp_path):
    out = tmp_path / "deep" / "failed"
    assert draw_failures(outcomes, out, PLAIN) == 4
    pictures = sorted(path.name for path in out.glob("*.png"))
    assert len(pictures) == 4
    assert "fam_words-.._words_1-not-detected.png" in pictures
    index = (out / "index.html").read_text(encoding="utf-8")
    assert all(f'src="{name}"' in index for name in pictures)
    assert "4 failed puzzles" in index
    assert "not-detected: 4" in index
    assert {path.parent for path in tmp_path.rglob("*.png")} == {out, tmp_path / "set"}


def test_solved_puzzles_are_not_drawn(tmp_path, outcomes):
    solved = [o for o in outcomes if o.score.solved]
    assert draw_failures(solved, tmp_path / "out", PLAIN) == 0
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "Nothing failed." in index


def test_names_that_clean_up_alike_are_kept_apart(tmp_path, outcomes):
    assert draw_failures([*outcomes, *outcomes], tmp_path / "out", PLAIN) == 8
    assert len(list((tmp_path / "out").glob("*.png"))) == 8


def test_a_folder_that_cannot_be_written(tmp_path, outcomes):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="cannot be written"):
        draw_failures(outcomes, tmp_path / "file", PLAIN)


def test_draw_answer(outcomes):
    reply = Reply(clicks=((20, 20),), boxes=((10, 10, 30, 30),), scores=(0.9,))
    picture = draw_answer(outcomes[0].folder / "0.png", reply)
    assert picture.size == (120 * SCALE, 60 * SCALE)
    assert has(picture, CLICKED)
    assert has(picture, FOUND)
    assert not has(picture, TRUTH)


def test_code_points_stand_in_for_a_missing_font():
    assert PLAIN.word("并A")[0] == "U+5E76 U+0041"
    assert PLAIN.word("7K")[0] == "7K"


def test_a_font_without_chinese_is_not_taken(tmp_path, monkeypatch):
    # Pillow carries its default font, which has no Chinese, in memory.
    (tmp_path / "latin.ttf").write_bytes(ImageFont.load_default(15).font_bytes)
    (tmp_path / "broken.otf").write_bytes(b"no font")
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert Lettering.find([tmp_path]).wide is None
