import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelfile import ModelCorruptError, OnnxSession, tensor_before_argmax, with_output


def model(nodes, outputs, weight=None):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["t", 1, 4])],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
        initializer=[onnx.numpy_helper.from_array(weight, "w")] if weight is not None else [],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    return made.SerializeToString()


ARGMAX = helper.make_node("ArgMax", ["logits"], ["i"], axis=2, keepdims=0)
DOUBLE = helper.make_node("Add", ["x", "x"], ["logits"])
INDICES, VALUES = TensorProto.INT64, TensorProto.FLOAT


@pytest.mark.parametrize(
    ("nodes", "outputs", "found"),
    [
        pytest.param([DOUBLE, ARGMAX], [("i", INDICES)], "logits", id="argmax"),
        pytest.param(
            [DOUBLE, ARGMAX, helper.make_node("Transpose", ["i"], ["o"], perm=[1, 0])],
            [("o", INDICES)],
            "logits",
            id="argmax-transpose",
        ),
        pytest.param(
            [DOUBLE, helper.make_node("ReduceMax", ["logits"], ["v"], axes=[2]), ARGMAX],
            [("v", VALUES), ("i", INDICES)],
            "logits",
            id="values-and-indices",
        ),
        pytest.param([DOUBLE], [("logits", VALUES)], None, id="no-maximum"),
        pytest.param(
            [DOUBLE, helper.make_node("Shape", ["logits"], ["o"])],
            [("o", INDICES)],
            None,
            id="other-indices",
        ),
    ],
)
def test_the_tensor_before_the_maximum(nodes, outputs, found):
    assert tensor_before_argmax(model(nodes, outputs)) == found


def test_the_added_output_can_be_asked_for():
    # A weight of 64 KiB makes every length in the file a varint of several bytes.
    weight = np.zeros((1, 1, 16384), np.float32)
    use = helper.make_node("Shape", ["w"], ["unused"])
    small = model([DOUBLE, ARGMAX, use], [("i", INDICES), ("unused", INDICES)], weight)
    widened = with_output(small, "logits")
    assert [output.name for output in onnx.load_from_string(widened).graph.output] == [
        "i",
        "unused",
        "logits",
    ]
    x = np.random.default_rng(0).normal(size=(5, 1, 4)).astype(np.float32)
    indices, _, logits = OnnxSession(widened).run({"x": x})
    np.testing.assert_array_equal(logits, 2 * x)
    np.testing.assert_array_equal(indices, x.argmax(axis=2))


def test_a_long_name():
    name = "n" * 300
    nodes = [
        helper.make_node("Add", ["x", "x"], [name]),
        helper.make_node("ArgMax", [name], ["i"], axis=2),
    ]
    small = model(nodes, [("i", INDICES)])
    assert tensor_before_argmax(small) == name
    assert OnnxSession(with_output(small, name)).outputs[-1].name == name


@pytest.mark.parametrize("content", [b"not a model", b"\xff" * 12, b"\x3a\x7f"])
def test_bytes_that_are_no_model(content):
    with pytest.raises(ModelCorruptError):
        tensor_before_argmax(content)
