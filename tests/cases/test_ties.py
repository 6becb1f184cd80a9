"""No figure is better for a model that says the same of everything, or listens to order."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from classifier import OnnxClassifier
from detector import Detections
from labels.puzzles import Puzzle
from labels.text_check import check_texts, fix_texts
from labels.texts import NAME_PATTERN, TextFaultKind, read_texts
from modelfile import ModelMetadata
from training.adapt.measures import all_found, named_right
from training.detector.metrics import Thresholds, average_precision, missed_and_spare, score
from training.detector.samples import Sample as Scene
from training.errors import TextTrainingError
from training.evaluation.scoring import Reply, score_reply
from training.evaluation.statistics import expected_calibration_error, strictly_best
from training.matcher.crop_inputs import Trial
from training.matcher.items import Item
from training.matcher.joint_model import JointModel
from training.matcher.match_metrics import TIE, _outcome, match_outcomes, measures, read_outcomes
from training.matcher.mistakes import draw_mistakes
from training.matcher.pictures import PicturesError, Sample, read_classes
from training.text.data import read_records
from training.text.measures import Predictions, metrics_of

WORDS = ("a", "b", "c", "d")


def trials(count: int, rng: np.random.Generator | None) -> list[Trial]:
    """Small puzzles of noise, or of blank paper."""
    found = []
    for _ in range(count):
        if rng is None:
            scene = np.full((4, 64, 64, 3), 255, np.uint8)
        else:
            scene = rng.integers(0, 255, (4, 64, 64, 3), np.uint8)
        found.append(Trial("noise", scene[:3], scene, scene, WORDS, np.arange(4)))
    return found


def constant_model() -> JointModel:
    model = JointModel(WORDS).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    return model


class TestMatcher:
    @pytest.mark.parametrize("ground", [None, np.random.default_rng(1)], ids=["blank", "noise"])
    def test_a_constant_model_solves_nothing(self, tmp_path, ground):
        model, puzzles = constant_model(), trials(20, ground)
        found = measures(model, puzzles, "cpu")
        assert {name: found[name] for name in ("match", "words", "top1", "solved")} == {
            "match": 0, "words": 0, "top1": 0, "solved": 0,
        }  # fmt: skip
        matched = match_outcomes(model, puzzles, "cpu")
        read = read_outcomes(model, puzzles, "cpu")
        assert draw_mistakes(puzzles, matched, read, tmp_path / "x.png", most=500) == 120

    def test_blank_pictures_are_solved_by_no_model(self):
        torch.manual_seed(3)
        found = measures(JointModel(WORDS).eval(), trials(20, None), "cpu")
        assert (found["match"], found["words"]) == (0, 0)

    def test_a_random_model_is_right_as_often_as_by_chance(self):
        rng = np.random.default_rng(5)
        solved = [bool(_outcome(0, rng.random((3, 4), np.float32)).right.all()) for _ in range(600)]
        assert 0.02 < np.mean(solved) < 0.07  # one in 4 * 3 * 2

    @given(arrays(np.float32, (3, 4), elements=st.sampled_from([-2.0, -1.0, 0.0])))
    def test_it_is_solved_where_nothing_else_is_as_good(self, scores):
        sums = {
            chosen: sum(scores[item, crop] for item, crop in enumerate(chosen))
            for chosen in permutations(range(4), 3)
        }
        own = sums.pop((0, 1, 2))
        assert bool(_outcome(0, scores).right.all()) == (own > max(sums.values()))


class TestNaming:
    @given(st.integers(2, 9), st.integers(0, 8), st.floats(-50, 50, width=32))
    def test_the_same_of_everything_is_never_right(self, classes, truth, value):
        scores = np.full(classes, value, np.float32)
        assert not strictly_best(scores, np.array(truth % classes))

    @given(
        arrays(np.float64, (6, 5), elements=st.sampled_from([0.0, 1.0, 2.0])),
        st.permutations(range(5)),
    )
    def test_the_order_of_classes_says_nothing(self, scores, order):
        truth = np.arange(6) % 5
        right = strictly_best(scores, truth)
        again = strictly_best(scores[:, order], np.argsort(order)[truth])
        assert (right == again).all()
        for row, at, verdict in zip(scores, truth, right, strict=True):
            assert verdict == all(row[at] > v for i, v in enumerate(row) if i != at)

    def test_a_constant_classifier_names_nothing(self, tmp_path):
        classifier = constant_classifier(tmp_path / "c.onnx")
        noise = np.random.default_rng(1).integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "x.png")
        groups = [(Item(Sample(tmp_path / "x.png"), word),) for word in WORDS]
        for words in permutations(WORDS):
            assert named_right(classifier, groups, words).right == 0


def constant_classifier(file: Path) -> OnnxClassifier:
    """A real file whose symbols are all as likely as each other."""
    from onnx import TensorProto, helper, numpy_helper

    metadata = ModelMetadata(
        kind="classifier", name="constant", version="0.1", input_size=(8, 8), colour="GRAY",
        scale=1 / 255, mean=(0.0,), std=(1.0,), training_data="None.", code_revision="0",
        licence="Apache-2.0", charset=WORDS,
    )  # fmt: skip
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["mean", "zero"], ["y"]),
        ],
        "constant",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        initializer=[numpy_helper.from_array(np.zeros((1, 4), np.float32), "zero")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata.to_properties())
    file.write_bytes(model.SerializeToString())
    return OnnxClassifier.load(file)


BOX = st.integers(0, 4).map(lambda at: (12.0 * at, 0.0, 12.0 * at + 10, 10.0))


def detections(boxes: list, scores: list) -> Detections:
    order = np.argsort(-np.array(scores, np.float32), kind="stable")
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4)[order],
        np.array(scores, np.float32)[order],
        np.zeros(len(boxes), np.int64),
    )


def scene(*boxes: tuple[float, float, float, float]) -> Scene:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Scene(Path("x.png"), array, np.zeros(len(boxes), np.int64))


class TestDetector:
    TRUTH = ((0.0, 0.0, 10.0, 10.0), (24.0, 0.0, 34.0, 10.0))

    @given(
        st.lists(st.tuples(BOX, st.sampled_from([0.2, 0.5, 0.9])), min_size=1, max_size=8).flatmap(
            lambda entries: st.tuples(st.just(entries), st.permutations(entries))
        )
    )
    def test_the_order_of_boxes_of_one_score_says_nothing(self, both):
        one, other = (
            average_precision(
                [scene(*self.TRUTH)], [detections(*map(list, zip(*entries, strict=True)))], 0.5
            )
            for entries in both
        )
        assert one == pytest.approx(other)

    def test_a_constant_score_is_worth_the_share_of_its_boxes_that_is_right(self):
        boxes = [*self.TRUTH, (12.0, 0, 22, 10), (36.0, 0, 46, 10)]
        found = detections(boxes, [0.5] * 4)
        assert average_precision([scene(*self.TRUTH)], [found], 0.5) == pytest.approx(0.5)

    def test_one_box_is_no_two_items(self):
        overlapping = scene((0, 0, 30, 30), (2, 2, 32, 32))
        one = detections([(0, 0, 31, 31)], [0.9])
        assert missed_and_spare(overlapping, one) == (1, 0)
        assert score([overlapping], [one], Thresholds()).scenes_found == 0

    def test_one_box_does_not_find_every_item(self, tmp_path):
        Image.new("RGB", (40, 40), "white").save(tmp_path / "x.png")

        class Middle:
            name = "middle"

            def detect(self, image):
                return detections([(0, 0, 40, 40)], [1.0])

        boxes = np.array([(10, 10, 30, 30), (12, 12, 32, 32)], np.float32)
        picture = Scene(tmp_path / "x.png", boxes, np.zeros(2, np.int64))
        assert all_found(Middle(), [picture]).right == 0


class TestAnswers:
    @given(st.lists(st.tuples(st.sampled_from([0.2, 0.5]), st.booleans()), min_size=1, max_size=30))
    def test_the_order_of_answers_of_one_confidence_says_nothing(self, answers):
        confidence = np.array([c for c, _ in answers])
        right = np.array([r for _, r in answers])
        wanted = expected_calibration_error(confidence, right)
        for order in (np.argsort(right), np.argsort(~right), np.arange(len(right))[::-1]):
            found = expected_calibration_error(confidence[order], right[order])
            assert found == pytest.approx(wanted)

    def test_a_constant_reader_is_right_where_that_is_the_text(self):
        words = ["ab", "cd", "ef", "ab"]
        for text in ("", "ab", "zz"):
            found = metrics_of(Predictions((text,) * 4, (1.0,) * 4, 0.0), words)
            assert found["accuracy"] == words.count(text) / 4
        assert found["character_accuracy"] == 0

    @given(st.tuples(st.integers(0, 99), st.integers(0, 99)))
    def test_clicking_one_place_solves_nothing(self, click):
        puzzle = Puzzle("p", "p.png", {"words": ("a", "b")}, ("a", "b"), ((0, 0, 50, 99),
                        (50, 0, 99, 99)))  # fmt: skip
        reply = Reply(solved=True, confidence=1, clicks=(click, click))
        assert not score_reply(puzzle, reply).correct


class TestBeforeTraining:
    """What nothing can be learnt from is named before anything is trained."""

    def test_blank_classes(self, tmp_path, run):
        for label in "abc":
            (tmp_path / label).mkdir()
            for number in range(3):
                Image.new("RGB", (30, 30), "white").save(tmp_path / label / f"{number}.png")
        with pytest.raises(PicturesError, match=r"a/0\.png is blank"):
            read_classes(tmp_path)

    def test_blank_pictures_of_other_sizes_and_nearly_white(self, tmp_path, shape):
        for label, value in (("a", 255), ("b", 252)):
            (tmp_path / label).mkdir()
            for number in range(2):
                Image.new("RGB", (30 + number, 30), (value,) * 3).save(
                    tmp_path / label / f"{number}.png"
                )
        with pytest.raises(PicturesError, match="is blank"):
            read_classes(tmp_path)

    def test_a_blank_picture_among_good_ones_is_left_out_when_asked(self, tmp_path, shape):
        for seed, label in enumerate("ab"):
            (tmp_path / label).mkdir()
            for number in range(2):
                shape(10 * seed + number, label).save(tmp_path / label / f"{number}.png")
        Image.new("RGB", (30, 30), "white").save(tmp_path / "a" / "blank.png")
        with pytest.raises(PicturesError, match=r"blank\.png is blank .* class 'a'"):
            read_classes(tmp_path)
        classes = read_classes(tmp_path, skip_faulty=True)
        assert len(classes) == 4
        assert "blank.png is blank" in classes.skipped[0]

    def test_the_same_picture_in_two_classes(self, tmp_path, shape):
        for seed, label in enumerate("ab"):
            (tmp_path / label).mkdir()
            for number in range(2):
                shape(10 * seed + number, label).save(tmp_path / label / f"{number}.png")
            shape(99).save(tmp_path / label / "same.png")
        with pytest.raises(PicturesError, match="show the same pixels"):
            read_classes(tmp_path)
        assert len(read_classes(tmp_path, skip_faulty=True)) == 4

    def test_classes_of_one_colour_each_are_no_fault(self, tmp_path):
        for label, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
            (tmp_path / label).mkdir()
            for number in range(2):
                Image.new("RGB", (30 + number, 30), colour).save(tmp_path / label / f"{number}.png")
        assert len(read_classes(tmp_path)) == 4


def test_a_tie_is_more_than_the_noise_of_float32():
    assert TIE > 1e-5


class TestBlankTexts:
    """A white picture has no text; a reader that learns from it learns to guess."""

    @pytest.fixture
    def folder(self, tmp_path, shape):
        for number, label in enumerate(("ab", "cd", "ef")):
            shape(number + 1).save(tmp_path / f"{label}_1.png")
        Image.new("RGB", (30, 20), (254, 255, 250)).save(tmp_path / "gh_1.png")
        return tmp_path

    def test_they_are_named_before_training(self, folder):
        with pytest.raises(TextTrainingError, match=r"gh_1\.png is blank"):
            read_records([folder], NAME_PATTERN, skip_faulty=False)

    def test_they_are_left_out_when_asked(self, folder):
        kept = read_records([folder], NAME_PATTERN, skip_faulty=True)
        assert [record.label for record in kept] == ["ab", "cd", "ef"]

    def test_the_check_names_them_and_moves_them(self, folder):
        report = check_texts(read_texts([folder]))
        assert report.by_kind == {TextFaultKind.BLANK_PICTURE: 1}
        fix_texts(report)
        assert (folder / "quarantine" / "gh_1.png").is_file()
        assert check_texts(read_texts([folder])).faults == ()
