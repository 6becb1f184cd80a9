"""A Python client of the service, sync and async.

    with Client("http://127.0.0.1:8000") as client:
        answer = client.solve("background.png", words=["并", "细", "什"])
        for click in answer.clicks:
            print(click.label, click.x, click.y)

Pictures are paths, the bytes of files, open files or Pillow pictures. Importing this needs httpx
and nothing else of the project's libraries; the errors are in `clickorder.client.errors`.
"""

import time
from collections.abc import Generator, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeVar

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
    Reading,
    RefusedBundle,
    WordScore,
)
from clickorder.client.asynchronous import AsyncClient
from clickorder.client.connection import FAILURES, BatchReader, Connection, read_reply
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
    "FieldProblem",
    "ImageSize",
    "InstalledModels",
    "ProblemError",
    "Reading",
    "RefusedBundle",
    "RequestRefusedError",
    "ServiceBusyError",
    "ServiceFailedError",
    "UnexpectedAnswerError",
    "WordScore",
]

T = TypeVar("T")


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
        self._http = httpx.Client(**self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def solve(
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
        type: str | None = None,  # noqa: A002 - the field's name
        text: str | None = None,
        count: int | tuple[int, int] | None = None,
        confidence: float | None = None,
        iou: float | None = None,
    ) -> Answer:
        """Find the clicks of a puzzle; give exactly one of words, text, icons, image and region.

        Args:
            background: The picture to click on.
            words: The words to click, in order.
            icons: A picture of each item, in order.
            image: One picture of the whole prompt, read left to right.
            region: `x1, y1, x2, y2`: where the prompt is in the background, in pixels, `x2`/`y2`
                exclusive.
            min_confidence: Below this the answer is an abstention, 0..1; None leaves that to the
                service, 0 never abstains for want of confidence.
            draw: Whether to send the background back with the numbered clicks.
            model: Name of the bundle that is to answer.
            site: Where the picture is from; bundles say what they serve.
            type: Which of the site's kinds of puzzle it is.
            text: A sentence that names the words, quoted, bracketed or after a colon.
            count: With `image` or `region`: how many items it shows, where that is known, or the
                least and the greatest number.
            confidence: Least score of a box, 0..1; None for the detector's own.
            iou: A box that overlaps a better one by more than this is dropped, 0..1; None for the
                detector's own.
        """
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
        return self._send(solve_call(puzzle))

    def solve_batch(self, puzzles: Iterable[BatchPuzzle]) -> Generator[BatchAnswer, None, None]:
        """Find the clicks of many puzzles; answers come in the order in which they are ready.

        A puzzle that fails has its own error, and the rest go on. Leaving the loop early tells
        the service to drop what is left. How many puzzles one batch may have is a limit of the
        service.
        """
        call, ids = batch_call(puzzles)
        return self._stream(call, ids)

    def detect(
        self,
        image: Picture,
        *,
        model: str | None = None,
        site: str | None = None,
        type: str | None = None,  # noqa: A002
        confidence: float | None = None,
        iou: float | None = None,
    ) -> Detection:
        """Find everything clickable on a picture; `confidence` and `iou` as in `solve`."""
        return self._send(detect_call(image, route(model, site, type), confidence, iou))

    def classify(
        self,
        image: Picture,
        words: Sequence[str],
        *,
        model: str | None = None,
        site: str | None = None,
        type: str | None = None,  # noqa: A002
    ) -> Classification:
        """Say which of some words an item, cut out, is."""
        return self._send(classify_call(image, words, route(model, site, type)))

    def compare(
        self,
        first: Picture,
        second: Picture,
        *,
        model: str | None = None,
        site: str | None = None,
        type: str | None = None,  # noqa: A002
    ) -> Comparison:
        """Say how alike two items, cut out, are."""
        return self._send(compare_call(first, second, route(model, site, type)))

    def read(
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
        return self._send(read_call(image, charset, length, color, where))

    def models(self) -> InstalledModels:
        """Say which models are installed."""
        return self._send(models_call())

    def reload(self, name: str) -> Bundle:
        """Read a bundle from its folder again; needs an admin's key."""
        return self._send(change_call(name, "reload"))

    def rollback(self, name: str) -> Bundle:
        """Go back to a bundle's version before; needs an admin's key."""
        return self._send(change_call(name, "rollback"))

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
