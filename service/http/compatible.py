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

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from starlette.requests import Request
from starlette.responses import Response

from service.errors import ServiceError
from service.execution import Job, M, run_job
from service.http.documentation import POST_PROBLEMS
from service.http.examples import EXAMPLE_BACKGROUND
from service.http.problems import problem_of
from service.http.schemas import (
    Part,
    Picture,
    RequestModel,
    RoutedRequest,
    TextCharset,
    TextLength,
    lengths_of,
)
from service.solving.answers import Box

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

    def read(self, job: Job, image: NDArray[np.uint8]) -> str:
        """The text of a whole picture."""
        return read_text(job, image, charset=self.charset, length=lengths_of(self.length))


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


@router.post(
    "/ocr",
    response_model=CharactersResponse,
    summary="Compatible: characters of a picture and their centres",
    responses=POST_PROBLEMS,
    openapi_extra=_body("application/json", "beijing", EXAMPLE_BACKGROUND),
)
async def characters(request: Request) -> Response:
    """Find the clickable items of a picture and read each one's likeliest character.

    With a prompt, `POST /solve` is far more often right: it asks only which of the prompt's words
    each item is.
    """
    return await _answer(request, CharactersRequest, _characters)


@router.post(
    "/captcha/v1",
    response_model=PlatformResponse,
    summary="Compatible: text of a picture",
    responses=POST_PROBLEMS,
    openapi_extra=_body("application/json", "image", EXAMPLE_BACKGROUND),
)
async def platform_text(request: Request) -> Response:
    """Read the text of a picture; `model_site` and `model_type` are `site` and `type` here."""
    return await _answer(request, PlatformRequest, _platform_text, _platform_form)


@router.post(
    "/b",
    response_model=TextResponse,
    summary="Compatible: text of a picture",
    responses=POST_PROBLEMS,
    openapi_extra=_body("multipart/form-data", "image_file"),
)
async def text(request: Request) -> Response:
    """Read the text of a picture."""
    return await _answer(request, TextRequest, _text, _cnn_form)


@router.post(
    "/det",
    response_model=BoxesResponse,
    summary="Compatible: clickable items of a picture",
    responses=POST_PROBLEMS,
    openapi_extra=_body("application/json", "image", EXAMPLE_BACKGROUND),
)
async def boxes(request: Request) -> Response:
    """Find the clickable items of a picture, best first."""
    return await _answer(request, BoxesRequest, _boxes)


@router.post(
    "/det/file",
    response_model=BoxesResponse,
    summary="Compatible: clickable items of a picture",
    responses=POST_PROBLEMS,
    openapi_extra=_body("multipart/form-data", "file"),
)
async def boxes_of_file(request: Request) -> Response:
    """The same for a form with a file."""
    return await _answer(request, BoxesRequest, _boxes)


# Errors, in the older form too.

_CALLERS_FAULT = (400, 415, 422)
"""What the older services answered with 200."""

_PLATFORM_CODES = {"bad_base64": 500001, "bad_picture": 500002, "unknown_model": 500003}
"""Of captcha_platform's `constants.py`; every other fault of a request is 400001."""


async def _answer(
    request: Request,
    model: type[M],
    work: Callable[[Job, M], BaseModel],
    older: Callable[[ServiceError], dict[str, object]] | None = None,
) -> Response:
    """Run a job; what is wrong with the request is said in the older service's form too.

    Args:
        request: Whose app has a `Service` in its state.
        model: What the body is checked against.
        work: Makes the answer.
        older: What an error has in the older service, where that answered it with 200.
    """
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
        if older is None or error.status not in _CALLERS_FAULT:
            return Response(
                json.dumps(content), problem.status_code, headers, media_type=problem.media_type
            )
        return Response(json.dumps(content | older(error)), 200, headers, "application/json")


def _platform_form(error: ServiceError) -> dict[str, object]:
    return {"code": _PLATFORM_CODES.get(error.code, 400001)}


def _cnn_form(error: ServiceError) -> dict[str, object]:  # noqa: ARG001 - it has one code for all
    return {"error_code": "1001"}


# The work of one request, in its worker.


def _characters(job: Job, sent: CharactersRequest) -> CharactersResponse:
    with job.stage("decode"):
        image = job.picture(sent.beijing, "beijing")
    job.choose(RoutedRequest(), image)
    with job.stage("detect"):
        found = [item.box for item in job.solver.detect(image)]
    with job.stage("recognise"):
        read = job.solver.read(image, found)
    surest: dict[str, tuple[float, Box]] = {}
    for box, (character, probability) in zip(found, read, strict=True):
        if character not in surest or probability > surest[character][0]:
            surest[character] = (probability, box)
    return CharactersResponse(data={c: _centre(box) for c, (_, box) in surest.items()})


def _platform_text(job: Job, sent: PlatformRequest) -> PlatformResponse:
    with job.stage("decode"):
        image = job.picture(sent.image, "image")
    job.choose(RoutedRequest(site=sent.model_site or None, type=sent.model_type or None), image)
    return PlatformResponse(message=sent.read(job, image), code=0, success=True)


def _text(job: Job, sent: TextRequest) -> BaseModel:
    with job.stage("decode"):
        image = job.picture(sent.image_file, "image_file")
    job.choose(RoutedRequest(), image)
    value = sent.read(job, image)
    milliseconds = round(job.timings_ms()["total"])
    now = f"{time.time():.6f}"
    return TextResponse(**{"time": now, "value": value, "speed_time(ms)": milliseconds})


def _boxes(job: Job, sent: BoxesRequest) -> BoxesResponse:
    name = "file" if sent.image is None else "image"
    with job.stage("decode"):
        picture = sent.file if sent.image is None else sent.image
        assert picture is not None  # noqa: S101 - the schema has seen that one is given
        image = job.picture(picture, name)
    job.choose(RoutedRequest(), image)
    with job.stage("detect"):
        found = [item.box for item in job.solver.detect(image)]
    return BoxesResponse(result=found, processing_time=job.timings_ms()["total"] / 1000)


def read_text(
    job: Job,
    image: NDArray[np.uint8],
    *,
    charset: str | None = None,
    length: int | tuple[int, int] | None = None,
) -> str:
    """The text of a whole picture: what a text model of `job`'s bundle will read.

    Args:
        job: Whose bundle is chosen.
        image: `(H, W, 3)` uint8 RGB.
        charset: Characters that may occur, or a preset; None for all.
        length: How many there are, or the least and the greatest; None where nobody knows.

    Raises:
        ModelUnavailableError: no text model is installed.
    """
    with job.stage("read"):
        return job.solver.read_text(image, charset=charset, length=length).text


def _centre(box: Box) -> tuple[int, int]:
    x1, y1, x2, y2 = box
    return round((x1 + x2) / 2), round((y1 + y2) / 2)
