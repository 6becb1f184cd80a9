"""From a trained trunk to ONNX files with our metadata, and a check that both agree."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from classifier import OnnxClassifier
from labels.atomic import write_atomically
from modelfile import ModelMetadata, OnnxSession
from siamese import SiameseMatcher
from siamese.network import SIDE_PX, Trunk
from training.core.normalisation import running_statistics
from training.core.onnx_export import (
    LICENCE,
    ExportError,
    difference_of,
    graph_of,
    with_enough_bits,
)
from training.matcher.crop_inputs import CLASSIFIER_MARGIN, SIAMESE_MARGIN
from training.matcher.joint_model import MEAN, SCALE, STD, JointModel, to_input

U8 = NDArray[np.uint8]


def siamese_metadata(
    name: str, version: str, statement: str, revision: str, figures: dict[str, float]
) -> ModelMetadata:
    """Metadata of a Siamese file.

    Args:
        name: Name of the model.
        version: Version of the weights.
        statement: What they were trained on.
        revision: Revision of the code that trained them.
        figures: Validation metrics to keep with the file.
    """
    metadata = _metadata("siamese", name, version, statement, revision)
    calibration = {"crop_margin": SIAMESE_MARGIN, **figures}
    return replace(metadata, confidence_threshold=0.5, calibration=calibration)


def classifier_metadata(
    name: str,
    version: str,
    statement: str,
    revision: str,
    figures: dict[str, float],
    charset: tuple[str, ...],
) -> ModelMetadata:
    """Metadata of a classifier file; `charset` is in the order of the outputs."""
    metadata = _metadata("classifier", name, version, statement, revision, charset)
    return replace(metadata, calibration={"crop_margin": CLASSIFIER_MARGIN, **figures})


def _metadata(
    kind: Literal["siamese", "classifier"],
    name: str,
    version: str,
    statement: str,
    revision: str,
    charset: tuple[str, ...] = (),
) -> ModelMetadata:
    return ModelMetadata(
        kind=kind,
        name=name,
        version=version,
        input_size=(SIDE_PX, SIDE_PX),
        colour="RGB",
        scale=SCALE,
        mean=(MEAN,) * 3,
        std=(STD,) * 3,
        training_data=statement,
        code_revision=revision,
        licence=LICENCE,
        charset=charset,
    )


def export_siamese(model: JointModel, metadata: ModelMetadata, file: Path, crops: U8) -> float:
    """Write the Siamese network and make sure that it compares as the trained one does.

    Args:
        model: Trained.
        metadata: What the file says of itself.
        file: Where it goes; replaced only by a file that passed the check.
        crops: `(N, 64, 64, 3)` uint8 RGB, at least three, to compare on.

    Returns:
        The largest difference of a logit.

    Raises:
        ExportError: the two disagree.
    """
    network = copy.deepcopy(model.siamese).float().cpu().eval()
    _fold(network.trunk)
    third = max(1, len(crops) // 3)
    prompt, scene = (to_input(part, "cpu").contiguous() for part in (crops[:third], crops[third:]))
    with torch.inference_mode():
        wanted = network(prompt, scene)[0].numpy()

    def export(half: bool) -> float:
        content = graph_of(
            network,
            (prompt, scene),
            metadata,
            inputs={"prompt": ("prompts",), "scene": ("scenes",)},
            outputs={"similarity": ("prompts", "scenes"), "embedding": ("crops",)},
            half=half,
        )
        session = OnnxSession(content, source="The exported file")
        found = session.run({"prompt": prompt.numpy(), "scene": scene.numpy()}, ["similarity"])[0]
        difference = difference_of(found, wanted)
        SiameseMatcher(session)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
        return difference

    return with_enough_bits(export)


def export_classifier(model: JointModel, metadata: ModelMetadata, file: Path, crops: U8) -> float:
    """Write the character network and make sure that it reads as the trained one does.

    Args:
        model: Trained, with a charset.
        metadata: What the file says of itself, with the same charset.
        file: Where it goes; replaced only by a file that passed the check.
        crops: `(N, 64, 64, 3)` uint8 RGB, at least one, to compare on.

    Returns:
        The largest difference of a logit.

    Raises:
        ExportError: the two disagree, or the model has no charset.
    """
    if model.characters is None:
        raise ExportError("The checkpoint knows no symbols; train it with train-classifier first.")
    network = copy.deepcopy(model.characters).float().cpu().eval()
    _fold(network.trunk)
    images = to_input(crops, "cpu").contiguous()
    with torch.inference_mode():
        wanted = network(images).numpy()

    def export(half: bool) -> float:
        content = graph_of(
            network,
            (images,),
            metadata,
            inputs={"images": ("crops",)},
            outputs={"logits": ("crops",)},
            half=half,
        )
        session = OnnxSession(content, source="The exported file")
        difference = difference_of(session.run({"images": images.numpy()})[0], wanted)
        OnnxClassifier(session)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
        return difference

    return with_enough_bits(export)


def _fold(trunk: Trunk) -> None:
    """Put the last normalisation into the linear layer before it; the exporter does the others."""
    linear, norm = trunk.features_of, trunk.centred
    with torch.no_grad():
        mean, variance = running_statistics(norm)
        factor = norm.weight / torch.sqrt(variance + norm.eps)
        linear.weight.mul_(factor[:, None])
        linear.bias.copy_((linear.bias - mean) * factor + norm.bias)
    trunk.add_module("centred", nn.Identity())
