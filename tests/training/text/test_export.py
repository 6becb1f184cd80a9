"""Exports of text networks."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from classifier.text_network import TextNetwork
from classifier.text_preprocess import TextPreprocess
from classifier.text_reader import TextReader
from modelfile import OnnxSession
from training.core.onnx_export import ExportError
from training.text.export import TextModel, export_text, text_metadata
from training.text.measures import Alphabet

PREPROCESS = TextPreprocess(height=24, width=48, shortest=2, longest=5)


@pytest.fixture
def network() -> TextNetwork:
    torch.manual_seed(1)
    return TextNetwork(11, 1, 24, 48).eval()


def exported(network: TextNetwork, file: Path) -> tuple[float, torch.Tensor]:
    model = TextModel("digits", "1", "Nothing.", "none", {})
    metadata = text_metadata(model, Alphabet("0123456789", 0), PREPROCESS)
    pictures = torch.rand(4, 1, 24, 48)
    return export_text(network, metadata, file, pictures), pictures


def types_of_weights(file: Path) -> set[int]:
    """The types of all arrays that are larger than a bias."""
    initializers = onnx.load(file).graph.initializer
    return {array.data_type for array in initializers if np.prod(array.dims) > 1000}


@pytest.mark.parametrize(
    ("loudness", "kind"),
    [(1.0, onnx.TensorProto.FLOAT16), (1e5, onnx.TensorProto.FLOAT)],
    ids=["16-bits", "32-where-16-are-too-coarse"],
)
def test_a_file_answers_as_its_network(
    network: TextNetwork, tmp_path: Path, loudness: float, kind: int
) -> None:
    with torch.no_grad():
        network.head.answers.weight.mul_(loudness)
    file = tmp_path / "text.onnx"
    off, pictures = exported(network, file)
    assert off < 0.12
    assert types_of_weights(file) == {kind}
    with torch.inference_mode():
        wanted = network(pictures).numpy()
    (found,) = OnnxSession(file).run({"image": pictures.numpy()})
    np.testing.assert_allclose(found, wanted, atol=0.12)
    metadata = TextReader.load(file).metadata
    assert metadata is not None
    assert (metadata.options["shortest"], metadata.options["longest"]) == (2, 5)


def test_a_network_that_no_file_matches_leaves_the_former_file(
    network: TextNetwork, tmp_path: Path
) -> None:
    file = tmp_path / "text.onnx"
    exported(network, file)
    before = file.read_bytes()
    with torch.no_grad():
        network.head.answers.weight.fill_(torch.nan)
    with pytest.raises(ExportError):
        exported(network, file)
    assert file.read_bytes() == before
