"""The way in: forwards each request to a replica, and once more where that replica is lost.

Solving changes nothing, so a request can be put to another replica when the first one ends in the
middle of it. Ray Serve itself does so only with requests that a replica has not begun.
"""

import asyncio
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Counter
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.cluster.forwarding import ForwardedRequest, Replicas, WholeAnswer
from service.cluster.metrics import merge
from service.cluster.resumed import ResumedAnswer
from service.errors import (
    BodyTimeoutError,
    DeadlineExceededError,
    OverloadedError,
    ReplicaLostError,
    ServiceError,
)
from service.http.batch import BATCHES
from service.http.middleware import BodyLimit, RequestContext
from service.problems import problem_of
from service.security.guard import SecurityHeaders, is_open, needs_admin
from service.security.keys import Keys
from service.settings import Settings

ATTEMPTS = 3
"""Replicas that one request is put to at most; one that ends replicas must not end them all."""

METRICS = "/metrics"

log: structlog.stdlib.BoundLogger = structlog.get_logger("service.cluster")


def create_gateway(settings: Settings, replicas: Replicas) -> ASGIApp:
    """Make the app of a gateway.

    Args:
        settings: The limits, the times and the keys are those of the replicas.
        replicas: What answers.
    """
    limited = BodyLimit(
        _Gateway(settings, replicas),
        max_bytes=settings.limits.body_bytes,
        by_path=dict.fromkeys(BATCHES, settings.limits.batch_bytes),
    )
    inner = SecurityHeaders(RequestContext(_Keyed(limited, Keys(settings))))
    return _Edge(inner)


class _Edge:
    """What Ray's proxy and the app of a gateway must agree on.

    Ray's proxy gives every request an `X-Request-ID` and adds it to the answer, where that of the
    app would stand a second time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "lifespan":
            await _no_lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return

        async def send_without_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [h for h in message["headers"] if h[0].lower() != b"x-request-id"]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_without_id)


async def _no_lifespan(receive: Receive, send: Send) -> None:
    """There is nothing to open or close."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


class _Keyed:
    """Refuses who has no key before the body is received; a replica checks all else about it."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        # A browser asks with OPTIONS, and without a key, whether it may send one.
        if self._keys.required and not is_open(scope["path"]) and scope["method"] != "OPTIONS":
            try:
                self._keys.of(Headers(scope=scope))
            except ServiceError as error:
                await problem_of(error, scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Gateway:
    """Forwards requests; see `create_gateway`."""

    def __init__(self, settings: Settings, replicas: Replicas) -> None:
        self._settings = settings
        self._replicas = replicas
        self._registry = CollectorRegistry()
        self._lost = Counter(
            "clickorder_cluster_replicas_lost",
            "Requests whose replica ended before its answer did.",
            registry=self._registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        try:
            body = await self._received(receive)
            request = ForwardedRequest.of(scope, body)
            # So that all replicas that this is put to give it the same id.
            request = request.with_header("X-Request-ID", scope["state"]["request_id"])
            await self._forward(request, scope, send)
        except ServiceError as error:
            await problem_of(error, scope)(scope, receive, send)

    async def _received(self, receive: Receive) -> bytes:
        """The whole body: it may have to be sent more than once.

        Raises:
            BodyTimeoutError: it came too slowly.
        """
        seconds = self._settings.body_timeout_s
        pieces = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    pieces.append(message.get("body", b""))
                    if not message.get("more_body", False):
                        return b"".join(pieces)
        except TimeoutError as error:
            raise BodyTimeoutError(
                f"The request body did not arrive within {seconds} s; send it faster, or less."
            ) from error

    async def _forward(self, request: ForwardedRequest, scope: Scope, send: Send) -> None:
        if request.path == METRICS and scope["method"] == "GET":
            await self._of_each(request.with_header("Accept", "text/plain"), send, self._merged)
        elif needs_admin(scope["method"], request.path):
            await self._of_each(request, send, _worst)
        else:
            await self._of_one(request, send)

    async def _of_one(self, request: ForwardedRequest, send: Send) -> None:
        """The answer of one replica, or of the next where it is lost.

        Raises:
            ReplicaLostError: as many replicas as it was put to were lost.
            DeadlineExceededError: no answer was there in time.
        """
        answer = ResumedAnswer(send)
        # Each puzzle of a batch has the deadline for itself, in the replica.
        seconds = None if request.path in BATCHES else self._settings.deadline_s
        try:
            async with asyncio.timeout(seconds):
                for _ in range(ATTEMPTS):
                    try:
                        async for messages in self._replicas.answer(request):
                            await answer.take(messages)
                        break
                    except ReplicaLostError as error:
                        self._lost.inc()
                        log.warning("replica lost", path=request.path, reason=str(error))
                        answer.begin_again()
                else:
                    raise ReplicaLostError(
                        f"{ATTEMPTS} replicas ended while they answered this request; try again, "
                        "and report the request id if it happens again."
                    )
        except TimeoutError as error:
            raise DeadlineExceededError(
                f"The answer was not ready within {seconds} s; try again, or send less."
            ) from error
        await answer.end()

    async def _of_each(
        self,
        request: ForwardedRequest,
        send: Send,
        join: Callable[[list[WholeAnswer]], WholeAnswer],
    ) -> None:
        """One answer from those of all replicas."""
        answers = await self._replicas.answer_of_each(request)
        if not answers:
            raise OverloadedError("No replica runs now; try again.", self._settings.retry_after_s)
        whole = join(answers)
        headers = [h for h in whole.headers if h[0].lower() != b"content-length"]
        start = {"type": "http.response.start", "status": whole.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": whole.body})

    def _merged(self, answers: list[WholeAnswer]) -> WholeAnswer:
        worst = _worst(answers)
        if worst.status != 200:
            return worst
        body = merge({a.replica: a.body.decode() for a in answers}, self._registry)
        return WholeAnswer(worst.replica, 200, worst.headers, body)


def _worst(answers: list[WholeAnswer]) -> WholeAnswer:
    """The answer of the highest status: what one replica could not do is not done."""
    return max(answers, key=lambda answer: answer.status)
