"""The spans of a request, for whatever takes part in it; nothing where it is not traced.

Who opens and sends them is `service.telemetry.tracing`; here nothing of OpenTelemetry is imported.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer


@dataclass(frozen=True, slots=True)
class Traced:
    """The request that is being traced.

    Attributes:
        tracer: Makes the spans below it.
        server: The span of the request.
    """

    tracer: "Tracer"
    server: "Span"


traced: ContextVar[Traced | None] = ContextVar("traced", default=None)


@contextmanager
def span(name: str) -> Iterator[None]:
    """A span around a `with` block, where the request is traced."""
    current = traced.get()
    if current is None:
        yield
        return
    # The message of an exception may quote the caller's words; its type is all that is told.
    with current.tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield
        except Exception as error:
            opened.set_attribute("error.type", type(error).__qualname__)
            raise


def waited(since_ns: int) -> None:
    """A span for a wait that ends now, where the request is traced.

    Args:
        since_ns: When it began, by `time.time_ns`.
    """
    current = traced.get()
    if current is not None:
        current.tracer.start_span("queue", start_time=since_ns).end(time.time_ns())


def note(attributes: Mapping[str, str | int | float | bool]) -> None:
    """Add attributes to the span of the request, where it is traced."""
    current = traced.get()
    if current is not None:
        for key, value in attributes.items():
            current.server.set_attribute(key, value)
