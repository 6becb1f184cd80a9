"""The core of the stress test: who asks when, what counts, and the figures made of it."""

import asyncio
import csv
import io
import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from classifier.charsets import LabelRule
from clickorder.bench import load as core
from clickorder.bench.load import Asked, Bench, Level, LevelResult, Sample
from clickorder.bench.plot import draw_boxes
from clickorder.bench.results import (
    COLUMNS,
    QUANTILES,
    Summary,
    requests_csv,
    summary_json,
    without_secrets,
)
from clickorder.client.errors import (
    AccessDeniedError,
    ClientError,
    RequestRefusedError,
    ServiceFailedError,
    UnexpectedAnswerError,
)

READING = {
    "text": "7kX2",
    "confidence": 0.9,
    "characters": [],
    "models": {},
    "timings_ms": {},
    "request_id": "1",
}
ASKED = [Asked.of(f"{label}.png", label, b"picture") for label in ("7kX2", "0000")]


def problem(code):
    return {"code": code, "title": "No", "detail": f"It says {code}."}


@contextmanager
def answering(answer, *, at_once=True):
    """A server of real HTTP; `answer(body)` gives status, headers and body. Yields URL, bodies."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if at_once else "HTTP/1.0"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append((self.path, body, dict(self.headers)))
            status, headers, content = answer(body)
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer if at_once else HTTPServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, *_):
            pass  # A caller that left.

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


def right(_):
    return 200, {}, READING


def slowly(seconds):
    def answer(body):
        time.sleep(seconds)
        return right(body)

    return answer


def measured(url, *levels, **options):
    """What comes of the levels."""

    async def run():
        async with Bench(url, ASKED, **options) as bench:
            for level in levels:
                await bench.measure(level, lambda _: None)
        return bench

    return asyncio.run(run())


@pytest.mark.parametrize("callers", [1, 3, 8])
def test_a_closed_loop_has_so_many_callers(callers):
    running = most = 0
    lock = threading.Lock()
    together = threading.Barrier(callers)

    def answer(body):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(600)  # Fewer at a time would never pass.
        time.sleep(0.02)
        with lock:
            running -= 1
        return right(body)

    with answering(answer) as (url, bodies):
        (result,) = measured(url, Level(callers, requests=24)).results
    assert len(result.samples) == len(bodies) == 24
    assert most == callers
    assert all(sample.answered and sample.status == 200 for sample in result.samples)
    assert all(sample.taken_ms >= 20 for sample in result.samples)
    assert not result.interrupted
    assert {json.loads(body)["image"] for _, body, _ in bodies} == {"cGljdHVyZQ=="}


def test_every_level_reads_the_same_pictures_in_turn():
    with answering(right) as (url, _):
        levels = Level(1, requests=3), Level(0, rate=500.0, requests=3)
        bench = measured(url, *levels)
    for result in bench.results:
        names = [sample.picture for sample in sorted(result.samples, key=lambda s: s.due_s)]
        assert names == ["7kX2.png", "0000.png", "7kX2.png"]
        assert [s.right for s in result.samples].count(True) == 2


def test_seconds_end_a_level():
    with answering(slowly(0.05)) as (url, _):
        closed, opened = measured(
            url, Level(2, seconds=0.3), Level(0, rate=50.0, seconds=0.2)
        ).results
    assert 2 <= len(closed.samples) <= 14
    assert closed.seconds >= 0.3
    assert all(sample.sent_s < 0.3 for sample in closed.samples)
    assert len(opened.samples) == 10
    # Ten at fifty a second, and not nine intervals between them.
    assert opened.seconds >= 0.2


def test_an_open_loop_does_not_wait_and_counts_from_when_a_request_was_due():
    # One request at a time, 0.1 s each, and they are due every 0.01 s.
    with answering(slowly(0.1), at_once=False) as (url, _):
        (result,) = measured(url, Level(0, rate=100.0, requests=10)).results
    samples = sorted(result.samples, key=lambda sample: sample.due_s)
    assert [sample.due_s for sample in samples] == pytest.approx([n / 100 for n in range(10)])
    ended = sorted(sample.due_s + sample.taken_ms / 1e3 for sample in samples)
    assert all(end >= 0.1 * number for number, end in enumerate(ended, start=1))
    # The last to be answered was due after 0.09 s at most.
    assert max(sample.taken_ms for sample in samples) >= 900


def test_time_runs_for_a_request_that_has_no_room(monkeypatch):
    monkeypatch.setattr(core, "MOST_AT_ONCE", 1)
    with answering(slowly(0.1)) as (url, bodies):
        (result,) = measured(url, Level(0, rate=1000.0, requests=5)).results
    last = max(result.samples, key=lambda sample: sample.sent_s)
    assert last.sent_s >= 0.4
    assert last.due_s < 0.1
    assert last.taken_ms >= 1e3 * (last.sent_s - last.due_s) + 100
    assert Summary.of(result).late_ms > 300
    assert len(bodies) == 5


FAILURES = {
    "busy": (503, {"retry-after": "1"}, problem("overloaded"), "overloaded", True),
    "key-too-often": (429, {"retry-after": "1"}, problem("rate_limited"), "rate_limited", True),
    "no-model": (503, {}, problem("model_unavailable"), "model_unavailable", False),
    "late": (504, {}, problem("deadline_exceeded"), "deadline_exceeded", False),
    "picture": (400, {}, problem("bad_picture"), "bad_picture", False),
    "fault": (500, {}, problem("internal"), "internal", False),
    "proxy": (502, {}, b"<html>", "unexpected_answer", False),
    "not-ours": (200, {}, {"text": 1}, "unexpected_answer", False),
    "elsewhere": (307, {"location": "http://127.0.0.1:9/"}, b"", "unexpected_answer", False),
}


@pytest.mark.parametrize(
    ("status", "headers", "body", "code", "refused"), FAILURES.values(), ids=FAILURES
)
def test_what_fails_is_counted_apart_and_not_tried_again(status, headers, body, code, refused):
    with answering(lambda _: (status, headers, body)) as (url, bodies):
        bench = measured(url, Level(2, requests=4))
    assert len(bodies) == 4
    (result,) = bench.results
    for sample in result.samples:
        assert (sample.status, sample.code, sample.refused) == (status, code, refused)
        assert sample.text is sample.right is sample.confidence is None
        assert not sample.answered
    summary = Summary.of(result)
    assert (summary.turned_away, summary.failed) == ((4, 0) if refused else (0, 4))
    assert summary.latencies_ms == {}
    assert summary.answered == summary.answers_per_s == 0
    assert list(bench.examples) == [code]


def test_an_answer_that_trickles_ends_at_the_timeout():
    def answer(_):
        return 200, {"content-length": "100"}, b"{"  # The rest never comes.

    with answering(answer) as (url, _):
        (result,) = measured(url, Level(1, requests=1), timeout_s=0.2).results
    (sample,) = result.samples
    assert (sample.code, sample.status) == ("answer_timeout", 0)
    assert sample.taken_ms >= 200


def test_nobody_there():
    with answering(right) as (url, _):
        pass
    bench = measured(url, Level(2, requests=2))
    assert [sample.code for sample in bench.results[0].samples] == ["connection_failed"] * 2


def test_who_does_not_want_to_wait_keeps_what_was_measured():
    async def run(url):
        async with Bench(url, ASKED) as bench:
            enough = asyncio.Event()
            told = []

            def take(sample):
                told.append(sample)
                if len(told) == 3:
                    enough.set()

            task = asyncio.create_task(bench.measure(Level(2, seconds=60.0), take))
            await enough.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return bench, told

    with answering(slowly(0.01)) as (url, _):
        bench, told = asyncio.run(run(url))
    (result,) = bench.results
    assert result.interrupted
    assert list(result.samples) == told


def test_warming_up_asks_and_counts_nothing():
    async def run(url):
        async with Bench(url, ASKED) as bench:
            await bench.warm_up(Level(3, requests=99), 7)
            await bench.warm_up(Level(0, rate=5.0, seconds=99), 2)
            return bench

    with answering(right) as (url, bodies):
        assert asyncio.run(run(url)).results == []
    assert len(bodies) == 9


PROBES = {
    "answered": (200, {}, READING, None),
    "busy": (503, {"retry-after": "0"}, problem("overloaded"), None),
    "this-picture": (400, {}, problem("bad_picture"), None),
    "key": (401, {}, problem("missing_key"), AccessDeniedError),
    "not-allowed": (403, {}, problem("foreign_request"), AccessDeniedError),
    "field": (422, {}, problem("unknown_model"), RequestRefusedError),
    "no-model": (503, {}, problem("model_unavailable"), ServiceFailedError),
    "elsewhere": (302, {"location": "http://127.0.0.1:9/"}, b"", UnexpectedAnswerError),
    "not-ours": (404, {}, b"no", UnexpectedAnswerError),
}


@pytest.mark.parametrize(("status", "headers", "body", "error"), PROBES.values(), ids=PROBES)
def test_a_probe_stops_what_cannot_be_measured(status, headers, body, error):
    async def run(url):
        async with Bench(url, ASKED) as bench:
            await bench.probe()

    with answering(lambda _: (status, headers, body)) as (url, bodies):
        if error is None:
            asyncio.run(run(url))
        else:
            with pytest.raises(error):
                asyncio.run(run(url))
    assert len(bodies) == (3 if status == 503 and error is None else 1)


@pytest.mark.parametrize(
    ("rule", "expected"), [(None, False), (LabelRule("lower"), True)], ids=["as-is", "folded"]
)
def test_labels_and_texts_are_folded_alike(rule, expected):
    async def run(url):
        async with Bench(url, [Asked.of("a", "7KX2", b"a")], rule=rule) as bench:
            await bench.measure(Level(1, requests=1), lambda _: None)
            return bench.results[0].samples[0].right

    with answering(right) as (url, _):
        assert asyncio.run(run(url)) is expected


def test_what_is_asked_and_with_which_key():
    asked = Asked.of(
        "a", None, b"a", charset="numeric", length=(4, 6), color="red", where={"site": "s"}
    )

    async def run(url):
        async with Bench(url, [asked], api_key="secret") as bench:
            await bench.measure(Level(1, requests=1), lambda _: None)
            return bench.results[0].samples[0]

    with answering(right) as (url, bodies):
        sample = asyncio.run(run(url))
    ((path, body, headers),) = bodies
    assert path == "/read"
    assert json.loads(body) == {
        "image": "YQ==", "charset": "numeric", "length": [4, 6], "color": "red", "site": "s",
    }  # fmt: skip
    assert headers["Authorization"] == "Bearer secret"
    assert (sample.text, sample.right, sample.size) == ("7kX2", None, 1)


def one(taken_ms=1.0, code="", refused=False, status=200, is_right=None, **changes):
    values = {
        "picture": "a.png", "label": None, "due_s": 0.0, "sent_s": 0.0, "taken_ms": taken_ms,
        "status": status, "code": code, "refused": refused, "text": None if code else "a",
        "confidence": None if code else 0.5, "right": is_right, "size": 3,
    }  # fmt: skip
    return Sample(**{**values, **changes})


def result_of(*samples, level=Level(2, requests=9), seconds=2.0):  # noqa: B008 - frozen
    return LevelResult(level, datetime(2026, 1, 2, tzinfo=UTC), seconds, samples)


ANY = st.one_of(
    st.builds(one, st.floats(0.01, 1e5), is_right=st.sampled_from([None, True, False])),
    st.builds(lambda ms: one(ms, "overloaded", refused=True, status=503), st.floats(0.01, 1e5)),
    st.builds(lambda ms: one(ms, "rate_limited", refused=True, status=429), st.floats(0.01, 1e5)),
    st.builds(lambda ms: one(ms, "answer_timeout", status=0), st.floats(0.01, 1e5)),
)


@given(st.lists(ANY, max_size=40))
def test_figures_add_up(samples):
    summary = Summary.of(result_of(*samples))
    assert summary.requests == len(samples)
    assert summary.requests == summary.answered + summary.turned_away + summary.failed
    assert summary.answers_per_s == summary.answered / 2
    taken = sorted(sample.taken_ms for sample in samples if not sample.code)
    if taken:
        assert list(summary.latencies_ms) == list(QUANTILES)
        values = list(summary.latencies_ms.values())
        assert values == pytest.approx(sorted(values))
        assert summary.latencies_ms["max"] == taken[-1]
        below = sum(value <= summary.latencies_ms["p50"] * (1 + 1e-9) for value in taken)
        assert below >= len(taken) / 2
    assert summary.labelled == sum(sample.right is not None for sample in samples)
    assert summary.as_json()["requests"] == len(samples)


def test_the_csv_has_a_line_for_each_request():
    first = result_of(
        one(12.5, label="7k", text="7k", is_right=True, picture='a,"b".png'),
        one(3.0, "overloaded", refused=True, status=503, label=""),
    )
    second = result_of(
        one(4.0, "answer_timeout", status=0, picture="\udcff.png"), level=Level(0, 2.5)
    )
    lines = list(csv.DictReader(io.StringIO(requests_csv([first, second]).decode())))
    assert list(lines[0]) == list(COLUMNS)
    answered, refused, late = lines
    assert answered["picture"] == 'a,"b".png'
    assert (answered["level"], answered["callers"], answered["rate"]) == ("1", "2", "")
    assert (answered["latency_ms"], answered["failed_after_ms"]) == ("12.500", "")
    assert (answered["text"], answered["right"], answered["confidence"]) == ("7k", "1", "0.5")
    assert (refused["latency_ms"], refused["failed_after_ms"]) == ("", "3.000")
    assert (refused["status"], refused["error"], refused["right"]) == ("503", "overloaded", "")
    assert (late["level"], late["callers"], late["rate"], late["status"]) == ("2", "", "2.5", "")


def test_the_summary_gives_shares_with_their_interval():
    result = result_of(*[one(is_right=n < 8) for n in range(10)], one(1.0, "bad\x1b[31m\n", False))
    summary = Summary.of(result)
    found = json.loads(summary_json([summary], [result], {"url": "u"}))
    (level,) = found["levels"]
    assert found["url"] == "u"
    assert level["pictures_right"]["share"] == 0.8
    # Wilson's interval for 8 of 10, of a table.
    assert level["pictures_right"]["wilson_95"] == pytest.approx([0.490, 0.943], abs=0.001)
    assert level["began"] == "2026-01-02T00:00:00.000+00:00"
    # What a service says is not let loose on a terminal.
    assert list(level["errors"]) == ["bad_31m_ (200)"]
    nothing = Summary.of(result_of(one())).as_json()
    assert nothing["pictures_right"] is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("https://me:secret@qa.example/captcha/?key=secret#secret", "https://qa.example/captcha"),
        ("http://[::1]:80/a", "http://[::1]/a"),
    ],
)
def test_secrets_are_not_shown(url, shown):
    assert without_secrets(url) == shown


PLOTS = {
    "even": [[10.0, 11.0, 12.0] * 20],
    "spread": [[1.0, 2.0, 3.0] * 20, [100.0, 900.0, 5000.0] * 20],
    "one-value": [[7.0]],
    "a-level-without-answers": [[10.0] * 5, []],
    "no-answers": [[], []],
    "many": [[float(n + 1)] * 3 for n in range(30)],
}


@pytest.mark.parametrize("levels", PLOTS.values(), ids=PLOTS)
def test_the_plot_is_a_picture(levels):
    results = [
        result_of(*map(one, times), one(1.0, "overloaded", refused=True, status=503))
        for times in levels
    ]
    png = draw_boxes(results, "http://127.0.0.1:8000/a_$x$_{" + "z" * 200, "A machine, 2 cores")
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[0] > 400
    assert pixels.shape[1] > 600
    blue = (pixels == (158, 202, 225)).all(axis=2).any()
    # Boxes of a single value are as flat as a line.
    assert blue == any(len(set(times)) > 1 for times in levels)
    # A median, or that there are no answers.
    assert (pixels == (179, 54, 28)).all(axis=2).any()


def test_the_axis_is_logarithmic_only_where_the_spread_asks_for_it(monkeypatch):
    figures = []
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *_, **__: figures.append(self), raising=True
    )
    for times in (10.0, 30.0), (1.0, 100.0):
        draw_boxes([result_of(*map(one, times))], "u", "m")
    assert [each.axes[0].get_yscale() for each in figures] == ["linear", "log"]
    assert "u\nm, 2026-01-0" in figures[0].axes[0].get_title()


def test_errors_are_of_the_clients_tree():
    with pytest.raises(ClientError):
        Bench("no url", ASKED)
