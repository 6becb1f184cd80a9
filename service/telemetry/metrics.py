"""What Prometheus scrapes at `/metrics`: one registry an app, no label that a caller can invent."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.solving.answers import Answer, Reason

if TYPE_CHECKING:  # The service holds its metrics.
    from service.execution import Service

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)

UNMATCHED = "unmatched"
"""The route of a request that no route is for."""

_CLIENT_LEFT = 499
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OPENAPI = "/openapi.json"
"""Routes of Starlette, which leaves no trace of them in the scope as FastAPI does."""
_STAGES = ("decode", "detect", "recognise", "match", "read")
_OUTCOMES: tuple[Reason | str, ...] = (
    "solved",
    "missed_target",
    "ambiguous",
    "low_confidence",
    "empty_prompt_image",
    "missing_target",
)

metrics_router = APIRouter()


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
        for outcome in _OUTCOMES:
            self._solves.labels(bundle, outcome)
        self._confidence.labels(bundle)

    def watch(self, service: "Service") -> None:
        """Read the queue, the models and what is kept of a service at every scrape."""
        self.registry.register(_Watched(service, self))

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

    def solved(self, bundle: str, answer: Answer) -> None:
        """Count the answer to a puzzle.

        Args:
            bundle: Name of the bundle that answered; never one that only a caller knows.
            answer: An abstention too.
        """
        outcome = "solved" if answer.reason is None else answer.reason
        self._solves.labels(bundle, outcome).inc()
        self._confidence.labels(bundle).observe(answer.confidence)

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
        status = _CLIENT_LEFT
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


@metrics_router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={
        200: {
            "content": {
                media_type: {"schema": {"type": "string"}}
                for media_type in ("text/plain", "application/openmetrics-text")
            }
        }
    },
)
def scrape(request: Request) -> Response:
    """Text in the Prometheus or the OpenMetrics format, as `Accept` asks."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    metrics: Metrics = request.app.state.metrics
    # As a header, since Starlette would add another charset to a media type of text.
    return Response(encode(metrics.registry), headers={"content-type": media_type})


class _Watched(Collector):
    """What is known without counting, read when somebody asks."""

    def __init__(self, service: "Service", metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not read the service."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        yield from self._queue()
        yield from self._models()
        yield from self._kept()

    def _queue(self) -> Iterator[Metric]:
        load = self._service.pool.load
        for name, text, value in (
            ("queue_running", "Requests that are being computed.", load.running),
            ("queue_waiting", "Requests that wait for a worker.", load.waiting),
            ("queue_room", "Requests that would be taken now.", load.room),
            ("bodies_reading", "Request bodies that are being received.", load.reading),
        ):
            yield GaugeMetricFamily(f"clickorder_{name}", text, value)
        yield CounterMetricFamily(
            "clickorder_queue_refusals",
            "Requests refused because the queue was full.",
            load.refused,
        )

    def _models(self) -> Iterator[Metric]:
        registry = self._service.registry
        info = GaugeMetricFamily(
            "clickorder_model_info",
            "1 for every model that is served; version is that of the bundle.",
            labels=("bundle", "version", "role", "model"),
        )
        for version in registry.served:
            self._metrics.add_bundle(version.name)
            for role, model in sorted(version.solver.models.items()):
                info.add_metric((version.name, version.version, role, model), 1)
        yield info
        refused = GaugeMetricFamily(
            "clickorder_bundle_refused",
            "1 for every bundle that is not served as it lies in the models folder.",
            labels=("bundle",),
        )
        for name in sorted({refusal.name or refusal.folder for refusal in registry.refused}):
            refused.add_metric((name,), 1)
        yield refused
        refusals = CounterMetricFamily(
            "clickorder_bundle_refusals",
            "How often a folder of the models folder was refused.",
            labels=("folder",),
        )
        for folder, count in sorted(registry.refusals_total.copy().items()):
            refusals.add_metric((folder,), count)
        yield refusals

    def _kept(self) -> Iterator[Metric]:
        keeper = self._service.keeper
        if keeper is None:
            return
        now = keeper.now()
        yield GaugeMetricFamily("clickorder_keep_puzzles", "Puzzles kept now.", now.puzzles)
        yield GaugeMetricFamily(
            "clickorder_keep_bytes", "Bytes of the puzzles kept now.", now.size_bytes
        )
        yield CounterMetricFamily("clickorder_kept", "Puzzles written.", now.kept)
        for name, text, label, counts in (
            ("keep_dropped", "Puzzles that were to be kept and are not.", "reason", now.dropped),
            ("keep_removed", "Puzzles taken away again.", "cause", now.removed),
        ):
            family = CounterMetricFamily(f"clickorder_{name}", text, labels=(label,))
            for value, count in counts.items():
                family.add_metric((value,), count)
            yield family
