"""Callers of the service: a few that wait for their answers, or many that do not wait in turn."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from labels.puzzles import Puzzle, read_puzzles

NO_ANSWER = 0
"""The status of a request that got none."""

_REFUSED_S = 1.0
"""What `Retry-After` says by default."""


@dataclass(frozen=True, slots=True)
class Question:
    """A puzzle as the body of a request, encoded once: the callers share the cores they measure.

    Attributes:
        body: multipart/form-data.
        content_type: With its boundary.
    """

    body: bytes
    content_type: str

    @classmethod
    def of(cls, puzzle: Puzzle, folder: Path) -> "Question":
        """Read the puzzle's pictures."""
        files: list[tuple[str, tuple[str | None, bytes]]] = [
            ("background", ("background", (folder / puzzle.background).read_bytes()))
        ]
        ((kind, value),) = puzzle.prompt.items()
        if kind == "icons":
            files += [("icons", ("icon", (folder / str(name)).read_bytes())) for name in value]
        elif kind == "image":
            files.append(("image", ("image", (folder / str(value)).read_bytes())))
        else:
            files.append((kind, (None, json.dumps(value).encode())))
        request = httpx.Request("POST", "http://service/solve", files=files)
        return cls(request.read(), request.headers["content-type"])


@dataclass(frozen=True, slots=True)
class Answered:
    """One request and what became of it.

    Attributes:
        at_s: When it was sent, seconds after the callers began.
        status: Status of the answer; `NO_ANSWER` where there was none.
        latency_s: From sending to the last byte.
        retry_after: Whether the answer says when to come again.
        models: Models that took part in an answer.
        error: Kind of the fault where there was no answer.
    """

    at_s: float
    status: int
    latency_s: float
    retry_after: bool = False
    models: tuple[tuple[str, str], ...] = ()
    error: str = ""

    @property
    def fine(self) -> bool:
        """Answered, or refused in the way that is promised."""
        return self.status == 200 or (self.status == 503 and self.retry_after)


def questions(sets: Sequence[Path], each: int) -> list[Question]:
    """The first puzzles of every set, one set after the other in turn."""
    puzzles = [list(itertools.islice(read_puzzles(folder), each)) for folder in sets]
    return [
        Question.of(puzzle, folder)
        for row in itertools.zip_longest(*puzzles)
        for folder, puzzle in zip(sets, row, strict=True)
        if puzzle is not None
    ]


class Callers:
    """Puts questions to a service.

    Args:
        url: URL of the service.
        asked: Put one after the other, over and over.
        timeout_s: After which a caller gives up; longer than the service may take.
    """

    def __init__(self, url: str, asked: Sequence[Question], timeout_s: float) -> None:
        self._asked: Iterator[Question] = itertools.cycle(asked)
        self._start = time.perf_counter()
        # Without limits: an open loop that waited for a free connection would not be one.
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=timeout_s,
            # Closed long before the service would: a request at that moment gets no answer.
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=50, keepalive_expiry=2
            ),
            trust_env=False,
        )

    async def ask(self) -> Answered:
        """Put the next question."""
        question = next(self._asked)
        start = time.perf_counter()
        at_s = start - self._start
        try:
            response = await self._client.post(
                "/solve", content=question.body, headers={"content-type": question.content_type}
            )
        except httpx.HTTPError as error:
            taken = time.perf_counter() - start
            return Answered(at_s, NO_ANSWER, taken, error=type(error).__name__)
        taken = time.perf_counter() - start
        models: dict[str, Any] = response.json()["models"] if response.status_code == 200 else {}
        return Answered(
            at_s,
            response.status_code,
            taken,
            "retry-after" in response.headers,
            tuple(sorted(models.items())),
        )

    async def in_turn(self, callers: int, until: Callable[[], bool]) -> list[Answered]:
        """Closed loop: so many callers at a time, each asks again once it is answered.

        One that is refused comes again after a second, as it is told: askers that do not wait would
        take the service's processor time from those that it answers.
        """
        found: list[Answered] = []

        async def one() -> None:
            while not until():
                found.append(await self.ask())
                if found[-1].status == 503:
                    await asyncio.sleep(_REFUSED_S)

        await asyncio.gather(*(one() for _ in range(callers)))
        return found

    async def at_rate(self, rate: float, seconds: float) -> list[Answered]:
        """Open loop: a request every `1 / rate` seconds, whatever became of those before."""
        begin = time.perf_counter()
        tasks = []
        for number in range(int(rate * seconds)):
            delay = begin + number / rate - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            tasks.append(asyncio.create_task(self.ask()))
            if number % 16 == 0:
                await asyncio.sleep(0)  # Late: let what is due be sent before more is made.
        return list(await asyncio.gather(*tasks))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
