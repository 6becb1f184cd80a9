"""The detector of prompt pictures, trained on pictures that are drawn while it learns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector import YoloDetector
from labels.puzzles import read_puzzles
from training.detector import drawn_prompts
from training.detector.data import read_detection_data
from training.detector.drawn_prompts import DrawnPrompts, validation_prompts
from training.detector.metrics import item_calibration
from training.detector.run import TrainingPlan, run_prompt_training
from training.detector.settings import DetectorSettings
from training.errors import TrainingError
from training.synthetic.ingredients.palette import Palette
from training.synthetic.prompts.pictures import PromptPainter

ROOT = Path(__file__).parents[3]
SETTINGS = DetectorSettings(width=96, height=32, epochs=1, batch=2, warmup=1, workers=0, threads=1)


@pytest.fixture(autouse=True)
def ingredients(palette: Palette, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own fonts and icons in place of the cache's."""
    painter = PromptPainter(palette)
    monkeypatch.setattr(drawn_prompts, "_painter", lambda split, cache: painter)
    monkeypatch.setattr(drawn_prompts, "VALIDATION_PICTURES", 6)


def test_frames_depend_on_seed_epoch_and_number_alone() -> None:
    source = DrawnPrompts(epoch_size=5)
    whole = source.frames((96, 32), (3, 1), skip=0)
    rest = source.frames((96, 32), (3, 1), skip=2)
    assert (len(whole), len(rest)) == (5, 3)
    for number in range(3):
        one, other = whole[2 + number], rest[number]
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.boxes, other.boxes)
    assert not np.array_equal(whole[0].pixels, source.frames((96, 32), (3, 2), skip=0)[0].pixels)
    with pytest.raises(IndexError):
        whole[5]


def test_own_pictures_take_the_place_of_some_drawn_ones(tmp_path: Path) -> None:
    own = validation_prompts(tmp_path / "own")
    source = DrawnPrompts(own=own[:1], own_share=1.0)
    sample = source.sample(np.random.default_rng(1))
    np.testing.assert_array_equal(sample.load(), own[0].load())


def test_validation_pictures_are_labelled_files_that_can_be_read_again(tmp_path: Path) -> None:
    drawn = validation_prompts(tmp_path / "prompts")
    data = read_detection_data([tmp_path / "prompts"])
    read = {sample.picture.name: sample for sample in (*data.train, *data.validation)}
    assert len(read) == len(drawn) == 6
    for sample in drawn:
        again = read[sample.picture.name]
        np.testing.assert_array_equal(sample.load(), again.load())
        np.testing.assert_allclose(sample.boxes, again.boxes, atol=0.01)


def test_a_run_from_nothing_to_a_file_and_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn_prompts.DrawnPrompts, "__init__", _short(DrawnPrompts.__init__))
    result = run_prompt_training((), TrainingPlan(tmp_path / "run", SETTINGS))
    assert result.model == tmp_path / "run" / "prompt_detector.onnx"
    detector = YoloDetector.load(result.model)
    assert {"item_slope", "item_bias", "strip_threshold"} <= detector.calibration.keys()
    assert detector.limits.confidence_threshold == pytest.approx(0.05)
    before = result.model.read_bytes()
    plan = TrainingPlan(tmp_path / "run", replace(SETTINGS, epochs=2), resume=True)
    again = run_prompt_training((), plan)
    assert again.model is not None
    assert again.model.read_bytes() != before


def _short(begin):
    """Epochs of four frames."""

    def started(self, *args, **kwargs):
        begin(self, *args, **{**kwargs, "epoch_size": 4})

    return started


def test_prompt_pictures_of_a_puzzle_set_alone(tmp_path: Path) -> None:
    folder = ROOT / "benchmarks/puzzles/text-strip"
    result = run_prompt_training([folder], TrainingPlan(tmp_path / "run", SETTINGS), drawn=False)
    assert result.model is not None
    assert len(read_puzzles(folder).puzzles) == 100


def test_nothing_to_learn_from_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing to train on"):
        run_prompt_training((), TrainingPlan(tmp_path / "run", SETTINGS), drawn=False)


def test_scores_become_the_share_that_is_items(tmp_path: Path) -> None:
    """Boxes that are items four times in five at one score and once in five at another."""
    from detector import Detections

    samples = validation_prompts(tmp_path / "prompts")
    found = []
    rng = np.random.default_rng(2)
    for sample in samples * 60:
        boxes, scores = [], []
        for box in sample.boxes:
            high = rng.random() < 0.5
            right = rng.random() < (0.8 if high else 0.2)
            boxes.append(box if right else box + np.array([900, 0, 900, 0], np.float32))
            scores.append(0.6 if high else 0.4)
        order = np.argsort(-np.array(scores), kind="stable")
        found.append(
            Detections(
                np.array(boxes, np.float32)[order],
                np.array(scores, np.float32)[order],
                np.zeros(len(boxes), np.int64),
            )
        )
    slope, bias = item_calibration(samples * 60, found, 0.05)
    for score, share in ((0.6, 0.8), (0.4, 0.2)):
        logit = slope * np.log(score / (1 - score)) + bias
        assert 1 / (1 + np.exp(-logit)) == pytest.approx(share, abs=0.06)
