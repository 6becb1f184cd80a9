"""Real ONNX graphs through real sessions: each finds the bright pixels of the picture.

The graph of each layout adds `input x 0` to a constant table, so that shapes and feeding are real,
and multiplies the scores with the input's value at the middle of the frame, so that channel order,
scaling and padding show in the answer.
"""

import dataclasses

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from detector import DetectorError, UnknownLayoutError, YoloDetector
from modelfile import ModelMetadata, ModelMetadataError, ModelMissingError, ModelShapeError

WIDTH, HEIGHT = 64, 32
CELLS = (8 * 4) + (4 * 2) + (2 * 1)
# In network pixels: two boxes of class 0 that overlap, one of class 1 elsewhere.
BOXES = np.array([[10, 8, 30, 28], [11, 8, 31, 28], [40, 10, 60, 30]], np.float32)
SCORES, CLASSES = np.array([0.6, 0.8, 0.9], np.float32), np.array([0, 0, 1])


def table(kind):
    """Scores are what the network answers for a red channel of 1 in the middle."""
    centres = np.concatenate([(BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]], 1)
    by_class = SCORES[:, None] * (CLASSES[:, None] == np.arange(2))
    if kind == "end_to_end":
        rows, filled = np.zeros((300, 6), np.float32), 3
        rows[:filled] = np.column_stack([BOXES, SCORES, CLASSES])
        scored = [4]
    elif kind == "v5":
        rows = np.zeros((3 * CELLS, 7), np.float32)
        rows[5:8] = np.column_stack([centres, np.ones(3), by_class])
        scored = [4]
    else:
        rows = np.zeros((CELLS, 6), np.float32)
        rows[5:8] = np.column_stack([centres, by_class])
        scored = [4, 5]
    weights = np.zeros(rows.shape[1], bool)
    weights[scored] = True
    return rows, weights


def yolo_file(path, kind, properties, *, input_shape=(1, 3, HEIGHT, WIDTH), middle=(0, 0)):
    """Scores are multiplied with channel 0 of the input at the middle of the frame."""
    rows, scored = table(kind)
    y, x = HEIGHT // 2 + middle[1], WIDTH // 2 + middle[0]
    constants = {
        "moved": np.where(scored, rows, 0)[None],
        "fixed": np.where(scored, 0, rows)[None],
        "start": np.array([0, y, x], np.int64),
        "end": np.array([1, y + 1, x + 1], np.int64),
        "axes": np.array([1, 2, 3], np.int64),
        "flat": np.array([1, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["images", "start", "end", "axes"], ["pixel"]),
        helper.make_node("Reshape", ["pixel", "flat"], ["value"]),
        helper.make_node("Mul", ["moved", "value"], ["scored"]),
        helper.make_node("Add", ["scored", "fixed"], ["table"]),
        helper.make_node("Transpose", ["table"], ["turned"], perm=[0, 2, 1]),
    ]
    output = "turned" if kind == "v8" else "table"
    if kind != "v8":
        nodes.pop()
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(input_shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, properties)
    path.write_bytes(model.SerializeToString())
    return path


OWN = ModelMetadata(
    kind="detector",
    name="tiny",
    version="1.2.3",
    input_size=(WIDTH, HEIGHT),
    colour="RGB",
    scale=1 / 255,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    training_data="None.",
    code_revision="0",
    licence="Apache-2.0",
    classes=("char", "icon"),
    confidence_threshold=0.5,
)
ULTRALYTICS = {
    "names": "{0: 'char', 1: 'icon'}",
    "imgsz": f"[{HEIGHT}, {WIDTH}]",
    "stride": "32",
    "task": "detect",
    "version": "8.3.1",
    "batch": "1",
}
# Half the network's size, full red: the picture is doubled and the scores stay as they are.
RED = np.zeros((HEIGHT // 2, WIDTH // 2, 3), np.uint8)
RED[..., 0] = 255

layouts = pytest.mark.parametrize("kind", ["v5", "v8", "end_to_end"])


@layouts
@pytest.mark.parametrize("properties", [OWN.to_properties(), ULTRALYTICS], ids=["own", "foreign"])
def test_each_layout(tmp_path, kind, properties):
    path = yolo_file(tmp_path / "tiny.onnx", kind, properties)
    detector = YoloDetector.load(path, threads=2)
    assert detector.layout.kind == kind
    assert detector.classes == ("char", "icon")
    assert detector.name == (
        "tiny 1.2.3" if properties is not ULTRALYTICS else "tiny (Ultralytics 8.3.1)"
    )
    found = detector.detect(RED)
    np.testing.assert_allclose(found.boxes, BOXES[[2, 1]] / 2, atol=1e-4)
    np.testing.assert_allclose(found.scores, SCORES[[2, 1]], atol=1e-6)
    assert found.classes.tolist() == [1, 0]
    assert len(found) == 2


def test_suppression_in_the_file_is_told_by_its_arguments(tmp_path):
    said = {"end2end": "False", "args": "{'batch': 1, 'nms': True}"}
    path = yolo_file(tmp_path / "m.onnx", "end_to_end", ULTRALYTICS | said)
    detector = YoloDetector.load(path)
    assert detector.layout.kind == "end_to_end"
    np.testing.assert_allclose(detector.detect(RED).boxes, BOXES[[2, 1]] / 2, atol=1e-4)


@layouts
def test_limits(tmp_path, kind):
    path = yolo_file(tmp_path / "tiny.onnx", kind, OWN.to_properties())

    def count(**limits):
        return len(YoloDetector.load(path, **limits).detect(RED))

    assert count() == 2
    assert count(iou_threshold=0.95) == 3
    assert count(iou_threshold=0.95, confidence_threshold=0.7) == 2
    assert count(max_boxes=1) == 1
    assert YoloDetector.load(path).limits.confidence_threshold == 0.5
    with pytest.raises(ValueError, match="iou_threshold is 2"):
        count(iou_threshold=2)


def test_classes_suppress_each_other_only_when_told(tmp_path):
    boxes = BOXES.copy()
    try:
        BOXES[2] = BOXES[1]
        path = yolo_file(tmp_path / "tiny.onnx", "v8", OWN.to_properties())
    finally:
        BOXES[:] = boxes
    assert YoloDetector.load(path).detect(RED).classes.tolist() == [1]
    apart = YoloDetector.load(path, class_agnostic=False).detect(RED)
    assert apart.classes.tolist() == [1, 0]


def test_nothing_found_and_boxes_in_the_padding(tmp_path):
    path = yolo_file(tmp_path / "tiny.onnx", "v8", OWN.to_properties())
    nothing = YoloDetector.load(path).detect(np.zeros_like(RED))
    assert nothing.boxes.shape == (0, 4)
    assert (nothing.boxes.dtype, nothing.scores.dtype) == (np.float32, np.float32)
    # A square picture is padded left and right; the class 1 box at x 40 to 60 ends at its border.
    square = np.full((HEIGHT, HEIGHT, 3), 255, np.uint8)
    found = YoloDetector.load(path).detect(square)
    assert found.boxes[:, 2].max() <= HEIGHT
    assert found.boxes.min() >= 0


def test_metadata_decides_colour_and_scale(tmp_path):
    swapped = dataclasses.replace(OWN, colour="BGR", scale=1.0, std=(255.0, 255.0, 255.0))
    path = yolo_file(tmp_path / "tiny.onnx", "v8", swapped.to_properties())
    assert len(YoloDetector.load(path).detect(RED)) == 0
    assert len(YoloDetector.load(path).detect(RED[..., ::-1])) == 2


@pytest.mark.parametrize(
    ("properties", "input_shape", "wanted"),
    [
        pytest.param({}, (1, 3, HEIGHT, WIDTH), "tiny", id="no-metadata"),
        pytest.param(
            {"stride": "32", "names": "['char', 'icon']"}, (1, 3, HEIGHT, WIDTH), "tiny", id="v5"
        ),
        pytest.param(
            ULTRALYTICS, ("batch", 3, "height", "width"), "tiny (Ultralytics 8.3.1)", id="dynamic"
        ),
    ],
)
def test_foreign_metadata(tmp_path, properties, input_shape, wanted):
    path = yolo_file(tmp_path / "tiny.onnx", "v8", properties, input_shape=input_shape)
    detector = YoloDetector.load(path)
    assert detector.name == wanted
    assert len(detector.detect(RED)) == 2


@pytest.mark.parametrize(
    ("properties", "input_shape", "error", "sentence"),
    [
        pytest.param(
            ULTRALYTICS | {"task": "segment"}, None, ModelMetadataError, "task 'segment'", id="task"
        ),
        pytest.param(
            ULTRALYTICS | {"names": "{0: 'a'"}, None, ModelMetadataError, "names", id="names"
        ),
        pytest.param(
            ULTRALYTICS | {"names": "{1: 'a'}"}, None, ModelMetadataError, "numbered", id="from-1"
        ),
        pytest.param(
            ULTRALYTICS | {"names": "{0: 'a'}"}, None, UnknownLayoutError, "names 1", id="classes"
        ),
        pytest.param(
            {}, (1, 3, "h", "w"), ModelMetadataError, "tells its input size", id="no-size"
        ),
        pytest.param(
            ULTRALYTICS, (4, 3, HEIGHT, WIDTH), ModelShapeError, "batch is not 1", id="batch"
        ),
        pytest.param(
            ULTRALYTICS, (1, 1, HEIGHT, WIDTH), ModelShapeError, "channels is not 3", id="grey"
        ),
        pytest.param(
            dataclasses.replace(OWN, input_size=(320, 320)).to_properties(),
            (1, 3, HEIGHT, WIDTH),
            ModelShapeError,
            "width is not 320",
            id="own-size",
        ),
        pytest.param(
            dataclasses.replace(OWN, kind="siamese", classes=()).to_properties(),
            None,
            ModelMetadataError,
            "is a siamese and not a detector",
            id="kind",
        ),
    ],
)
def test_files_that_cannot_be_used(tmp_path, properties, input_shape, error, sentence):
    shape = input_shape or (1, 3, HEIGHT, WIDTH)
    path = yolo_file(tmp_path / "tiny.onnx", "v8", properties, input_shape=shape)
    with pytest.raises(error, match=sentence) as caught:
        YoloDetector.load(path)
    assert str(caught.value).startswith(str(path))


def test_an_input_that_is_no_picture(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "flat",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "flat.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelShapeError, match=r"has the inputs x \(1, 3\), but a YOLO detector"):
        YoloDetector.load(path)


def test_no_file_and_no_picture(tmp_path):
    with pytest.raises(ModelMissingError):
        YoloDetector.load(tmp_path / "nothing.onnx")
    detector = YoloDetector.load(yolo_file(tmp_path / "tiny.onnx", "v8", ULTRALYTICS))
    with pytest.raises(DetectorError, match="convert it to RGB"):
        detector.detect(np.zeros((8, 8), np.uint8))
