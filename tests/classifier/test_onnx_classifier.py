"""Real ONNX graphs: the grey level of the crop, or of its columns, decides the symbol."""

import dataclasses

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from classifier import (
    Classifier,
    ClassifierError,
    CtcReadings,
    OnnxClassifier,
    SoftmaxReadings,
)
from modelfile import ModelMetadata, ModelMetadataError, ModelShapeError

SIDE = 8
SOFTMAX = ModelMetadata(
    kind="classifier",
    name="levels",
    version="0.1",
    input_size=(SIDE, SIDE),
    colour="GRAY",
    scale=1 / 255,
    mean=(0.0,),
    std=(1.0,),
    training_data="None.",
    code_revision="0",
    licence="Apache-2.0",
    charset=("dark", "middle", "light"),
)
CTC = dataclasses.replace(SOFTMAX, charset=("", "d", "l"))
# Scores of a grey level g are 20 * (2 c g - c^2), greatest for the nearest centre c.
CENTRES = np.array([0.0, 0.5, 1.0], np.float32)


def levels_file(path, metadata, *, sequence, batch="n", input_axes=None, symbols=CENTRES):
    """A mean over the crop (N, C), or over the rows of each column (N, T, C), then a linear map.

    In the sequence model, grey 0.5 is the blank.
    """
    centres = symbols[[1, 0, 2]] if sequence else symbols
    axes = [1, 2] if sequence else [1, 2, 3]
    initializers = {
        "weight": (40 * centres)[None, :],
        "bias": -20 * centres**2,
        "last": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("MatMul", ["column", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["y"]),
    ]
    shape = [batch, *(input_axes or (1, SIDE, SIDE))]
    output = [batch, SIDE, 3] if sequence else [batch, 3]
    graph = helper.make_graph(
        nodes,
        "levels",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        initializer=[
            numpy_helper.from_array(np.asarray(value), name) for name, value in initializers.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata.to_properties())
    path.write_bytes(model.SerializeToString())
    return path


def flat(level, size=(8, 8)):
    return np.full((size[1], size[0], 3), level, np.uint8)


def striped(*levels, width=2):
    return np.repeat(np.array(levels, np.uint8), width)[None, :, None].repeat(8, 0).repeat(3, 2)


@pytest.mark.parametrize("batch", ["n", 1], ids=["free-batch", "batch-of-1"])
def test_single_symbols(tmp_path, batch):
    classifier: Classifier = OnnxClassifier.load(
        levels_file(tmp_path / "a.onnx", SOFTMAX, sequence=False, batch=batch), threads=2
    )
    assert classifier.name == "levels 0.1"
    assert classifier.can_read("dark")
    assert not classifier.can_read("d")
    assert not classifier.can_read("")
    readings = classifier.read([flat(255), flat(0, (30, 12)), flat(128, (5, 40))])
    assert isinstance(readings, SoftmaxReadings)
    assert readings.texts() == ("light", "dark", "middle")
    # By hand: scores of grey g are 20 * (2 c g - c^2).
    grey = np.array([1, 0, 128 / 255])
    scores = 20 * (2 * CENTRES[:, None] * grey - CENTRES[:, None] ** 2)
    wanted = scores - np.log(np.exp(scores).sum(axis=0))
    np.testing.assert_allclose(
        readings.score_words(["light", "dark"]), wanted[[2, 0]], rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("batch", ["n", 1], ids=["free-batch", "batch-of-1"])
def test_sequences(tmp_path, batch):
    classifier = OnnxClassifier.load(
        levels_file(tmp_path / "a.onnx", CTC, sequence=True, batch=batch)
    )
    crops = [striped(0, 128, 0, 255), striped(128, 255, 255, 128), striped(128, 128, 128, 128)]
    readings = classifier.read(crops)
    assert isinstance(readings, CtcReadings)
    assert readings.texts() == ("ddl", "l", "")
    scores = readings.score_words(["ddl", "l", "dl"])
    assert scores.shape == (3, 3)
    assert scores[0, 0] > -0.2
    assert scores[1, 1] > -0.2
    assert (np.delete(scores.ravel(), [0, 4]) < -2).all()
    assert classifier.can_read("ld")
    assert not classifier.can_read("lx")


@pytest.mark.parametrize(("metadata", "sequence"), [(SOFTMAX, False), (CTC, True)])
def test_many_crops_go_through_in_portions_and_stay_in_order(tmp_path, metadata, sequence):
    path = levels_file(tmp_path / "a.onnx", metadata, sequence=sequence)
    classifier = OnnxClassifier.load(path)
    some = [flat(0), flat(255)] * 50
    assert classifier.read(some).texts() == classifier.read(some[:2]).texts() * 50


@pytest.mark.parametrize(("metadata", "sequence"), [(SOFTMAX, False), (CTC, True)])
def test_no_crops(tmp_path, metadata, sequence):
    path = levels_file(tmp_path / "a.onnx", metadata, sequence=sequence)
    assert len(OnnxClassifier.load(path).read([])) == 0


def test_the_margin_comes_from_the_file_unless_given(tmp_path):
    metadata = dataclasses.replace(SOFTMAX, calibration={"crop_margin": 0.5})
    path = levels_file(tmp_path / "a.onnx", metadata, sequence=False)
    image, boxes = flat(0, (40, 40)), np.array([[10, 10, 20, 20]], np.float32)
    assert OnnxClassifier.load(path).crop(image, boxes)[0].shape == (20, 20, 3)
    assert OnnxClassifier.load(path, margin=0.0).crop(image, boxes)[0].shape == (10, 10, 3)


@pytest.mark.parametrize(
    ("metadata", "options", "error", "sentence"),
    [
        pytest.param(
            dataclasses.replace(SOFTMAX, kind="siamese", charset=()),
            {"sequence": False},
            ModelMetadataError,
            "is a siamese and not a classifier",
            id="kind",
        ),
        pytest.param(
            SOFTMAX,
            {"sequence": False, "input_axes": (3, SIDE, SIDE)},
            ModelShapeError,
            r"asks for \(N, 1, 8, 8\)",
            id="channels",
        ),
        pytest.param(
            SOFTMAX, {"sequence": False, "batch": 4}, ModelShapeError, "asks for", id="batch"
        ),
        pytest.param(
            dataclasses.replace(SOFTMAX, charset=("a", "b", "c", "d")),
            {"sequence": False},
            ModelShapeError,
            r"with \(1, 3\), but has a charset of 4",
            id="charset-size",
        ),
        pytest.param(SOFTMAX, {"sequence": True}, ModelShapeError, "starts with 'dark'", id="rank"),
        pytest.param(CTC, {"sequence": False}, ModelShapeError, "starts with ''", id="blank"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, metadata, options, error, sentence):
    path = levels_file(tmp_path / "a.onnx", metadata, **options)
    with pytest.raises(error, match=sentence) as caught:
        OnnxClassifier.load(path)
    assert str(caught.value).startswith(str(path))


def test_a_crop_that_is_no_picture(tmp_path):
    classifier = OnnxClassifier.load(levels_file(tmp_path / "a.onnx", SOFTMAX, sequence=False))
    with pytest.raises(ClassifierError, match="convert it to RGB"):
        classifier.read([flat(0), np.zeros((4, 4), np.uint8)])
