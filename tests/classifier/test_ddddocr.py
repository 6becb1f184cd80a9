import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from classifier import Charset, CharsetError, Classifier, DdddocrClassifier, UnknownWordError
from classifier.ddddocr import read_python_charset
from modelfile import ModelShapeError, OnnxSession, packaged_file


@pytest.fixture(scope="module")
def classifier():
    return DdddocrClassifier.load(threads=2)


def drawn(*texts, size=44):
    """A picture with the texts in a row, and their boxes."""
    image = Image.new("RGB", (90 * len(texts), 80), "#e8ecd8")
    draw, boxes = ImageDraw.Draw(image), []
    font = ImageFont.load_default(size=size)
    for at, text in enumerate(texts):
        place = (90 * at + 16, 12)
        boxes.append(draw.textbbox(place, text, font=font))
        draw.text(place, text, font=font, fill="#203a66")
    return np.asarray(image), np.array(boxes, np.float32)


def test_scores_find_each_character(classifier: Classifier, capfd):
    words = ["7", "K", "R", "4"]
    image, boxes = drawn(*words)
    readings = classifier.read(classifier.crop(image, boxes))
    scores = readings.score_words(words)
    assert scores.shape == (4, 4)
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert (scores <= 0).all()
    assert np.isfinite(scores).all()
    assert classifier.name.startswith("ddddocr-classifier 1.")
    assert capfd.readouterr() == ("", "")
    assert "ddddocr" not in sys.modules


def test_reads_words_and_texts(classifier):
    image, boxes = drawn("R4", "7")
    readings = classifier.read(classifier.crop(image, boxes))
    assert readings.texts()[1] == "7"
    scores = readings.score_words(["R4", "r4", "R", "7"])
    assert scores[:, 0].argmax() in (0, 1)  # the model seldom tells cases apart
    assert scores[:, 1].argmax() == 3


def test_agreement_pairs_the_same_characters(classifier):
    image, boxes = drawn("7", "K", "R", "4")
    crops = classifier.crop(image, boxes)
    smaller, smaller_boxes = drawn("4", "7", size=30)
    prompt = classifier.read(classifier.crop(smaller, smaller_boxes))
    agreement = prompt.agreement(classifier.read(crops))
    assert agreement.shape == (2, 4)
    assert agreement.argmax(axis=1).tolist() == [3, 0]


def test_which_words_it_reads(classifier):
    assert classifier.can_read("并")
    assert classifier.can_read("7K")
    assert not classifier.can_read("")
    assert not classifier.can_read("并\N{GRINNING FACE}")
    with pytest.raises(UnknownWordError, match="\N{GRINNING FACE}"):
        classifier.read([]).score_words(["\N{GRINNING FACE}"])


@pytest.mark.parametrize("shape", [(1, 1), (40, 2), (2, 300)], ids=["pixel", "upright", "flat"])
def test_slivers_are_read_too(classifier, shape):
    scores = classifier.read([np.zeros((*shape, 3), np.uint8)]).score_words(["并"])
    assert np.isfinite(scores).all()


def test_another_charset_does_not_fit(classifier):
    file = packaged_file("ddddocr", "common_old.onnx", extra="ddddocr")
    short = Charset(["", "a"], blank=True, source="short")
    with pytest.raises(ModelShapeError, match=r"answers \(T, 1, 2\); install ddddocr"):
        DdddocrClassifier(OnnxSession(file.path), short)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        pytest.param("OTHER = ['', 'a']", "no list of strings CHARSET", id="other-name"),
        pytest.param("CHARSET = make()", "no list of strings", id="a-call"),
        pytest.param("CHARSET = ['', 1]", "no list of strings", id="numbers"),
        pytest.param("CHARSET = [", "not a Python file", id="syntax"),
    ],
)
def test_python_files_without_a_charset(tmp_path, code, sentence):
    file = tmp_path / "charsets.py"
    file.write_text(code, encoding="utf-8")
    with pytest.raises(CharsetError, match=sentence):
        read_python_charset(file, "CHARSET")


def test_a_python_file_is_read_and_not_run(tmp_path):
    file = tmp_path / "charsets.py"
    file.write_text("raise SystemExit\nCHARSET = ['', '并', 'A']\n", encoding="utf-8")
    assert read_python_charset(file, "CHARSET").symbols == ("", "并", "A")
