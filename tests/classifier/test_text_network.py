"""The network that reads a whole text."""

import io
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.text_network import TextNetwork, frames_of, needed_frames
from modelfile import OnnxSession

HEADS = ("fixed", "ctc", "ctc-conv")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("trunk", ["slim", "usual"])
@pytest.mark.parametrize("size", [(128, 64), (170, 80), (90, 33)], ids=str)
def test_logits_have_the_shape_that_readers_expect(
    head: str, trunk: str, size: tuple[int, int]
) -> None:
    width, height = size
    network = TextNetwork(11, 2, height, width, head, 5, trunk=trunk).eval()  # type: ignore[arg-type]
    with torch.inference_mode():
        logits = network(torch.rand(3, 2, height, width))
    steps = 5 if head == "fixed" else frames_of(height, width)[1]
    assert logits.shape == (3, steps, 11)
    assert logits.dtype == torch.float32


@pytest.mark.parametrize("head", HEADS)
def test_the_weights_of_a_large_charset_stay_below_five_megabytes(head: str) -> None:
    network = TextNetwork(63, 1, 64, 128, head, 6)  # type: ignore[arg-type]
    # Two bytes each, as they are stored.
    assert 2 * sum(p.numel() for p in network.parameters()) < 5e6


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("size", [(128, 64), (170, 80), (90, 33)], ids=str)
def test_an_export_answers_the_same_for_any_number_of_pictures(
    head: str, size: tuple[int, int]
) -> None:
    width, height = size
    torch.manual_seed(1)
    network = TextNetwork(11, 1, height, width, head, 4).eval()  # type: ignore[arg-type]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.rand(2, 1, height, width),),
            buffer,
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "pictures"}, "logits": {0: "pictures"}},
        )
    session = OnnxSession(buffer.getvalue())
    for count in (1, 2, 5):
        pictures = torch.rand(count, 1, height, width)
        with torch.inference_mode():
            wanted = network(pictures).numpy()
        (found,) = session.run({"image": pictures.numpy()})
        np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_places_look_along_the_row_in_order() -> None:
    network = TextNetwork(11, 1, 64, 128, "fixed", 4)
    at = network.head.at.detach()
    assert at.argmax(dim=1).tolist() == sorted(at.argmax(dim=1).tolist())
    assert len(set(at.argmax(dim=1).tolist())) == 4


@settings(max_examples=30)
@given(st.text("ab", max_size=6))
def test_frames_are_as_many_as_ctc_needs(text: str) -> None:
    # The slow way: the shortest path that spells it.
    path = ""
    for character in text:
        path += ("-" if path.endswith(character) else "") + character
    assert needed_frames(text) == len(path)
