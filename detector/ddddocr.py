"""The detector inside the `ddddocr` package, without the package's code.

A YOLOX network: BGR pixels 0..255 at the upper left of a 416x416 frame; its output counts centres
in cells from the cell's corner and sides as logarithms of cells (Ge et al., "YOLOX", 2021, and
the constants of `core/detection_engine.py` in ddddocr 1.6).
"""

from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from detector.boxes import F32, xyxy_from_cxcywh
from detector.decode import Candidates
from detector.detections import Detections
from detector.errors import UnknownLayoutError
from detector.letterbox import letterbox, to_tensor
from detector.selection import LimitChanges, LimitedDetector, Limits, select
from modelfile import ModelSession, OnnxSession, packaged_file
from modelfile.device import Device

_SIZE = 416
_STRIDES = (8, 16, 32)


class DdddocrDetector(LimitedDetector):
    """ddddocr's one-class detector; implements `Detector`."""

    def __init__(
        self,
        session: ModelSession,
        *,
        name: str = "ddddocr-detector",
        **limits: Unpack[LimitChanges],
    ) -> None:
        """Check the network.

        Args:
            session: `common_det.onnx`.
            name: Name and version, as reported to callers.
            limits: What counts as a detection, where that is not as `Limits` has it. By default
                the confidence threshold is ddddocr's, 0.1.

        Raises:
            UnknownLayoutError: it is another network.
        """
        self._session = session
        self._name = name
        super().__init__(Limits(confidence_threshold=0.1).changed(**limits))
        self._corners, self._strides = _grid()
        input_shape = session.inputs[0].shape
        output_shape = session.outputs[0].shape
        wanted = (1, 3, _SIZE, _SIZE), (1, len(self._corners), 6)
        if (input_shape, output_shape) != wanted:
            raise UnknownLayoutError(
                f"{session.source} maps {input_shape} to {output_shape}, but ddddocr's detector "
                f"maps {wanted[0]} to {wanted[1]}; install ddddocr 1.6."
            )

    @classmethod
    def load(
        cls, *, threads: int = 1, device: Device = "cpu", **limits: Unpack[LimitChanges]
    ) -> "DdddocrDetector":
        """Load the file of the installed package; the arguments are those of the class.

        Raises:
            ModelFileError: the package is not installed, or its file cannot be used.
        """
        file = packaged_file("ddddocr", "common_det.onnx", extra="ddddocr")
        session = OnnxSession(file.path, threads=threads, device=device)
        return cls(session, name=f"ddddocr-detector {file.version}", **limits)

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        return self._name

    @property
    def classes(self) -> tuple[str, ...]:
        """The one class."""
        return ("item",)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find every item.

        Args:
            image: `(H, W, 3)` uint8 RGB.

        Raises:
            PictureShapeError: the array is no picture.
        """
        frame, geometry = letterbox(image, (_SIZE, _SIZE), align="top_left")
        tensor = to_tensor(frame, colour="BGR", scale=1.0)
        output = self._session.run({self._session.inputs[0].name: tensor})[0]
        height, width = image.shape[:2]
        return select(self._decode(output[0]), geometry, (width, height), self._limits)

    def _decode(self, table: F32) -> Candidates:
        """Candidates that score more than the threshold, from `(3549, 6)` float32 raw rows."""
        scores = table[:, 4] * table[:, 5]
        keep = np.flatnonzero(scores > self._limits.confidence_threshold)
        centres = (table[keep, :2] + self._corners[keep]) * self._strides[keep]
        sides = np.exp(table[keep, 2:4]) * self._strides[keep]
        return Candidates(
            boxes=xyxy_from_cxcywh(np.concatenate([centres, sides], axis=1)),
            scores=np.clip(scores[keep], 0, 1),
            classes=np.zeros(len(keep), np.int64),
        )


def _grid() -> tuple[F32, F32]:
    """Corner `(N, 2)` float32 in cells and stride `(N, 1)` float32 in pixels of every cell."""
    corners, strides = [], []
    for stride in _STRIDES:
        side = _SIZE // stride
        rows, columns = np.mgrid[:side, :side]
        corners.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((side * side, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)
