"""Around every request: its id, its line in the log, the limit of its body.

Pure ASGI, so that nothing copies the body or breaks the context variables of the log.
"""

import re
import time
import uuid
from collections.abc import Mapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import CALLER_LEFT, BodyTooLargeError
from service.problems import internal_problem, problem_of

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAX_PATH = 200

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


def request_id_of(sent: str) -> str:
    """The id of a request: as sent, or a new one where that could not stand in a line of a log."""
    return sent if _SANE_ID.fullmatch(sent) else uuid.uuid4().hex


class RequestContext:
    """Gives every request an id, logs it, and turns a fault into a 500 problem.

    Only method, path, outcome and the name of the key are logged: never a query, a header, a
    body or a word.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = request_id_of(Headers(scope=scope).get("x-request-id", ""))
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except ClientDisconnect:
                status = CALLER_LEFT
            except Exception as error:
                response = internal_problem(error, scope)
                if status:
                    raise  # the answer has begun; all that is left is to cut it off
                await response(scope, receive, send_with_id)
            finally:
                # Percent-encoded as it came, so that no path can forge a line of the log.
                path = scope.get("raw_path") or scope["path"].encode()
                fields = {name: state[name] for name in ("key", "code") if name in state}
                log.info(
                    "request",
                    method=scope["method"],
                    path=path[:_MAX_PATH].decode("latin-1"),
                    status=status,
                    duration_ms=round((time.perf_counter() - start) * 1000, 1),
                    **fields,
                )


class _OverLimitError(Exception):
    """More bytes came than are taken; not a ServiceError, so that no handler inside answers it."""


class BodyLimit:
    """Refuses bodies of more than `max_bytes`: by `Content-Length`, else while reading.

    `by_path` gives some paths a limit of their own.
    What the caller still sends after the refusal is dropped by the server as it comes.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, by_path: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._by_path = by_path or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read = 0
        most = self._by_path.get(scope["path"], self._max_bytes)

        async def limited_receive() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise _OverLimitError
            return message

        declared = Headers(scope=scope).get("content-length", "")
        over = declared.isdecimal() and int(declared) > most
        if not over:
            try:
                await self._app(scope, limited_receive, send)
            except _OverLimitError:
                over = True
        if over:
            error = BodyTooLargeError(
                f"The request body has more than {most} bytes; send smaller pictures."
            )
            await problem_of(error, scope)(scope, receive, send)
