"""YOLO detectors from ONNX files: our own, and plain Ultralytics and YOLOv5 exports."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from detector.decode import Layout, decode, find_layout
from detector.detections import Detections
from detector.letterbox import PAD, letterbox, to_tensor
from detector.selection import LimitChanges, LimitedDetector, Limits, select
from modelfile import (
    ModelMetadata,
    ModelMetadataError,
    ModelSession,
    ModelShapeError,
    OnnxSession,
    TensorSpec,
    is_own,
)
from modelfile.device import Device

_BYTES = "tensor(uint8)"
"""An input that takes pixels as they are, and scales them in the graph."""


@dataclass(frozen=True, slots=True)
class YoloFormat:
    """How to feed one network and what its classes are called.

    Attributes:
        name: Name and version, as reported to callers.
        input_size: `(width, height)` in pixels.
        classes: Class names in output order; empty where the file does not tell.
        confidence_threshold: Recommended by the file; None where it recommends nothing.
        calibration: What else our own file says of its scores; empty for others.
        end_to_end: What the metadata says of the output layout; None where it says nothing.
        colour: Channel order of the input.
        scale: Factor on the pixel value.
        mean: One value per channel.
        std: One value per channel.
    """

    name: str
    input_size: tuple[int, int]
    classes: tuple[str, ...]
    confidence_threshold: float | None = None
    calibration: Mapping[str, float] = field(default_factory=dict)
    end_to_end: bool | None = None
    colour: Literal["RGB", "BGR", "GRAY"] = "RGB"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


class YoloDetector(LimitedDetector):
    """A YOLO network; implements `Detector`."""

    def __init__(self, session: ModelSession, **limits: Unpack[LimitChanges]) -> None:
        """Check the network's metadata and shapes, and run it once.

        Args:
            session: The network.
            limits: What counts as a detection, where that is not as `Limits` has it. By default
                the confidence threshold is the one that the file recommends, if any.

        Raises:
            ModelMetadataError: the metadata lacks something or contradicts itself.
            ModelShapeError: the input is not one picture.
            UnknownLayoutError: the output is none of the YOLO layouts.
        """
        self._session = session
        self._format = read_format(session)
        recommended = Limits().changed(confidence_threshold=self._format.confidence_threshold)
        super().__init__(recommended.changed(**limits))
        self._input = session.inputs[0].name
        # A declared output shape may be symbolic or wrong; one run tells, and warms up as well.
        width, height = self._format.input_size
        self._layout = self._find_layout(self._run(np.full((height, width, 3), PAD, np.uint8)))

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        threads: int = 1,
        device: Device = "cpu",
        **limits: Unpack[LimitChanges],
    ) -> "YoloDetector":
        """Load an ONNX file; the arguments are those of the class.

        Raises:
            ModelFileError: the file cannot be used.
        """
        return cls(OnnxSession(path, threads=threads, device=device), **limits)

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        return self._format.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in output order; empty where the file does not tell."""
        return self._format.classes

    @property
    def calibration(self) -> Mapping[str, float]:
        """What our own file says of its scores; empty for others."""
        return self._format.calibration

    @property
    def layout(self) -> Layout:
        """The output layout that was found."""
        return self._layout

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find every item.

        Args:
            image: `(H, W, 3)` uint8 RGB.

        Raises:
            PictureShapeError: the array is no picture.
        """
        frame, geometry = letterbox(image, self._format.input_size)
        candidates = decode(self._run(frame), self._layout, self._limits.confidence_threshold)
        height, width = image.shape[:2]
        return select(candidates, geometry, (width, height), self._limits)

    def _run(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        spec = self._format
        tensor = to_tensor(
            frame, colour=spec.colour, scale=spec.scale, mean=spec.mean, std=spec.std
        )
        if self._session.inputs[0].dtype == _BYTES:
            tensor = np.rint(tensor).astype(np.uint8)
        output: NDArray[np.float32] = self._session.run({self._input: tensor})[0]
        return output

    def _find_layout(self, output: NDArray[np.float32]) -> Layout:
        return find_layout(
            output.shape,
            self._format.input_size,
            classes=len(self._format.classes) or None,
            end_to_end=self._format.end_to_end,
            source=self._session.source,
        )


def read_format(session: ModelSession) -> YoloFormat:
    """How to feed a network, from our own metadata or an exporter's.

    Raises:
        ModelMetadataError: the metadata lacks something or contradicts itself.
        ModelShapeError: the input is not one picture.
    """
    source = session.source
    if len(session.inputs) != 1 or len(session.inputs[0].shape) != 4:
        raise ModelShapeError(
            f"{source} has the inputs {_named_shapes(session.inputs)}, but a YOLO detector has one "
            "of (1, C, height, width)."
        )
    batch, channels, height, width = session.inputs[0].shape
    found = _own(session) if is_own(session.properties) else _foreign(session, width, height)
    wanted_channels = 1 if found.colour == "GRAY" else 3
    for axis, declared, wanted in (
        ("batch", batch, 1),
        ("channels", channels, wanted_channels),
        ("width", width, found.input_size[0]),
        ("height", height, found.input_size[1]),
    ):
        if declared not in (None, wanted):
            raise ModelShapeError(
                f"{source} declares an input of {session.inputs[0].shape}, whose {axis} is not "
                f"{wanted}; export it again for one picture of {found.input_size} pixels."
            )
    return found


def _own(session: ModelSession) -> YoloFormat:
    metadata = ModelMetadata.from_properties(
        session.properties, source=session.source, kind="detector"
    )
    return YoloFormat(
        name=metadata.title,
        input_size=metadata.input_size,
        classes=metadata.classes,
        confidence_threshold=metadata.confidence_threshold,
        calibration=metadata.calibration,
        colour=metadata.colour,
        scale=metadata.scale,
        mean=metadata.mean,
        std=metadata.std,
    )


def _foreign(session: ModelSession, width: int | None, height: int | None) -> YoloFormat:
    """Ultralytics writes Python literals: `{0: 'item'}`, `[height, width]`, `True`."""
    properties, source = session.properties, session.source
    task = properties.get("task", "detect")
    if task != "detect":
        raise ModelMetadataError(
            f"{source} was exported for the task {task!r}; export a detection model."
        )
    names = _literal(properties, "names", source)
    classes: tuple[str, ...] = ()
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        classes = tuple(str(names[index]) for index in range(len(names)))
    elif isinstance(names, list | tuple):
        classes = tuple(map(str, names))
    elif names is not None:
        raise ModelMetadataError(
            f"{source} has metadata that is not valid: names is neither a list nor numbered from 0."
        )
    imgsz = _literal(properties, "imgsz", source)
    if isinstance(imgsz, int):
        imgsz = [imgsz, imgsz]
    if isinstance(imgsz, list | tuple) and len(imgsz) == 2:
        height, width = height or int(imgsz[0]), width or int(imgsz[1])
    if width is None or height is None:
        raise ModelMetadataError(
            f"{source} tells its input size neither in its input shape nor in its metadata "
            "(imgsz); export it with a fixed size."
        )
    end_to_end = _literal(properties, "end2end", source)
    exporter = f" (Ultralytics {properties['version']})" if "version" in properties else ""
    return YoloFormat(
        name=Path(source).stem + exporter,
        input_size=(width, height),
        classes=classes,
        end_to_end=_selects_itself(properties, end_to_end),
        scale=1.0 if session.inputs[0].dtype == _BYTES else 1 / 255,
    )


def _selects_itself(properties: Mapping[str, str], end_to_end: object) -> bool | None:
    """Whether the graph itself drops boxes that overlap; None where nothing tells.

    Ultralytics says `end2end: False` of an export with `nms=True`, whose graph does as well.
    """
    try:
        args = ast.literal_eval(properties.get("args", "{}"))
    except (ValueError, SyntaxError):
        args = {}
    if isinstance(args, dict) and args.get("nms") is True:
        return True
    return end_to_end if isinstance(end_to_end, bool) else None


def _literal(properties: Mapping[str, str], key: str, source: str) -> object:
    if key not in properties:
        return None
    try:
        value: object = ast.literal_eval(properties[key])
    except (ValueError, SyntaxError) as error:
        raise ModelMetadataError(
            f"{source} has metadata that is not valid: {key} is not a Python literal."
        ) from error
    return value


def _named_shapes(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{spec.name} {spec.shape}" for spec in specs) or "(none)"
