"""Entry points that users of older services know: they change the address and nothing else.

Off unless `CLICKORDER_COMPATIBLE=true`. Requests and answers are those that the documents of these
services show; fields and query parameters beyond that are passed over, since their clients send
some. A JSON body needs no content type, as their clients send none.

| route | known from | answers with |
|---|---|---|
| `POST /ocr` | servers for Chinese click puzzles | the characters of a picture and their centres |
| `POST /captcha/v1` | captcha_platform | the text of a picture |
| `POST /b` | cnn_captcha | the text of a picture |
| `POST /det`, `POST /det/file` | ddddocr's own API server | the boxes of a picture |

Errors are problems as everywhere here, with `success: false` and a `message` beside. Where the
older service answered a bad request with 200 (`/captcha/v1`, `/b`), so does this, and in its form:
`code` is captcha_platform's number, `error_code` that of cnn_captcha. What says that the service
itself is unable, busy or closed to the caller keeps its status everywhere.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from starlette.requests import Request
from starlette.responses import Response

from service import use_cases
from service.errors import ServiceError
from service.examples import EXAMPLE_BACKGROUND
from service.execution import Job
from service.http.dispatch import M, Runner, post_route, run_job
from service.http.fields import Picture
from service.http.schemas import (
    Part,
    RequestModel,
    TextCharset,
    TextLength,
    lengths_of,
)
from service.models.routing import ANY_BUNDLE, RouteRequest
from service.problems import problem_of
from service.solving.answers import Box
from service.uploads import Upload

router = APIRouter()

_LENIENT = ConfigDict(extra="ignore", strict=True, frozen=True, protected_namespaces=())

Site = Annotated[str | None, Field(max_length=100)]


class CharactersRequest(RequestModel):
    """A picture whose characters are to be found."""

    model_config = _LENIENT

    beijing: Picture

    parts: ClassVar[Mapping[str, Part]] = {"beijing": Part("file", ("beijing",))}


class CharactersResponse(BaseModel):
    """Where each character is."""

    data: Annotated[
        dict[str, tuple[int, int]],
        Field(description="Character to the centre of its box, where it is seen most surely."),
    ]


class _Restricted(RequestModel):
    """What may be said of the text."""

    charset: TextCharset = None
    length: TextLength = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        lengths_of(self.length)
        return self

    def read(self, job: Job, image: Upload, route: RouteRequest = ANY_BUNDLE) -> str:
        """The text of a whole picture."""
        length = lengths_of(self.length)
        return use_cases.read(job, image, route, charset=self.charset, length=length).text


_RESTRICTIONS = {"charset": Part("text", ("charset",)), "length": Part("json", ("length",))}


class PlatformRequest(_Restricted):
    """A picture of text, and which model it is for."""

    model_config = _LENIENT

    image: Picture
    model_site: Site = None
    model_type: Site = None

    parts: ClassVar[Mapping[str, Part]] = {
        **_RESTRICTIONS,
        "image": Part("file", ("image",)),
        "model_site": Part("text", ("model_site",)),
        "model_type": Part("text", ("model_type",)),
    }


class PlatformResponse(BaseModel):
    """The text of a picture."""

    message: Annotated[str, Field(description="The text.")]
    code: Annotated[int, Field(description="0; of an error its number.")]
    success: bool


class TextRequest(_Restricted):
    """A picture of text."""

    model_config = _LENIENT

    image_file: Picture

    parts: ClassVar[Mapping[str, Part]] = {
        **_RESTRICTIONS,
        "image_file": Part("file", ("image_file",)),
    }


# The name of its last field is none that Python has.
TextResponse: type[BaseModel] = create_model(
    "TextResponse",
    __doc__="The text of a picture.",
    time=(str, Field(description="When, in seconds since 1970, with decimals.")),
    value=(str, Field(description="The text.")),
    **{"speed_time(ms)": (int, Field(description="How long it took, in milliseconds."))},  # type: ignore[call-overload]
)


class BoxesRequest(RequestModel):
    """A picture whose clickable items are to be found: `image`, or `file` in a form."""

    model_config = _LENIENT

    image: Picture | None = None
    file: Picture | None = None

    parts: ClassVar[Mapping[str, Part]] = {
        "image": Part("file", ("image",)),
        "file": Part("file", ("file",)),
    }

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.image is None) is (self.file is None):
            raise ValueError("must have exactly one of `image` and `file`")
        return self

    @property
    def picture(self) -> Upload:
        """The one that is given."""
        if self.image is not None:
            return Upload(self.image, "image")
        assert self.file is not None  # noqa: S101 - one of them is
        return Upload(self.file, "file")


class BoxesResponse(BaseModel):
    """The clickable items of a picture, best first."""

    result: Annotated[
        list[Box], Field(description="x1, y1, x2, y2 in pixels; x2 and y2 exclusive.")
    ]
    processing_time: Annotated[float, Field(description="In seconds.")]


def _body(media_type: str, field: str, example: str | None = None) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes one picture in one field."""
    kind = {"contentEncoding": "base64"} if media_type == "application/json" else {}
    content: dict[str, Any] = {
        "schema": {
            "type": "object",
            "required": [field],
            "properties": {field: {"type": "string", **(kind or {"format": "binary"})}},
        }
    }
    if example is not None:
        content["example"] = {field: example}
    return {"requestBody": {"required": True, "content": {media_type: content}}}


# Errors, in the older form too.

_CALLERS_FAULT = (400, 415, 422)
"""What the older services answered with 200."""

_PLATFORM_CODES = {"bad_base64": 500001, "bad_picture": 500002, "unknown_model": 500003}
"""Codes in captcha_platform's `constants.py`; every other fault of a request is 400001."""


def _older(
    form: Callable[[ServiceError], dict[str, object]] | None = None,
) -> Runner:
    """Runs a job; what is wrong with the request is said in the older service's form too.

    Args:
        form: What an error has in the older service, where that answered it with 200.
    """

    async def run(
        request: Request, model: type[M], work: Callable[[Job, M], BaseModel]
    ) -> Response:
        try:
            return await run_job(request, model, work, lenient=True)
        except ServiceError as error:
            problem = problem_of(error, request.scope)
            content = json.loads(bytes(problem.body))
            content |= {"success": False, "message": content["detail"]}
            headers = {
                name: value
                for name, value in problem.headers.items()
                if name not in ("content-length", "content-type")
            }
            if form is None or error.status not in _CALLERS_FAULT:
                return Response(
                    json.dumps(content), problem.status_code, headers, media_type=problem.media_type
                )
            return Response(json.dumps(content | form(error)), 200, headers, "application/json")

    return run


def _platform_form(error: ServiceError) -> dict[str, object]:
    return {"code": _PLATFORM_CODES.get(error.code, 400001)}


def _cnn_form(error: ServiceError) -> dict[str, object]:  # noqa: ARG001 - it has one code for all
    return {"error_code": "1001"}


# The routes.


@post_route(
    router,
    "/ocr",
    CharactersRequest,
    CharactersResponse,
    "Compatible: characters of a picture and their centres",
    docs=_body("application/json", "beijing", EXAMPLE_BACKGROUND),
    run=_older(),
)
def characters(job: Job, sent: CharactersRequest) -> CharactersResponse:
    """Find the clickable items of a picture and read each one's likeliest character.

    With a prompt, `POST /solve` is far more often right: it asks only which of the prompt's words
    each item is.
    """
    surest: dict[str, use_cases.FoundCharacter] = {}
    for found in use_cases.find_characters(job, Upload(sent.beijing, "beijing")):
        known = surest.get(found.character)
        if known is None or found.probability > known.probability:
            surest[found.character] = found
    return CharactersResponse(data={c: _centre(found.box) for c, found in surest.items()})


@post_route(
    router,
    "/captcha/v1",
    PlatformRequest,
    PlatformResponse,
    "Compatible: text of a picture",
    docs=_body("application/json", "image", EXAMPLE_BACKGROUND),
    run=_older(_platform_form),
)
def platform_text(job: Job, sent: PlatformRequest) -> PlatformResponse:
    """Read the text of a picture; `model_site` and `model_type` are `site` and `type` here."""
    route = RouteRequest(site=sent.model_site or None, type=sent.model_type or None)
    value = sent.read(job, Upload(sent.image, "image"), route)
    return PlatformResponse(message=value, code=0, success=True)


@post_route(
    router,
    "/b",
    TextRequest,
    TextResponse,
    "Compatible: text of a picture",
    docs=_body("multipart/form-data", "image_file"),
    run=_older(_cnn_form),
)
def text(job: Job, sent: TextRequest) -> BaseModel:
    """Read the text of a picture."""
    value = sent.read(job, Upload(sent.image_file, "image_file"))
    milliseconds = round(job.timings_ms()["total"])
    now = f"{time.time():.6f}"
    return TextResponse(**{"time": now, "value": value, "speed_time(ms)": milliseconds})


@post_route(
    router,
    "/det",
    BoxesRequest,
    BoxesResponse,
    "Compatible: clickable items of a picture",
    docs=_body("application/json", "image", EXAMPLE_BACKGROUND),
    run=_older(),
)
def boxes(job: Job, sent: BoxesRequest) -> BoxesResponse:
    """Find the clickable items of a picture, best first."""
    found = use_cases.detect(job, sent.picture).boxes
    seconds = job.timings_ms()["total"] / 1000
    return BoxesResponse(result=[item.box for item in found], processing_time=seconds)


@post_route(
    router,
    "/det/file",
    BoxesRequest,
    BoxesResponse,
    "Compatible: clickable items of a picture",
    docs=_body("multipart/form-data", "file"),
    run=_older(),
)
def boxes_of_file(job: Job, sent: BoxesRequest) -> BoxesResponse:
    """The same for a form with a file."""
    return boxes(job, sent)


def _centre(box: Box) -> tuple[int, int]:
    x1, y1, x2, y2 = box
    return round((x1 + x2) / 2), round((y1 + y2) / 2)
