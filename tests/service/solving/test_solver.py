"""The solver on models that read pictures by plain rules, so that every answer is known."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.protocols import Classifier, Readings
from detector.detections import Detections
from service.effort import Effort
from service.errors import (
    InvalidRequestError,
    ModelUnavailableError,
    RegionOutsideError,
    TooManyItemsError,
    UnknownWordsError,
)
from service.solving.calibration import Calibration, Calibrations
from service.solving.parts import Parts
from service.solving.prompts import IconsPrompt, ImagePrompt, RegionPrompt, WordsPrompt
from service.solving.solver import Solver
from siamese.glyphs import draw_word

Picture = NDArray[np.uint8]
RED, GREEN, BLUE, GREY = (200, 0, 0), (0, 200, 0), (0, 0, 200), (90, 90, 90)
COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}


def picture(
    width: int, height: int, squares: Sequence[tuple[int, int, tuple[int, ...]]]
) -> Picture:
    """A white picture with 20 x 20 squares at `x, y`."""
    image = np.full((height, width, 3), 255, np.uint8)
    for x, y, colour in squares:
        image[y : y + 20, x : x + 20] = colour
    return image


class SquareDetector:
    """Finds the squares by scanning; really looks at the picture."""

    name = "squares 1"

    def detect(self, image: Picture) -> Detections:
        drawn = (image != 255).any(axis=2)
        boxes = []
        while drawn.any():
            y, x = np.argwhere(drawn)[0]
            boxes.append((x, y, x + 20, y + 20))
            drawn[y : y + 20, x : x + 20] = False
        count = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.linspace(1, 0.98, count, dtype=np.float32),
            np.zeros(count, np.int64),
        )


@dataclass
class ColourReadings:
    """Log-probabilities of the three colours."""

    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)

    def score_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        return self.values[:, [list(COLOURS).index(w) for w in words]].T

    def agreement(self, other: Readings) -> NDArray[np.float32]:
        assert isinstance(other, ColourReadings)
        return np.log(np.exp(self.values) @ np.exp(other.values).T)

    def certainty(self) -> NDArray[np.float32]:
        return np.exp(self.values).max(axis=1, initial=0)

    def symbols(self) -> tuple[str, ...]:
        return tuple(list(COLOURS)[at] for at in self.values.argmax(axis=1))


@dataclass
class ColourClassifier:
    """Reads the mean colour of a crop; counts how often the network would run."""

    name: str = "colours 2"
    runs: list[int] = field(default_factory=list)

    def can_read(self, word: str) -> bool:
        return word in COLOURS

    def crop(self, image: Picture, boxes: NDArray[np.float32]) -> list[Picture]:
        return [image[int(y1) : int(y2), int(x1) : int(x2)] for x1, y1, x2, y2 in boxes]

    def read(self, crops: Sequence[Picture]) -> ColourReadings:
        self.runs.append(len(crops))
        rows = np.array([c.reshape(-1, 3).mean(axis=0) for c in crops]).reshape(-1, 3)
        logits = rows / 25
        return ColourReadings(
            (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
        )


@dataclass
class ColourMatcher(ColourClassifier):
    """Two crops are alike when their mean colours are near."""

    name: str = "twins 3"

    def compare(self, prompt: Sequence[Picture], scene: Sequence[Picture]) -> NDArray[np.float32]:
        self.runs.append(len(prompt) + len(scene))
        first, second = (
            np.array([c.reshape(-1, 3).mean(axis=0) for c in crops]).reshape(-1, 3)
            for crops in (prompt, scene)
        )
        distance = np.linalg.norm(first[:, None] - second[None], axis=2)
        return (8 - distance / 10).astype(np.float32)


SCENE = picture(200, 100, [(10, 10, BLUE), (90, 40, RED), (150, 70, GREEN)])


def solver(classifier: Classifier | None = None, matcher: ColourMatcher | None = None) -> Solver:
    return Solver(Parts(SquareDetector(), classifier, matcher))


def spots(answer: object) -> list[tuple[int, int]]:
    return [(c.x, c.y) for c in answer.clicks]  # type: ignore[attr-defined]


WORDS_IN_ORDER = [
    pytest.param(("red", "green", "blue"), [(100, 50), (160, 80), (20, 20)], id="all"),
    pytest.param(("green",), [(160, 80)], id="one-of-three"),
    pytest.param(("blue", "red"), [(20, 20), (100, 50)], id="two-and-a-spare-box"),
]


@pytest.mark.parametrize(("words", "clicks"), WORDS_IN_ORDER)
def test_words_are_clicked_in_prompt_order(
    words: tuple[str, ...], clicks: list[tuple[int, int]]
) -> None:
    answer = solver(ColourClassifier()).solve(SCENE, WordsPrompt(words))
    assert spots(answer) == clicks
    assert answer.solved
    assert answer.reason is None
    assert answer.confidence > 0.9
    assert [c.label for c in answer.clicks] == list(words)
    assert (answer.width, answer.height) == (200, 100)
    assert dict(answer.models) == {"detector": "squares 1", "classifier": "colours 2"}
    assert set(answer.timings_ms) == {"detect", "recognise", "match"}


@pytest.mark.parametrize("kind", ["words", "icons", "image", "region"])
def test_all_kinds_of_prompt_give_the_same_clicks(kind: str) -> None:
    row = [(5, 5, GREEN), (35, 5, BLUE)]
    scene, prompt = SCENE, None
    if kind == "words":
        prompt = WordsPrompt(("green", "blue"))
    elif kind == "icons":
        prompt = IconsPrompt(tuple(picture(40, 40, [(7, 12, c)]) for c in (GREEN, BLUE)))
    elif kind == "image":
        prompt = ImagePrompt(picture(70, 30, row))
    else:
        scene = np.vstack([SCENE, np.pad(picture(70, 30, row), ((0, 0), (0, 130), (0, 0)),
                                         constant_values=255)])  # fmt: skip
        prompt = RegionPrompt((0, 100, 200, 130))
    answer = solver(ColourClassifier(), ColourMatcher()).solve(scene, prompt)
    assert spots(answer) == [(160, 80), (20, 20)]
    assert len(answer.boxes) == 3, "boxes of the prompt region are no click targets"


@pytest.mark.parametrize("with_matcher", [False, True], ids=["classifier", "siamese"])
def test_a_prompt_picture_works_through_either_model(with_matcher: bool) -> None:
    models = {"matcher": ColourMatcher()} if with_matcher else {"classifier": ColourClassifier()}
    prompt = ImagePrompt(picture(100, 30, [(5, 5, RED), (35, 5, BLUE)]))
    answer = solver(**models).solve(SCENE, prompt)  # type: ignore[arg-type]
    assert spots(answer) == [(100, 50), (20, 20)]
    assert "siamese" in answer.models if with_matcher else "classifier" in answer.models


def test_every_crop_goes_through_the_network_once_a_pass() -> None:
    matcher, classifier = ColourMatcher(), ColourClassifier()
    one_pass = Solver(Parts(SquareDetector(), matcher=matcher), effort="fast")
    one_pass.solve(SCENE, ImagePrompt(picture(100, 30, [(5, 5, RED)])))
    assert matcher.runs == [4]
    Solver(Parts(SquareDetector(), classifier), effort="fast").solve(
        SCENE, WordsPrompt(("red", "blue", "red"))
    )
    assert classifier.runs == [3]


@pytest.mark.parametrize(
    ("sure", "effort", "runs"),
    [
        (0.0, "normal", [3]),
        (1.1, "normal", [3, 12]),
        (1.1, "fast", [3]),
        (0.0, "thorough", [3, 12]),
    ],
    ids=["sure-at-once", "unsure", "unsure-but-hurried", "sure-but-thorough"],
)
def test_what_the_first_pass_is_unsure_of_takes_a_second(
    sure: float, effort: Effort, runs: list[int]
) -> None:
    classifier = ColourClassifier()
    calibration = Calibration(sure=sure)
    closely = Calibration(bias=-50.0)
    own = Solver(
        Parts(
            SquareDetector(),
            classifier,
            calibrations=Calibrations(words=calibration, words_closely=closely),
        ),
        effort=effort,
    )
    answer = own.solve(SCENE, WordsPrompt(("red", "blue")))
    # Every box once, and rotated both ways and enlarged as well in the second pass.
    assert classifier.runs == runs
    assert spots(answer) == [(100, 50), (20, 20)]
    passed_twice = len(runs) == 2
    assert (answer.confidence < 1e-6) == passed_twice, "each pass has its own calibration"


def unsure(classifier: ColourClassifier, detector: SquareDetector | None = None) -> Solver:
    calibrations = Calibrations(
        words=Calibration(sure=1.1), words_closely=Calibration(bias=-50.0, sure=1.1)
    )
    return Solver(Parts(detector or SquareDetector(), classifier, calibrations=calibrations))


def test_without_time_the_first_answer_holds() -> None:
    classifier = ColourClassifier()
    answer = unsure(classifier).solve(
        SCENE, WordsPrompt(("red", "blue")), until=time.perf_counter()
    )
    assert classifier.runs == [3]
    assert spots(answer) == [(100, 50), (20, 20)]
    assert answer.confidence > 0.5


def test_a_second_pass_that_takes_too_long_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 0.0

        def perf_counter(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr("service.effort.time", clock)

    class Slowing(SquareDetector):
        """The time is over once it runs again."""

        def __init__(self) -> None:
            self.runs = 0

        def detect(self, image: Picture) -> Detections:
            self.runs += 1
            if self.runs > 1:
                clock.now = 101.0
            return super().detect(image)

    classifier, detector = ColourClassifier(), Slowing()
    without_red = picture(200, 100, [(10, 10, BLUE), (90, 40, BLUE), (150, 70, GREEN)])
    prompt = WordsPrompt(("red", "blue"))
    answer = unsure(classifier, detector).solve(without_red, prompt, until=100.0)
    assert detector.runs > 1
    assert classifier.runs == [3], "the second pass ends before crops are read"
    hurried = unsure(ColourClassifier()).solve(without_red, prompt, effort="fast")
    assert answer.confidence == hurried.confidence > 1e-6


def test_a_request_that_nobody_waits_for_ends_in_the_second_pass_too() -> None:
    class GoneError(Exception):
        pass

    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise GoneError

    with pytest.raises(GoneError):
        unsure(ColourClassifier()).solve(SCENE, WordsPrompt(("red", "blue")), check=check)


@pytest.mark.parametrize(
    ("item", "parts"), [(RED, 0), (GREY, 4)], ids=["found-at-once", "may-be-elsewhere"]
)
def test_what_both_passes_look_at_is_looked_at_once(item: tuple[int, int, int], parts: int) -> None:
    class Counting(SquareDetector):
        def __init__(self) -> None:
            self.seen: list[tuple[int, ...]] = []

        def detect(self, image: Picture) -> Detections:
            self.seen.append(image.shape[:2])
            return super().detect(image)

    twice = Calibrations(pictures=Calibration(sure=1.1))
    detector, matcher = Counting(), ColourMatcher()
    own = Solver(Parts(detector, matcher=matcher, calibrations=twice))
    answer = own.solve(SCENE, ImagePrompt(picture(100, 30, [(5, 5, item)])))
    assert len(answer.clicks) == 1
    assert len(matcher.runs) == 2, "two passes"
    assert detector.seen.count((30, 100)) == 1
    assert detector.seen.count(SCENE.shape[:2]) == 1
    assert detector.seen.count((75, 130)) == parts


@pytest.mark.parametrize(
    ("ground", "runs", "roles"),
    [
        (BLUE, [1, 3], {"detector", "siamese", "classifier"}),
        ((120, 120, 120), [1], {"detector", "siamese"}),
    ],
    ids=["a-character", "none"],
)
def test_a_scene_is_read_only_for_items_that_are_characters(
    ground: tuple[int, int, int], runs: list[int], roles: set[str]
) -> None:
    classifier = ColourClassifier()
    item = np.full((20, 20, 3), ground, np.uint8)
    both = Calibrations(pictures=Calibration(classifier_weight=0.5))
    own = Solver(Parts(SquareDetector(), classifier, ColourMatcher(), calibrations=both))
    answer = own.solve(SCENE, IconsPrompt((item,)), effort="fast")
    assert len(answer.clicks) == 1
    assert classifier.runs == runs
    assert set(answer.models) == roles


@pytest.mark.parametrize(
    ("no_partner", "items"), [(-3.0, 1), (-50.0, 2)], ids=["strict", "anything-is-a-partner"]
)
def test_what_has_no_partner_is_cut_out_of_a_prompt_picture(no_partner: float, items: int) -> None:
    class DoubtsGreen(SquareDetector):
        def detect(self, image: Picture) -> Detections:
            found = super().detect(image)
            left, top = found.boxes[:, :2].astype(int).T
            green = (image[top + 2, left + 2] == GREEN).all(axis=1)
            return Detections(
                found.boxes, np.where(green, 0.3, found.scores).astype(np.float32), found.classes
            )

    scene = picture(200, 60, [(5, 5, RED), (100, 5, BLUE)])
    prompt = ImagePrompt(picture(100, 30, [(5, 5, RED), (60, 5, GREEN)]))
    calibrations = Calibrations(pictures=Calibration(no_partner=no_partner))
    own = Solver(
        Parts(DoubtsGreen(), matcher=ColourMatcher(), calibrations=calibrations), effort="fast"
    )
    assert len(own.solve(scene, prompt).clicks) == items


def test_a_repeated_word_takes_two_boxes_left_to_right() -> None:
    scene = picture(200, 60, [(100, 5, RED), (20, 30, RED), (160, 20, BLUE)])
    answer = solver(ColourClassifier()).solve(scene, WordsPrompt(("red", "blue", "red")))
    assert sorted([spots(answer)[0], spots(answer)[2]]) == [(30, 40), (110, 15)]
    assert spots(answer)[1] == (170, 30)
    assert answer.confidence > 0.9, "which of two equal items comes first is no doubt"


def test_fewer_boxes_than_items_is_an_abstention() -> None:
    scene = picture(100, 60, [(5, 5, RED)])
    answer = solver(ColourClassifier()).solve(scene, WordsPrompt(("blue", "red")))
    assert (answer.solved, answer.reason, answer.confidence) == (False, "missed_target", 0.0)
    assert spots(answer) == [(15, 15)]
    assert answer.clicks[0].label == "red"


def test_two_boxes_that_fit_alike_are_ambiguous() -> None:
    scene = picture(200, 60, [(5, 5, RED), (100, 5, RED), (160, 20, BLUE)])
    prompt = WordsPrompt(("red", "blue"))
    answer = solver(ColourClassifier()).solve(scene, prompt, min_confidence=0.8)
    assert (answer.solved, answer.reason) == (False, "ambiguous")
    assert answer.confidence == pytest.approx(0.5, abs=0.05)
    assert solver(ColourClassifier()).solve(scene, prompt).solved


def test_a_doubtful_box_is_low_confidence() -> None:
    class Doubtful(SquareDetector):
        def detect(self, image: Picture) -> Detections:
            found = super().detect(image)
            return Detections(found.boxes, found.scores * np.float32(0.3), found.classes)

    answer = Solver(Parts(Doubtful(), ColourClassifier())).solve(
        SCENE, WordsPrompt(("red",)), min_confidence=0.5
    )
    assert (answer.solved, answer.reason) == (False, "low_confidence")


def test_what_fits_no_box_is_missing() -> None:
    """Green is asked for, and nothing on the picture is green."""
    scene = picture(200, 60, [(5, 5, RED), (160, 20, BLUE)])
    prompt = WordsPrompt(("red", "green"))
    answer = solver(ColourClassifier()).solve(scene, prompt, min_confidence=1.0)
    assert (answer.solved, answer.reason) == (False, "missing_target")
    assert len(answer.clicks) == 2, "the best attempt is given all the same"


def test_an_empty_prompt_picture_says_so() -> None:
    answer = solver(ColourClassifier()).solve(SCENE, ImagePrompt(picture(80, 30, [])))
    assert (answer.solved, answer.reason, answer.clicks) == (False, "empty_prompt_image", ())


def test_a_scene_without_boxes_is_missed() -> None:
    answer = solver(ColourClassifier()).solve(picture(90, 50, []), WordsPrompt(("red",)))
    assert (answer.reason, answer.clicks, answer.boxes) == ("missed_target", (), ())


REFUSED = [
    pytest.param(WordsPrompt(("mauve",)), UnknownWordsError, "'mauve'", id="unknown-word"),
    pytest.param(WordsPrompt(()), InvalidRequestError, "empty", id="no-words"),
    pytest.param(WordsPrompt(("red",) * 13), TooManyItemsError, "13 items", id="13-words"),
    pytest.param(IconsPrompt((SCENE,)), ModelUnavailableError, "Siamese", id="icons-no-siamese"),
    pytest.param(RegionPrompt((0, 0, 201, 50)), RegionOutsideError, "200 x 100", id="too-wide"),
    pytest.param(RegionPrompt((50, 50, 50, 60)), RegionOutsideError, "50", id="no-width"),
    pytest.param(RegionPrompt((-1, 0, 9, 9)), RegionOutsideError, "-1", id="negative"),
]


@pytest.mark.parametrize(("prompt", "error", "part"), REFUSED)
def test_what_cannot_be_answered_is_refused(
    prompt: object, error: type[Exception], part: str
) -> None:
    with pytest.raises(error, match=part):
        solver(ColourClassifier()).solve(SCENE, prompt)  # type: ignore[arg-type]


def test_words_without_a_classifier_are_refused() -> None:
    with pytest.raises(ModelUnavailableError, match="classifier"):
        solver(matcher=ColourMatcher()).solve(SCENE, WordsPrompt(("并",)))


def test_a_word_nobody_knows_gets_what_is_left_over() -> None:
    answer = solver(ColourClassifier()).solve(SCENE, WordsPrompt(("red", "mauve", "blue")))
    assert spots(answer) == [(100, 50), (160, 80), (20, 20)]


class ShapeMatcher(ColourMatcher):
    """Compares how much of the crop is ink; tells a full stop from an "M"."""

    def compare(self, prompt: Sequence[Picture], scene: Sequence[Picture]) -> NDArray[np.float32]:
        first, second = (
            np.array([(crop.min(axis=2) < 128).mean() for crop in crops])
            for crops in (prompt, scene)
        )
        return (8 - 40 * np.abs(first[:, None] - second[None])).astype(np.float32)


def test_words_beyond_the_classifier_are_drawn_and_looked_for() -> None:
    word = draw_word("MM")
    high, wide = word.shape[:2]
    scene = np.full((90, 240, 3), 255, np.uint8)
    scene[10 : 10 + high, 20 : 20 + wide] = word
    scene[60:80, 180:200] = RED

    class Finds(SquareDetector):
        def detect(self, image: Picture) -> Detections:
            boxes = np.array([[180, 60, 200, 80], [20, 10, 20 + wide, 10 + high]], np.float32)
            return Detections(boxes, np.ones(2, np.float32), np.zeros(2, np.int64))

    both = Solver(Parts(Finds(), ColourClassifier(), ShapeMatcher()))
    answer = both.solve(scene, WordsPrompt(("MM",)))
    assert answer.clicks[0].box == (20, 10, 20 + wide, 10 + high)
    assert set(answer.models) == {"detector", "siamese"}
    with pytest.raises(UnknownWordsError, match="'MM'"):
        Solver(Parts(Finds(), ColourClassifier())).solve(scene, WordsPrompt(("MM",)))


def test_classify_compares_the_given_words_only() -> None:
    crop = picture(20, 20, [(0, 0, RED)])
    probabilities = solver(ColourClassifier()).classify(crop, ["blue", "red"])
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities[1] > 0.99


def test_compare_is_a_probability() -> None:
    models = solver(matcher=ColourMatcher())
    red, blue = picture(20, 20, [(0, 0, RED)]), picture(20, 20, [(0, 0, BLUE)])
    assert models.compare(red, red) > 0.99
    assert models.compare(red, blue) < 0.01
    with pytest.raises(ModelUnavailableError):
        solver(ColourClassifier()).compare(red, red)


def test_what_a_classifier_reads_decides_between_equally_similar_items() -> None:
    """Beside a matcher that cannot tell, agreement counts with its weight."""

    class Blind(ColourMatcher):
        def compare(
            self, prompt: Sequence[Picture], scene: Sequence[Picture]
        ) -> NDArray[np.float32]:
            return np.zeros((len(prompt), len(scene)), np.float32)

    prompt = ImagePrompt(picture(100, 30, [(5, 5, RED), (35, 5, BLUE)]))
    calibrations = Calibrations(pictures=Calibration(classifier_weight=1.0))
    both = Solver(Parts(SquareDetector(), ColourClassifier(), Blind(), calibrations=calibrations))
    assert spots(both.solve(SCENE, prompt)) == [(100, 50), (20, 20)]
    alone = Solver(Parts(SquareDetector(), ColourClassifier(), Blind()))
    assert alone.solve(SCENE, prompt).confidence < 0.3
