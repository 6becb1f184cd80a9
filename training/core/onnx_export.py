"""Export of a network to ONNX, and a check that file and network agree."""

import warnings
from collections.abc import Callable
from io import BytesIO
from typing import cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from modelfile import ModelMetadata
from training.core.onnx_weights import halved
from training.errors import TrainingError

LICENCE = "Apache-2.0"
"""Licence of the weights that the project trains with code of its own."""

_OPSET = 17
# Weights are stored with 11 bits of precision; logits reach 20 and more.
_TOLERANCE = 0.12


class ExportError(TrainingError):
    """The exported file differs from the trained network."""


def graph_of(
    network: nn.Module,
    examples: tuple[Tensor, ...],
    metadata: ModelMetadata,
    *,
    inputs: dict[str, tuple[str | None, ...]],
    outputs: dict[str, tuple[str | None, ...]],
    half: bool = True,
) -> bytes:
    """Export a network to ONNX, with our metadata.

    Args:
        network: Traced as it is.
        examples: One for each input.
        metadata: Metadata of the file.
        inputs: Names of the inputs, each with the names of its axes: None for an axis of fixed
            size, and an empty tuple where all are fixed.
        outputs: The same of the outputs.
        half: Whether weights are stored in 16 bits.
    """
    axes = {
        name: {at: axis for at, axis in enumerate(free) if axis is not None}
        for name, free in {**inputs, **outputs}.items()
        if any(free)
    }
    with warnings.catch_warnings():
        # The older exporter folds batch normalisation, traces the detector's head, needs no further
        # package, and warns that it is the older one.
        warnings.simplefilter("ignore")
        buffer = BytesIO()
        torch.onnx.export(
            network,
            examples,
            cast("str", buffer),  # its annotation leaves out the buffers that it takes
            dynamo=False,
            opset_version=_OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
        )
    model = onnx.load_from_string(buffer.getvalue())
    if half:
        model = halved(model)
    helper.set_model_props(model, metadata.to_properties())
    model.producer_name, model.producer_version = metadata.name, metadata.version
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def with_enough_bits(export: Callable[[bool], float]) -> float:
    """Export with weights in 16 bits or, where that is too coarse, in 32.

    Large logits, or thousands of classes, need more than 16; no training is to be lost for that.

    Args:
        export: Exports and checks with weights in 16 bits if asked to, and returns the difference.

    Raises:
        ExportError: the file differs from the network in 32 bits too.
    """
    try:
        return export(True)
    except ExportError:
        return export(False)


def difference_of(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The largest difference between two arrays of logits.

    Raises:
        ExportError: it is too large.
    """
    if found.shape != wanted.shape or not np.isfinite(found).all():
        raise ExportError(
            f"The exported file answers {found.shape} where the network answers {wanted.shape}, "
            "or no numbers; it was not kept."
        )
    off = float(np.abs(found - wanted).max())
    if off > _TOLERANCE:
        raise ExportError(
            f"The exported file differs from the trained network by {off:.3f} in a logit; it was "
            f"not kept (torch {torch.__version__}, onnx {onnx.__version__})."
        )
    return off
