"""Batches: many puzzles or pictures in one request, answered one by one as they are done."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from service.errors import (
    BadRequestBodyError,
    InvalidRequestError,
    ServiceError,
    UnsupportedMediaError,
)
from service.execution import Job, Service, compute
from service.http.bodies import JsonBody, check_fields
from service.http.dispatch import M, receive_body
from service.http.documentation import POST_PROBLEMS
from service.http.responses import BatchLine, ReadLine
from service.http.routes import read, solve
from service.http.schemas import BatchRequest, ReadBatchRequest, ReadRequest, SolveRequest
from service.models.memory import trim
from service.problems import internal_problem, problem_of

MEDIA_TYPE = "application/x-ndjson"
BATCHES = ("/solve/batch", "/read/batch")
"""Paths whose bodies may be larger than others."""

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Item:
    """A puzzle that is not checked yet.

    Attributes:
        id: The caller's, or its place.
        fields: Fields of the request, without the id.
    """

    id: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Batch(Generic[M]):
    """A kind of batch.

    Attributes:
        key: Key of the list in the body.
        model: What each item is checked against.
        work: Makes the answer of an item, in a worker.
    """

    key: str
    model: type[M]
    work: Callable[[Job, M], BaseModel]


def _docs(line: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with such lines."""
    answer = {
        "description": "A line of JSON for each item, in order of completion.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{line.__name__}"}}},
    }
    return POST_PROBLEMS | {200: answer}


def _request_docs(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes such a batch."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/solve/batch",
    summary="Solve many puzzles",
    response_class=StreamingResponse,
    responses=_docs(BatchLine),
    openapi_extra=_request_docs(BatchRequest),
)
async def solve_batch(request: Request) -> Response:
    """Solve puzzles and stream each answer as soon as it is there.

    Each line has the puzzle's `id`, a `status` as `POST /solve` would answer, and `answer` or
    `problem`. An error of one puzzle is its own; the others go on. Batches wait where the queue is
    full, and leave one worker to single requests. For a key's rate each puzzle counts.
    """
    return await _stream(request, _Batch("puzzles", SolveRequest, solve))


@router.post(
    "/read/batch",
    summary="Read many pictures",
    response_class=StreamingResponse,
    responses=_docs(ReadLine),
    openapi_extra=_request_docs(ReadBatchRequest),
)
async def read_batch(request: Request) -> Response:
    """Read pictures and stream each text as soon as it is there, as `POST /solve/batch` does."""
    return await _stream(request, _Batch("pictures", ReadRequest, read))


async def _stream(request: Request, batch: _Batch[M]) -> Response:
    """Answer a batch.

    Raises:
        ServiceError: the body is no such batch; what is wrong with one item is told in its line.
    """
    service: Service = request.app.state.service
    with ExitStack() as held:
        held.enter_context(service.pool.batch())
        items = await _received(request, service, batch.key)
        spend: Callable[[int], None] | None = request.scope["state"].get("spend")
        if spend is not None:
            spend(len(items) - 1)  # The request itself was the first.
        lines = _lines(request, service, batch, items)
        return _HoldingResponse(lines, held.pop_all())


class _HoldingResponse(StreamingResponse):
    """A stream that gives back what it holds when it ends, begun or not."""

    def __init__(self, lines: AsyncIterator[bytes], held: ExitStack) -> None:
        super().__init__(lines, media_type=MEDIA_TYPE)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._held:
            await super().__call__(scope, receive, send)
        # Of a batch, megabytes were taken in small pieces, which the C library would keep.
        # The caller has its answer: nobody waits for this.
        asyncio.get_running_loop().run_in_executor(None, trim)


async def _received(request: Request, service: Service, key: str) -> deque[_Item]:
    body = await receive_body(request)
    if not isinstance(body, JsonBody):
        raise UnsupportedMediaError("A batch comes as application/json, not as multipart.")
    most = service.settings.limits.batch_items
    return await service.pool.run(lambda: _items(body.content, key, most))


async def _lines(
    request: Request, service: Service, batch: _Batch[M], items: deque[_Item]
) -> AsyncIterator[bytes]:
    """The answers; as many items at a time as there are workers."""
    places = count()
    running: set[asyncio.Task[bytes]] = set()
    try:
        while True:
            while items and len(running) < service.settings.workers:
                # Out of the list: what is answered need not be held any longer.
                item = items.popleft()
                request_id = f"{request.state.request_id}.{next(places)}"
                line = _line(service, request.scope, request_id, batch, item)
                running.add(asyncio.create_task(line))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in running:  # The caller has left.
            task.cancel()


async def _line(
    service: Service, scope: Scope, request_id: str, batch: _Batch[M], item: _Item
) -> bytes:
    """One line, whatever happens to its puzzle."""
    # Of its own, so that a problem of one puzzle is not logged as the request's.
    own: dict[str, Any] = {
        "path": scope["path"],
        "method": scope["method"],
        "state": {"request_id": request_id},
    }

    def make(job: Job) -> str:
        sent = check_fields(item.fields, batch.model)
        return batch.work(job, sent).model_dump_json(exclude_unset=True)

    try:
        answer = await compute(service, request_id, make, patient=True)
    except ServiceError as error:
        problem = problem_of(error, own)
    except Exception as error:  # noqa: BLE001 - the answer has begun; the others go on
        problem = internal_problem(error, own)
    else:
        service.metrics.batch_item(None)
        return f'{{"id":{json.dumps(item.id)},"status":200,"answer":{answer}}}\n'.encode()
    service.metrics.batch_item(own["state"]["code"])
    body = bytes(problem.body).decode()
    line = f'{{"id":{json.dumps(item.id)},"status":{problem.status_code},"problem":{body}}}\n'
    return line.encode()


def _items(content: bytes, key: str, most: int) -> deque[_Item]:
    """The entries of a body, told apart but not checked.

    Raises:
        BadRequestBodyError: not JSON.
        InvalidRequestError: no list of objects, too many of them, or two with one id.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadRequestBodyError("The request body is not JSON.") from error
    entries = body.get(key) if isinstance(body, dict) and len(body) == 1 else None
    if not isinstance(entries, list) or not entries:
        raise InvalidRequestError(
            f'The request body is not `{{"{key}": [...]}}` with at least one entry.'
        )
    if len(entries) > most:
        raise InvalidRequestError(
            f"`{key}` has {len(entries)} entries; at most {most} are taken at a time."
        )
    items: deque[_Item] = deque()
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise InvalidRequestError(f"`{key}[{place}]` is not an object.")
        name = entry.pop("id", None)
        if name is not None and not (isinstance(name, str) and 1 <= len(name) <= 100):
            raise InvalidRequestError(f"`{key}[{place}].id` is not text of 1 to 100 characters.")
        items.append(_Item(str(place) if name is None else name, entry))
    if len({item.id for item in items}) < len(items):
        raise InvalidRequestError("Two entries have the same `id`; give each one its own.")
    return items
