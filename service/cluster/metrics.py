"""The metrics of all replicas as one page: each line says which replica it is about."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

LABEL = "replica"


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> list[Metric]:
        return self._metrics


def merge(pages: Mapping[str, str], own: CollectorRegistry) -> bytes:
    """Put the metrics of replicas together, with those of the gateway behind them.

    Args:
        pages: Name of each replica, and its metrics in the Prometheus text format.
        own: Metrics of the gateway; they get no label.

    Returns:
        A page in the Prometheus text format.
    """
    families: dict[str, Metric] = {}
    for replica, page in pages.items():
        for family in text_string_to_metric_families(page):
            merged = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                merged.samples.append(sample._replace(labels={**sample.labels, LABEL: replica}))
    registry = CollectorRegistry()
    registry.register(_Collected(families.values()))
    return generate_latest(registry) + generate_latest(own)
