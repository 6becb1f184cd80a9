"""The requests of the HTTP contract; the answers are in `service.http.responses`.

Requests refuse unknown fields, so that a misspelt option is an error and not a silent default.
A picture is base64 text in JSON and the bytes of a file part in multipart; both fit one field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.examples import EXAMPLE_BACKGROUND, EXAMPLE_ITEM, EXAMPLE_STRIP
from service.http.fields import Confidence, Iou, Options, Picture, PromptField, Words
from service.models.routing import RouteRequest
from service.uploads import Upload, UploadedPuzzle


@dataclass(frozen=True, slots=True)
class Part:
    """Where one multipart part goes.

    Attributes:
        kind: `file` and `files` are pictures, `text` is text, `words` is repeated text or one JSON
            list, `json` is one JSON value.
        path: Path of the field in the JSON body.
    """

    kind: Literal["file", "files", "text", "words", "json"]
    path: tuple[str, ...]


class RequestModel(BaseModel):
    """A request body; `parts` says how the same comes as multipart/form-data."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    parts: ClassVar[Mapping[str, Part]]


Name = Annotated[str, Field(min_length=1, max_length=100)]


class Routed(BaseModel):
    """Says which bundle of models is to answer, or leaves it open."""

    model_config = ConfigDict(frozen=True)

    model: Annotated[Name | None, Field(description="Name of the bundle.")] = None
    site: Annotated[
        Name | None, Field(description="Where the picture is from; bundles say what they serve.")
    ] = None
    type: Annotated[
        Name | None, Field(description="Which of the site's kinds of puzzle it is.")
    ] = None

    @property
    def route(self) -> RouteRequest:
        """Which bundle is to answer."""
        return RouteRequest(self.model, self.site, self.type)


class RoutedRequest(Routed, RequestModel):
    """A request body to one of the bundles."""


class NamesQuery(Routed):
    """What `/names` is asked, as the query of a URL."""

    q: Annotated[
        str,
        Field(
            max_length=100,
            description="A name, a part of one, or one with a typing error, in any language; empty "
            "lists everything.",
        ),
    ] = ""
    limit: Annotated[int, Field(ge=1, le=2000, description="How many to list at most.")] = 20


ROUTE: Mapping[str, Part] = {name: Part("text", (name,)) for name in ("model", "site", "type")}


class SolveRequest(RoutedRequest):
    """A puzzle."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "background": EXAMPLE_BACKGROUND,
                    "prompt": {"words": ["4", "7"]},
                    "options": {"min_confidence": 0.05, "draw": False},
                },
                {"background": EXAMPLE_BACKGROUND, "prompt": {"text": "Click in order: 4 7"}},
                {"background": EXAMPLE_BACKGROUND, "prompt": {"icons": [EXAMPLE_ITEM]}},
                {"background": EXAMPLE_BACKGROUND, "prompt": {"image": EXAMPLE_STRIP}},
                {"background": EXAMPLE_BACKGROUND, "prompt": {"region": [0, 0, 50, 48]}},
            ]
        }
    )

    background: Picture
    prompt: PromptField
    options: Options = Options()

    parts: ClassVar[Mapping[str, Part]] = {
        **ROUTE,
        "background": Part("file", ("background",)),
        "words": Part("words", ("prompt", "words")),
        "text": Part("text", ("prompt", "text")),
        "icons": Part("files", ("prompt", "icons")),
        "image": Part("file", ("prompt", "image")),
        "region": Part("json", ("prompt", "region")),
        "count": Part("json", ("prompt", "count")),
        "options": Part("json", ("options",)),
    }

    @property
    def puzzle(self) -> UploadedPuzzle:
        """The pictures and the prompt."""
        return UploadedPuzzle(Upload(self.background, "background"), self.prompt.upload())


ItemId = Annotated[
    str | None, Field(min_length=1, max_length=100, description="By default the place, from 0.")
]


class BatchItem(SolveRequest):
    """One puzzle of a batch, as of `POST /solve`."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    id: ItemId = None


class BatchRequest(BaseModel):
    """Puzzles in any number that the service takes; answered in order of completion."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "puzzles": [
                        {
                            "id": "first",
                            "background": EXAMPLE_BACKGROUND,
                            "prompt": {"words": ["4", "7"]},
                        }
                    ]
                }
            ]
        },
    )

    puzzles: Annotated[list[BatchItem], Field(min_length=1)]


class DetectRequest(RoutedRequest):
    """A picture whose clickable items are to be found."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image": EXAMPLE_BACKGROUND}]})

    image: Picture
    confidence: Confidence = None
    iou: Iou = None

    parts: ClassVar[Mapping[str, Part]] = {
        **ROUTE,
        "image": Part("file", ("image",)),
        "confidence": Part("json", ("confidence",)),
        "iou": Part("json", ("iou",)),
    }


class ClassifyRequest(RoutedRequest):
    """One item, cut out, and the words that it may be."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"image": EXAMPLE_ITEM, "words": ["4", "7"]}]}
    )

    image: Picture
    words: Words

    parts: ClassVar[Mapping[str, Part]] = {
        **ROUTE,
        "image": Part("file", ("image",)),
        "words": Part("words", ("words",)),
    }


class CompareRequest(RoutedRequest):
    """Two items, cut out."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"first": EXAMPLE_ITEM, "second": EXAMPLE_ITEM}]}
    )

    first: Picture
    second: Picture

    parts: ClassVar[Mapping[str, Part]] = {
        **ROUTE,
        "first": Part("file", ("first",)),
        "second": Part("file", ("second",)),
    }


Length = Annotated[int, Field(ge=0, le=64)]
TextCharset = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=20_000,
        description="Characters that may occur, or a preset: `numeric`, `numeric+upper`.",
    ),
]
TextLength = Annotated[
    Length | Annotated[list[Length], Field(min_length=2, max_length=2)] | None,
    Field(description="How many there are: a number, or the least and the greatest."),
]


def lengths_of(length: TextLength) -> int | tuple[int, int] | None:
    """A length as the reader takes it.

    Raises:
        ValueError: the least number exceeds the greatest.
    """
    if not isinstance(length, list):
        return length
    least, most = length
    if least > most:
        raise ValueError("has a `length` whose least number exceeds the greatest")
    return least, most


class ReadRequest(RoutedRequest):
    """A picture of text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"image": EXAMPLE_STRIP, "charset": "0123456789", "length": 2}]
        }
    )

    image: Picture
    charset: TextCharset = None
    length: TextLength = None
    color: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=30,
            description="Read only the characters of this colour: `red`, `红`, `#d01f2e`.",
        ),
    ] = None

    parts: ClassVar[Mapping[str, Part]] = {
        **ROUTE,
        "image": Part("file", ("image",)),
        "charset": Part("text", ("charset",)),
        "length": Part("json", ("length",)),
        "color": Part("text", ("color",)),
    }

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        lengths_of(self.length)
        return self

    @property
    def restrictions(self) -> dict[str, Any]:
        """What may be answered, as arguments of `service.use_cases.read`."""
        length = lengths_of(self.length)
        return {"charset": self.charset, "length": length, "colour": self.color}


class ReadItem(ReadRequest):
    """One picture of a batch."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    id: ItemId = None


class ReadBatchRequest(BaseModel):
    """Pictures of text, answered in order of completion."""

    model_config = ConfigDict(extra="forbid")

    pictures: Annotated[list[ReadItem], Field(min_length=1)]
