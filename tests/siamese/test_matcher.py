"""A real two-input graph: one linear embedding of all crops, and |a - b| as the head."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import siamese
from modelfile import ModelMetadata, ModelMetadataError, ModelShapeError, OnnxSession
from siamese import Matcher, SiameseError, SiameseMatcher, to_batch

SHIPPED = Path(siamese.__file__).parent / "weights" / "siamese.onnx"
SIDE, FEATURES = 8, 5
WEIGHT = np.random.default_rng(1).normal(size=(3 * SIDE * SIDE, FEATURES)).astype(np.float32) / 20
META = ModelMetadata(
    kind="siamese",
    name="tiny",
    version="0.1",
    input_size=(SIDE, SIDE),
    colour="RGB",
    scale=1 / 255,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    training_data="None.",
    code_revision="0",
    licence="Apache-2.0",
)
FLOAT = TensorProto.FLOAT
NODE = helper.make_node


def siamese_file(
    path,
    metadata,
    *,
    batch=("m", "n"),
    names=("prompt", "scene"),
    output="similarity",
    embedding=True,
):
    """Concat, Flatten, MatMul, then split by the number of prompt crops; 3 - sum |a - b|."""
    nodes = [
        NODE("Concat", list(names), ["all"], axis=0),
        NODE("Flatten", ["all"], ["flat"], axis=1),
        NODE("MatMul", ["flat", "weight"], ["embedding"]),
        NODE("Shape", [names[0]], ["prompt_shape"]),
        NODE("Slice", ["prompt_shape", "zero", "one"], ["count"]),
        NODE("Slice", ["embedding", "zero", "count", "zero"], ["a"]),
        NODE("Slice", ["embedding", "count", "many", "zero"], ["b"]),
        NODE("Unsqueeze", ["a", "one"], ["a_column"]),
        NODE("Unsqueeze", ["b", "zero"], ["b_row"]),
        NODE("Sub", ["a_column", "b_row"], ["difference"]),
        NODE("Abs", ["difference"], ["distance"]),
        NODE("ReduceSum", ["distance", "two"], ["total"], keepdims=0),
        NODE("Sub", ["three", "total"], [output]),
    ]
    constants = {
        "weight": WEIGHT,
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "two": np.array([2], np.int64),
        "many": np.array([2**31], np.int64),
        "three": np.array(3.0, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "siamese",
        [
            helper.make_tensor_value_info(name, FLOAT, [axis, 3, SIDE, SIDE])
            for name, axis in zip(names, batch, strict=True)
        ],
        [
            helper.make_tensor_value_info(output, FLOAT, list(batch)),
            helper.make_tensor_value_info("embedding", FLOAT, ["k", FEATURES]),
        ][: 2 if embedding else 1],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata.to_properties())
    path.write_bytes(model.SerializeToString())
    return path


def crops(seed, *sizes):
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, (height, width, 3), np.uint8) for width, height in sizes]


class CountingSession(OnnxSession):
    """A real session that remembers how often it ran."""

    runs = 0
    most = 0

    def run(self, feeds, outputs=None):
        self.runs += 1
        self.most = max(self.most, len(feeds["scene"]))
        return super().run(feeds, outputs)


def test_similarities_are_those_of_the_embeddings(tmp_path):
    matcher: Matcher = SiameseMatcher.load(siamese_file(tmp_path / "a.onnx", META), threads=2)
    prompt, scene = crops(0, (8, 8), (20, 9)), crops(1, (8, 8), (5, 30), (12, 12))
    scene.append(prompt[1])
    found = matcher.compare(prompt, scene)

    def embed(items):
        batch = to_batch(items, SIDE, scale=META.scale, mean=META.mean, std=META.std)
        return batch.reshape(len(items), -1) @ WEIGHT

    a, b = embed(prompt), embed(scene)
    wanted = 3 - np.abs(a[:, None] - b[None]).sum(axis=2)
    assert found.dtype == np.float32
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert found[1, 3] == found.max() == pytest.approx(3)
    assert matcher.name == "tiny 0.1"


def test_many_crops_go_through_in_portions_and_come_out_the_same(tmp_path):
    session = CountingSession(siamese_file(tmp_path / "a.onnx", META))
    matcher = SiameseMatcher(session)
    items, scene = crops(0, (8, 8), (9, 9)), crops(1, *[(7, 9)] * 101)
    found = matcher.compare(items, scene)
    assert session.most <= 48
    alone = [matcher.compare([item], [crop])[0, 0] for item in items for crop in scene]
    np.testing.assert_allclose(found.ravel(), alone, rtol=1e-5, atol=1e-5)


def test_one_run_for_all_crops_and_none_for_nothing(tmp_path):
    session = CountingSession(siamese_file(tmp_path / "a.onnx", META))
    matcher = SiameseMatcher(session)
    session.runs = 0
    matcher.compare(crops(0, (8, 8), (9, 9), (7, 7)), crops(1, *[(8, 8)] * 7))
    assert session.runs == 1
    some = crops(0, (8, 8), (9, 9))
    assert matcher.compare([], some).shape == (0, 2)
    assert matcher.compare(some, []).shape == (2, 0)
    assert matcher.compare([], []).shape == (0, 0)
    assert session.runs == 1


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_embeddings_are_those_that_are_compared(tmp_path, count):
    matcher = SiameseMatcher.load(siamese_file(tmp_path / "a.onnx", META))
    some = crops(0, (8, 8), (20, 9), (5, 5), (9, 30), (12, 8))[:count]
    found = matcher.embed(some)
    assert found.shape == (count, FEATURES)
    assert found.dtype == np.float32
    distances = np.abs(found[:, None] - found[None]).sum(axis=2)
    np.testing.assert_allclose(3 - distances, matcher.compare(some, some), rtol=1e-4, atol=1e-4)


def test_a_file_that_keeps_its_embeddings_to_itself(tmp_path):
    matcher = SiameseMatcher.load(siamese_file(tmp_path / "a.onnx", META, embedding=False))
    with pytest.raises(ModelShapeError, match=r"a\.onnx compares crops, but has no output embedd"):
        matcher.embed(crops(0, (8, 8)))


def test_the_shipped_matcher_embeds_at_length_1():
    matcher = SiameseMatcher.load(SHIPPED)
    one, other = crops(0, (30, 20), (20, 30))
    found = matcher.embed([one, other, one])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-3)
    np.testing.assert_allclose(found[0], found[2], atol=1e-5)
    assert found[0] @ found[1] < 0.999


def test_the_margin_comes_from_the_file_unless_given(tmp_path):
    metadata = dataclasses.replace(META, calibration={"crop_margin": 0.5})
    path = siamese_file(tmp_path / "a.onnx", metadata)
    image, boxes = np.zeros((40, 40, 3), np.uint8), np.array([[10, 10, 20, 20]], np.float32)
    assert SiameseMatcher.load(path).crop(image, boxes)[0].shape == (20, 20, 3)
    assert SiameseMatcher.load(path, margin=0.0).crop(image, boxes)[0].shape == (10, 10, 3)


@pytest.mark.parametrize(
    ("metadata", "options", "error", "sentence"),
    [
        pytest.param(
            dataclasses.replace(META, kind="detector", classes=("a",)),
            {},
            ModelMetadataError,
            "is a detector and not a siamese model",
            id="kind",
        ),
        pytest.param(
            dataclasses.replace(META, input_size=(8, 16)),
            {},
            ModelMetadataError,
            "takes squares",
            id="not-square",
        ),
        pytest.param(
            META,
            {"names": ("left", "right")},
            ModelShapeError,
            "inputs left, right, but a siamese model has prompt and scene",
            id="input-names",
        ),
        pytest.param(
            META, {"output": "logits"}, ModelShapeError, "has the outputs logits", id="output-name"
        ),
        pytest.param(
            dataclasses.replace(META, input_size=(16, 16)),
            {},
            ModelShapeError,
            r"asks for \(any number, 3, 16, 16\)",
            id="side",
        ),
        pytest.param(
            META, {"batch": ("m", 4)}, ModelShapeError, "declares the input scene", id="fixed-batch"
        ),
    ],
)
def test_files_that_cannot_be_used(tmp_path, metadata, options, error, sentence):
    path = siamese_file(tmp_path / "a.onnx", metadata, **options)
    with pytest.raises(error, match=sentence) as caught:
        SiameseMatcher.load(path)
    assert str(caught.value).startswith(str(path))


def test_a_crop_that_is_no_picture(tmp_path):
    matcher = SiameseMatcher.load(siamese_file(tmp_path / "a.onnx", META))
    with pytest.raises(SiameseError, match="convert it to RGB"):
        matcher.compare([np.zeros((4, 4), np.uint8)], crops(0, (8, 8)))
