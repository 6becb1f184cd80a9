"""Traces that a real collector receives: a small HTTP server that reads OTLP's protobuf."""

import base64
import io
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import httpx
import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from PIL import Image

from service.app import create_app
from service.rpc import clickorder_pb2 as pb
from service.settings import Settings
from service.telemetry.tracing import Tracing

HERE = Path(__file__).parents[1]
FILE = io.BytesIO()
IMAGE = Image.new("RGB", (90, 60), "white")
IMAGE.paste((220, 30, 30), (10, 10, 40, 40))
IMAGE.save(FILE, "PNG")
SCENE = base64.b64encode(FILE.getvalue()).decode()
PUZZLE = {"background": SCENE, "prompt": {"words": ["red"]}}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

VARIABLES = (
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
)


class Collector(ThreadingHTTPServer):
    """Receives `POST /v1/traces`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.received: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in list(self.received)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def services(self) -> set[str]:
        return {
            attribute.value.string_value
            for request in list(self.received)
            for resource in request.resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        }


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/traces"
        assert self.headers["content-type"] == "application/x-protobuf"
        self.server.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def traced(serve, collector, monkeypatch, **environment) -> Iterator[httpx.Client]:
    """A service that sends its traces; all of them have come when the block ends."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with serve() as url, httpx.Client(base_url=url, timeout=600) as client:
        yield client


def attributes(span):
    found = {}
    for attribute in span.attributes:
        kind = attribute.value.WhichOneof("value")
        found[attribute.key] = getattr(attribute.value, kind)
    return found


def test_a_request_is_a_span_with_its_wait_and_its_stages_below(serve, collector, monkeypatch):
    with traced(serve, collector, monkeypatch) as client:
        sent = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "mine"}
        assert client.post("/solve?token=abc", json=PUZZLE, headers=sent).status_code == 200
    (server,) = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert server.name == "POST /solve"
    assert server.trace_id.hex() == TRACE
    assert server.parent_span_id.hex() == PARENT
    told = attributes(server)
    confidence = told.pop("clickorder.confidence")
    assert 0 < confidence <= 1
    assert told == {
        "http.request.method": "POST",
        "http.route": "/solve",
        "http.response.status_code": 200,
        "url.path": "/solve",
        "url.scheme": "http",
        "clickorder.request_id": "mine",
        "clickorder.bundle": "default",
        "clickorder.outcome": "solved",
        "clickorder.boxes": 1,
    }
    below = [span for span in collector.spans if span is not server and span.trace_id]
    below = [span for span in below if span.span_id != server.span_id]
    assert {span.name for span in below} == {"queue", "decode", "detect", "recognise", "match"}
    for span in below:
        assert span.parent_span_id == server.span_id
        assert span.trace_id == server.trace_id
        assert server.start_time_unix_nano <= span.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano <= server.end_time_unix_nano
    assert collector.services == {"clickorder"}


def test_puzzles_of_a_batch_are_below_the_one_request(serve, collector, monkeypatch):
    with traced(serve, collector, monkeypatch) as client:
        client.post("/solve/batch", json={"puzzles": [PUZZLE, PUZZLE]}).read()
    (server,) = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert server.name == "POST /solve/batch"
    decodes = [span for span in collector.spans if span.name == "decode"]
    assert len(decodes) == 2
    assert {span.parent_span_id for span in decodes} == {server.span_id}


@pytest.mark.parametrize(
    ("word", "status", "code"), [("red", 0, None), ("紫", 3, "unknown_word")], ids=["fine", "wrong"]
)
def test_a_call_over_grpc_is_a_span_too(
    open_app, colours, collector, monkeypatch, word, status, code
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    app = create_app(Settings(grpc_port=0), colours)
    sent = pb.SolveRequest(
        background=FILE.getvalue(), prompt=pb.Prompt(words=pb.Words(words=[word]))
    )
    path = "clickorder.v1.Clickorder/Solve"
    with open_app(app), grpc.insecure_channel(app.state.rpc.address) as channel:
        raw = channel.unary_unary(f"/{path}", pb.SolveRequest.SerializeToString)
        metadata = [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("x-request-id", "mine")]
        assert raw.future(sent, timeout=600, metadata=metadata).code().value[0] == status
    (server,) = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert (server.name, server.trace_id.hex()) == (path, TRACE)
    assert server.parent_span_id.hex() == PARENT
    told = attributes(server)
    assert told["rpc.system"] == "grpc"
    assert f"{told['rpc.service']}/{told['rpc.method']}" == path
    assert told["rpc.grpc.status_code"] == status
    assert told["clickorder.request_id"] == "mine"
    assert told.get("error.type") == code
    (decode,) = [span for span in collector.spans if span.name == "decode"]
    assert decode.parent_span_id == server.span_id
    assert "紫" not in str(collector.spans)


FAILURES = {
    "caller": ({"background": SCENE, "prompt": {"words": ["紫"]}}, 422, "unknown_word", "UNSET"),
    "service": ({"background": SCENE, "prompt": {"words": ["boom"]}}, 500, "internal", "ERROR"),
}


@pytest.mark.parametrize(("asked", "status", "code", "wanted"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_told_by_its_code_and_quotes_nothing(
    serve, collector, monkeypatch, asked, status, code, wanted
):
    from service.solving.solver import Solver

    real = Solver.solve

    def solve(self, background, prompt, **options):
        if prompt.words == ("boom",):
            raise RuntimeError("紫 boom")
        return real(self, background, prompt, **options)

    monkeypatch.setattr(Solver, "solve", solve)
    with traced(serve, collector, monkeypatch) as client:
        assert client.post("/solve", json=asked).status_code == status
    (server,) = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert attributes(server)["error.type"] == code
    assert attributes(server)["http.response.status_code"] == status
    assert server.status.code == getattr(Status, f"STATUS_CODE_{wanted}")
    everything = b"".join(request.SerializeToString() for request in collector.received)
    for secret in ("紫", "boom", SCENE[:40]):
        assert secret.encode() not in everything


def test_paths_that_are_no_route_are_not_names_of_spans(serve, collector, monkeypatch):
    with traced(serve, collector, monkeypatch) as client:
        assert client.get("/nothing/here").status_code == 404
    (server,) = collector.spans
    assert server.name == "GET"
    assert "http.route" not in attributes(server)


NAMES = {
    "default": ({}, "clickorder"),
    "service-name": ({"OTEL_SERVICE_NAME": "captcha-lab"}, "captcha-lab"),
    "resource": ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=lab,team=qa"}, "lab"),
}


@pytest.mark.parametrize(("environment", "name"), NAMES.values(), ids=NAMES)
def test_the_name_of_the_service(serve, collector, monkeypatch, environment, name):
    with traced(serve, collector, monkeypatch, **environment) as client:
        client.get("/healthz")
    assert collector.services == {name}


SILENT = {
    "disabled": {"OTEL_SDK_DISABLED": "true"},
    "none": {"OTEL_TRACES_EXPORTER": "none"},
    "sampled-out": {"OTEL_TRACES_SAMPLER": "always_off"},
}


@pytest.mark.parametrize("environment", SILENT.values(), ids=SILENT)
def test_nothing_is_sent_where_the_variables_say_so(serve, collector, monkeypatch, environment):
    with traced(serve, collector, monkeypatch, **environment) as client:
        assert client.post("/solve", json=PUZZLE).status_code == 200
    assert collector.spans == []


def test_a_caller_that_is_not_sampled_is_not_traced(serve, collector, monkeypatch):
    with traced(serve, collector, monkeypatch) as client:
        client.get("/healthz", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert collector.spans == []


ASKED = {
    "nothing": ({}, False),
    "endpoint": ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318"}, True),
    "traces-endpoint": ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x:4318/v1/traces"}, True),
    "exporter": ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
    "none-beats-endpoint": (
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318"},
        False,
    ),
    "disabled": ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp"}, False),
    "name-only": ({"OTEL_SERVICE_NAME": "x"}, False),
}


@pytest.mark.parametrize(("environment", "asked"), ASKED.values(), ids=ASKED)
def test_when_the_variables_ask_for_traces(environment, asked):
    assert (Tracing.asked_for(environment) is not None) is asked


FAULTS = {
    "exporter": ({"OTEL_TRACES_EXPORTER": "zipkin"}, "'zipkin'"),
    "protocol": (
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        "http/protobuf",
    ),
}


@pytest.mark.parametrize(("environment", "sentence"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_done_is_told_once_and_the_service_goes_on(
    serve, monkeypatch, environment, sentence
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with structlog.testing.capture_logs() as lines, serve() as url:
        assert httpx.post(f"{url}/solve", json=PUZZLE, timeout=600).status_code == 200
    (told,) = [line for line in lines if line["event"] == "tracing"]
    assert told["log_level"] == "warning"
    assert sentence in told["detail"]


def test_a_missing_package_is_told_and_the_service_goes_on(serve, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    for name in [n for n in sys.modules if n.startswith("opentelemetry.exporter")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    with structlog.testing.capture_logs() as lines, serve() as url:
        assert httpx.post(f"{url}/solve", json=PUZZLE, timeout=600).status_code == 200
    (told,) = [line for line in lines if line["event"] == "tracing"]
    assert 'pip install -e ".[tracing]"' in told["detail"]


SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import colour_solver
from service.serve import run_server
from service.settings import Settings

try:
    run_server(Settings(), colour_solver)
finally:
    senders = ("opentelemetry.sdk", "opentelemetry.exporter")
    print(*[name for name in sys.modules if name.startswith(senders)])
"""


def served(python, **environment):
    """Solve one puzzle in a process of its own; the lines of its log, and the modules that send."""
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    env |= {"CLICKORDER_PORT": "0"} | environment
    with python.start(SERVER, HERE, environment=env) as server:
        try:
            url = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
            assert httpx.post(f"{url[0]}/solve", json=PUZZLE, timeout=600).status_code == 200
        finally:
            server.send_signal(signal.SIGINT)
            output, log = server.communicate(timeout=600)
    lines = [json.loads(line) for line in log.splitlines()]
    return [line for line in lines if line["event"] == "request"], output.splitlines()[-1]


def test_the_log_names_the_trace(collector, python):
    (line,), modules = served(python, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    (server,) = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert line["trace_id"] == server.trace_id.hex()
    assert "opentelemetry.sdk.trace" in modules


def test_nothing_is_imported_where_nobody_asks(python):
    (line,), modules = served(python)
    assert "trace_id" not in line
    assert modules == ""


def test_a_collector_that_is_not_there_delays_no_answer_and_not_the_end(serve, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    # `serve` waits for the end, and not forever; the exporter alone would try again and again.
    with serve() as url:
        assert httpx.post(f"{url}/solve", json=PUZZLE, timeout=600).status_code == 200
