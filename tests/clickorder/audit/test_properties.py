"""Properties are measured from the pictures: a planted difference is seen, and nothing else is."""

import numpy as np
import pytest
from PIL import Image

from clickorder.audit.properties import measure, measure_all, overlap, scene_properties
from labels.puzzles import Puzzle
from training.evaluation.evaluate import Outcome
from training.evaluation.scoring import Reply, score_reply

A, B = (10, 15, 40, 45), (80, 60, 110, 90)


def of(picture, targets=(A, B), decoys=()):
    return scene_properties(np.asarray(picture), targets, decoys)


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        pytest.param("contrast", {"ink": 150}, {"ink": 20}, id="contrast"),
        pytest.param("contrast", {"ink": 150, "grain": 10}, {"ink": 20, "grain": 10}, id="grainy"),
        pytest.param("texture", {"grain": 2}, {"grain": 25}, id="texture"),
        pytest.param("outline", {"ink": 195, "grain": 20}, {"ink": 20}, id="outline"),
    ],
)
def test_a_planted_difference_is_measured(drawn, name, less, more):
    low, high = (of(drawn((A, B), **how))[name] for how in (less, more))
    assert low < 0.7 * high


def test_boxes_say_size_number_and_overlap(drawn):
    found = of(drawn((A, B)), (A, B), ((10, 30, 40, 60), (150, 20, 180, 50)))
    assert found["size"] == 30
    assert (found["items"], found["decoys"]) == (2, 2)
    assert found["overlap"] == pytest.approx(0.5)
    assert overlap(A, B) == 0


def test_the_lowest_contrast_of_the_targets_counts(drawn):
    picture = drawn((A, B), ink=20)
    both = of(picture)["contrast"]
    faint = np.array(picture)
    faint[60:90, 80:110] = np.asarray(drawn((A, B), ink=170))[60:90, 80:110]
    assert of(faint)["contrast"] < 0.5 * both


@pytest.mark.parametrize(
    "box", [(0, 0, 30, 30), (170, 90, 200, 120), (0, 0, 200, 120)], ids=["corner", "end", "whole"]
)
def test_a_box_at_the_border_is_measured(drawn, box):
    found = of(drawn((box,)), (box,))
    assert all(np.isfinite(value) for value in found.values())
    assert found["contrast"] > 20


def test_an_empty_box_has_no_contrast(drawn):
    assert of(drawn(()), (A,))["contrast"] == 0


@pytest.fixture
def outcome(tmp_path, drawn):
    """Makes an outcome of a puzzle whose prompt pictures are given."""
    drawn((A, B)).save(tmp_path / "0.png")

    def make(prompt=None, pictures=(), found=(), scores=(), **values):
        for name, picture in pictures:
            Image.fromarray(picture).save(tmp_path / name)
        prompt = prompt or {"words": ("a", "b")}
        puzzle = Puzzle("p", "0.png", prompt, ("a", "b"), (A, B), **values)
        reply = Reply(boxes=tuple(found), scores=tuple(scores) or (0.9,) * len(found))
        return Outcome("all", puzzle, tmp_path, reply, score_reply(puzzle, reply), 1.0)

    return make


def strip(noise: float = 0.0, ink: int = 0) -> np.ndarray:
    rng = np.random.default_rng(1)
    pixels = 220 + rng.normal(0, noise, (40, 120, 1)) * np.ones(3)
    pixels[10:30, 20:35] = pixels[10:30, 70:85] = ink
    return np.clip(pixels, 0, 255).astype(np.uint8)


def test_noise_contrast_and_size_of_a_prompt_picture(outcome):
    clean, noisy, faint = (
        measure(outcome({"image": "prompt.png"}, [("prompt.png", picture)]), ())
        for picture in (strip(), strip(noise=20), strip(ink=170))
    )
    assert clean["prompt_noise"] < 0.3 * noisy["prompt_noise"]
    assert faint["prompt_contrast"] < 0.5 * clean["prompt_contrast"]
    assert clean["prompt_size"] == 40


def test_icons_and_a_region_are_prompts_too(outcome):
    pictures = [("i0.png", strip()[:20]), ("i1.png", strip())]
    icons = measure(outcome({"icons": ("i0.png", "i1.png")}, pictures), ())
    assert icons["prompt_size"] == 30
    region = measure(outcome({"region": (0, 95, 200, 120)}), ())
    assert region["prompt_size"] == 25
    assert not any(name.startswith("prompt") for name in measure(outcome(), ()))


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        pytest.param({"rotation": [30, -50, 170]}, 40, id="targets-first"),
        pytest.param({"rotation": [350, 30]}, 20, id="the-short-way-round"),
        pytest.param({"rotation": [30]}, None, id="too-few"),
        pytest.param({"rotation": ["30", None]}, None, id="no-numbers"),
        pytest.param({}, None, id="unknown"),
    ],
)
def test_rotation_is_taken_where_the_maker_says_it(outcome, meta, expected):
    assert measure(outcome(meta=meta), ()).get("rotation") == expected


def test_decoys_are_counted_from_the_detector_where_no_puzzle_lists_any(outcome):
    boxes = (A, B, (150, 20, 180, 50), (150, 80, 180, 110))
    found = outcome(found=boxes, scores=(0.9, 0.9, 0.8, 0.1))
    assert measure_all([found])[0]["decoys"] == 1
    listed = outcome(found=boxes, distractors=((150, 20, 180, 50), (0, 90, 20, 110)))
    assert [row["decoys"] for row in measure_all([found, listed])] == [0, 2]
