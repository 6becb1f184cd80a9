"""Fine-tuning for real, on pictures that can be learned in seconds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from classifier import OnnxClassifier
from labels.reading import read_annotations
from siamese import SiameseMatcher
from training.adapt.fine_tuning import TuningPlan, tune_matcher
from training.adapt.own_pictures import OwnPictures, own_pictures
from training.core.initial_weights import shipped_file
from training.core.schedule import Schedule
from training.errors import TrainingError
from training.matcher.imprinting import Glyphs, Imprinter
from training.matcher.joint_model import JointModel, features_of, restore
from training.matcher.onnx_import import charset_of_onnx, state_of_both, state_of_onnx

START = shipped_file("siamese"), shipped_file("classifier")
WORDS = ("blob", "frame", "stripe")


class TestTime:
    @pytest.mark.parametrize(
        ("step", "elapsed_s", "ends"),
        [(10, 29.0, 1000), (10, 30.0, 20), (300, 45.0, 400), (1, 59.9, 2), (5, 70.0, 6)],
        ids=["plateau", "half", "late", "slow", "over"],
    )
    def test_the_decay_fills_what_is_left(self, step: int, elapsed_s: float, ends: int) -> None:
        schedule = Schedule(steps=1000, decay_steps=100, minutes=1)
        found = schedule.fitted_to_time(step, elapsed_s)
        assert found.steps == ends
        if ends < 1000:
            assert found.learning_rate_at(step) == pytest.approx(
                found.rate * min(1, (step + 1) / 200)
            )
            assert found.learning_rate_at(ends) == 0

    def test_a_decay_that_has_begun_goes_on(self) -> None:
        schedule = Schedule(steps=1000, decay_steps=100, minutes=1).fitted_to_time(10, 31.0)
        assert schedule.fitted_to_time(15, 45.0) == schedule

    @pytest.mark.parametrize("decay", [10_000, 4_000], ids=["from the start", "from 6,000 on"])
    def test_a_decay_with_little_time_falls_faster(self, decay: int) -> None:
        schedule = Schedule(steps=10_000, decay_steps=decay, warmup_steps=1, minutes=10)
        step, rates = 0, []
        # 15 steps a second: 9,000 in ten minutes.
        while step < schedule.steps:
            rates.append(schedule.learning_rate_at(step))
            step += 1
            schedule = schedule.fitted_to_time(step, step / 15)
        assert len(rates) == pytest.approx(9_000, abs=2)
        falls = -np.diff(rates)
        assert falls.min() >= 0
        # Nowhere a jump: twice the pace of a decay over the second half at most.
        assert falls.max() < 2 * schedule.rate / 4_000
        assert rates[-1] < schedule.rate / 1_000

    def test_without_a_limit_nothing_changes(self) -> None:
        schedule = Schedule(steps=1000, decay_steps=100, minutes=1e6)
        assert schedule.fitted_to_time(10, 1e4) == schedule


class TestStart:
    def test_two_files_of_one_run_make_one_network(self) -> None:
        charset = charset_of_onnx(START[1])
        both, matched, read = JointModel(charset), JointModel(), JointModel(charset)
        assert restore(both, state_of_both(*START)) == ()
        restore(matched, state_of_onnx(START[0]))
        restore(read, state_of_onnx(START[1]))
        crops = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
        assert both.characters is not None
        assert read.characters is not None
        for model in (both, matched, read):
            model.eval()
        one, two = (features_of(model, crops, "cpu") for model in (both, matched))
        torch.testing.assert_close(one, two)
        torch.testing.assert_close(both.characters.symbols.weight, read.characters.symbols.weight)
        assert both.siamese.head.scale == matched.siamese.head.scale

    def test_given_glyphs_set_their_rows_only(self) -> None:
        model = JointModel(("a", "b", "c"))
        assert model.characters is not None
        before = model.characters.symbols.weight.detach().clone()
        crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
        imprinter = Imprinter(("a", "b", "c"), glyphs=Glyphs(crops, np.array([2, 2])))
        imprinter.prepare(model)
        imprinter.every(model.eval(), "cpu")
        after = model.characters.symbols.weight
        torch.testing.assert_close(after[:2], before[:2])
        assert not torch.allclose(after[2], before[2])
        assert not after.requires_grad


def draw(folder: Path, count: int) -> None:
    """Scenes with three shapes that have names, as labelImg labels them."""
    rng = np.random.default_rng(3)
    folder.mkdir(exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(WORDS) + "\n")
    for number in range(count):
        ground = tuple(int(v) for v in rng.integers(150, 240, 3))
        picture = Image.new("RGB", (180, 90), ground)
        pen = ImageDraw.Draw(picture)
        lines = []
        for place, name in enumerate(rng.permutation(WORDS)):
            x, y = 60 * place + int(rng.integers(4, 20)), int(rng.integers(4, 46))
            ink = tuple(int(v) for v in rng.integers(0, 100, 3))
            box = (x, y, x + 36, y + 36)
            if name == "blob":
                pen.ellipse(box, fill=ink)
            elif name == "frame":
                pen.rectangle(box, outline=ink, width=5)
            else:
                pen.polygon([(x, y + 26), (x + 10, y + 36), (x + 36, y + 10), (x + 26, y)], ink)
            centre = f"{(x + 18) / 180:.5f} {(y + 18) / 90:.5f} {36 / 180:.5f} {36 / 90:.5f}"
            lines.append(f"{WORDS.index(name)} {centre}")
        picture.save(folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text("\n".join(lines) + "\n")


def parts(folder: Path, held: int) -> tuple[OwnPictures, OwnPictures]:
    annotations = read_annotations(folder)
    paths = [picture.path for picture in annotations.pictures]
    return own_pictures(annotations, paths[held:]), own_pictures(annotations, paths[:held])


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    draw(folder, 24)
    out = folder.with_name("tuned")
    learned, held = parts(folder, 6)
    assert tune_matcher(learned, held, START, out, TuningPlan(0.4, threads=1, mix=False))
    return out


def test_new_words_are_read_after_a_few_pictures(tuned: Path, tmp_path: Path) -> None:
    draw(tmp_path, 8)
    classifier = OnnxClassifier.load(tuned / "classifier.onnx")
    assert classifier.charset.symbols == (*charset_of_onnx(START[1]), *WORDS)
    groups = own_pictures(read_annotations(tmp_path), set(tmp_path.glob("*.png"))).groups
    right = 0
    for group in groups:
        picture = np.asarray(Image.open(group[0].scene.path).convert("RGB"))
        boxes = np.array([item.scene.box for item in group], np.float32)
        scores = classifier.read(classifier.crop(picture, boxes)).score_words(WORDS)
        right += sum(
            WORDS[int(at)] == item.word
            for at, item in zip(scores.argmax(axis=0), group, strict=True)
        )
    assert right >= 21  # of 24, with chance at 8


def test_what_was_known_is_still_known(tuned: Path) -> None:
    """Digits as the shipped classifier reads them, in the font that comes with Pillow."""
    from siamese.glyphs import draw_word

    crops = [draw_word(digit) for digit in "2345679"]
    for file in (START[1], tuned / "classifier.onnx"):
        scores = OnnxClassifier.load(file).read(crops).score_words(list("2345679"))
        assert (scores.argmax(axis=0) == np.arange(7)).sum() >= 6, file


def test_a_matcher_is_left_that_loads(tuned: Path) -> None:
    matcher = SiameseMatcher.load(tuned / "siamese.onnx")
    assert matcher.metadata.name == "adapted-siamese"
    assert "user's own" in matcher.metadata.training_data


def test_it_keeps_to_its_time_and_says_what_it_did(tuned: Path) -> None:
    config = json.loads((tuned / "config.json").read_text())
    assert config["kinds"] == {"pictures": 8}
    assert config["from"].endswith("classifier.onnx")
    rows = [json.loads(line) for line in (tuned / "metrics.jsonl").read_text().splitlines()]
    assert 2 <= rows[-1]["step"] < 20_000
    assert rows[-1]["solved"] >= 0.5


def test_nothing_to_tell_apart_is_told(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "classes.txt").write_text("item\n")
    for name in "ab":
        Image.new("RGB", (60, 60)).save(tmp_path / "own" / f"{name}.png")
        (tmp_path / "own" / f"{name}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    own, _ = parts(tmp_path / "own", 0)
    with pytest.raises(TrainingError, match="told apart"):
        tune_matcher(own, own, START, tmp_path / "out", TuningPlan(0.1, mix=False))
