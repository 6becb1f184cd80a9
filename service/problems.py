"""Every failure as RFC 9457 problem details, with a stable `code`."""

import http
import traceback
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from service.errors import InvalidRequestError, ServiceError

MEDIA_TYPE = "application/problem+json"

COMPATIBLE = ("/ocr", "/captcha/v1", "/b", "/det", "/det/file")
"""The routes of `service.http.compatible`, which are there only where a setting asks for them."""

FAULT = "The service failed on this request; report the request id to who runs it."
"""All that a caller is told of a fault."""

RequestId = Annotated[str, Field(description="The one in the `X-Request-ID` header.")]
EXAMPLE_REQUEST_ID = "5f0c6a3f1c0e4bb79f2d8f4f0d2a7c11"

_MAX_ERRORS = 20
_MAX_NAME = 60

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


class FieldProblem(BaseModel):
    """One field that does not fit."""

    field: str
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:clickorder:problem:bad_picture",
                    "title": "The picture cannot be decoded.",
                    "status": 400,
                    "detail": "`background` is a PNG file that is cut off or damaged; "
                    "send the whole file.",
                    "code": "bad_picture",
                    "request_id": EXAMPLE_REQUEST_ID,
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="Stable; made for programs.")]
    request_id: RequestId
    errors: Annotated[
        list[FieldProblem] | None,
        Field(description="Every field at fault, where the code is `invalid_request`."),
    ] = None


def install_handlers(app: FastAPI) -> None:
    """Make `app` answer its errors as problems; the last resort is in `service.http.middleware`."""

    async def service_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)  # noqa: S101 - what the handler is registered for
        return problem_of(error, request.scope)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return _problem_of_http(error, request.scope)

    async def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return problem_of(invalid_request(error.errors()), request.scope)

    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)


def problem_of(error: ServiceError, scope: Scope) -> Response:
    """The answer to a request that failed with `error`."""
    headers = error.headers()
    errors = error.errors if isinstance(error, InvalidRequestError) else ()
    return _respond(
        scope, error.status, error.code, error.title, str(error), headers=headers, errors=errors
    )


def log_fault(error: Exception) -> None:
    """Log where a fault happened; its message stays out: it may quote a word or a picture."""
    log.error("fault", exception=_chain(error))


def internal_problem(error: Exception, scope: Scope) -> Response:
    """The answer to a fault of the service: the traceback to the log, nothing to the caller."""
    log_fault(error)
    return _respond(scope, 500, ServiceError.code, ServiceError.title, FAULT)


def invalid_request(errors: Sequence[Mapping[str, Any]]) -> InvalidRequestError:
    """One readable sentence for the first of pydantic's errors, and the list of them all."""
    found = [(_path(error["loc"]), _sentence(error)) for error in errors[:_MAX_ERRORS]]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InvalidRequestError(found[0][1].removesuffix(".") + more + ".", found)


def _problem_of_http(error: HTTPException, scope: Scope) -> Response:
    """404, 405 and the like, raised by the router."""
    phrase = http.HTTPStatus(error.status_code).phrase
    detail = {
        404: f"There is no `{scope['path'][:_MAX_NAME]}` here; the routes are listed at /docs.",
        405: f"This route does not take {scope['method']}; the methods are listed at /docs.",
    }.get(error.status_code, f"{phrase}.")
    if error.status_code == http.HTTPStatus.NOT_FOUND and scope["path"] in COMPATIBLE:
        detail = (
            f"`{scope['path']}` is an entry point of an older service and switched off; set "
            "CLICKORDER_COMPATIBLE=true and start the service again."
        )
    code = phrase.lower().replace(" ", "_")
    return _respond(scope, error.status_code, code, f"{phrase}.", detail, headers=error.headers)


def _respond(
    scope: Scope,
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[tuple[str, str]] = (),
) -> Response:
    state = scope.setdefault("state", {})
    state["code"] = code  # for the access log
    problem = Problem(
        type=f"urn:clickorder:problem:{code}",
        title=title,
        status=status,
        detail=writable(detail),
        code=code,
        request_id=state.get("request_id", ""),
        errors=[
            FieldProblem(field=writable(field), detail=writable(text)) for field, text in errors
        ]
        or None,
    )
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, status, headers, MEDIA_TYPE)


def writable(text: str) -> str:
    """Half a surrogate pair, which JSON can name and UTF-8 cannot write, becomes a `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _path(location: Sequence[str | int]) -> str:
    """`("prompt", "words", 0)` as `prompt.words[0]`; the body itself is the empty path."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += ("." if path else "") + step[:_MAX_NAME]
    return path


def _sentence(error: Mapping[str, Any]) -> str:
    path = _path(error["loc"])
    subject = f"`{path}`" if path else "The request body"
    match error["type"]:
        case "missing":
            return f"{subject} is missing."
        case "extra_forbidden":
            return f"{subject} is not a field of this request; the fields are listed at /docs."
        case "too_short":
            return f"{subject} is too short; at least {error['ctx']['min_length']} needed."
        case "value_error":
            return f"{subject} {error['ctx']['error']}."
    message = str(error["msg"])
    return f"{subject} does not fit: {message[:1].lower()}{message[1:]}."


def _chain(error: BaseException) -> list[str]:
    """Type and frames of an exception and of its causes, without their messages."""
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None:
        lines.append(type(current).__qualname__)
        lines.extend(
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        )
        current = current.__cause__ or current.__context__
    return lines
