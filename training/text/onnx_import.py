"""Initial weights of a text reader from an exported file of ours.

What comes back has normalisations that do nothing, see `training.core.normalisation`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.text_network import STEM_CHANNELS, TextNetwork
from modelfile import ModelMetadata
from training.core.checkpoint import CheckpointError
from training.core.exported_model import read_exported
from training.core.normalisation import Norm, make_idle, running_statistics, unfold_idle

Weights = dict[str, NDArray[np.float32]]

_NOT_OURS = "give a file that train-text exported with the head ctc-conv, or a checkpoint (.pt)"


def state_of_onnx(path: Path) -> dict[str, Any]:
    """The state of a checkpoint: `model`, a state dictionary, and `charset`.

    Args:
        path: A reader of ours with the head `ctc-conv`.

    Raises:
        CheckpointError: it is something else.
        ModelMetadataError: its metadata cannot be read.
    """
    read = read_exported(path, _NOT_OURS)
    metadata, weights = read.metadata, read.weights
    if metadata.kind != "text":
        raise CheckpointError(f"{path} is a {metadata.kind}; {_NOT_OURS}.")
    if metadata.decoding != "ctc":
        raise CheckpointError(f"{path} has another head; {_NOT_OURS}.")
    nodes = [node for node in read.nodes if node.op_type == "Conv"]
    try:
        network = _network(metadata, weights[nodes[0].input[1]])
        _fill(network, nodes, weights, metadata.input_size)
        products = [node for node in read.nodes if node.op_type == "MatMul"]
        answers = weights[products[-1].input[1]]
        state = network.state_dict()
        state["head.answers.weight"].copy_(_tensor(answers.T))
        for name in ("head.answers.bias", "levels.running_mean", "levels.running_var"):
            state[name].copy_(_tensor(weights[name]))
    except (IndexError, KeyError, StopIteration, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} has another network than ours; {_NOT_OURS}.") from error
    return {"model": network.state_dict(), "charset": metadata.charset}


def unfold(network: TextNetwork, inputs: Tensor) -> None:
    """Give the idle normalisations the mean and spread they have on pictures.

    Args:
        network: Filled from `state_of_onnx`; normalisations that are not idle stay as they are.
        inputs: `(N, C, H, W)` float in 0..1; a hundred or more, of the kind to train on.
    """
    norms = [m for m in network.modules() if isinstance(m, Norm) and m.affine and _is_idle(m)]
    training = network.training
    network.eval()
    unfold_idle(norms, lambda: network(inputs))
    network.train(training)


def _is_idle(norm: Norm) -> bool:
    mean, variance = running_statistics(norm)
    return not mean.any() and bool((variance == 1 - norm.eps).all())


def _network(metadata: ModelMetadata, stem: NDArray[np.float32]) -> TextNetwork:
    """An untrained network of the file's shape; the stem's kernel tells which trunk it is."""
    width, height = metadata.input_size
    trunk = next(name for name, channels in STEM_CHANNELS.items() if channels == stem.shape[0])
    return TextNetwork(len(metadata.charset), stem.shape[1], height, width, trunk=trunk).eval()


def _fill(
    network: TextNetwork, nodes: list[onnx.NodeProto], weights: Weights, size: tuple[int, int]
) -> None:
    """Fill the convolutions, which the file holds in the order in which they are computed."""
    order: list[nn.Module] = []
    layers = [m for m in network.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | Norm)]
    handles = [
        layer.register_forward_hook(lambda layer, _inputs, _output: order.append(layer))
        for layer in layers
    ]
    with torch.no_grad():
        network(torch.zeros(1, network.levels.num_features, size[1], size[0]))
    for handle in handles:
        handle.remove()
    followers = dict(zip(order, [*order[1:], None], strict=True))
    convolutions = [layer for layer in order if isinstance(layer, nn.Conv1d | nn.Conv2d)]
    for convolution, node in zip(convolutions, nodes, strict=True):
        kernel, bias = (_tensor(weights[name]) for name in node.input[1:3])
        with torch.no_grad():
            convolution.weight.copy_(kernel)
            norm = followers[convolution]
            if convolution.bias is not None:
                convolution.bias.copy_(bias)
            elif isinstance(norm, Norm):
                make_idle(norm, bias)


def _tensor(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(values, order="C"))
