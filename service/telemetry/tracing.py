"""Traces by the standard `OTEL_...` variables; without them nothing that sends any is imported.

One span for each request, of the kind *server*, as a child of the caller's `traceparent`; below it
one for the wait in the queue and one for each stage. No span says a word, a picture or a header.

See https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.telemetry.metrics import UNMATCHED, route_of
from service.telemetry.spans import Traced, traced

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

_NAME = "clickorder"
_MAX_PATH = 200
_CLOSE_S = 5.0
"""How long the end of the service waits for a collector that does not answer."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


class Tracing:
    """What the variables ask for.

    Args:
        exporters: Names of `OTEL_TRACES_EXPORTER` that are not `none`.
        environ: The variables.
    """

    def __init__(self, exporters: tuple[str, ...], environ: Mapping[str, str]) -> None:
        self._exporters = exporters
        self._environ = environ
        self._provider: TracerProvider | None = None
        self.tracer: Tracer | None = None
        """None before `open`, and where traces cannot be sent."""

    @classmethod
    def asked_for(cls, environ: Mapping[str, str]) -> "Tracing | None":
        """What the variables ask for; None where they do not ask for traces."""
        if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return None
        named = environ.get("OTEL_TRACES_EXPORTER", "").strip()
        if not named and (
            environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
            or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        ):
            named = "otlp"
        exporters = tuple(
            name for name in (part.strip() for part in named.split(",")) if name not in ("", "none")
        )
        return cls(exporters, environ) if exporters else None

    def open(self) -> None:
        """Begin; where that cannot be done the log says why, and the service goes on without."""
        fault = self._fault()
        if fault is None:
            try:
                self._open()
            except ImportError:
                fault = (
                    "The OTEL_ variables ask for traces, but OpenTelemetry is not installed; "
                    'install it with pip install -e ".[tracing]", or unset them.'
                )
            except Exception as error:  # noqa: BLE001 - a wrong variable must not stop the service
                fault = (
                    f"Traces cannot be sent as the OTEL_ variables ask ({type(error).__name__}); "
                    "check them."
                )
        if fault is not None:
            log.warning("tracing", detail=fault)

    def close(self) -> None:
        """Send what is left, but do not wait long for a collector that does not answer."""
        if self._provider is not None:
            sender = threading.Thread(target=self._provider.shutdown, daemon=True)
            sender.start()
            sender.join(_CLOSE_S)

    @contextmanager
    def served(
        self, name: str, headers: Mapping[str, str], attributes: Mapping[str, str]
    ) -> Iterator["Span | None"]:
        """A span around one request, and its `trace_id` on every line that it logs.

        Args:
            name: Name of the span.
            headers: Headers of the request, names in lower case; the caller's `traceparent` is one.
            attributes: What is known already.

        Yields:
            The span; None where traces are not sent.
        """
        if self.tracer is None:
            yield None
            return
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        sent = {key: headers[key] for key in ("traceparent", "tracestate") if key in headers}
        with self.tracer.start_as_current_span(
            name,
            context=TraceContextTextMapPropagator().extract(sent),
            kind=SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as server:
            token = traced.set(Traced(self.tracer, server))
            trace_id = f"{server.get_span_context().trace_id:032x}"
            try:
                with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                    yield server
            finally:
                traced.reset(token)

    def _fault(self) -> str | None:
        for name in self._exporters:
            if name not in ("otlp", "console"):
                return (
                    f"OTEL_TRACES_EXPORTER names {name!r}, which is not known here; use otlp, "
                    "console or none."
                )
        protocol = self._environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or self._environ.get(
            "OTEL_EXPORTER_OTLP_PROTOCOL"
        )
        if "otlp" in self._exporters and protocol not in (None, "", "http/protobuf"):
            return (
                f"The OTEL_ variables ask for the protocol {protocol!r}; only http/protobuf is "
                "spoken here, to the collector's HTTP port, which is 4318 by default."
            )
        return None

    def _open(self) -> None:
        # Only here: who does not trace needs none of it installed.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import (
            BatchSpanProcessor,
            ConsoleSpanExporter,
            SimpleSpanProcessor,
        )

        named = "service.name=" in self._environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        named = named or bool(self._environ.get("OTEL_SERVICE_NAME"))
        provider = TracerProvider(
            resource=Resource.create({} if named else {"service.name": _NAME}),
            shutdown_on_exit=False,
        )
        if "otlp" in self._exporters:
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        if "console" in self._exporters:
            provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
        self._provider = provider
        self.tracer = provider.get_tracer(_NAME)


def end_span(server: "Span", request_id: str | None, status: int, code: str | None) -> None:
    """Say how a request ended.

    Args:
        server: Its span.
        request_id: None where it never had one.
        status: HTTP status, or what it would be there; 0 where there is no answer.
        code: Code of the problem.
    """
    from opentelemetry.trace import StatusCode

    if request_id is not None:
        server.set_attribute("clickorder.request_id", request_id)
    if code is not None:
        server.set_attribute("error.type", code)
    if status >= 500:
        server.set_status(StatusCode.ERROR)


class TraceRequests:
    """Puts a span around every request, and its `trace_id` on every line that it logs."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if self._tracing.tracer is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path = scope.get("raw_path") or scope["path"].encode()
        attributes = {
            "http.request.method": scope["method"],
            "url.path": path[:_MAX_PATH].decode("latin-1"),
            "url.scheme": scope.get("scheme", "http"),
        }
        headers = Headers(scope=scope)
        with self._tracing.served(scope["method"], headers, attributes) as server:
            try:
                await self._app(scope, receive, watched_send)
            finally:
                assert server is not None  # noqa: S101 - there is a tracer
                state = scope.get("state", {})
                route = route_of(scope)
                if route != UNMATCHED:
                    server.update_name(f"{scope['method']} {route}")
                    server.set_attribute("http.route", route)
                if status:
                    server.set_attribute("http.response.status_code", status)
                end_span(server, state.get("request_id"), status, state.get("code"))
