"""What the service answers, as values; `dataclasses.asdict` gives the JSON's fields back.

Fields that a newer service adds are ignored.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from clickorder.client.errors import ProblemError

Corners = tuple[int, int, int, int]
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Click:
    """One click.

    Attributes:
        x: Column of the box centre, in pixels of the picture as displayed.
        y: Row of the box centre.
        box: `x1, y1, x2, y2` in pixels, `x2`/`y2` exclusive.
        label: The word of the prompt; None where the prompt is a picture.
        confidence: That this box is this prompt item, 0..1.
        name: Id of the thing that the word was understood as; None where it was taken for no name.
    """

    x: int
    y: int
    box: Corners
    label: str | None
    confidence: float
    name: str | None = None

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        return cls(
            body["x"],
            body["y"],
            _corners(body),
            body["label"],
            body["confidence"],
            body.get("name"),
        )


@dataclass(frozen=True, slots=True)
class Box:
    """One item that the detector found.

    Attributes:
        box: `x1, y1, x2, y2` in pixels of the picture as displayed, `x2`/`y2` exclusive.
        confidence: The detector's score, 0..1.
        class_name: The detector's class; None where it has only one.
    """

    box: Corners
    confidence: float
    class_name: str | None = None

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        return cls(_corners(body), body["confidence"], body.get("class_name"))


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Size of a picture as displayed, in pixels."""

    width: int
    height: int

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        return cls(body["width"], body["height"])


@dataclass(frozen=True, slots=True)
class Answer:
    """The clicks of a puzzle, or an abstention with its reason.

    Attributes:
        solved: Whether the service stands by the clicks.
        reason: Why not; `clicks` then holds the best attempt.
        confidence: That every click is right, 0..1.
        clicks: In the order of the prompt.
        boxes: Everything clickable, best first.
        image: Size of the background.
        models: What took part: role to name and version.
        timings_ms: Stage to milliseconds.
        request_id: What the service's log calls the request.
        drawing: A PNG of the background with the numbered clicks, where it was asked for.
    """

    solved: bool
    reason: str | None
    confidence: float
    clicks: tuple[Click, ...]
    boxes: tuple[Box, ...]
    image: ImageSize
    models: Mapping[str, str]
    timings_ms: Mapping[str, float]
    request_id: str
    drawing: bytes | None = None

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        drawing = body.get("drawing")
        return cls(
            solved=body["solved"],
            reason=body["reason"],
            confidence=body["confidence"],
            clicks=tuple(Click.of(click) for click in body["clicks"]),
            boxes=tuple(Box.of(box) for box in body["boxes"]),
            image=ImageSize.of(body["image"]),
            models=dict(body["models"]),
            timings_ms=dict(body["timings_ms"]),
            request_id=body["request_id"],
            drawing=base64.b64decode(drawing.partition(",")[2]) if drawing else None,
        )


@dataclass(frozen=True, slots=True)
class Detection:
    """Everything clickable on a picture.

    Attributes:
        boxes: Best first.
        image: Size of the picture.
        models: What took part: role to name and version.
        timings_ms: Stage to milliseconds.
        request_id: What the service's log calls the request.
    """

    boxes: tuple[Box, ...]
    image: ImageSize
    models: Mapping[str, str]
    timings_ms: Mapping[str, float]
    request_id: str

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        boxes = tuple(Box.of(box) for box in body["boxes"])
        return cls(boxes, ImageSize.of(body["image"]), *_about(body))


@dataclass(frozen=True, slots=True)
class WordScore:
    """How likely an item is a word, among the words given: 0..1."""

    word: str
    probability: float


@dataclass(frozen=True, slots=True)
class Classification:
    """Which of some words an item is.

    Attributes:
        best: The most probable word.
        scores: Scores of every word, in the order given; the probabilities add up to one.
        models: What took part: role to name and version.
        timings_ms: Stage to milliseconds.
        request_id: What the service's log calls the request.
    """

    best: str
    scores: tuple[WordScore, ...]
    models: Mapping[str, str]
    timings_ms: Mapping[str, float]
    request_id: str

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        scores = tuple(WordScore(each["word"], each["probability"]) for each in body["scores"])
        return cls(body["best"], scores, *_about(body))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How alike two items are.

    Attributes:
        similarity: That both show the same item, 0..1.
        same: Whether that is at least 0.5.
        models: What took part: role to name and version.
        timings_ms: Stage to milliseconds.
        request_id: What the service's log calls the request.
    """

    similarity: float
    same: bool
    models: Mapping[str, str]
    timings_ms: Mapping[str, float]
    request_id: str

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        return cls(body["similarity"], body["same"], *_about(body))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a picture of text says.

    Attributes:
        text: All of it.
        confidence: That every character is right, 0..1.
        characters: Each character with its confidence, 0..1.
        models: What took part: role to name and version.
        timings_ms: Stage to milliseconds.
        request_id: What the service's log calls the request.
    """

    text: str
    confidence: float
    characters: tuple[tuple[str, float], ...]
    models: Mapping[str, str]
    timings_ms: Mapping[str, float]
    request_id: str

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        characters = tuple((c["char"], c["confidence"]) for c in body["characters"])
        return cls(body["text"], body["confidence"], characters, *_about(body))


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle of models that is served.

    Attributes:
        name: What requests call it, as `model`.
        version: Empty for the models that the service was started with.
        default: Whether it answers what nothing else serves.
        sites: Which sites it serves; empty for all, as the next three.
        types: Which kinds of puzzle of a site.
        sizes: Width and height of backgrounds, in pixels.
        prompts: Kinds of prompt: `words`, `icons`, `image`, `region`.
        models: Role to name and version.
        gallery: Names that words may have as `<name>`.
        loaded: When, ISO 8601 in UTC.
    """

    name: str
    version: str
    default: bool
    sites: tuple[str, ...]
    types: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    prompts: tuple[str, ...]
    models: Mapping[str, str]
    gallery: tuple[str, ...]
    loaded: str

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        serves = body["serves"]
        return cls(
            name=body["name"],
            version=body["version"],
            default=body["default"],
            sites=tuple(serves["sites"]),
            types=tuple(serves["types"]),
            sizes=tuple((width, height) for width, height in serves["sizes"]),
            prompts=tuple(serves["prompts"]),
            models=dict(body["models"]),
            gallery=tuple(body["gallery"]),
            loaded=body["loaded"],
        )


@dataclass(frozen=True, slots=True)
class RefusedBundle:
    """A folder that is not served as it is now.

    Attributes:
        folder: Its name.
        name: Name of the bundle, where its manifest could be read.
        version: The same.
        reason: One sentence.
    """

    folder: str
    name: str | None
    version: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class InstalledModels:
    """What a service can solve with.

    Attributes:
        models: What answers where no bundle does: role to name and version.
        bundles: Those that are served, the models that the service was started with last.
        refused: Those that are not.
    """

    models: Mapping[str, str]
    bundles: tuple[Bundle, ...]
    refused: tuple[RefusedBundle, ...]

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        return cls(
            dict(body["models"]),
            tuple(Bundle.of(bundle) for bundle in body["bundles"]),
            tuple(
                RefusedBundle(each["folder"], each["name"], each["version"], each["reason"])
                for each in body["refused"]
            ),
        )


@dataclass(frozen=True, slots=True)
class Name:
    """A thing that words of a prompt can name.

    Attributes:
        id: What an answer calls it.
        names: Language (`en`, `zh`, `es`) to its names, the usual one first.
    """

    id: str
    names: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, body: Body) -> Self:
        """From its JSON."""
        return cls(body["id"], {lang: tuple(names) for lang, names in body["names"].items()})


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What became of one puzzle of a batch: an answer or an error.

    Attributes:
        id: The puzzle's.
        answer: None where there is an error.
        error: None where there is an answer.
    """

    id: str
    answer: Answer | None
    error: ProblemError | None


def _corners(body: Body) -> Corners:
    x1, y1, x2, y2 = body["box"]
    return x1, y1, x2, y2


def _about(body: Body) -> tuple[Mapping[str, str], Mapping[str, float], str]:
    return dict(body["models"]), dict(body["timings_ms"]), body["request_id"]
