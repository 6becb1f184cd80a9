"""What `/metrics` says after real requests, and that no caller can make it say more."""

import base64
import io
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import httpx
import pytest
from PIL import Image
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from service.models.bundle import MANIFEST
from service.settings import Limits, Settings
from service.solving.answers import Reason
from service.telemetry.metrics import CONFIDENCES, SECONDS

COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}
PLACES = {"red": 20, "green": 80, "blue": 140}


def text(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def scene(*colours):
    image = Image.new("RGB", (200, 60), "white")
    for colour in colours:
        image.paste(COLOURS[colour], (PLACES[colour], 12, PLACES[colour] + 30, 42))
    return text(image)


SCENE = scene(*COLOURS)
BLANK = text(Image.new("RGB", (60, 40), "white"))


def puzzle(words=("blue", "red"), background=SCENE, **fields):
    return {"background": background, "prompt": {"words": list(words)}, **fields}


def scraped(url):
    """Every sample as `{(name, (label, value), ...): number}`."""
    answer = httpx.get(f"{url}/metrics", timeout=600)
    assert answer.status_code == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples, name, **labels):
    return samples.get((name, *sorted(labels.items())), 0.0)


def wait_for(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_requests_are_counted_by_route_and_status_and_never_by_path(serve):
    with serve() as url, httpx.Client(base_url=url, timeout=600) as client:
        assert client.post("/solve", json=puzzle()).status_code == 200
        assert client.post("/solve", json=puzzle(["紫"])).status_code == 422
        assert client.get("/healthz").status_code == 200
        assert client.get("/docs").status_code == 200
        for number in range(5):
            assert client.get(f"/secret/{number}").status_code == 404
        samples = scraped(url)

    def requests(method, route, status):
        labels = {"method": method, "route": route, "status": status}
        return value(samples, "clickorder_requests_total", **labels)

    assert requests("POST", "/solve", "200") == 1
    assert requests("POST", "/solve", "422") == 1
    assert requests("GET", "/healthz", "200") == 1
    assert requests("GET", "/docs", "200") == 1
    assert requests("GET", "unmatched", "404") == 5
    assert value(samples, "clickorder_problems_total", code="unknown_word") == 1
    assert value(samples, "clickorder_problems_total", code="not_found") == 5
    assert value(samples, "clickorder_request_duration_seconds_count", route="/solve") == 2
    assert value(samples, "clickorder_request_duration_seconds_sum", route="/solve") > 0
    assert not [key for key in samples if "secret" in str(key)]


OUTCOMES = {
    "solved": ("solved", puzzle()),
    "low-confidence": ("low_confidence", puzzle(options={"min_confidence": 1.0})),
    "missed": ("missed_target", puzzle(background=scene("blue"))),
    "empty": ("empty_prompt_image", {"background": SCENE, "prompt": {"image": BLANK}}),
}


@pytest.mark.parametrize(("outcome", "asked"), OUTCOMES.values(), ids=OUTCOMES)
def test_answers_are_counted_by_outcome(client, url, outcome, asked):
    before = scraped(url)
    answer = client.post("/solve", json=asked).json()
    assert (answer["reason"] or "solved") == outcome
    after = scraped(url)

    def grown(name, **labels):
        return value(after, name, **labels) - value(before, name, **labels)

    for name, _ in OUTCOMES.values():
        wanted = 1 if name == outcome else 0
        assert grown("clickorder_solves_total", bundle="default", outcome=name) == wanted
    assert grown("clickorder_confidence_count", bundle="default") == 1
    assert grown("clickorder_confidence_sum", bundle="default") == pytest.approx(
        answer["confidence"]
    )
    for stage in ("decode", "detect", "recognise", "match"):
        assert grown("clickorder_stage_duration_seconds_count", stage=stage) == 1
        spent = grown("clickorder_stage_duration_seconds_sum", stage=stage)
        assert spent == pytest.approx(answer["timings_ms"][stage] / 1000, abs=2e-5)


def test_every_outcome_is_there_before_it_happens(serve):
    with serve() as url:
        samples = scraped(url)
    for outcome in ("solved", *get_args(Reason)):
        key = ("clickorder_solves_total", ("bundle", "default"), ("outcome", outcome))
        assert samples[key] == 0


def test_buckets_reach_from_a_millisecond_to_ten_seconds(url):
    samples = scraped(url)

    def buckets(name, **labels):
        key = set(labels.items())
        return [
            float(dict(found[1:])["le"])
            for found in samples
            if found[0] == name and key <= set(found[1:])
        ]

    assert buckets("clickorder_stage_duration_seconds_bucket", stage="match")[:-1] == list(SECONDS)
    assert (SECONDS[0], SECONDS[-1]) == (0.001, 10.0)
    assert buckets("clickorder_confidence_bucket", bundle="default")[:-1] == list(CONFIDENCES)


def test_the_queue_is_read_when_somebody_asks(serve, gated):
    settings = Settings(workers=1, limits=Limits(queue=2))
    with serve(settings, lambda _: gated) as url, ThreadPoolExecutor(4) as callers:

        def now(*names):
            samples = scraped(url)
            return [value(samples, f"clickorder_{name}") for name in names]

        queue = ("queue_running", "queue_waiting", "queue_room", "queue_refusals_total")
        try:
            assert now(*queue) == [0, 0, 3, 0]
            body = {"image": SCENE}
            first = callers.submit(httpx.post, f"{url}/detect", json=body, timeout=600)
            wait_for(lambda: now(*queue) == [1, 0, 2, 0])
            more = [
                callers.submit(httpx.post, f"{url}/detect", json=body, timeout=600) for _ in "ab"
            ]
            wait_for(lambda: now(*queue) == [1, 2, 0, 0])
            assert httpx.post(f"{url}/detect", json=body, timeout=600).status_code == 503
            assert now(*queue) == [1, 2, 0, 1]
        finally:
            gated.gate.set()
        assert {a.result().status_code for a in (first, *more)} == {200}
        wait_for(lambda: now(*queue[:3]) == [0, 0, 3])


def test_bodies_on_their_way_are_counted(serve):
    with serve() as url:
        assert value(scraped(url), "clickorder_bodies_reading") == 0
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as caller:
            caller.sendall(
                b"POST /detect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b'Content-Length: 1000\r\n\r\n{"image": "'
            )
            wait_for(lambda: value(scraped(url), "clickorder_bodies_reading") == 1)
        wait_for(lambda: value(scraped(url), "clickorder_bodies_reading") == 0)
        # The caller left, which is an answer of its own kind.
        left = {"method": "POST", "route": "/detect", "status": "499"}
        wait_for(lambda: value(scraped(url), "clickorder_requests_total", **left) == 1)


def test_the_puzzles_of_a_batch_are_counted_one_by_one(serve):
    puzzles = [puzzle(), puzzle(["紫"]), puzzle(["red"]), puzzle(background="?")]
    with serve() as url:
        answer = httpx.post(f"{url}/solve/batch", json={"puzzles": puzzles}, timeout=600)
        assert len(answer.text.splitlines()) == 4
        samples = scraped(url)
    items = "clickorder_batch_items_total"
    assert value(samples, items, outcome="answered") == 2
    assert value(samples, items, outcome="unknown_word") == 1
    assert value(samples, items, outcome="bad_base64") == 1
    assert value(samples, "clickorder_solves_total", bundle="default", outcome="solved") == 2
    batch = {"method": "POST", "route": "/solve/batch", "status": "200"}
    assert value(samples, "clickorder_requests_total", **batch) == 1


def test_models_and_refused_bundles_are_told(serve, tmp_path):
    broken = tmp_path / "models" / "torn"
    broken.mkdir(parents=True)
    (broken / MANIFEST).write_text("{", encoding="utf-8")
    with serve(Settings(models_dir=tmp_path / "models")) as url:
        samples = scraped(url)
    for role, model in (
        ("detector", "blobs 1.0"),
        ("classifier", "colours 1.0"),
        ("siamese", "twins 1.0"),
    ):
        labels = {"bundle": "default", "version": "", "role": role, "model": model}
        assert value(samples, "clickorder_model_info", **labels) == 1
    assert value(samples, "clickorder_bundle_refused", bundle="torn") == 1
    assert value(samples, "clickorder_bundle_refusals_total", folder="torn") == 1


def test_the_process_is_told(url):
    samples = scraped(url)
    assert value(samples, "process_resident_memory_bytes") > 1e6
    assert value(samples, "process_open_fds") > 1


def test_the_format_is_the_one_that_is_asked_for(client):
    plain = client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    asked = "application/openmetrics-text; version=1.0.0, text/plain; q=0.5"
    modern = client.get("/metrics", headers={"accept": asked})
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")
    names = {family.name for family in openmetrics_families(modern.text)}
    assert {"clickorder_requests", "clickorder_solves", "clickorder_queue_room"} <= names


def test_nothing_a_caller_sends_becomes_a_label(serve):
    with serve() as url, httpx.Client(base_url=url, timeout=600) as client:

        def ask(mark):
            client.post("/solve", json=puzzle([mark]))
            client.post("/solve", json=puzzle(site=mark, type=mark))
            client.post("/solve", json=puzzle(model=mark))
            client.get(f"/{mark}", headers={"x-request-id": mark})
            client.post(f"/models/{mark}/reload")
            client.request(mark.upper(), "/solve")

        ask("first")
        scraped(url)
        before = set(scraped(url))
        for number in range(5):
            ask(f"mark{'abcde'[number]}")
        assert set(scraped(url)) == before
        assert "mark" not in str(before)


def test_two_services_of_one_process_count_apart(serve):
    with serve() as one, serve() as other:
        httpx.post(f"{one}/solve", json=puzzle(), timeout=600)
        solved = {"bundle": "default", "outcome": "solved"}
        assert value(scraped(one), "clickorder_solves_total", **solved) == 1
        assert value(scraped(other), "clickorder_solves_total", **solved) == 0
