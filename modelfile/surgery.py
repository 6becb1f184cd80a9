"""Making the logits of a network visible whose exporter left only the winning index.

dddd_trainer ends its graph in an ArgMax, so that the file answers "which character" and nothing
else. The logits are still computed one node earlier. Two facts make them reachable without the
`onnx` package (which serving does not install):

- ONNX files are protobuf (https://protobuf.dev/programming-guides/encoding/): a message is a row
  of `tag, value` pairs, and a message field that appears twice is **merged**, its repeated
  fields being joined. So a graph output is added by appending a second `graph` field to the file.
- ONNX Runtime infers the type of an output that declares none.

Field numbers are those of onnx.proto: ModelProto.graph = 7; GraphProto.node = 1, output = 12;
NodeProto.input = 1, output = 2, op_type = 4; ValueInfoProto.name = 1; GraphProto.initializer = 5,
TensorProto.external_data = 13, whose entries have key = 1 and value = 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from modelfile.errors import ModelCorruptError

_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_OUTPUT, _VALUE_NAME = 7, 1, 12, 1
_GRAPH_INITIALIZER, _TENSOR_EXTERNAL, _ENTRY_KEY, _ENTRY_VALUE = 5, 13, 1, 2
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP_TYPE = 1, 2, 4
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_REDUCTIONS = frozenset({"ArgMax", "ReduceMax", "TopK"})
# What may stand between the ArgMax and the graph output: the same values in another order or type.
_REARRANGING = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose"})


@dataclass(frozen=True, slots=True)
class _Node:
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def tensor_before_argmax(model: bytes) -> str | None:
    """Name of the tensor that the network takes the maximum of to make an output.

    Args:
        model: Bytes of an ONNX file.

    Returns:
        The name, or None where no output comes from a maximum.

    Raises:
        ModelCorruptError: the bytes are not protobuf.
    """
    nodes: list[_Node] = []
    outputs: list[str] = []
    for number, graph in _fields(memoryview(model)):
        if number != _MODEL_GRAPH:
            continue
        for part, value in _fields(graph):
            if part == _GRAPH_NODE:
                nodes.append(_node(value))
            elif part == _GRAPH_OUTPUT:
                outputs += [_text(name) for key, name in _fields(value) if key == _VALUE_NAME]
    producers = {name: node for node in nodes for name in node.outputs}
    for output in outputs:
        node = producers.get(output)
        while node and node.op_type in _REARRANGING:
            node = producers.get(node.inputs[0])
        if node and node.op_type in _REDUCTIONS:
            return node.inputs[0]
    return None


def with_output(model: bytes, name: str) -> bytes:
    """The same model with one more output, after all others.

    Args:
        model: Bytes of an ONNX file.
        name: A tensor of its graph that is not an output yet.
    """
    value_info = _field(_VALUE_NAME, name.encode())
    return model + _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, value_info))


def external_files(model: bytes) -> tuple[str, ...]:
    """The files beside a model that hold its weights, as it names them, in their order.

    Exporters write `classifier.onnx.data` where weights are large, newer ones always.

    Args:
        model: Bytes of an ONNX file.

    Raises:
        ModelCorruptError: the bytes are not protobuf.
    """
    found: list[str] = []
    for number, graph in _fields(memoryview(model)):
        if number != _MODEL_GRAPH:
            continue
        for part, tensor in _fields(graph):
            if part != _GRAPH_INITIALIZER:
                continue
            for key, entry in _fields(tensor):
                if key == _TENSOR_EXTERNAL:
                    pair = {n: _text(value) for n, value in _fields(entry)}
                    if pair.get(_ENTRY_KEY) == "location":
                        found.append(pair.get(_ENTRY_VALUE, ""))
    return tuple(dict.fromkeys(found))


def _node(message: memoryview) -> _Node:
    texts: dict[int, list[str]] = {_NODE_INPUT: [], _NODE_OUTPUT: [], _NODE_OP_TYPE: []}
    for number, value in _fields(message):
        if number in texts:
            texts[number].append(_text(value))
    return _Node(
        op_type=next(iter(texts[_NODE_OP_TYPE]), ""),
        inputs=tuple(texts[_NODE_INPUT]),
        outputs=tuple(texts[_NODE_OUTPUT]),
    )


def _text(value: memoryview) -> str:
    return bytes(value).decode(errors="replace")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of every length-delimited field; the others are stepped over."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        elif wire == _BYTES:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise _not_onnx()
            yield number, message[at : at + length]
            at += length
        else:
            raise _not_onnx()


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _not_onnx()


def _not_onnx() -> ModelCorruptError:
    return ModelCorruptError("The model's bytes are not ONNX; download or export it again.")


def _field(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
