"""Graphs that end as dddd_trainer's exports end, and as those of its forks do.

The body is one linear map of each column's grey level; upstream's is a CNN and an LSTM.
"""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper, load_model, numpy_helper, save_model
from onnx.external_data_helper import set_external_data

from classifier import (
    CharsetError,
    Classifier,
    CtcReadings,
    DdddTrainerClassifier,
    SoftmaxReadings,
)
from modelfile import ModelMissingError, ModelShapeError

HEIGHT = 8
SYMBOLS = [" ", "并", "细"]
# In normalised grey: black is -2.04, white is 2.43; the middle is the blank, or the first symbol.
CENTRES = np.array([0.2, -2.04, 2.43], np.float32)
NODE, FLOAT, INT64 = helper.make_node, TensorProto.FLOAT, TensorProto.INT64

SEQUENCE_ENDS = {
    # torch: predict.max(2)[1].transpose(0, 1) of (T, N, C)
    "upstream": (
        [
            NODE("ArgMax", ["logits"], ["i"], axis=2, keepdims=0),
            NODE("Transpose", ["i"], ["output"], perm=[1, 0]),
        ],
        [("output", INT64)],
    ),
    "fork-logits": ([NODE("Identity", ["logits"], ["output"])], [("output", FLOAT)]),
    "fork-batch-first": (
        [NODE("Transpose", ["logits"], ["output"], perm=[1, 0, 2])],
        [("output", FLOAT)],
    ),
    "fork-both": (
        [NODE("ArgMax", ["logits"], ["output"], axis=2, keepdims=0)],
        [("output", INT64), ("logits", FLOAT)],
    ),
}
SINGLE_ENDS = {
    # torch: predict.max(1) of (N, C) gives values and indices
    "upstream": (
        [
            NODE("ReduceMax", ["logits"], ["output"], axes=[1], keepdims=0),
            NODE("ArgMax", ["logits"], ["i"], axis=1, keepdims=0),
        ],
        [("output", FLOAT), ("i", INT64)],
    ),
    "fork-logits": ([NODE("Identity", ["logits"], ["output"])], [("output", FLOAT)]),
}


def export(folder, ends, *, single=False, image=(-1, HEIGHT), channel=1, charset=SYMBOLS):
    nodes, outputs = ends
    body = [
        NODE("ReduceMean", ["input1"], ["mean"], axes=[1, 2, 3] if single else [1, 2], keepdims=0),
        NODE("Unsqueeze", ["mean", "last"], ["column"]),
        NODE("MatMul", ["column", "weight"], ["product"]),
        NODE("Add", ["product", "bias"], ["batch_first"]),
        NODE("Identity", ["batch_first"], ["logits"])
        if single
        else NODE("Transpose", ["batch_first"], ["logits"], perm=[1, 0, 2]),
    ]
    constants = {
        "last": np.array([-1], np.int64),
        "weight": 4 * CENTRES[None],
        "bias": -2 * CENTRES**2,
    }
    width = "image_width" if image[0] == -1 and not single else max(image[0], image[1])
    graph = helper.make_graph(
        body + nodes,
        "export",
        [helper.make_tensor_value_info("input1", FLOAT, [1, channel, image[1], width])],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / "project_1.0_20_1000.onnx"
    path.write_bytes(model.SerializeToString())
    content = {"charset": charset, "word": single, "image": list(image), "channel": channel}
    (folder / "charsets.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def striped(*levels, width=8, height=16):
    columns = np.repeat(np.array(levels, np.uint8), width)
    return columns[None, :, None].repeat(height, 0).repeat(3, 2)


BLACK, GREY, WHITE = 0, 128, 255


@pytest.mark.parametrize("end", SEQUENCE_ENDS)
def test_sequence_exports(tmp_path, end):
    path = export(tmp_path, SEQUENCE_ENDS[end])
    classifier: Classifier = DdddTrainerClassifier.load(path, threads=2)
    assert classifier.name == "project_1.0_20_1000 (dddd_trainer)"
    assert classifier.can_read("细并")
    assert not classifier.can_read(" ")
    crops = [striped(GREY, BLACK, GREY, WHITE), striped(WHITE, WHITE), striped(BLACK, GREY, BLACK)]
    readings = classifier.read(crops)
    assert isinstance(readings, CtcReadings)
    assert readings.texts() == ("并细", "细", "并并")
    scores = readings.score_words(["并细", "细", "并并", "并"])
    assert scores.argmax(axis=0).tolist() == [0, 1, 2]
    assert np.isfinite(scores).all()
    assert (scores[3] < -1).all()


@pytest.mark.parametrize("end", SINGLE_ENDS)
@pytest.mark.parametrize("image", [(-1, HEIGHT), (HEIGHT, HEIGHT)], ids=["free", "fixed"])
def test_single_symbol_exports(tmp_path, end, image):
    path = export(tmp_path, SINGLE_ENDS[end], single=True, image=image)
    classifier = DdddTrainerClassifier.load(path)
    readings = classifier.read([striped(WHITE), striped(BLACK, width=20), striped(GREY)])
    assert isinstance(readings, SoftmaxReadings)
    assert readings.texts() == ("细", "并", " ")
    # By hand, for white: logits are 4 c x - 2 c^2 at x = (1 - 0.456) / 0.224.
    logits = 4 * CENTRES * (1 - 0.456) / 0.224 - 2 * CENTRES**2
    wanted = logits - np.log(np.exp(logits).sum())
    np.testing.assert_allclose(
        readings.score_words(["细", " "])[:, 0],
        np.maximum(wanted[[2, 0]], -30),
        rtol=1e-3,
        atol=1e-4,
    )


def test_upstream_and_fork_say_the_same(tmp_path):
    crops = [striped(GREY, BLACK, GREY), striped(90, 200, width=12)]
    scores = []
    for end in ("upstream", "fork-logits"):
        (tmp_path / end).mkdir()
        classifier = DdddTrainerClassifier.load(export(tmp_path / end, SEQUENCE_ENDS[end]))
        scores.append(classifier.read(crops).score_words(["并", "细", "并细"]))
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5)


@pytest.mark.parametrize("end", SEQUENCE_ENDS)
def test_weights_in_a_second_file_lie_beside_the_export(tmp_path, end):
    path = export(tmp_path, SEQUENCE_ENDS[end])
    crops = [striped(GREY, BLACK, GREY), striped(90, 200, width=12)]
    before = DdddTrainerClassifier.load(path).read(crops).score_words(["并", "细"])
    model = load_model(path)
    # As exporters do: small constants, on which shapes depend, stay inside.
    (weight,) = (tensor for tensor in model.graph.initializer if tensor.name == "weight")
    set_external_data(weight, location=f"{path.name}.data")
    save_model(model, path)
    assert (tmp_path / f"{path.name}.data").is_file()
    after = DdddTrainerClassifier.load(path).read(crops).score_words(["并", "细"])
    np.testing.assert_array_equal(before, after)


def test_three_channels_margins_and_a_charset_elsewhere(tmp_path):
    path = export(tmp_path, SEQUENCE_ENDS["fork-logits"], image=(24, HEIGHT), channel=3)
    elsewhere = (tmp_path / "charsets.json").rename(tmp_path / "other.json")
    classifier = DdddTrainerClassifier.load(path, elsewhere, margin=0.5)
    crop, *_ = classifier.crop(striped(0, 0, 0), np.array([[4, 4, 8, 8]], np.float32))
    assert crop.shape == (8, 8, 3)
    assert len(classifier.read([crop, striped(0)])) == 2
    assert len(classifier.read([])) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"charset": None}, "lacks charset", id="no-charset"),
        pytest.param({"charset": "ab"}, "not a list of strings", id="charset-text"),
        pytest.param({"charset": [" ", 1]}, "not a list of strings", id="charset-number"),
        pytest.param({"charset": [" ", "a", "a"]}, "twice", id="charset-repeats"),
        pytest.param({"word": 1}, "word is not true or false", id="word"),
        pytest.param({"image": [64]}, "image is not", id="image-length"),
        pytest.param({"image": [64, -1]}, "image is not", id="image-height"),
        pytest.param({"image": [0, 64]}, "image is not", id="image-width"),
        pytest.param({"channel": 4}, "neither 1 nor 3", id="channel"),
        pytest.param({"channel": None}, "lacks channel", id="no-channel"),
    ],
)
def test_charset_files_that_cannot_be_used(tmp_path, change, sentence):
    path = export(tmp_path, SEQUENCE_ENDS["upstream"])
    file = tmp_path / "charsets.json"
    content = json.loads(file.read_text(encoding="utf-8")) | change
    content = {key: value for key, value in content.items() if value is not None}
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CharsetError, match=sentence) as caught:
        DdddTrainerClassifier.load(path)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("text", ["{", "[]"], ids=["cut-off", "list"])
def test_charset_files_that_are_no_object(tmp_path, text):
    path = export(tmp_path, SEQUENCE_ENDS["upstream"])
    (tmp_path / "charsets.json").write_text(text, encoding="utf-8")
    with pytest.raises(CharsetError, match=r"is not (JSON|a JSON object);"):
        DdddTrainerClassifier.load(path)


def test_missing_files(tmp_path):
    path = export(tmp_path, SEQUENCE_ENDS["upstream"])
    (tmp_path / "charsets.json").unlink()
    with pytest.raises(ModelMissingError, match=r"charsets\.json does not exist"):
        DdddTrainerClassifier.load(path)
    with pytest.raises(ModelMissingError, match=r"nothing\.onnx does not exist"):
        DdddTrainerClassifier.load(tmp_path / "nothing.onnx")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param({"charset": [" ", "a", "b", "c"]}, "names 4 symbols", id="charset-size"),
        pytest.param({"charset": [" ", "a"]}, "names 2 symbols", id="charset-short"),
    ],
)
def test_exports_that_do_not_fit_their_charset(tmp_path, options, sentence):
    path = export(tmp_path, SEQUENCE_ENDS["upstream"], **options)
    with pytest.raises(ModelShapeError, match=sentence):
        DdddTrainerClassifier.load(path)


def test_channels_that_do_not_fit(tmp_path):
    path = export(tmp_path, SEQUENCE_ENDS["upstream"])
    file = tmp_path / "charsets.json"
    content = json.loads(file.read_text(encoding="utf-8")) | {"channel": 3}
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelShapeError, match=r"asks for one of \(1, 3, height, width\)"):
        DdddTrainerClassifier.load(path)


def test_indices_that_come_from_elsewhere(tmp_path):
    ends = ([NODE("Shape", ["logits"], ["output"])], [("output", INT64)])
    with pytest.raises(ModelShapeError, match="export the logits"):
        DdddTrainerClassifier.load(export(tmp_path, ends))
