import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfile import ModelMetadata, ModelMetadataError, is_own
from modelfile.metadata import PREFIX

DETECTOR = ModelMetadata(
    kind="detector",
    name="clickorder-detector",
    version="1.0.0",
    input_size=(320, 256),
    colour="RGB",
    scale=1 / 255,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    training_data="Generated puzzles.",
    code_revision="abc123",
    licence="Apache-2.0",
    classes=("item",),
    confidence_threshold=0.3,
    calibration={"slope": 1.5, "offset": -0.2},
)
CLASSIFIER = dataclasses.replace(
    DETECTOR,
    kind="classifier",
    classes=(),
    charset=("", "并", "A", '"', "🐟"),
    colour="GRAY",
    mean=(0.456,),
    std=(0.224,),
)

TEXT = dataclasses.replace(
    CLASSIFIER,
    kind="text",
    decoding="ctc",
    options={"height": 64, "blur": 0.5, "fit": "pad", "fold": ""},
)

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(min_size=1, max_size=8).filter(str.strip)


@pytest.mark.parametrize(
    "metadata", [DETECTOR, CLASSIFIER, TEXT], ids=["detector", "classifier", "text"]
)
def test_round_trip(metadata):
    properties = metadata.to_properties()
    assert all(isinstance(value, str) for value in properties.values())
    assert is_own(properties)
    assert ModelMetadata.from_properties(properties, source="a.onnx") == metadata


@settings(deadline=None)
@given(
    symbols=st.lists(texts, min_size=2, max_size=6, unique=True),
    calibration=st.dictionaries(st.text(max_size=5), finite, max_size=3),
    mean=finite,
    std=st.floats(min_value=1e-6, max_value=1e6),
    size=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    name=texts,
)
def test_any_values_survive_the_table(symbols, calibration, mean, std, size, name):
    metadata = dataclasses.replace(
        CLASSIFIER,
        name=name,
        charset=tuple(symbols),
        calibration=calibration,
        mean=(mean,),
        std=(std,),
        input_size=size,
    )
    assert ModelMetadata.from_properties(metadata.to_properties(), source="x") == metadata


def test_title_and_channels():
    assert DETECTOR.title == "clickorder-detector 1.0.0"
    assert (DETECTOR.channels, CLASSIFIER.channels) == (3, 1)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"kind": "segmenter"}, "kind 'segmenter' is none of", id="kind"),
        pytest.param({"colour": "CMYK"}, "colour 'CMYK' is none of", id="colour"),
        pytest.param({"name": " "}, "name is empty", id="name"),
        pytest.param({"licence": ""}, "licence is empty", id="licence"),
        pytest.param({"input_size": (0, 320)}, "input_size", id="size-zero"),
        pytest.param({"input_size": (320,)}, "input_size", id="size-not-a-pair"),
        pytest.param({"scale": 0.0}, "scale 0.0", id="scale"),
        pytest.param({"mean": (0.0,)}, "1 means and 3 stds for RGB", id="mean-length"),
        pytest.param({"std": (1.0, 0.0, 1.0)}, "std is not greater than 0", id="std-zero"),
        pytest.param({"mean": (0.0, float("nan"), 0.0)}, "mean is not finite", id="mean-nan"),
        pytest.param({"confidence_threshold": 1.5}, "not in 0..1", id="threshold"),
        pytest.param({"calibration": {"a": float("inf")}}, "calibration", id="calibration"),
        pytest.param({"classes": ()}, "a detector with 0 classes", id="no-classes"),
        pytest.param({"classes": ("a", "a")}, "repeats a name", id="repeated-class"),
        pytest.param({"classes": ("a", "")}, "empty name", id="empty-class"),
        pytest.param({"charset": ("a", "b")}, "a detector with 2 symbols", id="foreign-charset"),
        pytest.param({"kind": "siamese"}, "a siamese with 1 classes", id="siamese-with-classes"),
    ],
)
def test_contradictions_are_refused_when_made_and_when_read(change, fault):
    with pytest.raises(ModelMetadataError, match=fault):
        dataclasses.replace(DETECTOR, **change)
    properties = DETECTOR.to_properties()
    for key, value in change.items():
        text = value if isinstance(value, str) else json.dumps(value)
        properties[PREFIX + key] = text
    with pytest.raises(ModelMetadataError, match=fault) as caught:
        ModelMetadata.from_properties(properties, source="models/a.onnx")
    assert str(caught.value).startswith("models/a.onnx has metadata that is not valid: ")
    assert str(caught.value).count(". ") == 0
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("charset", "fault"),
    [
        (("a",), "a classifier with 1 symbols"),
        (("a", "b", "a"), "charset repeats a symbol"),
        (("a", ""), "charset has an empty symbol that is not the first"),
    ],
)
def test_charsets_of_classifiers(charset, fault):
    with pytest.raises(ModelMetadataError, match=fault):
        dataclasses.replace(CLASSIFIER, charset=charset)


@pytest.mark.parametrize(
    ("metadata", "change", "fault"),
    [
        pytest.param(TEXT, {"decoding": ""}, "neither ctc nor fixed", id="no-decoding"),
        pytest.param(TEXT, {"decoding": "beam"}, "neither ctc nor fixed", id="decoding"),
        pytest.param(TEXT, {"charset": ("a", "b")}, "does not start with ''", id="blank"),
        pytest.param(TEXT, {"charset": ("",)}, "a text with 1 symbols", id="charset"),
        pytest.param(TEXT, {"charset": ("", "ab")}, "of several characters", id="long-symbol"),
        pytest.param(TEXT, {"options": {"blur": float("nan")}}, "options is not", id="nan"),
        pytest.param(CLASSIFIER, {"decoding": "ctc"}, "a classifier with the decoding", id="own"),
        pytest.param(CLASSIFIER, {"options": {"a": 1}}, "a classifier with options", id="options"),
    ],
)
def test_what_only_text_models_have(metadata, change, fault):
    with pytest.raises(ModelMetadataError, match=fault):
        dataclasses.replace(metadata, **change)


@pytest.mark.parametrize("options", ["[]", '{"blur": true}', '{"blur": [1]}', '{"blur": null}'])
def test_options_of_the_wrong_type(options):
    properties = TEXT.to_properties() | {PREFIX + "options": options}
    with pytest.raises(ModelMetadataError, match="options is not"):
        ModelMetadata.from_properties(properties, source="a.onnx")


def test_other_kinds_carry_none_of_it():
    assert not {PREFIX + "decoding", PREFIX + "options"} & set(DETECTOR.to_properties())


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("input_size", "[320", "clickorder.input_size is not JSON"),
        ("input_size", '["320", "320"]', "input_size is not a list of int"),
        ("scale", '"0.1"', "scale is not a number"),
        ("scale", "true", "scale is not a number"),
        ("mean", "0", "mean is not a list of float"),
        ("classes", "[1]", "classes is not a list of str"),
        ("calibration", "[1]", "calibration is not an object of numbers"),
        ("calibration", '{"a": "b"}', "calibration is not a number"),
    ],
)
def test_values_of_the_wrong_type(key, value, fault):
    properties = DETECTOR.to_properties() | {PREFIX + key: value}
    with pytest.raises(ModelMetadataError, match=fault) as caught:
        ModelMetadata.from_properties(properties, source="a.onnx")
    assert str(caught.value).startswith("a.onnx ")


@pytest.mark.parametrize("key", ["kind", "name", "training_data", "licence", "scale", "std"])
def test_missing_keys_are_named(key):
    properties = DETECTOR.to_properties()
    del properties[PREFIX + key]
    with pytest.raises(
        ModelMetadataError, match=rf"^a\.onnx lacks the metadata clickorder\.{key};"
    ):
        ModelMetadata.from_properties(properties, source="a.onnx")


def test_a_foreign_file_is_not_ours():
    properties = {"names": "{0: 'a'}", "version": "8.3.0"}
    assert not is_own(properties)
    with pytest.raises(ModelMetadataError, match="carries no"):
        ModelMetadata.from_properties(properties, source="a.onnx")
