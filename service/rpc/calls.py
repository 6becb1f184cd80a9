"""One call, whatever its method: its id, its key, its line in the log, and how it ends.

Every method takes its messages as bytes and reads them itself, those that are one message as well:
so a call without a key, or one that finds the queue full, is refused before its picture is
received, and what has been received is parsed in a worker.

No page in a browser can call a method, with keys or without: browsers speak no HTTP/2 without TLS,
which is all that is spoken here. So of the guard before HTTP only the keys are needed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import grpc
import structlog
from grpc.aio import ServicerContext

from service.deadline import Deadline
from service.errors import (
    CALLER_LEFT,
    BodyTimeoutError,
    BodyTooLargeError,
    DeadlineExceededError,
    ServiceError,
    TryAgainError,
)
from service.execution import Service
from service.http.middleware import request_id_of
from service.problems import FAULT, log_fault, writable
from service.security.keys import Key, Keys
from service.telemetry.tracing import Tracing, end_span

Context = ServicerContext[bytes, bytes]

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""By the status of the same problem over HTTP; everything else is a fault."""

_NEARLY_OVER = 0.1
"""Share of a call's time that may be left where its caller cancels at the deadline."""

_MAX_DETAIL = 500
"""Characters of a sentence: what ends a call must fit into 8 KiB, with its metadata."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller is told of an error.

    Attributes:
        status: Status of the same problem over HTTP.
        grpc_status: gRPC status of the call.
        code: Stable, for programs.
        detail: One sentence.
        retry_after_s: When the same may succeed; None where nobody knows.
    """

    status: int
    grpc_status: grpc.StatusCode
    code: str
    detail: str
    retry_after_s: int | None = None

    @classmethod
    def of(cls, error: Exception) -> "Told":
        """What is told of an error; a fault goes to the log, and nothing of it to the caller."""
        if not isinstance(error, ServiceError):
            log_fault(error)
            return cls(500, grpc.StatusCode.INTERNAL, ServiceError.code, FAULT)
        wait_s = error.retry_after_s if isinstance(error, TryAgainError) else None
        code = _CODES.get(error.status, grpc.StatusCode.INTERNAL)
        return cls(error.status, code, error.code, writable(str(error))[:_MAX_DETAIL], wait_s)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What stands beside the status."""
        wait = () if self.retry_after_s is None else (("retry-after", str(self.retry_after_s)),)
        return (("clickorder-code", self.code), *wait)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was let in.

    Attributes:
        service: What all calls share, those over HTTP too.
        context: gRPC's context of the call.
        request_id: For the answer.
        key: Whose call it is; None where no key is needed.
    """

    service: Service
    context: Context
    request_id: str
    key: Key | None

    def deadline(self) -> Deadline:
        """From now: that of the service, or the caller's, whichever is nearer."""
        left_s: float | None = self.context.time_remaining()
        ours_s = self.service.settings.deadline_s
        return Deadline(ours_s if left_s is None else min(ours_s, left_s))

    async def first(self) -> bytes | None:
        """The first message, for as long as one may take; None where there is none.

        Raises:
            OverloadedError: the queue is full, or as many are on their way as there is room for.
            BodyTimeoutError: it came too slowly.
            BodyTooLargeError: it has more bytes than the body of a request may have.
        """
        with self.service.pool.reading():
            try:
                async with asyncio.timeout(self.service.settings.body_timeout_s):
                    return await self.next()
            except TimeoutError as error:
                raise self.too_slow() from error

    async def next(self) -> bytes | None:
        """Another message, however long it takes; None where there is none.

        Raises:
            BodyTooLargeError: it has more bytes than the body of a request may have.
        """
        message: object = await self.context.read()
        if not isinstance(message, bytes):
            return None
        most = self.service.settings.limits.body_bytes
        if len(message) > most:
            raise BodyTooLargeError(
                f"The message has more than {most} bytes; send smaller pictures."
            )
        return message

    def too_slow(self) -> BodyTimeoutError:
        """The error of a message that does not come."""
        return BodyTimeoutError(
            f"The message did not arrive within {self.service.settings.body_timeout_s} s; send it "
            "faster, or less."
        )


@dataclass(slots=True)
class _Outcome:
    """How a call ends, filled while it runs; a call that nobody ends was left by its caller."""

    status: int = CALLER_LEFT
    grpc_status: grpc.StatusCode = grpc.StatusCode.CANCELLED
    code: str | None = None
    fields: dict[str, str] = field(default_factory=dict)

    def left(self, context: Context, given_s: float | None) -> None:
        """Tell a caller whose time was over from one that hung up.

        Both look the same on the wire: the caller's side of gRPC cancels at its deadline. Its
        clock started before ours, and gRPC rounds the time it sends up by as much as a hundredth,
        so here a little of the time may be left by then.

        Args:
            context: gRPC's context of the call.
            given_s: The time left when the call came in; None where it has no deadline.
        """
        left_s: float | None = context.time_remaining()
        if given_s is not None and left_s is not None and left_s <= _NEARLY_OVER * given_s:
            self.status, self.code = 504, DeadlineExceededError.code
            self.grpc_status = grpc.StatusCode.DEADLINE_EXCEEDED


class Calls:
    """Lets calls in and sees them to their end.

    Args:
        service: What all calls share.
        keys: Who may call; the same as over HTTP, with the same limits.
        tracing: None where nothing is traced.
    """

    def __init__(self, service: Service, keys: Keys, tracing: Tracing | None) -> None:
        self._service = service
        self._keys = keys
        self._tracing = tracing
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def idle(self) -> None:
        """Return once no call runs."""
        await self._idle.wait()

    def handler(
        self, path: str, answer: Callable[[Call], Awaitable[None]]
    ) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """What gRPC calls for a method.

        Args:
            path: `/package.Service/Method`.
            answer: Reads the messages of a call and writes the answers.
        """

        async def handle(_: object, context: Context) -> None:
            with self._counted():
                told = await self._answer(path, answer, context)
            if told is not None:
                await context.abort(told.grpc_status, told.detail)

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _answer(
        self, path: str, answer: Callable[[Call], Awaitable[None]], context: Context
    ) -> Told | None:
        """Everything but the status; None where all is well."""
        start = time.perf_counter()
        given_s: float | None = context.time_remaining()
        headers: dict[str, str] = {}
        for name, value in context.invocation_metadata() or ():
            if isinstance(value, str):
                headers.setdefault(name, value)
        request_id = request_id_of(headers.get("x-request-id", ""))
        outcome = _Outcome()
        told: Told | None = None
        with (
            self._traced(path, headers, request_id, outcome),
            structlog.contextvars.bound_contextvars(request_id=request_id),
        ):
            try:
                with ExitStack() as stack:
                    key = self._keys.of(headers) if self._keys.required else None
                    if key is not None:
                        outcome.fields["key"] = key.name
                        stack.enter_context(key.admitted(self._service.settings.retry_after_s))
                    await answer(Call(self._service, context, request_id, key))
            except asyncio.CancelledError:
                outcome.left(context, given_s)
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status
                # Where the caller has left, what failed is the answer on its way.
                if context.cancelled():
                    outcome.left(context, given_s)
                    return None
                told = Told.of(error)
                outcome.status, outcome.grpc_status = told.status, told.grpc_status
                outcome.code = told.code
            else:
                outcome.status, outcome.grpc_status = 200, grpc.StatusCode.OK
            finally:
                self._log(path, outcome, time.perf_counter() - start)
        more = () if told is None else told.metadata()
        context.set_trailing_metadata((("x-request-id", request_id), *more))
        return told

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    @contextmanager
    def _traced(
        self, path: str, headers: dict[str, str], request_id: str, outcome: _Outcome
    ) -> Iterator[None]:
        if self._tracing is None:
            yield
            return
        service, _, method = path.removeprefix("/").partition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        with self._tracing.served(path.removeprefix("/"), headers, attributes) as span:
            try:
                yield
            finally:
                if span is not None:
                    span.set_attribute("rpc.grpc.status_code", outcome.grpc_status.value[0])
                    end_span(span, request_id, outcome.status, outcome.code)

    def _log(self, path: str, outcome: _Outcome, seconds: float) -> None:
        """A line, and a count, beside those of HTTP: gRPC is `POST`s on the wire as well."""
        self._service.metrics.requested("POST", path, outcome.status, outcome.code, seconds)
        fields = outcome.fields if outcome.code is None else outcome.fields | {"code": outcome.code}
        log.info(
            "request",
            method="POST",
            path=path,
            status=outcome.status,
            grpc_status=outcome.grpc_status.name,
            duration_ms=round(seconds * 1000, 1),
            **fields,
        )
