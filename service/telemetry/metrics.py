"""What is counted as requests are answered: one registry an app, no label of a caller's own."""

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import CALLER_LEFT

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)

UNMATCHED = "unmatched"
"""The route of a request that no route is for."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OPENAPI = "/openapi.json"
"""Routes of Starlette, which leaves no trace of them in the scope as FastAPI does."""
_STAGES = ("decode", "detect", "recognise", "match", "read")
OUTCOMES = (
    "solved",
    "missed_target",
    "ambiguous",
    "low_confidence",
    "empty_prompt_image",
    "missing_target",
)
"""What can come of a puzzle: an answer, or the reason of an abstention."""


class Metrics:
    """Counts what the service does; safe to share between threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "clickorder_requests",
            "Requests answered; 499 is a caller that left before.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "clickorder_request_duration_seconds",
            "From the first byte of a request to the last of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._problems = Counter(
            "clickorder_problems",
            "Requests that failed, by the code of their problem.",
            ("code",),
            registry=self.registry,
        )
        self._solves = Counter(
            "clickorder_solves",
            "Puzzles answered: solved, or the reason of an abstention.",
            ("bundle", "outcome"),
            registry=self.registry,
        )
        self._confidence = Histogram(
            "clickorder_confidence",
            "Confidence of the answers to puzzles, abstentions among them.",
            ("bundle",),
            buckets=CONFIDENCES,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "clickorder_stage_duration_seconds",
            "Time that one request spent in a stage.",
            ("stage",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._items = Counter(
            "clickorder_batch_items",
            "Puzzles of batches: answered, or the code of the problem.",
            ("outcome",),
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        # A series that appears with its first event is one whose first event no rate() shows.
        for stage in _STAGES:
            self._stage_seconds.labels(stage)
        self._items.labels("answered")
        self.add_bundle("default")

    def add_bundle(self, bundle: str) -> None:
        """Begin the series of a bundle at 0."""
        for outcome in OUTCOMES:
            self._solves.labels(bundle, outcome)
        self._confidence.labels(bundle)

    def requested(
        self, method: str, route: str, status: int, code: str | None, seconds: float
    ) -> None:
        """Count one request.

        Args:
            method: Method of the request.
            route: The template, `/models/{name}/reload`, never the path.
            status: Status of the answer.
            code: Code of the problem, if the answer is one.
            seconds: All of it.
        """
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if code is not None:
            self._problems.labels(code).inc()

    def solved(self, bundle: str, outcome: str, confidence: float) -> None:
        """Count the answer to a puzzle.

        Args:
            bundle: Name of the bundle that answered; never one that only a caller knows.
            outcome: One of `OUTCOMES`.
            confidence: Confidence of the answer, 0..1.
        """
        self._solves.labels(bundle, outcome).inc()
        self._confidence.labels(bundle).observe(confidence)

    def staged(self, stages_ms: Mapping[str, float]) -> None:
        """Count the stages of one request, in milliseconds; others than the four are not."""
        for stage in _STAGES:
            if stage in stages_ms:
                self._stage_seconds.labels(stage).observe(stages_ms[stage] / 1000)

    def batch_item(self, code: str | None) -> None:
        """Count a puzzle of a batch by the code of its problem; None where it was answered."""
        self._items.labels(code or "answered").inc()


class Measured:
    """Counts every request; the outermost, so that it sees every answer there is."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = CALLER_LEFT
        state = scope.setdefault("state", {})

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:
            seconds = time.perf_counter() - start
            self._metrics.requested(
                scope["method"], route_of(scope), status, state.get("code"), seconds
            )


def route_of(scope: Scope) -> str:
    """The template of the route that a request went to, once it has been routed."""
    if scope["path"] == _OPENAPI:
        return _OPENAPI
    return getattr(scope.get("route"), "path", None) or UNMATCHED
