from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.matcher.picture_blocks import (
    KIND,
    PictureBlocks,
    picture_trials,
    split_classes,
)
from training.matcher.pictures import Classes, PicturesError, Sample, read_classes


@pytest.fixture
def classes(tmp_path: Path) -> Classes:
    """Three classes of eight pictures and one of two; the shade says which class it is."""
    for number, (label, count) in enumerate((("a", 8), ("b", 8), ("c", 8), ("few", 2))):
        (tmp_path / label).mkdir()
        for index in range(count):
            picture = Image.new("RGB", (50, 40), (255, 255, 255))
            shade = 20 + 50 * number
            ImageDraw.Draw(picture).rectangle((12, 8, 38, 32), fill=(shade, shade, index))
            picture.save(tmp_path / label / f"{index}.png")
    return read_classes(tmp_path)


def test_some_pictures_of_larger_classes_are_held_back(classes: Classes) -> None:
    division = split_classes(classes, seed=1)
    assert set(division.held_out) == {"a", "b", "c"}
    assert len(division.train["few"]) == 2
    for label in "abc":
        held, train = set(division.held_out[label]), set(division.train[label])
        assert held
        assert not held & train
        assert held | train == set(classes.samples[label])
    assert split_classes(classes, seed=1) == division


def test_too_few_pictures_to_measure_on(tmp_path: Path) -> None:
    samples = {label: (Sample(tmp_path / label),) * 3 for label in "ab"}
    with pytest.raises(PicturesError, match="at least 4 pictures"):
        split_classes(Classes(tmp_path, samples), seed=1)


@pytest.mark.parametrize("model", ["siamese", "classifier"])
def test_blocks_pair_pictures_of_one_class(classes: Classes, model: str) -> None:
    plan = PictureBlocks(classes.samples, classes.labels, model)  # type: ignore[arg-type]
    block = plan(4).block(KIND)
    assert block.prompt.shape == block.scene.shape == (12, 64, 64, 3)
    assert block.prompt.dtype == np.uint8
    assert [classes.labels[i] for i in block.labels] == list(block.words)
    # The middle of each crop is the shade of its class, give or take brightness.
    for side in (block.prompt, block.scene):
        middles = side[:, 28:36, 28:36, :2].mean(axis=(1, 2, 3))
        dark = middles[[word == "a" for word in block.words]]
        light = middles[[word == "few" for word in block.words]]
        assert not dark.size or not light.size or dark.max() < light.min()


def test_labels_outside_the_charset_are_minus_one(classes: Classes) -> None:
    block = PictureBlocks(classes.samples, (), "siamese")(1).block(KIND)
    assert (block.labels == -1).all()


def test_a_prompt_picture_comes_first(tmp_path: Path) -> None:
    for name in ("scene", "prompt"):
        shade = 0 if name == "scene" else 255
        Image.new("RGB", (30, 30), (shade, shade, shade)).save(tmp_path / f"{name}.png")
    samples = {
        label: (
            Sample(tmp_path / "scene.png", (5, 5, 25, 25)),
            Sample(tmp_path / "prompt.png", prompt=True),
        )
        for label in "ab"
    }
    block = PictureBlocks(samples, (), "siamese")(2).block(KIND)
    assert block.prompt.mean() > 150 > 60 > block.scene.mean()


def test_trials_ask_for_pictures_that_were_held_back(classes: Classes) -> None:
    division = split_classes(classes, seed=1)
    trials = picture_trials(division, classes.labels, 5, "siamese", seed=2)
    assert len(trials) == 5
    for trial in trials:
        assert trial.prompt.shape == (3, 64, 64, 3)
        assert trial.scene.shape == (3, 64, 64, 3)
        assert set(trial.words) == {"a", "b", "c"}
        assert [classes.labels[i] for i in trial.labels] == list(trial.words)
