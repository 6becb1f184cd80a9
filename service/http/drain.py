"""Lets a caller that is refused early finish sending, so that it gets to see why.

A server that closes a connection while bytes still arrive resets it, and the answer is lost on the
way. Where the connection stays open the server drops what comes; where it is to be closed, what is
still sent is taken here and thrown away, for a while.
"""

import asyncio
import contextlib

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Drain:
    """Reads what is left of a body before an answer that closes the connection.

    Args:
        app: Whatever answers.
        max_bytes: More than this is not waited for; the body limit of the service is a good one.
        seconds: Nor longer than this.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float = 2.0) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or not _closes(scope):
            await self._app(scope, receive, send)
            return
        ended = False

        async def watched_receive() -> Message:
            nonlocal ended
            message = await receive()
            ended = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def patient_send(message: Message) -> None:
            if message["type"] == "http.response.start" and not ended:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds):
                        await drained()
            await send(message)

        async def drained() -> None:
            left = self._max_bytes
            while not ended and left > 0:
                left -= len((await watched_receive()).get("body", b""))

        await self._app(scope, watched_receive, patient_send)


def _closes(scope: Scope) -> bool:
    """Whether the connection ends with the answer."""
    kept = Headers(scope=scope).get("connection", "").lower()
    return "close" in kept or (scope.get("http_version") == "1.0" and "keep-alive" not in kept)
