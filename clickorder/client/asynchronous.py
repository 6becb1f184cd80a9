"""The client for asyncio; made to be imported from `clickorder.client`."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from clickorder.client import requests
from clickorder.client.answers import BatchAnswer
from clickorder.client.connection import (
    FAILURES,
    BatchReader,
    Connection,
    read_reply,
    show_as_method,
)
from clickorder.client.requests import BatchPuzzle, Call

P = ParamSpec("P")
T = TypeVar("T")


def _method(
    build: Callable[P, Call[T]],
) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._send(await asyncio.to_thread(build, *args, **kwargs))

    show_as_method(method, build)
    return method


class AsyncClient(Connection):
    """The same for asyncio; arguments, methods and errors are those of `Client`.

    Pictures are read in a thread, so that the event loop never waits for a disk.
    """

    def _open_http(self) -> None:
        self._http = httpx.AsyncClient(**self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    solve = _method(requests.solve_call)
    detect = _method(requests.detect_call)
    classify = _method(requests.classify_call)
    compare = _method(requests.compare_call)
    read = _method(requests.read_call)
    models = _method(requests.models_call)
    names = _method(requests.names_call)
    reload = _method(requests.reload_call)
    rollback = _method(requests.rollback_call)

    def solve_batch(self, puzzles: Iterable[BatchPuzzle]) -> AsyncGenerator[BatchAnswer, None]:
        """Find the clicks of many puzzles; see `Client.solve_batch`.

        Who may leave the loop early does best to use `contextlib.aclosing`, which tells the
        service at once.
        """
        return self._stream(puzzles)

    async def _send(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._http.request(
                    call.method, call.path, content=call.content, headers=call.headers
                )
                return read_reply(call, response, self.url)
            except FAILURES as error:
                pause_s = self.pause_s_after(attempt, error)
            await asyncio.sleep(pause_s)

    async def _stream(self, puzzles: Iterable[BatchPuzzle]) -> AsyncGenerator[BatchAnswer, None]:
        call, ids = await asyncio.to_thread(requests.batch_call, puzzles)
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._http.stream(
                    call.method, call.path, content=call.content, headers=call.headers
                ) as response:
                    if response.status_code != 200:
                        await response.aread()
                        read_reply(call, response, self.url)
                    reader = BatchReader(call, ids, self.url)
                    async for piece in response.aiter_bytes():
                        for answer in reader.feed(piece):
                            yield answer
                    reader.end()
                    return
            except FAILURES as error:
                pause_s = self.pause_s_after(attempt, error)
            await asyncio.sleep(pause_s)
