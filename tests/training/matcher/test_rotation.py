"""How far items are turned, measured by the shipped models."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamese.glyphs import draw_word
from training.core.initial_weights import shipped_file
from training.matcher.items import Group, Item
from training.matcher.joint_model import JointModel, restore
from training.matcher.onnx_import import state_of_both
from training.matcher.pictures import Sample
from training.matcher.rotation import measured_rotations

LETTERS = "ABEFGJKLPRTY247"


@pytest.fixture(scope="module")
def model() -> JointModel:
    state = state_of_both(shipped_file("siamese"), shipped_file("classifier"))
    model = JointModel(tuple(state["charset"]))
    restore(model, state)
    return model.eval()


def groups(folder: Path, degrees: float) -> list[Group]:
    """Letters in the font that comes with Pillow, each turned anticlockwise."""
    found = []
    for letter in LETTERS:
        glyph = Image.fromarray(draw_word(letter))
        turned = glyph.rotate(
            degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=(255, 255, 255)
        )
        path = folder / f"{letter}.png"
        turned.save(path)
        found.append((Item(Sample(path), letter),))
    return found


@pytest.mark.parametrize("degrees", [-150, -90, 120, 180])
def test_the_turn_of_a_site_is_found(model: JointModel, tmp_path: Path, degrees: int) -> None:
    turns = measured_rotations(model, groups(tmp_path, degrees), np.random.default_rng(0))
    off = (np.array(turns) - degrees + 180) % 360 - 180
    assert (np.abs(off) <= 30).mean() >= 0.6, turns


@pytest.mark.parametrize("degrees", [0, 30, -45])
def test_what_the_models_know_is_not_far(model: JointModel, tmp_path: Path, degrees: int) -> None:
    assert measured_rotations(model, groups(tmp_path, degrees), np.random.default_rng(0)) == ()


def test_nothing_known_is_nothing_measured(model: JointModel, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    unknown = [(Item(Sample(tmp_path / "a.png"), "no such word"),)]
    assert measured_rotations(model, unknown, np.random.default_rng(0)) == ()
    assert measured_rotations(model, [], np.random.default_rng(0)) == ()
