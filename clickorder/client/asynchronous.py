"""The client for asyncio; made to be imported from `clickorder.client`."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from clickorder.client.answers import (
    Answer,
    BatchAnswer,
    Bundle,
    Classification,
    Comparison,
    Detection,
    InstalledModels,
    Reading,
)
from clickorder.client.connection import FAILURES, BatchReader, Connection, read_reply
from clickorder.client.requests import (
    BatchPuzzle,
    Call,
    Picture,
    batch_call,
    change_call,
    classify_call,
    compare_call,
    detect_call,
    models_call,
    read_call,
    route,
    solve_call,
)

T = TypeVar("T")


class AsyncClient(Connection):
    """The same for asyncio; arguments, methods and errors are those of `Client`.

    Pictures are read in a thread, so that the event loop never waits for a disk.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 3,
        longest_wait_s: float = 30.0,
    ) -> None:
        super().__init__(url, api_key, timeout_s, retries, longest_wait_s)
        self._http = httpx.AsyncClient(**self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def solve(
        self,
        background: Picture,
        *,
        words: Sequence[str] | None = None,
        icons: "Sequence[Picture] | None" = None,
        image: "Picture | None" = None,
        region: tuple[int, int, int, int] | None = None,
        min_confidence: float | None = None,
        draw: bool = False,
        model: str | None = None,
        site: str | None = None,
        type: str | None = None,  # noqa: A002
        text: str | None = None,
        count: int | tuple[int, int] | None = None,
        confidence: float | None = None,
        iou: float | None = None,
    ) -> Answer:
        """Find the clicks of a puzzle; see `Client.solve`."""
        puzzle = BatchPuzzle(
            "",
            background,
            words,
            icons,
            image,
            region,
            min_confidence,
            draw,
            model,
            site,
            type,
            text,
            count,
            confidence,
            iou,
        )
        return await self._send(await asyncio.to_thread(solve_call, puzzle))

    def solve_batch(self, puzzles: Iterable[BatchPuzzle]) -> AsyncGenerator[BatchAnswer, None]:
        """Find the clicks of many puzzles; see `Client.solve_batch`.

        Who may leave the loop early does best to use `contextlib.aclosing`, which tells the
        service at once.
        """
        return self._stream(puzzles)

    async def detect(
        self,
        image: Picture,
        *,
        model: str | None = None,
        site: str | None = None,
        type: str | None = None,  # noqa: A002
        confidence: float | None = None,
        iou: float | None = None,
    ) -> Detection:
        """Find everything clickable on a picture; see `Client.detect`."""
        where = route(model, site, type)
        call = await asyncio.to_thread(detect_call, image, where, confidence, iou)
        return await self._send(call)

    async def classify(
        self,
        image: Picture,
        words: Sequence[str],
        *,
        model: str | None = None,
        site: str | None = None,
        type: str | None = None,  # noqa: A002
    ) -> Classification:
        """Say which of some words an item, cut out, is."""
        where = route(model, site, type)
        return await self._send(await asyncio.to_thread(classify_call, image, words, where))

    async def compare(
        self,
        first: Picture,
        second: Picture,
        *,
        model: str | None = None,
        site: str | None = None,
        type: str | None = None,  # noqa: A002
    ) -> Comparison:
        """Say how alike two items, cut out, are."""
        where = route(model, site, type)
        return await self._send(await asyncio.to_thread(compare_call, first, second, where))

    async def read(
        self,
        image: Picture,
        *,
        charset: str | None = None,
        length: int | tuple[int, int] | None = None,
        color: str | None = None,
        model: str | None = None,
        site: str | None = None,
        type: str | None = None,  # noqa: A002
    ) -> Reading:
        """Read a whole picture of text.

        Args:
            image: The picture.
            charset: Characters that may occur, or a preset as `numeric+upper`.
            length: How many there are, or the least and the greatest number.
            color: Read only the characters of this colour, as `red` or `#d01f2e`.
            model: Name of the bundle that is to read it.
            site: Where the picture is from.
            type: Which of the site's kinds it is.
        """
        where = route(model, site, type)
        return await self._send(read_call(image, charset, length, color, where))

    async def models(self) -> InstalledModels:
        """Say which models are installed."""
        return await self._send(models_call())

    async def reload(self, name: str) -> Bundle:
        """Read a bundle from its folder again; needs an admin's key."""
        return await self._send(change_call(name, "reload"))

    async def rollback(self, name: str) -> Bundle:
        """Go back to a bundle's version before; needs an admin's key."""
        return await self._send(change_call(name, "rollback"))

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
        call, ids = await asyncio.to_thread(batch_call, puzzles)
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
