"""Starts a network from an exported ONNX file, such as the weights that are shipped.

The normalisations that the export folded away are taken out again with the statistics of real
pictures, see `training.core.normalisation`: the network computes what the file computes, and learns
like one that was never exported.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from detector import letterbox
from training.core.normalisation import make_idle, unfold_idle
from training.core.onnx_weights import floats_of
from training.errors import DetectorTrainingError

Weights = dict[str, NDArray[np.float32]]


class Block(NamedTuple):
    """A convolution and the normalisation that the export folds into it."""

    convolution: nn.Conv2d
    norm: nn.BatchNorm2d


def start_from_onnx(
    network: nn.Module, file: Path, pictures: Sequence[NDArray[np.uint8]], size: tuple[int, int]
) -> None:
    """Load the weights of an exported detector into a network.

    Args:
        network: From `build_network`, of the same size; with other classes the layers that tell
            them apart, whose width depends on how many there are, keep their random weights.
        file: Written by `export_detector`.
        pictures: `(H, W, 3)` uint8 RGB; a few dozen, of the kind to train on.
        size: `(width, height)` of the network's input.

    Raises:
        DetectorTrainingError: the file is not a detector of this size.
    """
    weights = _weights(file)
    blocks = {
        name: Block(convolution, norm)
        for name, module in network.named_modules()
        if isinstance(convolution := getattr(module, "conv", None), nn.Conv2d)
        and isinstance(norm := getattr(module, "bn", None), nn.BatchNorm2d)
    }
    plain = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and name.rpartition(".")[0] not in blocks
    }
    found = {
        **{name: _pair(weights, f"{name}.conv") for name in blocks},
        **{name: _pair(weights, name) for name in plain if f"{name}.bias" in weights},
    }
    convolutions = {name: block.convolution for name, block in blocks.items()} | plain
    # Of the head: one branch for each scale, and as wide as there are classes from 49 on.
    head = len(list(network.get_submodule("model").children())) - 1
    naming = f"model.{head}.cv3."
    for name, (kernel, _) in list(found.items()):
        fits = kernel is not None and kernel.shape == tuple(convolutions[name].weight.shape)
        if not fits and name in blocks and name.startswith(naming):
            del blocks[name], found[name]
        elif not fits and name in blocks:
            raise DetectorTrainingError(
                f"{file} is not a detector of this size ({name} does not fit); choose the --size "
                "it was trained with, or start from scratch."
            )
    with torch.no_grad():
        for name, (kernel, bias) in found.items():
            convolution = convolutions[name]
            if kernel is None or kernel.shape != tuple(convolution.weight.shape):
                continue  # The layer that names the classes.
            convolution.weight.copy_(torch.from_numpy(kernel))
            if name in plain and convolution.bias is not None and bias is not None:
                convolution.bias.copy_(torch.from_numpy(bias))
        biases = {
            name: torch.from_numpy(bias) for name in blocks if (bias := found[name][1]) is not None
        }
        _unfold(network, blocks, biases, pictures, size)


def _unfold(
    network: nn.Module,
    blocks: dict[str, Block],
    biases: dict[str, torch.Tensor],
    pictures: Sequence[NDArray[np.uint8]],
    size: tuple[int, int],
) -> None:
    """Give every normalisation its statistics while a batch of pictures passes through."""
    for name, block in blocks.items():
        make_idle(block.norm, biases[name])
    device = next(network.parameters()).device
    frames = np.stack([letterbox(picture, size)[0] for picture in pictures])
    inputs = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float() / 255
    training = network.training
    network.eval()
    unfold_idle([block.norm for block in blocks.values()], lambda: network(inputs))
    network.train(training)


def _weights(file: Path) -> Weights:
    try:
        model = floats_of(onnx.load(file))
    except Exception as error:  # protobuf's errors have no common base
        raise DetectorTrainingError(f"{file} cannot be read as an ONNX file ({error}).") from error
    return {
        tensor.name: numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in model.graph.initializer
    }


def _pair(
    weights: Weights, name: str
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    return weights.get(f"{name}.weight"), weights.get(f"{name}.bias")
