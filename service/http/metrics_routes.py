"""What Prometheus scrapes at `/metrics`: what is counted, and how the service stands just now."""

from collections.abc import Iterable, Iterator

from fastapi import APIRouter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from service.execution import Service
from service.telemetry.metrics import Metrics

router = APIRouter()


@router.get(
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


class ServiceCollector(Collector):
    """The queue, the models and what is kept, read at every scrape.

    Args:
        service: Is asked for them.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

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
            self._service.metrics.add_bundle(version.name)
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
