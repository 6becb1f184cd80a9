"""Models that dddd_trainer exported: an `.onnx` and a `charsets.json` beside it.

Upstream's graph ends in a maximum: a CTC export answers `(N, T)` indices, a single-symbol export
`(N,)` values and `(N,)` indices (`nets/__init__.py`, `Net.forward`). Neither tells how likely any
other symbol is, so the tensor before the maximum is made an output. Forks that leave the maximum
out answer `(T, 1, C)` or `(1, C)` logits; those are taken as they are.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.charset import Charset
from classifier.charset_classifier import CharsetClassifier
from classifier.errors import CharsetError
from classifier.preprocess import dddd_trainer_input
from classifier.readings import CtcReadings, SoftmaxReadings
from modelfile import (
    ModelMissingError,
    ModelSession,
    ModelShapeError,
    OnnxSession,
    existing_file,
    tensor_before_argmax,
    with_output,
)
from modelfile.device import Device

_PROBE_ASPECT = 2  # width of the warm-up crop in heights, where the width is free


@dataclass(frozen=True, slots=True)
class TrainerExport:
    """What `charsets.json` says.

    Attributes:
        charset: Symbols in output order; for a CTC model the first stands for the blank.
        single_symbol: `word` in the file: the model reads one symbol, not a sequence.
        size: `image` in the file: `(width, height)`; a width of -1 keeps the crop's shape.
        channels: `channel` in the file: 1 (grey) or 3 (RGB).
    """

    charset: Charset
    single_symbol: bool
    size: tuple[int, int]
    channels: int


class DdddTrainerClassifier(CharsetClassifier):
    """A dddd_trainer export; implements `Classifier`."""

    def __init__(
        self, session: ModelSession, export: TrainerExport, *, output: str, margin: float = 0.0
    ) -> None:
        """Check the network's shapes, and run it once.

        Args:
            session: The network.
            export: What `charsets.json` says.
            output: Name of the output that holds the logits.
            margin: Share of a box's sides to add to a crop on every side.

        Raises:
            ModelShapeError: the input or output does not fit `charsets.json`.
        """
        # Exports carry no version.
        name = f"{Path(session.source).stem} (dddd_trainer)"
        super().__init__(session, export.charset, name=name, margin=margin)
        self._export = export
        self._output = output
        shapes = [spec.shape for spec in session.inputs]
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] not in (None, export.channels):
            raise ModelShapeError(
                f"{session.source} has the inputs {shapes}, but its charsets.json asks for one of "
                f"(1, {export.channels}, height, width); use the files of one export."
            )
        width, height = export.size
        probe = (height, _PROBE_ASPECT * height if width == -1 else width, 3)
        self._infer(np.zeros(probe, np.uint8))

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        charsets_path: str | PathLike[str] | None = None,
        *,
        threads: int = 1,
        device: Device = "cpu",
        margin: float = 0.0,
    ) -> "DdddTrainerClassifier":
        """Load an export.

        Args:
            path: The ONNX file.
            charsets_path: By default `charsets.json` in the folder of the ONNX file.
            threads: Threads that one run may use.
            device: What the network runs on.
            margin: Share of a box's sides to add to a crop on every side.

        Raises:
            ModelFileError: a file cannot be used.
        """
        file = existing_file(path)
        export = read_charsets(charsets_path or file.with_name("charsets.json"))
        model = file.read_bytes()
        session = OnnxSession(file, threads=threads, device=device)
        outputs = [spec.name for spec in session.outputs]
        output = outputs[0]
        if len(outputs) > 1 or not session.outputs[0].dtype.startswith("tensor(float"):
            logits = tensor_before_argmax(model)
            if logits is None:
                raise ModelShapeError(
                    f"{file} answers indices and no probabilities, and they do not come from a "
                    "maximum in its graph; export the logits."
                )
            output = logits
            if output not in outputs:
                widened = with_output(model, output)
                session = OnnxSession(
                    widened,
                    threads=threads,
                    device=device,
                    source=str(file),
                    folder=file.parent,
                )
        return cls(session, export, output=output, margin=margin)

    def _read(self, crops: Sequence[NDArray[np.uint8]]) -> CtcReadings | SoftmaxReadings:
        # One by one: exports have a batch of 1.
        logits = [self._infer(crop) for crop in crops]
        if not self._export.single_symbol:
            return CtcReadings(logits, self._charset)
        rows = np.concatenate(logits) if logits else np.zeros((0, len(self._charset)), np.float32)
        return SoftmaxReadings(rows, self._charset)

    def _infer(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """`(T, C)` float32 logits of one crop; T is 1 where the model reads one symbol."""
        export = self._export
        tensor = dddd_trainer_input(
            crop, size=export.size, channels=export.channels, single_symbol=export.single_symbol
        )
        name = self._session.inputs[0].name
        output: NDArray[np.float32] = self._session.run({name: tensor}, [self._output])[0]
        # (T, 1, C), (1, T, C) or (1, C): of one crop, all are T rows of C.
        rows = output.reshape(-1, output.shape[-1])
        ranks = (2,) if export.single_symbol else (2, 3)
        if (
            output.ndim not in ranks
            or rows.shape[1] != len(export.charset)
            or (export.single_symbol and len(rows) != 1)
            or (output.ndim == 3 and 1 not in output.shape[:2])
        ):
            raise ModelShapeError(
                f"{self._session.source} answers one crop with {output.shape}, but its "
                f"charsets.json names {len(export.charset)} symbols; use the files of one export."
            )
        return rows


def read_charsets(path: str | PathLike[str]) -> TrainerExport:
    """Read and check a `charsets.json`.

    Raises:
        ModelMissingError: there is no such file.
        CharsetError: it lacks a key, or a value is not what dddd_trainer writes.
    """
    file = Path(path)
    try:
        content: object = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ModelMissingError(
            f"The charset file {file} does not exist; dddd_trainer writes it beside the ONNX file."
        ) from error
    except (OSError, ValueError) as error:
        raise CharsetError(f"{file} is not JSON; export the model again.") from error
    if not isinstance(content, dict):
        raise CharsetError(f"{file} is not a JSON object; export the model again.")
    missing = [key for key in ("charset", "word", "image", "channel") if key not in content]
    if missing:
        raise CharsetError(f"{file} lacks {', '.join(missing)}; export the model again.")
    symbols, word, image, channel = (
        content[key] for key in ("charset", "word", "image", "channel")
    )
    checks = (
        (
            isinstance(symbols, list) and all(isinstance(symbol, str) for symbol in symbols),
            "charset is not a list of strings",
        ),
        (isinstance(word, bool), "word is not true or false"),
        (
            isinstance(image, list)
            and len(image) == 2
            and all(type(side) is int for side in image)
            and (image[0] == -1 or image[0] > 0)
            and image[1] > 0,
            "image is not [width, height] with a width of -1 or more than 0",
        ),
        (type(channel) is int and channel in (1, 3), "channel is neither 1 nor 3"),
    )
    for passed, fault in checks:
        if not passed:
            raise CharsetError(f"{file} is not valid: {fault}; export the model again.")
    return TrainerExport(
        charset=Charset(symbols, blank=not word, source=str(file)),
        single_symbol=word,
        size=(image[0], image[1]),
        channels=channel,
    )
