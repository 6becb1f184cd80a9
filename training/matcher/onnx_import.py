"""Initial weights from an exported file: from ONNX back to the network.

What comes back has normalisations that do nothing, see `training.core.normalisation`; `unfold`
gives them the statistics of real crops.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from training.core.checkpoint import CheckpointError
from training.core.exported_model import read_exported
from training.core.normalisation import Norm, make_idle, unfold_idle
from training.matcher.joint_model import JointModel, to_input

U8 = NDArray[np.uint8]

_NOT_OURS = "export it with train-siamese or train-classifier of this version"


def state_of_onnx(path: Path) -> dict[str, Any]:
    """The state of a checkpoint: `model`, a state dictionary, and `charset`.

    Args:
        path: A Siamese or classifier file of ours.

    Raises:
        CheckpointError: it is not one of them.
        ModelMetadataError: its metadata cannot be read.
    """
    read = read_exported(path, _NOT_OURS)
    nodes, metadata, tensors = read.nodes, read.metadata, read.weights
    if metadata.kind not in ("siamese", "classifier"):
        raise CheckpointError(f"{path} is a {metadata.kind}; give a Siamese or classifier file.")
    for node in nodes:
        # Equal tensors are stored once and passed on under other names.
        if node.op_type == "Identity" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    model = JointModel(metadata.charset)
    try:
        _fill_trunk(model, sorted((n for n in nodes if n.op_type == "Conv"), key=_number), tensors)
        dense = [_dense(node, tensors) for node in nodes if node.op_type == "Gemm"]
        _fill(model.siamese.trunk.features_of, *dense[0])
        make_idle(model.siamese.trunk.centred)
        if model.characters is not None:
            _fill(model.characters.symbols, *dense[1])
        else:
            _fill_head(model, tensors)
    except (IndexError, KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} has another network than ours; {_NOT_OURS}.") from error
    return {"model": model.state_dict(), "charset": metadata.charset}


def charset_of_onnx(path: Path) -> tuple[str, ...]:
    """The symbols that a classifier file of ours names.

    Raises:
        CheckpointError: it is not one of ours.
        ModelMetadataError: its metadata cannot be read.
    """
    charset: tuple[str, ...] = state_of_onnx(path)["charset"]
    if not charset:
        raise CheckpointError(f"{path} names no symbols; give a classifier.onnx.")
    return charset


def state_of_both(siamese: Path, classifier: Path) -> dict[str, Any]:
    """The state of a checkpoint from two files with one trunk, which is taken from `siamese.onnx`.

    Raises:
        CheckpointError: one of them is something else.
        ModelMetadataError: metadata cannot be read.
    """
    read, matched = state_of_onnx(classifier), state_of_onnx(siamese)
    named = {key: value for key, value in read["model"].items() if "characters.symbols" in key}
    shared = {
        key.replace("siamese.trunk.", "characters.trunk."): value
        for key, value in matched["model"].items()
        if key.startswith("siamese.trunk.")
    }
    return {"model": {**matched["model"], **shared, **named}, "charset": read["charset"]}


def unfold(model: JointModel, crops: U8) -> None:
    """Give the idle normalisations the mean and spread they have on crops; the function stays.

    Args:
        model: Filled from an exported file.
        crops: `(N, 64, 64, 3)` uint8 RGB; a hundred or more, of the kind to train on.
    """
    norms = [m for m in model.siamese.trunk.modules() if isinstance(m, Norm)]
    inputs = to_input(crops, next(model.parameters()).device.type)
    training = model.training
    model.eval()
    unfold_idle(norms, lambda: model.siamese.trunk(inputs))
    model.train(training)


def _fill_trunk(
    model: JointModel, nodes: list[onnx.NodeProto], tensors: dict[str, NDArray[np.float32]]
) -> None:
    """Fill the convolutions; their numbers in the file are in the order of the modules."""
    modules = list(model.siamese.trunk.modules())
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d)]
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    for convolution, norm, node in zip(convolutions, norms, nodes, strict=True):
        weight, bias = (torch.from_numpy(tensors[name].copy()) for name in node.input[1:3])
        with torch.no_grad():
            convolution.weight.copy_(weight)
        make_idle(norm, bias)


def _number(node: onnx.NodeProto) -> int:
    """The number that the export gave to a node's weights; quantisation may have moved the node."""
    return int(node.input[1].rpartition("_")[2])


def _fill_head(model: JointModel, tensors: dict[str, NDArray[np.float32]]) -> None:
    head = model.siamese.head
    for layer in (head.hidden, head.out):
        outputs, inputs = layer.weight.shape
        weight = next(t for t in tensors.values() if t.shape == (inputs, outputs))
        name = "hidden" if layer is head.hidden else "out"
        bias = next(t for key, t in tensors.items() if key.endswith(f"head.{name}.bias"))
        _fill(layer, weight.T, bias)
    scale = next(t for key, t in tensors.items() if key.endswith("head.scale"))
    with torch.no_grad():
        head.scale.fill_(float(scale))


def _dense(
    node: onnx.NodeProto, tensors: dict[str, NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weight, bias = (tensors[name] for name in node.input[1:3])
    transposed = any(a.name == "transB" and a.i == 1 for a in node.attribute)
    return (weight if transposed else weight.T), bias


def _fill(layer: nn.Linear, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.array(weight, order="C")))
        layer.bias.copy_(torch.from_numpy(bias.copy()))
