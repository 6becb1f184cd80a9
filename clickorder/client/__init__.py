"""A Python client of the service, sync and async.

    with Client("http://127.0.0.1:8000") as client:
        answer = client.solve("background.png", words=["并", "细", "什"])
        for click in answer.clicks:
            print(click.label, click.x, click.y)

Pictures are paths, the bytes of files, open files or Pillow pictures. Importing this needs httpx
and nothing else of the project's libraries; the errors are in `clickorder.client.errors`.
"""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Concatenate, ParamSpec, Self, TypeVar

import httpx

from clickorder.client.answers import (
    Answer,
    BatchAnswer,
    Box,
    Bundle,
    Classification,
    Click,
    Comparison,
    Corners,
    Detection,
    ImageSize,
    InstalledModels,
    Name,
    Reading,
    RefusedBundle,
    WordScore,
)
from clickorder.client.asynchronous import AsyncClient
from clickorder.client.connection import (
    FAILURES,
    BatchReader,
    Connection,
    read_reply,
    show_as_method,
)
from clickorder.client.errors import (
    AccessDeniedError,
    AnswerTimeoutError,
    BadArgumentError,
    ClientError,
    ConnectionFailedError,
    FieldProblem,
    ProblemError,
    RequestRefusedError,
    ServiceBusyError,
    ServiceFailedError,
    UnexpectedAnswerError,
)
from clickorder.client.requests import (
    BatchPuzzle,
    Call,
    Effort,
    batch_call,
    classify_call,
    compare_call,
    detect_call,
    models_call,
    names_call,
    read_call,
    reload_call,
    rollback_call,
    solve_call,
)

__all__ = [
    "AccessDeniedError",
    "Answer",
    "AnswerTimeoutError",
    "AsyncClient",
    "BadArgumentError",
    "BatchAnswer",
    "BatchPuzzle",
    "Box",
    "Bundle",
    "Classification",
    "Click",
    "Client",
    "ClientError",
    "Comparison",
    "ConnectionFailedError",
    "Corners",
    "Detection",
    "Effort",
    "FieldProblem",
    "ImageSize",
    "InstalledModels",
    "Name",
    "ProblemError",
    "Reading",
    "RefusedBundle",
    "RequestRefusedError",
    "ServiceBusyError",
    "ServiceFailedError",
    "UnexpectedAnswerError",
    "WordScore",
]

P = ParamSpec("P")
T = TypeVar("T")


def _method(build: Callable[P, Call[T]]) -> "Callable[Concatenate[Client, P], T]":
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._send(build(*args, **kwargs))

    show_as_method(method, build)
    return method


class Client(Connection):
    """Asks a running service; safe to share between threads.

    Args:
        url: URL of the service, without a path: `http://127.0.0.1:8000`.
        api_key: Where the service wants one; by default what CLICKORDER_API_KEY holds.
        timeout_s: For a connection, and for each silence while an answer is waited for.
        retries: How often a request is tried again that the service refused for now (429, 503
            with `Retry-After`), or that never left because there was no connection.
        longest_wait_s: Where the service asks for more patience than this, the error comes at
            once, and its `retry_after_s` says how long.

    Raises:
        BadArgumentError: the URL or the key cannot be one.

    All methods raise a `ClientError`: `BadArgumentError` for what cannot be sent,
    `ConnectionFailedError`, `AnswerTimeoutError`, `UnexpectedAnswerError`, or the `ProblemError`
    that the service answers with.
    """

    def _open_http(self) -> None:
        self._http = httpx.Client(**self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    solve = _method(solve_call)
    detect = _method(detect_call)
    classify = _method(classify_call)
    compare = _method(compare_call)
    read = _method(read_call)
    models = _method(models_call)
    names = _method(names_call)
    reload = _method(reload_call)
    rollback = _method(rollback_call)

    def solve_batch(self, puzzles: Iterable[BatchPuzzle]) -> Generator[BatchAnswer, None, None]:
        """Find the clicks of many puzzles; answers come in the order in which they are ready.

        A puzzle that fails has its own error, and the rest go on. Leaving the loop early tells
        the service to drop what is left. How many puzzles one batch may have is a limit of the
        service.
        """
        call, ids = batch_call(puzzles)
        return self._stream(call, ids)

    def _send(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.request(
                    call.method, call.path, content=call.content, headers=call.headers
                )
                return read_reply(call, response, self.url)
            except FAILURES as error:
                pause_s = self.pause_s_after(attempt, error)
            time.sleep(pause_s)

    def _stream(
        self, call: Call[BatchAnswer], ids: Sequence[str]
    ) -> Generator[BatchAnswer, None, None]:
        attempt = 0
        while True:
            attempt += 1
            try:
                with self._http.stream(
                    call.method, call.path, content=call.content, headers=call.headers
                ) as response:
                    if response.status_code != 200:
                        response.read()
                        read_reply(call, response, self.url)
                    reader = BatchReader(call, ids, self.url)
                    for piece in response.iter_bytes():
                        yield from reader.feed(piece)
                    reader.end()
                    return
            except FAILURES as error:
                # Once answers come, none of the errors is one that is tried again.
                pause_s = self.pause_s_after(attempt, error)
            time.sleep(pause_s)
