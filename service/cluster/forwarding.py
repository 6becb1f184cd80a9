"""A request on its way from the gateway to a replica, and the app's answer on its way back."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Scope

_FIELDS = (
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "client",
    "server",
)
"""What of an ASGI scope goes to a replica: plain values, nothing of the process it came from."""


@dataclass(frozen=True, slots=True)
class ForwardedRequest:
    """A request as it came.

    Attributes:
        fields: Entries of the ASGI scope, without the headers.
        headers: Names in lower case, and values.
        body: All of it.
    """

    fields: dict[str, Any]
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @classmethod
    def of(cls, scope: Scope, body: bytes) -> "ForwardedRequest":
        """The request of an ASGI scope."""
        fields = {name: scope[name] for name in _FIELDS if name in scope}
        return cls(fields, tuple((bytes(n), bytes(v)) for n, v in scope["headers"]), body)

    @property
    def path(self) -> str:
        """Its path, decoded."""
        return str(self.fields["path"])

    def with_header(self, name: str, value: str) -> "ForwardedRequest":
        """The same request with one header in place of all of that name."""
        named = name.lower().encode()
        kept = tuple(header for header in self.headers if header[0] != named)
        return replace(self, headers=(*kept, (named, value.encode())))

    def scope(self) -> dict[str, Any]:
        """An ASGI scope of its own."""
        return {**self.fields, "headers": list(self.headers)}


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer that has ended.

    Attributes:
        replica: Which replica gave it.
        status: Status of the answer.
        headers: Names and values.
        body: All of it.
    """

    replica: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @classmethod
    def of(cls, messages: Iterable[Message], replica: str = "") -> "WholeAnswer":
        """The answer that ASGI messages make.

        Args:
            messages: A start and its body.
            replica: Which replica sent them.
        """
        status, body = 500, b""
        headers: tuple[tuple[bytes, bytes], ...] = ()
        for message in messages:
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = tuple((name, value) for name, value in message.get("headers", ()))
            elif message["type"] == "http.response.body":
                body += message.get("body", b"")
        return cls(replica, status, headers, body)


class Replicas(Protocol):
    """What a gateway forwards requests to."""

    def answer(self, request: ForwardedRequest) -> AsyncIterator[list[Message]]:
        """The answer of one replica, in pieces.

        Raises:
            ReplicaLostError: the replica ended before its answer did.
            OverloadedError: as many requests wait as may.
        """
        ...

    async def answer_of_each(self, request: ForwardedRequest) -> list[WholeAnswer]:
        """The answers of all replicas that run now."""
        ...


async def run_app(app: ASGIApp, request: ForwardedRequest) -> AsyncIterator[list[Message]]:
    """Put a request to an app in this process.

    Args:
        app: Any ASGI app whose lifespan has begun.
        request: Its body is there already.

    Yields:
        What the app has sent since the piece before; the pieces of a short answer come in one.
    """
    sent: asyncio.Queue[Message | None] = asyncio.Queue()
    taken = False

    async def receive() -> Message:
        nonlocal taken
        if taken:  # Who waits for the caller to leave is cancelled when that happens.
            await asyncio.Event().wait()
        taken = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Message) -> None:
        sent.put_nowait(message)

    async def run() -> None:
        try:
            await app(request.scope(), receive, send)
        finally:
            sent.put_nowait(None)

    task = asyncio.create_task(run())
    try:
        ended = False
        while not ended:
            piece = [await sent.get()]
            while not sent.empty():
                piece.append(sent.get_nowait())
            ended = piece[-1] is None
            if messages := [message for message in piece if message is not None]:
                yield messages
        await task  # Raises what the app has raised.
    finally:
        task.cancel()
