"""The answers of the HTTP contract; the requests are in `service.http.schemas`."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict, JsonValue

from service.examples import EXAMPLE_BOXES
from service.http.fields import BoxField, Pixel
from service.models.bundle import Serves
from service.models.version import Version
from service.problems import EXAMPLE_REQUEST_ID, Problem, RequestId
from service.solving.answers import Answer, Click, DetectedBox, Reason

# Unbounded: an answer of 1.0000001 is rounding and must not fail. NaN is a fault, and does.
Share = Annotated[
    float,
    Field(allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]


class BoxOut(BaseModel):
    """One box of the detector."""

    box: BoxField
    confidence: Share
    class_name: Annotated[
        str | None, Field(description="Only where the detector has classes of its own.")
    ] = None

    @classmethod
    def of(cls, found: DetectedBox) -> Self:
        """The JSON of a box; `class_name` is left out rather than null."""
        extra = {} if found.class_name is None else {"class_name": found.class_name}
        return cls(box=found.box, confidence=found.confidence, **extra)


class ClickOut(BaseModel):
    """One click; `x`, `y` is the centre of the box."""

    x: Pixel
    y: Pixel
    box: BoxField
    label: Annotated[str | None, Field(description="The word; null where the prompt is a picture.")]
    confidence: Share
    name: Annotated[
        str | None,
        Field(
            description="Id of the thing that the word was understood as, see `/names`; only where "
            "it was taken for a name."
        ),
    ] = None

    @classmethod
    def of(cls, click: Click) -> Self:
        """The JSON of a click; `name` is left out rather than null."""
        extra = {} if click.name is None else {"name": click.name}
        return cls(
            x=click.x,
            y=click.y,
            box=click.box,
            label=click.label,
            confidence=click.confidence,
            **extra,
        )


class ImageOut(BaseModel):
    """Size of the picture as displayed, in pixels."""

    width: int
    height: int


Models = Annotated[
    dict[str, str],
    Field(
        description="Role (detector, classifier, siamese, names) to name and version, and the "
        "bundle's under `bundle`, unless the default models answered."
    ),
]
Timings = Annotated[dict[str, float], Field(description="Stage to milliseconds.")]

_BOXES: list[JsonValue] = [
    {"box": list(box), "confidence": score}
    for box, score in zip(EXAMPLE_BOXES, (0.95, 0.93, 0.9), strict=True)
]
_IMAGE: JsonDict = {"width": 148, "height": 66}
_CLICKS: list[JsonValue] = [
    {"x": 75, "y": 39, "box": list(EXAMPLE_BOXES[1]), "label": "4", "confidence": 0.997},
    {"x": 27, "y": 29, "box": list(EXAMPLE_BOXES[0]), "label": "7", "confidence": 0.992},
]


class SolveResponse(BaseModel):
    """The clicks in prompt order, or an abstention with its reason."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "solved": True,
                    "reason": None,
                    "confidence": 0.981,
                    "clicks": _CLICKS,
                    "boxes": _BOXES,
                    "image": _IMAGE,
                    "models": {
                        "detector": "clickorder-detector 1.0.0",
                        "classifier": "clickorder-classifier 1.0.0",
                    },
                    "timings_ms": {
                        "decode": 0.9,
                        "detect": 7.1,
                        "recognise": 4.0,
                        "match": 0.1,
                        "total": 12.4,
                    },
                    "request_id": EXAMPLE_REQUEST_ID,
                }
            ]
        }
    )

    solved: bool
    reason: Annotated[
        Reason | None, Field(description="Why not; `clicks` then holds the best attempt.")
    ]
    confidence: Annotated[Share, Field(description="That every click is right.")]
    clicks: list[ClickOut]
    boxes: list[BoxOut]
    image: ImageOut
    models: Models
    timings_ms: Timings
    request_id: RequestId
    drawing: Annotated[
        str | None, Field(description="PNG as a data: URL, only where `options.draw` is true.")
    ] = None

    @classmethod
    def of(
        cls,
        answer: Answer,
        models: dict[str, str],
        timings_ms: dict[str, float],
        request_id: str,
        drawing: str | None = None,
    ) -> Self:
        """The JSON of an answer; `drawing` is left out rather than null."""
        extra = {} if drawing is None else {"drawing": drawing}
        return cls(
            solved=answer.solved,
            reason=answer.reason,
            confidence=answer.confidence,
            clicks=[ClickOut.of(click) for click in answer.clicks],
            boxes=[BoxOut.of(box) for box in answer.boxes],
            image=ImageOut(width=answer.width, height=answer.height),
            models=models,
            timings_ms=timings_ms,
            request_id=request_id,
            **extra,
        )


class DetectResponse(BaseModel):
    """The clickable items of a picture, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "boxes": _BOXES,
                    "image": _IMAGE,
                    "models": {"detector": "clickorder-detector 1.0.0"},
                    "timings_ms": {"decode": 0.9, "detect": 7.1, "total": 8.1},
                    "request_id": EXAMPLE_REQUEST_ID,
                }
            ]
        }
    )

    boxes: list[BoxOut]
    image: ImageOut
    models: Models
    timings_ms: Timings
    request_id: RequestId


class WordScore(BaseModel):
    """How likely the item is this word, among the words given."""

    word: str
    probability: Share


class ClassifyResponse(BaseModel):
    """The words in the order given, each with its probability."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "best": "4",
                    "scores": [
                        {"word": "4", "probability": 0.998},
                        {"word": "7", "probability": 0.002},
                    ],
                    "models": {"classifier": "clickorder-classifier 1.0.0"},
                    "timings_ms": {"decode": 0.2, "recognise": 1.4, "total": 1.7},
                    "request_id": EXAMPLE_REQUEST_ID,
                }
            ]
        }
    )

    best: Annotated[str, Field(description="The most probable word.")]
    scores: list[WordScore]
    models: Models
    timings_ms: Timings
    request_id: RequestId


class CompareResponse(BaseModel):
    """How alike two items are."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "similarity": 0.997,
                    "same": True,
                    "models": {"siamese": "clickorder-siamese 1.0.0"},
                    "timings_ms": {"decode": 0.4, "recognise": 2.2, "total": 2.7},
                    "request_id": EXAMPLE_REQUEST_ID,
                }
            ]
        }
    )

    similarity: Annotated[Share, Field(description="That both show the same item.")]
    same: Annotated[bool, Field(description="Whether `similarity` is at least 0.5.")]
    models: Models
    timings_ms: Timings
    request_id: RequestId


class BundleOut(BaseModel):
    """A bundle that is served."""

    name: str
    version: str
    default: Annotated[bool, Field(description="Whether it answers what nothing else serves.")]
    serves: Annotated[Serves, Field(description="Which requests; empty is no restriction.")]
    models: Models
    gallery: Annotated[list[str], Field(description="Names that words may have as `<name>`.")]
    loaded: Annotated[str, Field(description="When, ISO 8601 in UTC.")]

    @classmethod
    def of(cls, version: Version, *, default: bool) -> Self:
        """The JSON of a version."""
        return cls(
            name=version.name,
            version=version.version,
            default=default,
            serves=version.serves,
            models=version.models,
            gallery=sorted(version.solver.parts.gallery.pictures),
            loaded=datetime.fromtimestamp(version.loaded, UTC).isoformat(timespec="seconds"),
        )


class RefusedOut(BaseModel):
    """A folder that is not served as it is now."""

    folder: str
    name: str | None
    version: str | None
    reason: str


class ModelsResponse(BaseModel):
    """The models that are installed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "models": {"detector": "clickorder-detector 1.0.0"},
                    "bundles": [
                        {
                            "name": "default",
                            "version": "",
                            "default": True,
                            "serves": {"sites": [], "types": [], "sizes": [], "prompts": []},
                            "models": {"detector": "clickorder-detector 1.0.0"},
                            "gallery": [],
                            "loaded": "2026-01-31T12:00:00+00:00",
                        }
                    ],
                    "refused": [],
                }
            ]
        }
    )

    models: Annotated[Models, Field(description="Those that answer where no bundle does.")]
    bundles: list[BundleOut]
    refused: list[RefusedOut]


class CharacterOut(BaseModel):
    """One character of a text."""

    char: str
    confidence: Share


class ReadResponse(BaseModel):
    """What a picture says."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "47",
                    "confidence": 0.994,
                    "characters": [
                        {"char": "4", "confidence": 0.998},
                        {"char": "7", "confidence": 0.996},
                    ],
                    "models": {"text": "clickorder-text 1.1.0"},
                    "timings_ms": {"decode": 0.4, "read": 2.6, "total": 3.1},
                    "request_id": EXAMPLE_REQUEST_ID,
                }
            ]
        }
    )

    text: str
    confidence: Annotated[Share, Field(description="That every character is right.")]
    characters: list[CharacterOut]
    models: Models
    timings_ms: Timings
    request_id: RequestId


class Health(BaseModel):
    """The service is there."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"


class BatchLine(BaseModel):
    """One line of the answer: `answer` where `status` is 200, else `problem`."""

    id: str
    status: int
    answer: SolveResponse | None = None
    problem: Problem | None = None


class ReadLine(BaseModel):
    """One line of a batch's answer: `answer` where `status` is 200, else `problem`."""

    id: str
    status: int
    answer: ReadResponse | None = None
    problem: Problem | None = None


class NameOut(BaseModel):
    """A thing that words of a prompt can name."""

    id: Annotated[str, Field(description="What an answer calls it.")]
    names: Annotated[
        dict[str, tuple[str, ...]],
        Field(description="Language (en, zh, es) to its names, the usual one first."),
    ]


class NamesResponse(BaseModel):
    """The things whose names match, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "names": [
                        {
                            "id": "airplane",
                            "names": {"en": ["airplane", "plane"], "zh": ["飞机"], "es": ["avión"]},
                        }
                    ],
                    "total": 949,
                }
            ]
        }
    )

    names: list[NameOut]
    total: Annotated[int, Field(description="How many things there are in all.")]
