"""Words that name things, with a namer that knows colours, so that every answer is known."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from detector.detections import Detections
from service.errors import UnknownWordsError
from service.solving.calibration import Calibration, Calibrations
from service.solving.gallery import Gallery
from service.solving.naming import things_of
from service.solving.parts import Parts
from service.solving.prompts import WordsPrompt
from service.solving.solver import Solver
from siamese.vocabulary import Thing, Vocabulary

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)
LOOKS = {"apple": RED, "leaf": GREEN, "sea": BLUE, "sky": BLUE}
VOCABULARY = Vocabulary(
    [
        Thing("apple", {"en": ("apple",), "zh": ("苹果",), "es": ("manzana",)}),
        Thing("leaf", {"en": ("leaf",), "zh": ("叶", "叶子"), "es": ("hoja",)}),
        Thing("sea", {"en": ("sea", "blue thing"), "zh": ("大海",), "es": ("mar",)}),
        Thing("sky", {"en": ("sky", "blue thing"), "zh": ("天空",), "es": ("cielo",)}),
    ]
)


def scene(*squares):
    """A white picture with 20 x 20 squares at `x`."""
    image = np.full((60, 300, 3), 255, np.uint8)
    for x, colour in squares:
        image[20:40, x : x + 20] = colour
    return image


class Squares:
    name = "squares 1"

    def detect(self, image):
        starts = np.flatnonzero(np.diff((image[30] != 255).any(axis=1), prepend=False))[::2]
        boxes = [(x, 20, x + 20, 40) for x in starts]
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.99, np.float32),
            np.zeros(len(boxes), np.int64),
        )


def crop(image, boxes):
    return [image[int(y1) : int(y2), int(x1) : int(x2)] for x1, y1, x2, y2 in boxes]


@dataclass
class ColourNamer:
    name: str = "namer 1"
    vocabulary: Vocabulary = field(default_factory=lambda: VOCABULARY)
    seen: list[int] = field(default_factory=list)
    crop = staticmethod(crop)

    def score(self, things, crops):
        self.seen.append(len(crops))
        colours = np.array([c.reshape(-1, 3).mean(axis=0) for c in crops]).reshape(-1, 3)
        looks = np.array([LOOKS[thing.id] for thing in things])
        far = np.linalg.norm(looks[:, None] - colours[None], axis=2)
        return np.clip(-0.2 - far / 25, -12, 0)


class Letters:
    """Reads `叶` from a grey square, and nothing from others; knows a few characters."""

    name = "letters 1"
    crop = staticmethod(crop)

    def can_read(self, word):
        return word in set("叶苹果天空")

    def read(self, crops):
        return LetterReadings([c.reshape(-1, 3).mean(axis=0) for c in crops])


@dataclass
class LetterReadings:
    colours: list

    def score_words(self, words):
        grey = np.array([np.ptp(colour) < 20 for colour in self.colours])
        return np.where(grey[None] & (np.array(words) == "叶")[:, None], -0.1, -9.0)


class Twins:
    name = "twins 1"
    crop = staticmethod(crop)

    def compare(self, prompt, scene):
        first, second = (
            np.array([c.reshape(-1, 3).mean(axis=0) for c in crops]) for crops in (prompt, scene)
        )
        distance = np.linalg.norm(first[:, None] - second[None], axis=2)
        return (8 - distance / 10).astype(np.float32)


def solver(**parts):
    parts = {"classifier": Letters(), "namer": ColourNamer(), **parts}
    return Solver(Parts(Squares(), **parts), effort="fast")


def clicks(answer):
    return [(click.x, click.name) for click in answer.clicks]


THREE = scene((10, RED), (100, BLUE), (200, GREEN))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param(("leaf", "apple"), [(210, "leaf"), (20, "apple")], id="English"),
        pytest.param(("大海", "苹果"), [(110, "sea"), (20, "apple")], id="Chinese"),
        pytest.param(("manzana", "Mar"), [(20, "apple"), (110, "sea")], id="Spanish"),
        pytest.param(("叶子", "cielo", "apple"), [(210, "leaf"), (110, "sky"), (20, "apple")],
                     id="languages mixed"),
        pytest.param(("<leaf>",), [(210, "leaf")], id="in brackets"),
        pytest.param(("blue thing",), [(110, "sea")], id="one word for two things"),
    ],
)  # fmt: skip
def test_words_find_the_things_that_they_name(words, found):
    answer = solver().solve(THREE, WordsPrompt(words))
    assert answer.solved
    assert clicks(answer) == found
    assert answer.models["names"] == "namer 1"


def test_a_letter_is_no_name():
    vocabulary = Vocabulary(
        [Thing("cross", {"en": ("x", "cross"), "zh": ("叉",), "es": ("equis",)})]
    )
    namer = ColourNamer(vocabulary=vocabulary)
    assert not things_of(namer, ["x"])
    assert list(things_of(namer, ["叉", "cross"])) == ["叉", "cross"]


def test_without_a_namer_nothing_is_named():
    with pytest.raises(UnknownWordsError, match="'大海'"):
        solver(namer=None).solve(THREE, WordsPrompt(("大海",)))


@pytest.mark.parametrize(
    ("colour", "name"),
    [pytest.param(GREEN, "leaf", id="a drawing"), pytest.param((90, 90, 90), None, id="a glyph")],
)
def test_a_character_that_is_a_name_too_is_scored_as_both(colour, name):
    picture = scene((10, RED), (100, BLUE), (200, colour))
    answer = solver().solve(picture, WordsPrompt(("叶",)))
    assert clicks(answer) == [(210, name)]


def test_characters_and_names_in_one_prompt():
    picture = scene((10, RED), (100, BLUE), (200, (90, 90, 90)))
    answer = solver().solve(picture, WordsPrompt(("叶", "apple", "sea")))
    assert clicks(answer) == [(210, None), (20, "apple"), (110, "sea")]


def test_a_gallery_comes_before_the_vocabulary():
    reference = np.full((20, 20, 3), BLUE, np.uint8)
    gallery = Gallery({"apple": (reference,)})
    answer = solver(matcher=Twins(), gallery=gallery).solve(THREE, WordsPrompt(("apple", "leaf")))
    assert clicks(answer) == [(110, None), (210, "leaf")]


def test_an_unknown_word_is_told_with_names_that_are_like_it():
    with pytest.raises(UnknownWordsError, match="'manzana'") as error:
        solver().solve(THREE, WordsPrompt(("manzanna",)))
    assert "'manzanna'" in str(error.value)
    with pytest.raises(UnknownWordsError, match="no thing of the vocabulary; give the prompt"):
        solver().solve(THREE, WordsPrompt(("龘龘龘",)))


def test_names_have_a_calibration_of_their_own():
    kinds = Calibrations(
        words=Calibration(bias=-50.0, slope=0.0), names=Calibration(bias=50.0, slope=0.0)
    )
    answer = solver(calibrations=kinds).solve(THREE, WordsPrompt(("apple",)))
    assert answer.confidence > 0.99
    # A character is a word, whatever else it names.
    assert solver(calibrations=kinds).solve(THREE, WordsPrompt(("叶",))).confidence < 0.01


def test_names_without_a_calibration_have_that_of_words():
    kinds = Calibrations(words=Calibration(bias=50.0, slope=0.0))
    answer = solver(calibrations=kinds).solve(THREE, WordsPrompt(("apple",)))
    assert answer.confidence > 0.99


def test_joined_boxes_of_spelt_words_are_not_named():
    namer = ColourNamer()
    near = scene((10, RED), (32, GREEN), (54, BLUE))
    answer = solver(namer=namer).solve(near, WordsPrompt(("苹果", "天空")))
    assert len(answer.boxes) > 3
    assert namer.seen == [3]
    assert clicks(answer) == [(20, "apple"), (64, "sky")]


def test_all_crops_of_a_prompt_are_named_in_one_batch():
    namer = ColourNamer()
    solver(namer=namer).solve(THREE, WordsPrompt(("apple", "leaf", "sea")))
    assert namer.seen == [3]
