"""Load on a running service: who asks, how often, and what became of each request.

A level is one load. In a closed loop so many callers ask, each again once it is answered; in an
open loop requests are due at a steady rate, whatever became of those before. There the time of an
answer counts from when its request was due: a service that stalls is not spared the requests that
would have come meanwhile.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import httpx

from classifier.charsets import LabelRule
from clickorder.client.answers import Reading
from clickorder.client.connection import Connection, connection_error, read_reply
from clickorder.client.errors import (
    AccessDeniedError,
    AnswerTimeoutError,
    ClientError,
    ConnectionFailedError,
    RequestRefusedError,
    ServiceBusyError,
    UnexpectedAnswerError,
)
from clickorder.client.requests import Call, read_call

MOST_AT_ONCE = 500
"""Requests under way at the same time. Further ones wait here, and their time runs: a process may
have some thousand sockets open, no more."""

_REFUSALS = (429, 503)
_THE_PICTURES_FAULT = (400, 413, 415)
_WARM_UP_CALLERS = 4
_READY_LINES = 50
"""Connections of an open loop that are made beforehand; more are when they are needed."""
_PAUSE_S = 0.1
"""Pause of a caller that found no service: it would spin otherwise."""
_PATIENCE_S = 5.0
_BUSY_TRIES = 3


@dataclass(frozen=True, slots=True)
class Level:
    """One load; it ends after `requests` or `seconds`, whichever comes first.

    Attributes:
        callers: Callers of a closed loop; 0 in an open one.
        rate: Requests a second of an open loop; None in a closed one.
        requests: How many; None for no end.
        seconds: Time after which nothing more is sent; None for no end.
    """

    callers: int
    rate: float | None = None
    requests: int | None = None
    seconds: float | None = None

    @property
    def name(self) -> str:
        """What people read."""
        if self.rate is not None:
            return f"{self.rate:g}/s"
        return f"{self.callers} caller{'s' if self.callers > 1 else ''}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture, put into the body of a request once: callers may share cores with the service.

    Attributes:
        name: Name of the picture.
        label: What it says; None where nobody knows.
        body: The JSON of `POST /read`.
        size: Bytes of the picture's file.
    """

    name: str
    label: str | None
    body: bytes
    size: int

    @classmethod
    def of(
        cls,
        name: str,
        label: str | None,
        picture: bytes,
        *,
        charset: str | None = None,
        length: int | tuple[int, int] | None = None,
        color: str | None = None,
        where: dict[str, str] | None = None,
    ) -> Self:
        """A picture's file with what the service is told about it; see `Client.read`."""
        call = read_call(picture, charset=charset, length=length, color=color, **(where or {}))
        body = call.content or b""
        return cls(name, label, body, len(picture))


@dataclass(frozen=True, slots=True)
class Sample:
    """One request and what became of it.

    Attributes:
        picture: Name of the picture.
        label: What it says; None where nobody knows.
        due_s: When it was to be sent, seconds after the level began.
        sent_s: When it was sent; in a closed loop the same.
        taken_ms: From when it was due to the last byte, or to the failure.
        status: HTTP status; 0 where there was none.
        code: Why there is no text: the service's code, or one of `ClientError`; empty for a text.
        refused: Whether the service had too much to do (429, or 503 with a time to come again).
        text: What was read; None for a failure.
        confidence: 0..1; None for a failure.
        right: Whether the text is the label; None where one is missing.
        size: Bytes of the picture's file.
    """

    picture: str
    label: str | None
    due_s: float
    sent_s: float
    taken_ms: float
    status: int
    code: str
    refused: bool
    text: str | None
    confidence: float | None
    right: bool | None
    size: int

    @property
    def answered(self) -> bool:
        """Whether there is a text."""
        return not self.code


@dataclass(frozen=True, slots=True)
class LevelResult:
    """What came of a level.

    Attributes:
        level: What was asked for.
        began: When.
        seconds: From its first request to its last answer.
        samples: In the order in which they ended.
        interrupted: Whether it was ended early; requests that ran then are not in it.
    """

    level: Level
    began: datetime
    seconds: float
    samples: tuple[Sample, ...]
    interrupted: bool = False


class Bench(Connection):
    """Puts levels of load on the `POST /read` of a service; nothing is tried again.

    Args:
        url: URL of the service.
        asked: Pictures, at least one; every level begins with the first, so that all read the same.
        api_key: Where the service wants one; by default what CLICKORDER_API_KEY holds.
        timeout_s: From sending a request to the last byte of its answer.
        rule: What is done to labels and texts before they are compared.

    Attributes:
        results: Results of the levels so far; one that was cancelled is among them.
        examples: The first sentence that was given for each code.

    Raises:
        BadArgumentError: the URL or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        asked: Sequence[Asked],
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        rule: LabelRule | None = None,
    ) -> None:
        super().__init__(url, api_key=api_key, timeout_s=timeout_s, retries=0, longest_wait_s=0.0)
        self.results: list[LevelResult] = []
        self.examples: dict[str, str] = {}
        self._asked = asked
        self._rule = rule or LabelRule()
        self._timeout_s = timeout_s
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._options |= {"verify": httpx.create_ssl_context(), "follow_redirects": False}
        self._lines: list[httpx.AsyncClient] = []
        self._free: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for line in self._lines:
            await line.aclose()

    async def probe(self) -> None:
        """Ask once, so that what would fail a thousand times is told in one sentence.

        A service that is busy, or does not like this one picture, may still be measured.

        Raises:
            ClientError: nobody answers, or every request would be turned down.
        """
        for _ in range(_BUSY_TRIES):
            try:
                await self._read(self._asked[0])
            except ServiceBusyError as error:
                wait_s = 1.0 if error.retry_after_s is None else error.retry_after_s
                await asyncio.sleep(min(wait_s, _PATIENCE_S))
            except RequestRefusedError as error:
                if isinstance(error, AccessDeniedError) or error.status not in _THE_PICTURES_FAULT:
                    raise
                return
            else:
                return

    async def warm_up(self, level: Level, count: int) -> None:
        """Ask so many times, with the callers of a level, and count none of it."""
        callers = min(level.callers or _WARM_UP_CALLERS, MOST_AT_ONCE)
        silent = Level(callers, requests=count)
        await self._closed(silent, time.perf_counter(), lambda _: None)

    async def measure(self, level: Level, told: Callable[[Sample], object]) -> None:
        """Put a level on the service; its result is the last of `results`.

        Args:
            level: What to do.
            told: Called with every sample as soon as it is there.

        Raises:
            CancelledError: somebody did not want to wait; the result is there all the same.
        """
        # Making one takes a millisecond, which is no part of an answer.
        for _ in range(len(self._lines), level.callers or _READY_LINES):
            self._free.append(self._new_line())
        samples: list[Sample] = []

        def take(sample: Sample) -> None:
            samples.append(sample)
            told(sample)

        wall, begin = datetime.now(UTC), time.perf_counter()
        complete = False
        try:
            if level.rate is None:
                await self._closed(level, begin, take)
            else:
                await self._open(level, level.rate, begin, take)
            complete = True
        finally:
            seconds = time.perf_counter() - begin
            self.results.append(LevelResult(level, wall, seconds, tuple(samples), not complete))

    async def _closed(self, level: Level, begin: float, take: Callable[[Sample], None]) -> None:
        numbers = itertools.count() if level.requests is None else iter(range(level.requests))

        async def caller() -> None:
            for number in numbers:
                now = time.perf_counter()
                if level.seconds is not None and now - begin >= level.seconds:
                    return
                sample = await self._sample(number, begin, now)
                take(sample)
                if sample.code == ConnectionFailedError.default_code:
                    await asyncio.sleep(_PAUSE_S)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(level.callers):
                tasks.create_task(caller())

    async def _open(
        self, level: Level, rate: float, begin: float, take: Callable[[Sample], None]
    ) -> None:
        async def one(number: int, due: float) -> None:
            take(await self._sample(number, begin, due))

        async with asyncio.TaskGroup() as tasks:
            for number in itertools.count():
                after_s = number / rate
                # Behind the last one, too: ten requests at ten a second fill a second.
                await asyncio.sleep(max(0.0, begin + after_s - time.perf_counter()))
                if level.requests is not None and number >= level.requests:
                    break
                if level.seconds is not None and after_s >= level.seconds:
                    break
                tasks.create_task(one(number, begin + after_s))

    async def _sample(self, number: int, begin: float, due: float) -> Sample:
        """Send one request; `begin` and `due` are of `time.perf_counter`."""
        asked = self._asked[number % len(self._asked)]
        reading, failure, status = None, None, 200
        async with self._room:
            sent = time.perf_counter()
            try:
                reading = await self._read(asked)
            except ClientError as error:
                failure, status = error, error.status or 0
            ended = time.perf_counter()
        if failure is not None:
            self.examples.setdefault(failure.code, failure.detail)
        text = None if reading is None else str(reading.text)
        right = None
        if text is not None and asked.label is not None:
            right = self._rule.apply(text) == self._rule.apply(asked.label)
        return Sample(
            picture=asked.name,
            label=asked.label,
            due_s=due - begin,
            sent_s=max(sent, due) - begin,
            taken_ms=1e3 * (ended - due),
            status=status,
            code="" if failure is None else failure.code,
            refused=isinstance(failure, ServiceBusyError) and status in _REFUSALS,
            text=text,
            confidence=None if reading is None else reading.confidence,
            right=right,
            size=asked.size,
        )

    async def _read(self, asked: Asked) -> Reading:
        call = Call("POST", "/read", Reading.of, asked.body)
        try:
            # The client's own limit is for each silence; a trickle would go on for ever.
            async with asyncio.timeout(self._timeout_s):
                response = await self._put(call)
        except TimeoutError as error:
            raise AnswerTimeoutError(
                f"{self.url} did not answer within {self._timeout_s:g} s; give a longer --timeout, "
                "or ask less."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise connection_error(error, self.url) from error
        if response.is_redirect:
            raise UnexpectedAnswerError(
                f"{self.url}/read sends its callers elsewhere, and nothing else than the URL given "
                "is called; give the URL that `clickorder serve` prints.",
                status=response.status_code,
            )
        return read_reply(call, response, self.url)

    async def _put(self, call: Call[Reading]) -> httpx.Response:
        """Send it over a connection that nobody else uses now.

        Each has a client of its own: the pool in one of httpx looks at all connections for every
        request, which with some hundred of them takes longer than an answer (httpcore 1.0).
        """
        line = self._free.pop() if self._free else self._new_line()
        try:
            return await line.request(
                call.method, call.path, content=call.content, headers=call.headers
            )
        finally:
            self._free.append(line)

    def _new_line(self) -> httpx.AsyncClient:
        self._lines.append(httpx.AsyncClient(**self._options))
        return self._lines[-1]
