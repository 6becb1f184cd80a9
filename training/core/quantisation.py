"""Quantisation: convolutions in 8 bits, which CPUs compute about four times faster.

The exported file of any of the three trainers goes in; activations are measured on pictures of
puzzle sets (static quantisation, weights per output channel). Metadata, inputs and outputs stay.

The first and the last module of a detector stay as they are: in 8 bits, boxes moved by half a pixel
more, which cost 2 of 100 validation puzzles, and gained no time.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from rich.console import Console

from detector import letterbox, to_tensor
from labels.atomic import write_atomically
from labels.console import say
from labels.pictures import load_rgb
from labels.puzzles import Box, PuzzleSet, read_puzzles
from modelfile import ModelMetadata, OnnxSession
from siamese.preprocess import cut, to_batch
from training.core.onnx_weights import halved, widened
from training.errors import TrainingError

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Inputs = Mapping[str, F32]

_CROPS_AT_ONCE = 32
_COMPARED = 4
_LEAST_CORRELATION = 0.97
_MODULE = re.compile(r"^/?model\.(\d+)/")


class QuantisationError(TrainingError):
    """A file that cannot be quantised, or that does not survive it."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """What quantisation did to a file.

    Attributes:
        size_before: Bytes.
        size_after: Bytes.
        correlation: Correlation of the outputs before and after, on pictures that activations
            were not measured on.
    """

    size_before: int
    size_after: int
    correlation: float


def quantise(source: Path, sets: Sequence[PuzzleSet], out: Path, *, pictures: int) -> Quantised:
    """Write an 8 bit version of a model file.

    Args:
        source: Exported by a trainer of this project.
        sets: Puzzle sets to measure activations on, of the kind that is to be solved.
        out: The new file; replaced only by one whose outputs agree.
        pictures: How many puzzles to use.

    Raises:
        QuantisationError: the sets have too few pictures, or the outputs no longer agree.
        ModelFileError: the file cannot be used.
    """
    before = OnnxSession(source)
    metadata = ModelMetadata.from_properties(before.properties, source=str(source))
    batches = list(_batches(metadata, sets, pictures))
    if len(batches) < 2 * _COMPARED:
        raise QuantisationError(
            f"{len(batches)} batches of pictures are too few to measure activations on; give more "
            "puzzles."
        )
    given = onnx.load(str(source))
    if any(node.op_type == "QuantizeLinear" for node in given.graph.node):
        raise QuantisationError(f"{source} is quantised already; give the file it was made from.")
    model = _quantised(widened(given), batches[_COMPARED:], metadata.kind)
    helper.set_model_props(model, dict(before.properties))
    model = halved(model)
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    after = OnnxSession(content, source="The quantised file")
    pairs = [(before.run(batch)[0], after.run(batch)[0]) for batch in batches[:_COMPARED]]
    correlation = min(float(np.corrcoef(one.ravel(), two.ravel())[0, 1]) for one, two in pairs)
    if not correlation >= _LEAST_CORRELATION:
        raise QuantisationError(
            f"The outputs of {source} before and after correlate by {correlation:.3f} only; the "
            "8 bit version was not kept."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, content)
    return Quantised(source.stat().st_size, len(content), correlation)


def run_quantise(source: Path, folders: Sequence[Path], out: Path, pictures: int) -> None:
    """The command `clickorder quantise`.

    Raises:
        QuantisationError: see `quantise`.
        ModelFileError: the file cannot be used.
        PuzzleSetError: a set cannot be read.
    """
    sets = [read_puzzles(folder) for folder in folders]
    console = Console(stderr=True)
    with console.status(f"Measuring the activations of {source} ..."):
        done = quantise(source, sets, out, pictures=pictures)
    say(
        console,
        f"{out}: {done.size_after / 1e6:.2f} MB instead of {done.size_before / 1e6:.2f} MB; the "
        f"outputs correlate by {done.correlation:.4f}.",
    )


def _quantised(model: onnx.ModelProto, batches: Sequence[Inputs], kind: str) -> onnx.ModelProto:
    from onnxruntime.quantization import (  # heavy, and only needed here
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )  # fmt: skip
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # untyped
        def __init__(self) -> None:
            self._rest = iter(batches)

        def get_next(self) -> Inputs | None:
            return next(self._rest, None)

    logging.getLogger().setLevel(logging.ERROR)
    with TemporaryDirectory() as folder:
        raw, prepared, done = (Path(folder) / f"{name}.onnx" for name in ("raw", "prep", "done"))
        onnx.save(model, str(raw))
        quant_pre_process(str(raw), str(prepared), skip_symbolic_shape=True)
        nodes = [node.name for node in onnx.load(str(prepared)).graph.node]
        quantize_static(
            str(prepared),
            str(done),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_outer(nodes) if kind == "detector" else [],
        )
        return onnx.load(str(done))


def _outer(nodes: Sequence[str]) -> list[str]:
    """Those nodes of a YOLO graph that are in its first or last module."""
    modules = {name: int(found[1]) for name in nodes if (found := _MODULE.match(name))}
    ends = {0, max(modules.values(), default=0)}
    return [name for name, module in modules.items() if module in ends]


def _batches(metadata: ModelMetadata, sets: Sequence[PuzzleSet], count: int) -> Iterator[Inputs]:
    """Inputs of the kind that the service gives a model."""
    puzzles = [(s.folder, p) for s in sets for p in s.puzzles]
    step = max(1, len(puzzles) // max(count, 1))
    crops: list[U8] = []
    margin = metadata.calibration.get("crop_margin", 0.08)
    for folder, puzzle in puzzles[::step][:count]:
        shown: list[tuple[U8, Sequence[Box]]] = [
            (load_rgb(folder / puzzle.background), (*puzzle.targets, *puzzle.distractors))
        ]
        if puzzle.image is not None:
            boxes = puzzle.meta.get("prompt_boxes")
            known = boxes if isinstance(boxes, list) else ()
            shown.append((load_rgb(folder / puzzle.image), known))
        if metadata.kind == "detector":
            # One of prompt pictures never sees a background.
            for picture, _ in shown[1:] if "item_slope" in metadata.calibration else shown:
                yield {"images": to_tensor(letterbox(picture, metadata.input_size)[0])}
            continue
        crops += [
            crop
            for picture, boxes in shown
            if len(boxes)
            for crop in cut(picture, np.array(boxes, np.float32), margin=margin)
        ]
        while len(crops) >= _CROPS_AT_ONCE:
            yield _crop_batch(metadata, crops[:_CROPS_AT_ONCE])
            crops = crops[_CROPS_AT_ONCE:]


def _crop_batch(metadata: ModelMetadata, crops: Sequence[U8]) -> Inputs:
    batch = to_batch(
        crops,
        metadata.input_size[0],
        scale=metadata.scale,
        mean=metadata.mean,
        std=metadata.std,
    )
    if metadata.kind == "classifier":
        return {"images": batch}
    if metadata.kind == "names":
        return {"crops": batch}
    third = len(batch) // 3
    return {"prompt": batch[:third], "scene": batch[third:]}
