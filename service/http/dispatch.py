"""HTTP's way to a use case: receive the body, run the use case in the pool, answer with JSON."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.errors import CALLER_LEFT, BodyTimeoutError
from service.execution import CallerLeftError, Job, Service, compute
from service.http.bodies import JsonBody, MultipartBody, parse_body, read_body
from service.http.documentation import POST_PROBLEMS, request_docs
from service.http.schemas import RequestModel

M = TypeVar("M", bound=RequestModel)
R = TypeVar("R", bound=BaseModel)

Runner = Callable[[Request, type[Any], Callable[[Job, Any], BaseModel]], Awaitable[Response]]


async def receive_body(request: Request, *, lenient: bool = False) -> JsonBody | MultipartBody:
    """Read the body, for as long as a body may take.

    Args:
        request: Whose app has a `Service` in its state.
        lenient: See `read_body`.

    Raises:
        OverloadedError: as many bodies are on their way as there is room for.
        BodyTimeoutError: it came too slowly.
        UnsupportedMediaError, BadRequestBodyError: it is none that is read here.
    """
    service: Service = request.app.state.service
    timeout_s = service.settings.body_timeout_s
    with service.pool.reading():
        try:
            async with asyncio.timeout(timeout_s):
                return await read_body(request, lenient=lenient)
        except TimeoutError as error:
            raise BodyTimeoutError(
                f"The request body did not arrive within {timeout_s} s; send it faster, or less."
            ) from error


async def run_job(
    request: Request,
    model: type[M],
    work: Callable[[Job, M], BaseModel],
    *,
    lenient: bool = False,
) -> Response:
    """Read the body, do `work` in the pool, answer with its JSON.

    Args:
        request: Whose app has a `Service` in its state.
        model: What the body is checked against, in the worker.
        work: Makes the answer; runs in a worker thread.
        lenient: See `read_body`.

    Raises:
        ServiceError: every way a request can fail; the app's handlers make problems of them.
    """
    service: Service = request.app.state.service
    body = await receive_body(request, lenient=lenient)

    def make(job: Job) -> str:
        return work(job, parse_body(body, model)).model_dump_json(exclude_unset=True)

    try:
        answer = await compute(service, request.state.request_id, make, gone=disconnected(request))
    except CallerLeftError:
        return Response(status_code=CALLER_LEFT)
    return Response(answer, media_type="application/json")


async def disconnected(request: Request) -> None:
    """Return once the caller has closed the connection; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def post_route(
    router: APIRouter,
    path: str,
    model: type[M],
    response: type[R],
    summary: str,
    *,
    docs: dict[str, Any] | None = None,
    run: Runner = run_job,
) -> Callable[[Callable[[Job, M], R]], Callable[[Job, M], R]]:
    """Answer `POST` of a path with the decorated function, which runs in a worker.

    Args:
        router: Gets the route.
        path: Its path.
        model: What the body is checked against: the function's second argument.
        response: What it returns.
        summary: For the documentation; the function's docstring is its text.
        docs: The `openapi_extra` of the route; by default that of `model`.
        run: Runs the function for a request.
    """

    def register(work: Callable[[Job, M], R]) -> Callable[[Job, M], R]:
        async def endpoint(request: Request) -> Response:
            return await run(request, model, work)

        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=response,
            summary=summary,
            description=inspect.getdoc(work),
            name=work.__name__,
            responses=POST_PROBLEMS,
            openapi_extra=docs or request_docs(model),
        )
        return work

    return register
