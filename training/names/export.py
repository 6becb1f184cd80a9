"""From a trained names network to an ONNX file with our metadata, and a check that both agree."""

import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from labels.atomic import write_atomically
from modelfile import ModelMetadata, OnnxSession
from siamese.names_network import NamesNetwork
from training.core.normalisation import running_statistics
from training.core.onnx_export import LICENCE, difference_of, graph_of
from training.names.crops import MARGIN, SIDE_PX
from training.names.loop import MEAN, SCALE, STD, to_input

U8 = NDArray[np.uint8]


def names_metadata(
    name: str, version: str, statement: str, revision: str, figures: dict[str, float]
) -> ModelMetadata:
    """Metadata of a names file.

    Args:
        name: Name of the model.
        version: Version of the weights.
        statement: What they were trained on.
        revision: Revision of the code that trained them.
        figures: Validation metrics to keep with the file.
    """
    return ModelMetadata(
        kind="names",
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
        calibration={"crop_margin": MARGIN, **figures},
    )


def export_names(network: NamesNetwork, metadata: ModelMetadata, file: Path, crops: U8) -> float:
    """Write the network and make sure that it embeds as the trained one does.

    Args:
        network: Trained.
        metadata: What the file says of itself.
        file: Where it goes; replaced only by a file that passed the check.
        crops: `(N, 64, 64, 3)` uint8 RGB, at least two, to compare on.

    Returns:
        The largest difference of a number of an embedding.

    Raises:
        ExportError: the two disagree.
    """
    network = copy.deepcopy(network).float().cpu().eval()
    _fold(network)
    images = to_input(torch.from_numpy(crops)).contiguous()
    content = graph_of(
        network,
        (images,),
        metadata,
        inputs={"crops": ("crops",)},
        outputs={"embedding": ("crops",)},
    )
    with torch.inference_mode():
        wanted = network(images).numpy()
    session = OnnxSession(content, source="The exported file")
    found = session.run({"crops": images.numpy()}, ["embedding"])[0]
    difference = difference_of(found, wanted)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content)
    return difference


def _fold(network: NamesNetwork) -> None:
    """Put the head's normalisation into the linear layer before it."""
    linear, norm = network.hidden, network.centred
    with torch.no_grad():
        mean, variance = running_statistics(norm)
        factor = norm.weight / torch.sqrt(variance + norm.eps)
        linear.weight.mul_(factor[:, None])
        linear.bias.copy_((linear.bias - mean) * factor + norm.bias)
    network.add_module("centred", nn.Identity())
