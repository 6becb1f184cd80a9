"""Real ONNX files: a column's level of grey is its character."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from classifier.ddddocr_charsets import ddddocr_charsets, ddddocr_charsets_text
from classifier.errors import ClassifierError, ReadingError, UnknownColourError
from classifier.text_reader import TextReader
from modelfile import ModelMetadata, ModelMetadataError, ModelShapeError

SPREAD = " 0 O  11 a b 0 "


def read_one(reader, picture, **restrictions):
    (reading,) = reader.read([picture], **restrictions)
    return reading


@pytest.mark.parametrize("batch", ["n", 1], ids=["free-batch", "batch-of-1"])
def test_columns_become_a_text(tmp_path, stripes, batch):
    reader = TextReader.load(stripes.model(tmp_path / "a.onnx", batch=batch), threads=2)
    assert reader.name == "stripes 0.1"
    assert reader.metadata.kind == "text"
    assert reader.charset.symbols == ("", *"0O1ab")
    texts = [SPREAD, "", "b b", "bb"]
    readings = reader.read([stripes.picture(text) for text in texts])
    assert [reading.text for reading in readings] == ["0O1ab0", "", "bb", "b"]
    assert all(reading.confidence > 0.99 for reading in readings)
    assert [character for character, _ in readings[0].characters] == list("0O1ab0")
    assert all(share > 0.99 for _, share in readings[0].characters)
    assert reader.read([]) == []


def test_places_become_a_text(tmp_path, stripes):
    path = stripes.model(tmp_path / "a.onnx", width=6, decoding="fixed")
    reader = TextReader.load(path)
    texts = ["", "bb", "0Oaa1b"]
    readings = reader.read([stripes.picture(text, width=6) for text in texts])
    assert [reading.text for reading in readings] == texts
    assert all(reading.confidence > 0.99 for reading in readings)
    # A seventh place there is not.
    assert read_one(reader, stripes.picture("bb", width=6), length=7).confidence == 0


def test_pictures_of_other_sizes_and_many_of_them(tmp_path, stripes):
    reader = TextReader.load(stripes.model(tmp_path / "a.onnx"))
    small = stripes.picture("   aaaa    b")
    large = small.repeat(5, 0).repeat(3, 1)
    readings = reader.read([small, large] * 20)
    assert [reading.text for reading in readings] == ["ab"] * 40


def between(stripes, first, second, share):
    """A column between two characters, whose levels are neighbours."""
    one, two = (stripes.picture(c).astype(float) for c in (first, second))
    return np.rint(one * (1 - share) + two * share).astype(np.uint8)


def test_a_charset_decides_between_what_looks_alike(tmp_path, stripes):
    reader = TextReader.load(stripes.model(tmp_path / "a.onnx"))
    doubtful = between(stripes, "0", "O", 0.52)
    plain = read_one(reader, doubtful)
    assert plain.text == "O"
    assert plain.confidence < 0.9
    assert plain.characters[0][1] == pytest.approx(plain.confidence, abs=0.02)
    digits = read_one(reader, doubtful, charset="0123456789")
    assert digits.text == "0"
    assert digits.confidence > 0.99
    with pytest.raises(ReadingError, match=r"knows none of the characters 'xyz'"):
        reader.read([doubtful], charset="xyz")


def test_a_length_decides_whether_something_is_a_character(tmp_path, stripes):
    reader = TextReader.load(stripes.model(tmp_path / "a.onnx"))
    # Nearly as white as nothing.
    faint = stripes.picture("0  b  0").copy()
    faint[:, 3] = 240
    assert read_one(reader, faint).text == "00"
    assert read_one(reader, faint, length=3).text == "0b0"
    assert read_one(reader, faint, length=(3, 9)).text == "0b0"
    assert read_one(reader, faint, length=(0, 2)).text == "00"
    with pytest.raises(ReadingError, match="length of 4 to 3"):
        reader.read([faint], length=(4, 3))
    with pytest.raises(ReadingError, match="length of -1"):
        reader.read([faint], length=-1)


def test_texts_as_long_as_those_learnt_are_preferred(tmp_path, stripes):
    options = {"shortest": 3, "longest": 4}
    reader = TextReader.load(stripes.model(tmp_path / "a.onnx", options=options))
    faint = stripes.picture("0  b  0").copy()
    faint[:, 3] = 240
    found = read_one(reader, faint)
    assert found.text == "0b0"
    assert found.confidence > 0.8
    # Who says a length knows better, and plain pictures of other lengths stay what they are.
    assert read_one(reader, faint, length=2).text == "00"
    assert read_one(reader, stripes.picture("0  b")).text == "0b"
    assert read_one(reader, stripes.picture("0 b 0 b a")).text == "0b0ba"


def test_a_folded_charset(tmp_path, stripes):
    path = stripes.model(tmp_path / "a.onnx", options={"fold": "lower", "replace": "o0"})
    reader = TextReader.load(path)
    assert reader.rule.apply("AOb") == "a0b"
    picture = stripes.picture("0 a b")
    assert read_one(reader, picture, charset="AB0").text == "0ab"
    assert read_one(reader, picture, charset="O").text == "0"


def test_characters_of_one_colour(tmp_path, stripes):
    reader = TextReader.load(stripes.model(tmp_path / "a.onnx", options={"colours": 1}))
    picture = stripes.picture("")
    picture[:, 3], picture[:, 7] = (171, 0, 0), (0, 174, 0)
    assert reader.takes_colour
    assert read_one(reader, picture).text == "O1"
    assert read_one(reader, picture, colour="#ab0000").text == "O"
    assert read_one(reader, picture, colour="#00ae00").text == "1"
    with pytest.raises(UnknownColourError, match="'octarine' is not known"):
        reader.read([picture], colour="octarine")
    plain = TextReader.load(stripes.model(tmp_path / "b.onnx"))
    with pytest.raises(ReadingError, match=r"stripes 0\.1 was not trained"):
        plain.read([picture], colour="red")


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        pytest.param({"scale": 1.0}, ModelMetadataError, "not GRAY or RGB in 0..1", id="scale"),
        pytest.param({"std": (0.5,)}, ModelMetadataError, "not GRAY or RGB in 0..1", id="std"),
        pytest.param(
            {"options": {"sharpen": 1}}, ModelMetadataError, "option 'sharpen'", id="option"
        ),
        pytest.param(
            {"options": {"shortest": 5, "longest": 4}},
            ModelMetadataError,
            "shortest 5 and longest 4 are no lengths",
            id="lengths",
        ),
        pytest.param({"options": {"smooth": 2}}, ModelMetadataError, "smooth 2", id="smooth"),
        pytest.param({"options": {"width": 9}}, ModelMetadataError, "width 9", id="width"),
        pytest.param({"options": {"blur": "x"}}, ModelMetadataError, "blur is not", id="text"),
        pytest.param({"batch": 4}, ModelShapeError, "declares an input of", id="batch"),
        pytest.param(
            {"kind": "classifier", "decoding": "", "options": None},
            ModelMetadataError,
            "is a classifier and not a text model",
            id="classifier",
        ),
    ],
)
def test_files_that_cannot_be_used(tmp_path, stripes, changes, error, sentence):
    path = tmp_path / "a.onnx"
    if changes.get("kind"):
        metadata = TextReader.load(stripes.model(path)).metadata
        other = dataclasses.replace(metadata, kind="classifier", decoding="", options={})
        _relabel(path, other)
    else:
        stripes.model(path, **changes)
    with pytest.raises(error, match=sentence) as caught:
        TextReader.load(path)
    assert str(caught.value).startswith(str(path))


def _relabel(path, metadata):
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, metadata.to_properties())
    path.write_bytes(model.SerializeToString())


def test_a_charset_of_another_size(tmp_path, stripes):
    path = stripes.model(tmp_path / "a.onnx")
    metadata = TextReader.load(path).metadata
    _relabel(path, dataclasses.replace(metadata, charset=("", "a", "b")))
    with pytest.raises(ModelShapeError, match="has a charset of 3 symbols"):
        TextReader.load(path)


def test_foreign_files(tmp_path, stripes):
    path = stripes.model(tmp_path / "project.onnx")
    _relabel_bare(path)
    with pytest.raises(ModelMetadataError, match=r"has no charsets\.json"):
        TextReader.load(path)
    # An export as dddd_trainer writes it; its pixels are normalised, so levels move.
    content = {"charset": [" ", *"0O1ab"], "word": False, "image": [16, 8], "channel": 1}
    (tmp_path / "charsets.json").write_text(json.dumps(content), encoding="utf-8")
    reader = TextReader.load(path)
    assert reader.name == "project (dddd_trainer)"
    assert reader.metadata is None
    assert reader.charset.symbols == (" ", *"0O1ab")
    # Level p enters as (p / 255 - 0.456) / 0.224.
    columns = np.full(16, 255, np.uint8)
    columns[[2, 5, 9]] = [round(255 * (level * 0.224 + 0.456)) for level in (0.0, 0.4, 0.8)]
    picture = columns[None, :, None].repeat(8, 0).repeat(3, 2)
    readings = reader.read([picture, picture], charset="01bx", length=3)
    assert [reading.text for reading in readings] == ["01b", "01b"]
    with pytest.raises(ReadingError, match="was not trained"):
        reader.read([picture], colour="red")
    content["word"] = True
    (tmp_path / "charsets.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelShapeError):
        TextReader.load(path)


def _relabel_bare(path):
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    path.write_bytes(model.SerializeToString())


# In a process of its own: nothing else here may depend on that package having been imported.
DDDDOCR_READS = """
import json, pathlib, sys
from ddddocr import DdddOcr
model, charsets, *pictures = sys.argv[1:]
options = {"import_onnx_path": model, "charsets_path": charsets}
reader = DdddOcr(det=False, ocr=False, show_ad=False, **options)
texts = [reader.classification(pathlib.Path(picture).read_bytes()) for picture in pictures]
print(json.dumps(texts))
"""


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_ddddocr_reads_the_same(tmp_path, stripes, fit):
    path = stripes.model(tmp_path / "a.onnx", options={"fit": fit})
    reader = TextReader.load(path)
    charsets = tmp_path / "charsets.json"
    charsets.write_text(ddddocr_charsets_text(reader.metadata, source="a.onnx"), encoding="utf-8")
    pictures = []
    for text in (SPREAD, "", "b b", "bb 1", "0O1ab"):
        small = stripes.picture(text)
        narrow = small[:, :13] if fit == "pad" else small
        pictures += [small, narrow, small.repeat(6, 0).repeat(6, 1)]
    files = []
    for number, picture in enumerate(pictures):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(picture).save(files[-1])
    command = [sys.executable, "-c", DDDDOCR_READS, path, charsets, *files]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    read = [reading.text for reading in reader.read(pictures)]
    assert json.loads(answer.stdout.splitlines()[-1]) == read
    assert read[::3] == ["0O1ab0", "", "bb", "b1", "0O1ab"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"decoding": "fixed"}, "--head ctc", id="fixed"),
        pytest.param({"options": {"binarise": 1}}, "binarises", id="binarise"),
        pytest.param(
            {"options": {"smooth": 3, "blur": 1.5}}, "smooths pictures and blurs", id="two"
        ),
        pytest.param({"options": {"colours": 1}}, "takes a wanted colour", id="colours"),
    ],
)
def test_what_ddddocr_cannot_do(tmp_path, stripes, changes, sentence):
    metadata = TextReader.load(stripes.model(tmp_path / "a.onnx", **changes)).metadata
    with pytest.raises(ClassifierError, match=sentence):
        ddddocr_charsets(metadata, source="a.onnx")


def test_charsets_of_a_colour_model(tmp_path, stripes):
    path = stripes.model(
        tmp_path / "a.onnx", colour="RGB", mean=(0.0,) * 3, std=(1.0,) * 3, options={"fit": "pad"}
    )
    metadata = TextReader.load(path).metadata
    assert isinstance(metadata, ModelMetadata)
    assert ddddocr_charsets(metadata, source="a.onnx") == {
        "charset": ["", *"0O1ab"],
        "word": False,
        "image": [-1, 8],
        "channel": 3,
    }
