"""Storage of weights in ONNX files: 32 bits, 16 bits, or quantised to 8 bits."""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_HALVED_FROM = 256
"""Tensors with fewer numbers are stored in full, and so are biases and scales of channels."""


def floats_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with all weights in 32 bits and without quantisation, for further training.

    Args:
        model: As a trainer exported it, or quantised.

    Returns:
        A copy; what is not quantised is returned as it was, but widened.
    """
    model = widened(model)
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
        elif node.op_type == "DequantizeLinear" and node.input[0] in stored:
            name = node.output[0].removesuffix("_DequantizeLinear_Output")
            stored[name] = _dequantised(node, stored, name)
            renamed[node.output[0]] = name
        elif node.op_type == "DequantizeLinear":
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
        else:
            kept.append(node)
    for node in kept:
        for at, name in enumerate(node.input):
            node.input[at] = renamed.get(name, name)
    used = {name for node in kept for name in node.input}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(tensor for name, tensor in stored.items() if name in used)
    return model


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large weights in 16 bits; they are widened once, when the file is loaded.

    The arithmetic stays in 32 bits, which is what CPUs are fast at.
    """
    graph = model.graph
    casts = []
    for at, tensor in enumerate(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < _HALVED_FROM or values.ndim < 2:
            continue
        name = tensor.name
        graph.initializer[at].CopyFrom(
            numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
        )
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the weights that `halved` stored in 16 bits back in 32."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    halves = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT16}
    casts = [n for n in graph.node if n.op_type == "Cast" and n.input[0] in halves]
    for cast in casts:
        tensor = halves[cast.input[0]]
        values = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, cast.output[0]))
        graph.node.remove(cast)
    return model


def _dequantised(
    node: onnx.NodeProto, stored: Mapping[str, onnx.TensorProto], name: str
) -> onnx.TensorProto:
    """The 32 bit weights of a node that dequantises weights."""
    values, scale = (numpy_helper.to_array(stored[i]).astype(np.float32) for i in node.input[:2])
    zero = np.zeros_like(scale)
    if len(node.input) > 2:
        zero = numpy_helper.to_array(stored[node.input[2]]).astype(np.float32)
    shape = (-1,) + (1,) * (values.ndim - 1) if scale.ndim else ()
    return numpy_helper.from_array((values - zero.reshape(shape)) * scale.reshape(shape), name)
