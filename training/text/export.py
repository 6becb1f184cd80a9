"""Export of a trained text network to ONNX, checked against the network."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from classifier.text_preprocess import SCALE, TextPreprocess
from classifier.text_reader import TextReader
from labels.atomic import write_atomically
from modelfile import ModelMetadata, OnnxSession
from training.core.onnx_export import LICENCE, difference_of, graph_of, with_enough_bits
from training.text.measures import Alphabet


@dataclass(frozen=True, slots=True)
class TextModel:
    """Metadata of a file beside its charset and preprocessing.

    Attributes:
        name: Name of the model.
        version: Version of the weights.
        statement: What they were trained on.
        revision: Revision of the code that trained them.
        figures: Measures to keep with the file.
    """

    name: str
    version: str
    statement: str
    revision: str
    figures: Mapping[str, float]


def text_metadata(
    model: TextModel, alphabet: Alphabet, preprocess: TextPreprocess
) -> ModelMetadata:
    """The metadata of a text model."""
    channels = 1 if preprocess.grey else 3
    return ModelMetadata(
        kind="text",
        name=model.name,
        version=model.version,
        input_size=(preprocess.width, preprocess.height),
        colour="GRAY" if preprocess.grey else "RGB",
        scale=SCALE,
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
        training_data=model.statement,
        code_revision=model.revision,
        licence=LICENCE,
        charset=alphabet.symbols,
        calibration=dict(model.figures),
        decoding="fixed" if alphabet.places else "ctc",
        options=preprocess.options(),
    )


def export_text(network: nn.Module, metadata: ModelMetadata, file: Path, inputs: Tensor) -> float:
    """Export the network and check the file against it.

    Args:
        network: Trained.
        metadata: What the file says of itself.
        file: Where it goes; replaced only by a file that passed the check, with weights in 16 bits
            or, where that is not enough, in 32.
        inputs: `(N, C, H, W)` float in 0..1, at least three, to compare on.

    Returns:
        The largest difference of a logit.

    Raises:
        ExportError: the two disagree.
    """
    network = copy.deepcopy(network).float().cpu().eval()
    inputs = inputs.float().cpu().contiguous()
    return with_enough_bits(lambda half: _exported(network, metadata, file, inputs, half=half))


def _exported(
    network: nn.Module, metadata: ModelMetadata, file: Path, inputs: Tensor, *, half: bool
) -> float:
    free = "width" if metadata.options.get("fit") == "pad" and metadata.decoding == "ctc" else None
    steps = "frames" if free else None
    content = graph_of(
        network,
        (inputs[:2],),
        metadata,
        inputs={"image": ("pictures", None, None, free)},
        outputs={"logits": ("pictures", steps)},
        half=half,
    )
    session = OnnxSession(content, source="The exported file")
    samples = [inputs, inputs[:1]]
    if free:
        samples.append(inputs[:, :, :, : inputs.shape[3] * 2 // 3])
    difference = 0.0
    for sample in samples:
        with torch.inference_mode():
            wanted = network(sample).numpy()
        image = np.ascontiguousarray(sample.numpy())
        found = session.run({"image": image}, ["logits"])[0]
        difference = max(difference, difference_of(found, wanted))
    TextReader(session)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content)
    return difference
