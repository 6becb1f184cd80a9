"""From an exported reader back to a network that learns on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from classifier.text_network import Head, TextNetwork, Trunk
from classifier.text_preprocess import TextPreprocess
from classifier.text_reader import SHIPPED
from modelfile import OnnxSession
from training.core.checkpoint import CheckpointError
from training.core.initial_weights import shipped_file
from training.text.export import TextModel, export_text, text_metadata
from training.text.measures import Alphabet
from training.text.onnx_import import state_of_onnx, unfold


def exported(folder: Path, head: Head = "ctc-conv", trunk: Trunk = "slim") -> Path:
    """A reader of seven characters, with normalisations that do something."""
    torch.manual_seed(3)
    alphabet = Alphabet("abcdefg", 4 if head == "fixed" else 0)
    network = TextNetwork(len(alphabet.symbols), 1, 24, 48, head, alphabet.places, trunk=trunk)
    network.train()
    for _ in range(3):
        network(torch.rand(8, 1, 24, 48))
    preprocess = TextPreprocess(height=24, width=48, grey=True, shortest=2, longest=4)
    model = TextModel("test", "1.0.0", "Noise.", "unknown", {})
    file = folder / "text.onnx"
    export_text(network, text_metadata(model, alphabet, preprocess), file, torch.rand(4, 1, 24, 48))
    return file


def network_of(file: Path, trunk: Trunk = "slim") -> TextNetwork:
    state = state_of_onnx(file)
    network = TextNetwork(len(state["charset"]), 1, 24, 48, trunk=trunk).eval()
    network.load_state_dict(state["model"])
    return network


@pytest.mark.parametrize("trunk", ["slim", "usual"])
def test_the_network_computes_what_the_file_computes(trunk: Trunk, tmp_path: Path) -> None:
    file = exported(tmp_path, trunk=trunk)
    network, inputs = network_of(file, trunk), torch.rand(32, 1, 24, 48)
    expected = OnnxSession(file).run({"image": inputs.numpy()}, ["logits"])[0]

    def found() -> np.ndarray:
        with torch.inference_mode():
            return network(inputs).numpy()

    np.testing.assert_allclose(found(), expected, atol=0.02)
    unfold(network, inputs)
    np.testing.assert_allclose(found(), expected, atol=0.02)


def test_unfolded_normalisations_have_the_statistics_of_the_pictures(tmp_path: Path) -> None:
    network, inputs = network_of(exported(tmp_path)), torch.rand(64, 1, 24, 48)
    unfold(network, inputs)
    evaluated = network(inputs)
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    torch.testing.assert_close(network(inputs), evaluated, atol=0.1, rtol=0.1)


def test_other_normalisations_stay_as_they_are() -> None:
    network = TextNetwork(4, 1, 24, 48).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    unfold(network, torch.rand(16, 1, 24, 48))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_the_shipped_reader_is_read_back() -> None:
    state, inputs = state_of_onnx(SHIPPED), torch.rand(4, 4, 48, 144)
    network = TextNetwork(len(state["charset"]), 4, 48, 144).eval()
    network.load_state_dict(state["model"])
    expected = OnnxSession(SHIPPED).run({"image": inputs.numpy()}, ["logits"])[0]
    with torch.inference_mode():
        np.testing.assert_allclose(network(inputs).numpy(), expected, atol=0.02)


@pytest.mark.parametrize(
    ("made", "part"),
    [
        pytest.param(lambda folder: exported(folder, "fixed"), "another head", id="fixed head"),
        pytest.param(lambda folder: exported(folder, "ctc"), "another network", id="recurrent"),
        pytest.param(lambda folder: shipped_file("siamese"), "is a siamese", id="matcher"),
        pytest.param(lambda folder: _written(folder), "cannot be read", id="no ONNX file"),
    ],
)
def test_what_is_no_such_reader_is_told(made, part: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=part) as told:
        state_of_onnx(made(tmp_path))
    assert "ctc-conv" in str(told.value)


def _written(folder: Path) -> Path:
    file = folder / "text.onnx"
    file.write_bytes(b"nothing of the kind")
    return file
