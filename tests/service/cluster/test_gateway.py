"""The gateway before real replicas of the app in this process, some of which end too early."""

import asyncio
import json

import httpx
import pytest

from service.app import create_app
from service.cluster.forwarding import ForwardedRequest, WholeAnswer, run_app
from service.cluster.gateway import ATTEMPTS, create_gateway
from service.cluster.metrics import merge
from service.errors import OverloadedError, ReplicaLostError
from service.examples import EXAMPLE_BACKGROUND
from service.security.keys import hash_of
from service.settings import KeyEntry, Limits, Settings

NOBODY = object()


class LocalReplicas:
    """Replicas in this process, on the event loop of the server.

    Args:
        make: Makes the app of a replica.
        pieces: How many pieces of each answer arrive before its replica ends, one number for each
            attempt; after the last of them replicas stay.
        count: Number of replicas.
    """

    def __init__(self, make, pieces=(), count=2):
        self.apps = [make() for _ in range(count)]
        self.pieces = list(pieces)
        self.put_to = []
        self.opened = None

    async def open(self):
        if self.opened is None:
            self.opened = [app.router.lifespan_context(app) for app in self.apps]
            for lifespan in self.opened:
                await lifespan.__aenter__()

    async def answer(self, request: ForwardedRequest):
        await self.open()
        number = len(self.put_to) % len(self.apps)
        self.put_to.append(number)
        left = self.pieces.pop(0) if self.pieces else None
        async for messages in run_app(self.apps[number], request):
            for message in messages:
                if left == 0:
                    raise ReplicaLostError("The replica ended.")
                left = None if left is None else left - 1
                yield [message]

    async def answer_of_each(self, request: ForwardedRequest):
        await self.open()
        answers = []
        for number, app in enumerate(self.apps):
            messages = [m async for piece in run_app(app, request) for m in piece]
            answers.append(WholeAnswer.of(messages, f"r{number}"))
        return answers


@pytest.fixture
def gateway(open_app, colours):
    """Opens a gateway; yields its URL and the replicas."""
    from contextlib import contextmanager

    @contextmanager
    def opened(pieces=(), settings=None, replicas=None):
        settings = settings or Settings()
        behind = replicas or LocalReplicas(lambda: create_app(settings, colours), pieces)
        with open_app(create_gateway(settings, behind)) as url:
            yield url, behind

    return opened


SOLVE = {"background": EXAMPLE_BACKGROUND, "prompt": {"words": ["red"]}}
BATCH = {"puzzles": [{"id": name, **SOLVE} for name in "abcde"]}


def plain(answer: httpx.Response):
    """The body without ids and times."""
    body = answer.json()
    return {k: v for k, v in body.items() if k not in ("request_id", "timings_ms")}


@pytest.mark.parametrize(
    ("lost", "attempts"), [((), 1), ((0,), 2), ((1,), 2), ((1, 0), 3)], ids=str
)
def test_an_answer_survives_replicas_that_end(gateway, url, lost, attempts):
    with gateway(lost) as (address, replicas):
        answer = httpx.post(f"{address}/solve", json=SOLVE, timeout=600)
        scraped = httpx.get(f"{address}/metrics", timeout=600).text
    alone = httpx.post(f"{url}/solve", json=SOLVE, timeout=600)
    assert (answer.status_code, plain(answer)) == (200, plain(alone))
    assert len(replicas.put_to) == attempts
    assert f"clickorder_cluster_replicas_lost_total {len(lost)}.0" in scraped


def test_no_request_ends_replicas_for_ever(gateway):
    with gateway([0] * 99) as (address, replicas):
        answer = httpx.post(f"{address}/solve", json=SOLVE, timeout=600)
    assert len(replicas.put_to) == ATTEMPTS
    assert (answer.status_code, answer.json()["code"]) == (503, "replica_lost")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("lost", [(), (0,), (1,), (3,), (3, 2)], ids=str)
def test_a_batch_goes_on_where_it_was(gateway, lost):
    with gateway(lost) as (address, _):
        answer = httpx.post(f"{address}/solve/batch", json=BATCH, timeout=600)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert sorted(line["id"] for line in lines) == list("abcde")
    assert {line["status"] for line in lines} == {200}


JSON = {"content-type": "application/json"}
REFUSED = {
    "not found": ("GET", "/nothing", {}),
    "no JSON": ("POST", "/solve", {"content": b"{", "headers": JSON}),
    "media type": ("POST", "/solve", {"content": b"x"}),
    "too large": ("POST", "/solve", {"content": b"x" * 2000}),
    "model": ("POST", "/models/nobody/reload", {}),
}  # fmt: skip


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED)
def test_problems_are_those_of_the_app(gateway, serve, asked):
    method, path, more = asked
    settings = Settings(limits=Limits(body_bytes=1000))
    with gateway(settings=settings) as (address, _), serve(settings) as alone:
        ours, theirs = (
            httpx.request(method, u + path, timeout=600, **more) for u in (address, alone)
        )
    assert ours.status_code == theirs.status_code >= 400
    assert plain(ours) == plain(theirs)
    kept = {k: v for k, v in theirs.headers.items() if k.startswith(("content-", "x-", "ref"))}
    kept.pop("x-request-id")  # That is added by Ray's proxy.
    kept.pop("content-length")
    assert kept.items() <= dict(ours.headers).items()


def test_without_a_key_no_replica_is_asked(gateway):
    entry = KeyEntry(name="me", hash=hash_of("secret"))
    with gateway(settings=Settings(keys=(entry,))) as (address, replicas):
        refused = httpx.post(f"{address}/solve", json=SOLVE, timeout=600)
        assert replicas.put_to == []
        ready = httpx.get(f"{address}/readyz", timeout=600)
        let_in = httpx.post(
            f"{address}/solve", json=SOLVE, headers={"X-API-Key": "secret"}, timeout=600
        )
        unscraped = httpx.get(f"{address}/metrics", timeout=600)
    assert [r.status_code for r in (refused, ready, let_in, unscraped)] == [401, 200, 200, 401]


class Never:
    """Replicas that do not answer."""

    def __init__(self, error=None):
        self.error = error
        self.cancelled = False

    async def answer(self, request):
        if self.error is not None:
            raise self.error
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        yield []

    async def answer_of_each(self, request):
        return []


def test_an_answer_that_does_not_come_ends_with_the_deadline(gateway):
    replicas = Never()
    with gateway(settings=Settings(deadline_s=1), replicas=replicas) as (address, _):
        answer = httpx.post(f"{address}/solve", json=SOLVE, timeout=600)
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    assert replicas.cancelled


def test_full_queues_are_told(gateway):
    replicas = Never(OverloadedError("Full.", 7))
    with gateway(replicas=replicas) as (address, _):
        answers = [
            httpx.post(f"{address}/solve", json=SOLVE, timeout=600),
            httpx.get(f"{address}/metrics", timeout=600),
        ]
    assert {(a.status_code, a.json()["code"]) for a in answers} == {(503, "overloaded")}
    assert answers[0].headers["retry-after"] == "7"


def test_metrics_name_the_replica_of_each_line(gateway):
    with gateway() as (address, _):
        httpx.post(f"{address}/solve", json=SOLVE, timeout=600)
        text = httpx.get(f"{address}/metrics", timeout=600).text
    solved = [line for line in text.splitlines() if line.startswith("clickorder_solves_total{")]
    assert {name for name in ("r0", "r1") for line in solved if f'replica="{name}"' in line} == {
        "r0",
        "r1",
    }
    assert sum(float(line.rpartition(" ")[2]) for line in solved) == 1
    # Each family once, with all of its lines behind its type.
    types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))


def test_merged_metrics_can_be_parsed_again():
    from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
    from prometheus_client.parser import text_string_to_metric_families

    pages, own = {}, CollectorRegistry()
    for number, name in enumerate("ab", 1):
        registry = CollectorRegistry()
        Counter("hits", "Hits.", ("path",), registry=registry).labels('a"b').inc(number)
        Histogram("seconds", "Time.", registry=registry).observe(number)
        pages[name] = generate_latest(registry).decode()
    merged = {f.name: f for f in text_string_to_metric_families(merge(pages, own).decode())}
    hits = {
        (s.labels["replica"], s.labels["path"]): s.value
        for s in merged["hits"].samples
        if s.name == "hits_total"
    }
    assert hits == {("a", 'a"b'): 1, ("b", 'a"b'): 2}
    sums = {
        s.labels["replica"]: s.value for s in merged["seconds"].samples if s.name.endswith("_sum")
    }
    assert sums == {"a": 1, "b": 2}
