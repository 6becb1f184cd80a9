"""Exported files, read to train on; `training.core.onnx_weights` needs no torch, and this does."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from modelfile import ModelMetadata
from training.core.checkpoint import CheckpointError
from training.core.onnx_weights import floats_of


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """An exported file, read to train on.

    Attributes:
        nodes: Nodes of its graph, without quantisation.
        metadata: What it says of itself.
        weights: Its float32 weights by name.
    """

    nodes: tuple[onnx.NodeProto, ...]
    metadata: ModelMetadata
    weights: dict[str, NDArray[np.float32]]


def read_exported(path: Path, advice: str) -> ExportedModel:
    """Read a file that a trainer exported, whether in 32, 16 or 8 bits.

    Args:
        path: The ONNX file.
        advice: What to do instead, for the error.

    Raises:
        CheckpointError: it is no ONNX file.
        ModelMetadataError: its metadata cannot be read.
    """
    try:
        model = floats_of(onnx.load(str(path)))
    except Exception as error:  # whatever protobuf raises
        raise CheckpointError(f"{path} cannot be read as an ONNX file; {advice}.") from error
    properties = {entry.key: entry.value for entry in model.metadata_props}
    weights = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
    }
    metadata = ModelMetadata.from_properties(properties, source=str(path))
    return ExportedModel(tuple(model.graph.node), metadata, weights)
