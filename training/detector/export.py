"""Export of a trained detector to ONNX, checked against the network."""

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from detector import YoloDetector, letterbox, to_tensor
from detector.network import DetectorNetwork
from labels.atomic import write_atomically
from modelfile import ModelMetadata, OnnxSession
from training.core.onnx_export import ExportError, graph_of, with_enough_bits
from training.detector.metrics import DetectionScores, Thresholds
from training.errors import DetectorTrainingError

LICENCE = "AGPL-3.0-only"
"""Licence of weights trained with Ultralytics, as its own licence requires."""

# Weights are stored with 11 bits of precision where that does no more to a box and its score.
_BOX_TOLERANCE_PX = 0.75
_SCORE_TOLERANCE = 0.02
_CHECKED_SCORE = 0.05


class DetectorExportError(DetectorTrainingError, ExportError):
    """The exported file finds other boxes than the trained network."""


def export_detector(
    network: DetectorNetwork,
    metadata: ModelMetadata,
    file: Path,
    pictures: Sequence[NDArray[np.uint8]],
) -> float:
    """Export the network and check that the file finds the same boxes.

    Args:
        network: From `build_network`, trained.
        metadata: Metadata of the file.
        file: Where it goes; replaced only by a file that passed the check.
        pictures: `(H, W, 3)` uint8 RGB, at least one, to compare on.

    Returns:
        The largest difference of a box's side, in pixels of the network's input.

    Raises:
        DetectorTrainingError: the two disagree.
    """
    network = copy.deepcopy(network).float().cpu().eval()
    network.fuse(verbose=False)
    network.trace_for_onnx()
    width, height = metadata.input_size
    example = torch.zeros(1, 3, height, width)

    def export(half: bool) -> float:
        content = graph_of(
            network, (example,), metadata, inputs={"images": ()}, outputs={"output": ()}, half=half
        )
        difference = _check_parity(network, content, metadata, pictures)
        YoloDetector(OnnxSession(content, source=str(file)))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
        return difference

    return with_enough_bits(export)


def _check_parity(
    network: nn.Module,
    content: bytes,
    metadata: ModelMetadata,
    pictures: Sequence[NDArray[np.uint8]],
) -> float:
    """Compare the outputs where a box could count; the rest is never looked at."""
    session = OnnxSession(content, source="The exported file")
    largest = 0.0
    for picture in pictures:
        frame, _ = letterbox(picture, metadata.input_size)
        tensor = to_tensor(frame)
        exported = session.run({"images": tensor})[0]
        with torch.inference_mode():
            wanted = network(torch.from_numpy(tensor)).numpy()
        counts = wanted[0, 4:].max(axis=0) > _CHECKED_SCORE
        off = np.abs(exported - wanted)[0][:, counts]
        boxes, scores = off[:4].max(initial=0.0), off[4:].max(initial=0.0)
        spurious = np.abs(exported - wanted)[0, 4:].max()
        if (
            not np.isfinite(exported).all()
            or boxes > _BOX_TOLERANCE_PX
            or max(scores, spurious) > _SCORE_TOLERANCE
        ):
            raise DetectorExportError(
                f"The exported file differs from the trained network by {boxes:.2f} px and "
                f"{max(scores, spurious):.3f} in score; it was not kept (torch "
                f"{torch.__version__}, onnx {onnx.__version__})."
            )
        largest = max(largest, float(boxes))
    return largest


def describe(
    metadata: ModelMetadata, thresholds: Thresholds, scores: DetectionScores
) -> ModelMetadata:
    """The metadata with the thresholds and the figures on the validation pictures.

    The threshold of scenes is the file's own; the one of prompt pictures is `strip_threshold`.
    """
    figures = {f"validation_{name}": round(value, 4) for name, value in asdict(scores).items()}
    figures["strip_threshold"] = thresholds.strip
    return replace(
        metadata,
        confidence_threshold=thresholds.scene,
        calibration={name: value for name, value in figures.items() if math.isfinite(value)},
    )
