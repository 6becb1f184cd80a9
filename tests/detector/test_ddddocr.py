import sys

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image, ImageDraw, ImageFont

from detector import DdddocrDetector, UnknownLayoutError, iou_matrix
from modelfile import OnnxSession


@pytest.fixture(scope="module")
def detector():
    return DdddocrDetector.load(threads=2)


@pytest.fixture(scope="module")
def picture():
    """Four characters on a gradient, and where they were drawn."""
    image = Image.linear_gradient("L").resize((344, 220)).convert("RGB")
    draw, boxes = ImageDraw.Draw(image), []
    for text, x, y, colour in (
        ("A", 30, 40, "red"),
        ("K", 120, 120, "yellow"),
        ("7", 210, 30, "cyan"),
        ("R", 280, 140, "blue"),
    ):
        font = ImageFont.load_default(size=40)
        boxes.append(draw.textbbox((x, y), text, font=font, stroke_width=1))
        draw.text((x, y), text, font=font, fill=colour, stroke_width=1)
    return np.asarray(image), np.array(boxes, np.float32)


def test_finds_drawn_characters(detector, picture, capfd):
    image, drawn = picture
    found = detector.detect(image)
    assert detector.name.startswith("ddddocr-detector 1.")
    overlaps = iou_matrix(drawn, found.boxes)
    assert (overlaps.max(axis=1) > 0.5).all()
    assert len(set(overlaps.argmax(axis=1))) == len(drawn)
    assert (np.diff(found.scores) <= 0).all()
    assert found.boxes.min() >= 0
    assert (found.boxes.max(axis=0) <= [344, 220, 344, 220]).all()
    assert capfd.readouterr() == ("", "")
    assert "ddddocr" not in sys.modules


def test_limits(detector, picture):
    image, _ = picture
    everything = detector.detect(image)
    best = DdddocrDetector.load(max_boxes=2).detect(image)
    np.testing.assert_array_equal(best.boxes, everything.boxes[:2])
    sure = DdddocrDetector.load(confidence_threshold=0.5).detect(image)
    assert len(sure) == (everything.scores > 0.5).sum()


def test_another_network_is_refused():
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 416, 416])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 416, 416])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = OnnxSession(model.SerializeToString(), source="other.onnx")
    with pytest.raises(UnknownLayoutError, match=r"^other\.onnx maps .* install ddddocr 1\.6\.$"):
        DdddocrDetector(session)
