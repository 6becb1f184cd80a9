"""Quantisation of the shipped networks, and the way back to weights to train from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from clickorder.cli import app
from labels.puzzles import Puzzle, PuzzleSet, PuzzleWriter, read_puzzles
from modelfile import OnnxSession
from training.core.onnx_weights import floats_of, halved, widened
from training.core.quantisation import QuantisationError, Quantised, quantise

ROOT = Path(__file__).parents[3]
KINDS = ("classifier", "detector", "siamese")


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped networks with weights in 32 bits."""
    folder = tmp_path_factory.mktemp("floats")
    for kind in KINDS:
        model = floats_of(onnx.load(ROOT / kind / "weights" / f"{kind}.onnx"))
        onnx.save(model, folder / f"{kind}.onnx")
    return folder


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> PuzzleSet:
    """Shapes on a sloping ground."""
    folder = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(4)
    slope = np.linspace(0, 60, 300)[None, :, None]
    with PuzzleWriter(folder) as writer:
        for number in range(48):
            ground = slope + rng.normal(rng.uniform(80, 190, 3), 6, (160, 300, 3))
            picture = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
            draw = ImageDraw.Draw(picture)
            boxes = []
            for place in range(6):
                x, y = 10 + 48 * place, int(rng.integers(10, 110))
                box = (x, y, x + 36, y + 36)
                ink = tuple(int(v) for v in rng.integers(0, 255, 3))
                if rng.random() < 0.5:
                    draw.ellipse(box, outline=ink, width=5)
                draw.line((x, y, x + 36, y + int(rng.integers(0, 36))), fill=ink, width=6)
                draw.line((x + int(rng.integers(0, 36)), y, x, y + 36), fill=ink, width=6)
                boxes.append(box)
            picture.save(folder / f"{number}.png")
            words = tuple("abcdef")
            writer.write(
                Puzzle(f"p{number}", f"{number}.png", {"words": words}, words, tuple(boxes))
            )
    return read_puzzles(folder)


@dataclass(frozen=True)
class Made:
    """A network, itself in 8 bits, and what was told of that."""

    source: Path
    out: Path
    done: Quantised


@pytest.fixture(scope="module")
def made(
    floats: Path, shapes: PuzzleSet, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Made]:
    """Each network in 8 bits, made once."""
    folder = tmp_path_factory.mktemp("made")

    @cache
    def one(kind: str) -> Made:
        source, out = floats / f"{kind}.onnx", folder / "new" / f"{kind}.onnx"
        return Made(source, out, quantise(source, [shapes], out, pictures=48))

    return one


def weight_types(path: Path) -> set[int]:
    """The types in which kernels are stored."""
    return {t.data_type for t in onnx.load(path).graph.initializer if len(t.dims) == 4}


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_survives_in_8_bits(kind: str, made: Callable[[str], Made]) -> None:
    source, out, done = made(kind).source, made(kind).out, made(kind).done
    assert done.correlation > 0.97
    assert (done.size_before, done.size_after) == (source.stat().st_size, out.stat().st_size)
    assert weight_types(source) == {TensorProto.FLOAT}
    assert TensorProto.INT8 in weight_types(out)
    before, after = OnnxSession(source), OnnxSession(out)
    assert after.properties == before.properties
    assert after.inputs == before.inputs
    assert [output.name for output in after.outputs] == [output.name for output in before.outputs]


def test_the_ends_of_a_detector_stay_exact(made: Callable[[str], Made]) -> None:
    kernels = [t for t in onnx.load(made("detector").out).graph.initializer if len(t.dims) == 4]
    modules = {t.name: int(t.name.split(".")[1]) for t in kernels if t.name.startswith("model.")}
    ends = {0, max(modules.values())}
    inner, outer = (
        {t.data_type for t in kernels if t.name in modules and (modules[t.name] in ends) == end}
        for end in (False, True)
    )
    assert TensorProto.INT8 in inner
    assert outer
    assert TensorProto.INT8 not in outer


@pytest.mark.parametrize("kind", KINDS)
def test_floats_come_back_out_of_8_bits(
    kind: str, made: Callable[[str], Made], tmp_path: Path
) -> None:
    onnx.save(floats_of(onnx.load(made(kind).out)), tmp_path / "32.onnx")
    assert weight_types(tmp_path / "32.onnx") == {TensorProto.FLOAT}
    kernels, again = (
        {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(p).graph.initializer}
        for p in (made(kind).source, tmp_path / "32.onnx")
    )
    named = [name for name, value in kernels.items() if value.ndim == 4]
    assert named
    for name in named:
        step = np.abs(kernels[name]).max(axis=(1, 2, 3), keepdims=True) / 127
        assert (np.abs(kernels[name] - again[name]) <= 0.51 * step + 1e-6).all(), name


def test_one_already_quantised_is_refused(
    made: Callable[[str], Made], shapes: PuzzleSet, tmp_path: Path
) -> None:
    with pytest.raises(QuantisationError, match="quantised already"):
        quantise(made("siamese").out, [shapes], tmp_path / "again.onnx", pictures=48)
    assert not (tmp_path / "again.onnx").exists()


def test_too_few_pictures_are_refused(floats: Path, shapes: PuzzleSet, tmp_path: Path) -> None:
    with pytest.raises(QuantisationError, match="too few"):
        quantise(floats / "siamese.onnx", [shapes], tmp_path / "8.onnx", pictures=3)


def test_halved_weights_are_widened_again(floats: Path) -> None:
    model = onnx.load(floats / "siamese.onnx")
    half = halved(onnx.ModelProto.FromString(model.SerializeToString()))
    assert half.ByteSize() < 0.6 * model.ByteSize()
    again = {t.name: onnx.numpy_helper.to_array(t) for t in widened(half).graph.initializer}
    for tensor in model.graph.initializer:
        value = onnx.numpy_helper.to_array(tensor)
        np.testing.assert_allclose(again[tensor.name], value, rtol=1e-3, atol=1e-4)


def test_the_command_tells_sizes(floats: Path, shapes: PuzzleSet, tmp_path: Path) -> None:
    out = tmp_path / "8.onnx"
    arguments = [floats / "siamese.onnx", "--data", shapes.folder, "--out", out]
    result = CliRunner().invoke(app, ["quantise", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "MB instead of" in result.stderr
    assert out.is_file()


def test_the_command_names_a_missing_file(shapes: PuzzleSet, tmp_path: Path) -> None:
    arguments = [tmp_path / "no.onnx", "--data", shapes.folder, "--out", tmp_path / "8.onnx"]
    result = CliRunner().invoke(app, ["quantise", *map(str, arguments)])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "no.onnx" in line
