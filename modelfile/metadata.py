"""The metadata that our own ONNX files carry, and its check.

Every property key starts with `clickorder.`, so that it never meets a key of another exporter
(Ultralytics writes bare `names`, `imgsz`, `version` and so on into the same table).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from modelfile.errors import ModelMetadataError

Kind = Literal["detector", "classifier", "siamese", "text", "names"]
Decoding = Literal["", "ctc", "fixed"]
Colour = Literal["RGB", "BGR", "GRAY"]

PREFIX = "clickorder."
_TEXTS = ("name", "version", "training_data", "code_revision", "licence")
_REQUIRED = ("kind", *_TEXTS, "input_size", "colour", "scale", "mean", "std")


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a model file says of itself.

    A pixel value `p` (0..255) enters the network as `(p * scale - mean) / std`, channel by channel
    in the order that `colour` names.

    Attributes:
        kind: What the model does; `text` reads a whole row of characters.
        name: Without the version: `"clickorder-detector"`.
        version: `"1.0.0"`.
        input_size: `(width, height)` of the network's input in pixels.
        colour: Channel order of the input.
        scale: Factor on the pixel value.
        mean: One value per channel.
        std: One value per channel, none of them 0.
        training_data: One statement of what the weights were trained on.
        code_revision: Revision of the code that trained them.
        licence: SPDX expression of the weights.
        classes: Class names of a detector, in output order; empty for other kinds.
        charset: Symbols of a classifier or text model, in output order. For a CTC model the first
            is `""`, the blank; for a text model of fixed length too, where it means that no
            character stands at that place. Empty for other kinds.
        confidence_threshold: Recommended lower bound of a score that counts, 0..1.
        calibration: Parameters of the confidence calibration, by name.
        decoding: How a text model's outputs become a text: `"ctc"` (a distribution for every
            column) or `"fixed"` (one for every place). `""` for other kinds.
        options: How a text model wants its pictures and labels, by name; what they mean says
            `classifier.text_preprocess`. Empty for other kinds.
    """

    kind: Kind
    name: str
    version: str
    input_size: tuple[int, int]
    colour: Colour
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    training_data: str
    code_revision: str
    licence: str
    classes: tuple[str, ...] = ()
    charset: tuple[str, ...] = ()
    confidence_threshold: float = 0.0
    calibration: Mapping[str, float] = field(default_factory=dict)
    decoding: Decoding = ""
    options: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise ModelMetadataError(f"The model metadata is not valid: {fault}.")

    @property
    def title(self) -> str:
        """Name and version, as reported to callers."""
        return f"{self.name} {self.version}"

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return 1 if self.colour == "GRAY" else 3

    def to_properties(self) -> dict[str, str]:
        """The table to write into `ModelProto.metadata_props`."""
        values: dict[str, object] = {
            "input_size": list(self.input_size),
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
            "classes": list(self.classes),
            "charset": list(self.charset),
            "confidence_threshold": self.confidence_threshold,
            "calibration": dict(self.calibration),
        }
        properties = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
        properties |= {key: str(getattr(self, key)) for key in ("kind", "colour", *_TEXTS)}
        if self.kind == "text":
            properties["decoding"] = self.decoding
            properties["options"] = json.dumps(dict(self.options), ensure_ascii=False)
        return {PREFIX + key: value for key, value in sorted(properties.items())}

    @classmethod
    def from_properties(
        cls, properties: Mapping[str, str], *, source: str, kind: Kind | None = None
    ) -> "ModelMetadata":
        """Read and check the table of one file.

        Args:
            properties: `custom_metadata_map` of the ONNX file.
            source: What to call the file in messages.
            kind: What the model must do; None for anything.

        Raises:
            ModelMetadataError: a key is missing, cannot be read, or does not fit the others; or it
                is a model of another kind.
        """
        if not is_own(properties):
            raise ModelMetadataError(
                f"{source} carries no {PREFIX}* metadata; export it with this project's trainers."
            )
        missing = [key for key in _REQUIRED if PREFIX + key not in properties]
        if missing:
            raise ModelMetadataError(
                f"{source} lacks the metadata {', '.join(PREFIX + key for key in missing)}; "
                "export it again with this project's trainers."
            )
        texts = {key: properties[PREFIX + key] for key in ("kind", "colour", *_TEXTS)}
        parsed = {
            key: _parse(properties.get(PREFIX + key, default), key, source)
            for key, default in (
                ("input_size", ""),
                ("scale", ""),
                ("mean", ""),
                ("std", ""),
                ("classes", "[]"),
                ("charset", "[]"),
                ("confidence_threshold", "0"),
                ("calibration", "{}"),
                ("options", "{}"),
            )
        }
        try:
            metadata = cls(
                kind=cast("Kind", texts["kind"]),
                name=texts["name"],
                version=texts["version"],
                input_size=cast("tuple[int, int]", _tuple_of(parsed, "input_size", int)),
                colour=cast("Colour", texts["colour"]),
                scale=_number(parsed["scale"], "scale"),
                mean=cast("tuple[float, ...]", _tuple_of(parsed, "mean", float)),
                std=cast("tuple[float, ...]", _tuple_of(parsed, "std", float)),
                training_data=texts["training_data"],
                code_revision=texts["code_revision"],
                licence=texts["licence"],
                classes=cast("tuple[str, ...]", _tuple_of(parsed, "classes", str)),
                charset=cast("tuple[str, ...]", _tuple_of(parsed, "charset", str)),
                confidence_threshold=_number(
                    parsed["confidence_threshold"], "confidence_threshold"
                ),
                calibration=_numbers_by_name(parsed["calibration"], "calibration"),
                decoding=cast("Decoding", properties.get(PREFIX + "decoding", "")),
                options=_options(parsed["options"]),
            )
        except ModelMetadataError as error:
            fault = str(error).partition(": ")[2]
            raise ModelMetadataError(f"{source} has metadata that is not valid: {fault}") from error
        if kind is not None and metadata.kind != kind:
            wanted = "siamese model" if kind == "siamese" else kind
            raise ModelMetadataError(
                f"{source} is a {metadata.kind} and not a {wanted}; check the path in the settings."
            )
        return metadata

    def _fault(self) -> str | None:
        """The first thing that does not fit, or None."""
        sides: tuple[int, ...] = self.input_size  # what a file says need not be a pair
        checks: list[tuple[bool, str]] = [
            (self.kind in get_args(Kind), f"kind {self.kind!r} is none of {get_args(Kind)}"),
            (
                self.colour in get_args(Colour),
                f"colour {self.colour!r} is none of {get_args(Colour)}",
            ),
            *((bool(getattr(self, key).strip()), f"{key} is empty") for key in _TEXTS),
            (
                len(sides) == 2 and all(side > 0 for side in sides),
                f"input_size {self.input_size} is not (width, height) in pixels",
            ),
            (
                math.isfinite(self.scale) and self.scale > 0,
                f"scale {self.scale} is not greater than 0",
            ),
            (
                len(self.mean) == len(self.std) == self.channels,
                f"{len(self.mean)} means and {len(self.std)} stds for {self.colour} input",
            ),
            (
                all(math.isfinite(value) for value in self.mean)
                and all(math.isfinite(value) and value > 0 for value in self.std),
                "mean is not finite or std is not greater than 0",
            ),
            (
                0 <= self.confidence_threshold <= 1,
                f"confidence_threshold {self.confidence_threshold} is not in 0..1",
            ),
            (
                all(math.isfinite(value) for value in self.calibration.values()),
                "calibration is not finite",
            ),
            (
                bool(self.classes) == (self.kind == "detector"),
                f"a {self.kind} with {len(self.classes)} classes",
            ),
            (
                (len(self.charset) > 1) == (self.kind in ("classifier", "text")),
                f"a {self.kind} with {len(self.charset)} symbols in its charset",
            ),
            (len(set(self.classes)) == len(self.classes), "classes repeats a name"),
            (len(set(self.charset)) == len(self.charset), "charset repeats a symbol"),
            ("" not in self.classes, "classes has an empty name"),
            ("" not in self.charset[1:], "charset has an empty symbol that is not the first"),
            *self._text_checks(),
        ]
        return next((sentence for passed, sentence in checks if not passed), None)

    def _text_checks(self) -> list[tuple[bool, str]]:
        """Checks of what only a text model has."""
        if self.kind != "text":
            return [
                (not self.decoding, f"a {self.kind} with the decoding {self.decoding!r}"),
                (not self.options, f"a {self.kind} with options"),
            ]
        numbers = [value for value in self.options.values() if not isinstance(value, str)]
        return [
            (
                self.decoding in ("ctc", "fixed"),
                f"a text model with the decoding {self.decoding!r}, which is neither ctc nor fixed",
            ),
            (self.charset[0] == "", "the charset of a text model does not start with ''"),
            (
                all(len(symbol) == 1 for symbol in self.charset[1:]),
                "the charset of a text model has a symbol of several characters",
            ),
            (all(math.isfinite(number) for number in numbers), "options is not finite"),
        ]


def is_own(properties: Mapping[str, str]) -> bool:
    """Whether the file was exported by this project."""
    return any(key.startswith(PREFIX) for key in properties)


def _parse(text: str, key: str, source: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise ModelMetadataError(
            f"{source} has metadata that is not valid: {PREFIX}{key} is not JSON."
        ) from error
    return value


def _invalid(key: str, wanted: str) -> ModelMetadataError:
    return ModelMetadataError(f"The model metadata is not valid: {key} is not {wanted}.")


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _invalid(key, "a number")
    return float(value)


def _tuple_of(
    parsed: Mapping[str, object], key: str, kind: type[int] | type[float] | type[str]
) -> tuple[object, ...]:
    value = parsed[key]
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, list) or not all(
        isinstance(item, accepted) and not isinstance(item, bool) for item in value
    ):
        raise _invalid(key, f"a list of {kind.__name__}")
    return tuple(kind(item) for item in value)


def _numbers_by_name(value: object, key: str) -> dict[str, float]:
    if not isinstance(value, dict):
        raise _invalid(key, "an object of numbers")
    return {str(name): _number(number, key) for name, number in value.items()}


def _options(value: object) -> dict[str, str | float]:
    if not isinstance(value, dict):
        raise _invalid("options", "an object of texts and numbers")
    return {
        str(name): item if isinstance(item, str) else _number(item, "options")
        for name, item in value.items()
    }
