"""Batches: many puzzles or pictures in one request, answered one by one as they are done."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Scope

from service.bodies import JsonBody
from service.deadline import Deadline
from service.documentation import POST_PROBLEMS
from service.errors import (
    BadRequestBodyError,
    InvalidRequestError,
    ServiceError,
    UnsupportedMediaError,
)
from service.jobs import Job, Service, receive_body
from service.pool import InferencePool
from service.problems import internal_problem, invalid_request, problem_of
from service.responses import BatchLine
from service.routes import solve_puzzle
from service.schemas import BatchRequest, RequestModel, SolveRequest

MEDIA_TYPE = "application/x-ndjson"

_ASK_AGAIN_S = 0.02
"""How soon an item that found the queue full asks again."""

M = TypeVar("M", bound=RequestModel)

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Item:
    """A puzzle that is not checked yet.

    Attributes:
        id: The caller's, or its place.
        fields: Of the request, without the id.
    """

    id: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch(Generic[M]):
    """A kind of batch.

    Attributes:
        key: Of the list in the body.
        model: What each item is checked against.
        work: Makes the answer of an item, in a worker.
    """

    key: str
    model: type[M]
    work: Callable[[Job, M], BaseModel]


def batch_docs(line: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with such lines."""
    answer = {
        "description": "A line of JSON for each item, in order of completion.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{line.__name__}"}}},
    }
    return POST_PROBLEMS | {200: answer}


def batch_request_docs(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes such a batch."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/solve/batch",
    summary="Solve many puzzles",
    response_class=StreamingResponse,
    responses=batch_docs(BatchLine),
    openapi_extra=batch_request_docs(BatchRequest),
)
async def solve_batch(request: Request) -> Response:
    """Solve puzzles and stream each answer as soon as it is there.

    Each line has the puzzle's `id`, a `status` as `POST /solve` would answer, and `answer` or
    `problem`. An error of one puzzle is its own; the others go on. A batch waits where the queue
    is full, and takes no more workers than others leave it.
    """
    return await stream_batch(request, Batch("puzzles", SolveRequest, solve_puzzle))


async def stream_batch(request: Request, batch: Batch[M]) -> Response:
    """Answer a batch.

    Raises:
        ServiceError: the body is no such batch; what is wrong with one item is told in its line.
    """
    service: Service = request.app.state.service
    body = await receive_body(request)
    if not isinstance(body, JsonBody):
        raise UnsupportedMediaError("A batch comes as application/json, not as multipart.")
    most = service.settings.limits.batch_items
    items = await service.pool.run(lambda: _items(body.content, batch.key, most))
    return StreamingResponse(_lines(request, service, batch, items), media_type=MEDIA_TYPE)


async def _lines(
    request: Request, service: Service, batch: Batch[M], items: list[_Item]
) -> AsyncIterator[bytes]:
    """The answers; as many items at a time as there are workers."""
    waiting = iter(enumerate(items))
    running: set[asyncio.Task[bytes]] = set()
    try:
        while True:
            while len(running) < service.settings.workers:
                place, item = next(waiting, (0, None))
                if item is None:
                    break
                request_id = f"{request.state.request_id}.{place}"
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
    service: Service, scope: Scope, request_id: str, batch: Batch[M], item: _Item
) -> bytes:
    """One line, whatever happens to its puzzle."""
    deadline = Deadline(service.settings.deadline_s)
    # Of its own, so that a problem of one puzzle is not logged as the request's.
    own: dict[str, Any] = {
        "path": scope["path"],
        "method": scope["method"],
        "state": {"request_id": request_id},
    }

    def job() -> str:
        deadline.check()
        try:
            sent = batch.model.model_validate(item.fields)
        except ValidationError as error:
            raise invalid_request(error.errors(include_url=False, include_input=False)) from error
        this = Job(service, request_id, deadline)
        try:
            return batch.work(this, sent).model_dump_json(exclude_unset=True)
        finally:
            service.metrics.staged(this.stages)

    try:
        async with asyncio.timeout(deadline.left_s):
            answer = await _patiently(service.pool, job, deadline)
    except TimeoutError:
        problem = problem_of(deadline.exceeded(), own)
    except ServiceError as error:
        problem = problem_of(error, own)
    except Exception as error:  # noqa: BLE001 - the answer has begun; the others go on
        problem = internal_problem(error, own)
    else:
        service.metrics.batch_item(None)
        return f'{{"id":{json.dumps(item.id)},"status":200,"answer":{answer}}}\n'.encode()
    finally:
        deadline.drop()
    service.metrics.batch_item(own["state"]["code"])
    body = bytes(problem.body).decode()
    line = f'{{"id":{json.dumps(item.id)},"status":{problem.status_code},"problem":{body}}}\n'
    return line.encode()


async def _patiently(pool: InferencePool, job: Callable[[], str], deadline: Deadline) -> str:
    """Run a job as soon as there is room for it.

    Raises:
        ServiceError: what the job raises, or that there was no room in time.
    """
    while not pool.load.room and deadline.left_s >= _ASK_AGAIN_S:
        await asyncio.sleep(_ASK_AGAIN_S)
    return await pool.run(job)


def _items(content: bytes, key: str, most: int) -> list[_Item]:
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
    items = []
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
