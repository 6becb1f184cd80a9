"""Reads a request body, JSON or multipart/form-data, into one and the same request model."""

import codecs
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import BadRequestBodyError, InvalidRequestError, UnsupportedMediaError
from service.http.schemas import Part, RequestModel
from service.problems import invalid_request

M = TypeVar("M", bound=RequestModel)
F = TypeVar("F", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class JsonBody:
    """The bytes of a JSON body, not parsed yet."""

    content: bytes


@dataclass(frozen=True, slots=True)
class MultipartBody:
    """The parts of a multipart body in the order they came, text or the bytes of a file."""

    parts: tuple[tuple[str, str | bytes], ...]


async def read_body(request: Request, *, lenient: bool = False) -> JsonBody | MultipartBody:
    """Receive the body; nothing is decoded here, as this runs on the event loop.

    Args:
        request: Whose body is read.
        lenient: Whether a JSON object is taken without the content type that says so.

    Raises:
        UnsupportedMediaError: neither of the two media types, or a body that is compressed.
        BadRequestBodyError: multipart that cannot be parsed.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaError(
            f"The body is encoded as `{encoding[:60]}`; send it as it is, without Content-Encoding."
        )
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        return JsonBody(await request.body())
    if media_type == "multipart/form-data":
        return await _read_multipart(request)
    if lenient and (content := await request.body()).lstrip().startswith(b"{"):
        return JsonBody(content)
    has = f"`{media_type[:60]}`" if media_type else "missing"
    raise UnsupportedMediaError(
        f"The content type is {has}; send application/json or multipart/form-data."
    )


def parse_body(body: JsonBody | MultipartBody, model: type[M]) -> M:
    """Check a body against a request model; megabytes of JSON make this work for a worker.

    Raises:
        BadRequestBodyError: not JSON.
        InvalidRequestError: it does not fit the model.
    """
    try:
        if isinstance(body, JsonBody):
            return model.model_validate_json(body.content)
        return model.model_validate(_fields(body.parts, model))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        if errors[0]["type"] == "json_invalid":
            raise BadRequestBodyError(
                f"The request body is not JSON: {errors[0]['ctx']['error']}."
            ) from error
        raise invalid_request(errors) from error


def check_fields(fields: Mapping[str, Any], model: type[F]) -> F:
    """Check fields that came in no body of their own against a request model.

    Raises:
        InvalidRequestError: they do not fit.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise invalid_request(error.errors(include_url=False, include_input=False)) from error


_PYTHONS_OWN = frozenset(
    (
        "idna",
        "punycode",
        "raw-unicode-escape",
        "raw_unicode_escape",
        "undefined",
        "unicode-escape",
        "unicode_escape",
    )
)
"""Codecs that Python counts as text and that no client means; some fail in ways of their own."""


class _MemoryParser(MultiPartParser):
    """Starlette's parser, which keeps files in memory and notices a missing end.

    The body limit bounds the memory, and no picture may touch the disk.
    """

    spool_max_size = 0  # for SpooledTemporaryFile this means: never
    ended = False

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers, self.whole(stream))

    async def whole(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The stream; raises where it ends before the body does.

        The error comes out of what is parsed, so that the parser closes the files that it opened.
        """
        async for piece in stream:
            yield piece
        if not self.ended:
            raise BadRequestBodyError(
                "The multipart body ends before its closing boundary; send all of it."
            )

    def on_part_begin(self) -> None:
        if _names_pythons_own(self.headers["content-type"]):
            raise MultiPartException(
                "no text is sent in the charset that the content type names; leave it out, and "
                "send UTF-8"
            )
        super().on_part_begin()

    def on_end(self) -> None:
        self.ended = True


def _names_pythons_own(content_type: str) -> bool:
    """Whether the charset of a content type, as Starlette's parser reads it, is Python's own."""
    charset = parse_options_header(content_type)[1].get(b"charset", b"utf-8")
    try:
        return codecs.lookup(charset.decode("latin-1")).name in _PYTHONS_OWN
    except LookupError:
        return False


async def _read_multipart(request: Request) -> MultipartBody:
    parser = _MemoryParser(request.headers, request.stream())
    try:
        async with aclosing(parser.stream):
            form = await parser.parse()
    except MultiPartException as error:
        raise BadRequestBodyError(
            f"The multipart body cannot be read: {error.message.removesuffix('.')}."
        ) from error
    try:
        return MultipartBody(
            tuple(
                (name, value.file.read() if isinstance(value, UploadFile) else value)
                for name, value in form.multi_items()
            )
        )
    finally:
        await form.close()


def _fields(parts: Sequence[tuple[str, str | bytes]], model: type[RequestModel]) -> dict[str, Any]:
    """The parts as the fields of the JSON body, pictures as bytes."""
    values: dict[str, list[str | bytes]] = {}
    for name, value in parts:
        values.setdefault(name, []).append(value)
    fields: dict[str, Any] = {}
    for name, given in values.items():
        if name not in model.parts:
            raise InvalidRequestError(
                f"`{name[:60]}` is not a part of this request; its parts are "
                f"{', '.join(f'`{known}`' for known in model.parts)}."
            )
        part = model.parts[name]
        target = fields
        for step in part.path[:-1]:
            target = target.setdefault(step, {})
        target[part.path[-1]] = _part_value(name, part, given)
    if any(part.path[0] == "prompt" for part in model.parts.values()):
        # Without any of its parts the prompt is empty, not missing: there is no part of that name.
        fields.setdefault("prompt", {})
    return fields


def _part_value(name: str, part: Part, given: Sequence[str | bytes]) -> Any:
    wants_file = part.kind in ("file", "files")
    for value in given:
        if isinstance(value, bytes) is not wants_file:
            kind = "a file, with a file name" if wants_file else "text, without a file name"
            raise InvalidRequestError(f"The part `{name}` must be {kind}.")
        if isinstance(value, str) and not _is_text(value):
            raise InvalidRequestError(
                f"The part `{name}` has half a surrogate pair in it; send whole characters."
            )
    if part.kind == "files":
        return list(given)
    if part.kind == "words" and not (len(given) == 1 and _is_list(str(given[0]))):
        return list(given)
    if len(given) > 1:
        raise InvalidRequestError(f"The part `{name}` comes {len(given)} times; send it once.")
    if part.kind in ("file", "text"):
        return given[0]
    try:
        # The parser of the JSON body, which refuses the same: half a surrogate pair, endless depth.
        return from_json(given[0])
    except ValueError as error:
        raise InvalidRequestError(f"The part `{name}` is not JSON.") from error


def _is_text(value: str) -> bool:
    """Whether it can be written; not all that a codec makes of bytes can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_list(text: str) -> bool:
    """Whether a lone `words` part is a JSON list; a bracket alone is a word."""
    return text.startswith("[") and text.endswith("]")
