"""The character model inside the `ddddocr` package, without the package's code.

Its network has a fixed batch of 1, so crops run one after another; each still runs once.
"""

import ast
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.charset import Charset
from classifier.charset_classifier import CharsetClassifier
from classifier.errors import CharsetError
from classifier.preprocess import DDDDOCR_HEIGHT, ddddocr_input
from classifier.readings import CtcReadings
from modelfile import ModelSession, ModelShapeError, OnnxSession, packaged_file
from modelfile.device import Device

_CHARSET_NAME = "CHARSET_OLD"


class DdddocrClassifier(CharsetClassifier):
    """ddddocr's default character model; implements `Classifier`."""

    def __init__(
        self,
        session: ModelSession,
        charset: Charset,
        *,
        name: str = "ddddocr-classifier",
        margin: float = 0.1,
    ) -> None:
        """Check the network, and run it once.

        Args:
            session: `common_old.onnx`.
            charset: `CHARSET_OLD`.
            name: Name and version, as reported to callers.
            margin: Share of a box's sides to add to a crop on every side.

        Raises:
            ModelShapeError: it is another network.
        """
        super().__init__(session, charset, name=name, margin=margin)
        self._infer(np.zeros((DDDDOCR_HEIGHT, DDDDOCR_HEIGHT, 3), np.uint8))

    @classmethod
    def load(
        cls, *, threads: int = 1, device: Device = "cpu", margin: float = 0.1
    ) -> "DdddocrClassifier":
        """Load the files of the installed package.

        Args:
            threads: Threads that one run may use.
            device: What the network runs on.
            margin: Share of a box's sides to add to a crop on every side.

        Raises:
            ModelFileError: the package is not installed, or its files cannot be used.
        """
        model = packaged_file("ddddocr", "common_old.onnx", extra="ddddocr")
        charset = packaged_file("ddddocr", "charsets.py", extra="ddddocr")
        return cls(
            OnnxSession(model.path, threads=threads, device=device),
            read_python_charset(charset.path, _CHARSET_NAME),
            name=f"ddddocr-classifier {model.version}",
            margin=margin,
        )

    def _read(self, crops: Sequence[NDArray[np.uint8]]) -> CtcReadings:
        return CtcReadings([self._infer(crop) for crop in crops], self._charset)

    def _infer(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """`(T, C)` float32 logits of one crop."""
        tensor = ddddocr_input(crop)
        output: NDArray[np.float32] = self._session.run({self._session.inputs[0].name: tensor})[0]
        if output.ndim != 3 or output.shape[1:] != (1, len(self._charset)):
            raise ModelShapeError(
                f"{self._session.source} answers one crop with {output.shape}, but ddddocr's model "
                f"answers (T, 1, {len(self._charset)}); install ddddocr 1.6."
            )
        return output[:, 0]


def read_python_charset(path: Path, name: str) -> Charset:
    """Read a list of symbols from a Python file without running it.

    Args:
        path: The Python file.
        name: The module-level name that the list is assigned to.

    Raises:
        CharsetError: there is no such list of strings.
    """
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise CharsetError(f"{path} is not a Python file; install ddddocr 1.6.") from error
    for statement in module.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in statement.targets
        ):
            try:
                symbols: object = ast.literal_eval(statement.value)
            except ValueError:
                break
            if isinstance(symbols, list) and all(isinstance(symbol, str) for symbol in symbols):
                return Charset(symbols, blank=True, source=str(path))
    raise CharsetError(f"{path} has no list of strings {name}; install ddddocr 1.6.")
