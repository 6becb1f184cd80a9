"""Bodies that do not arrive, too many that are on their way, and callers that hang up."""

import base64
import gzip
import io
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image

from service.http.drain import Drain
from service.settings import Limits, Settings

FILE = io.BytesIO()
Image.new("RGB", (40, 40), "white").save(FILE, "PNG")
BODY = json.dumps({"image": base64.b64encode(FILE.getvalue()).decode()}).encode()


def upload(url: str, body: bytes, length: int) -> socket.socket:
    """Send a request that promises `length` bytes and sends `body`."""
    host, port = url.removeprefix("http://").split(":")
    caller = socket.create_connection((host, int(port)), timeout=600)
    caller.sendall(
        b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % length + body
    )
    return caller


def answer(caller: socket.socket) -> tuple[int, dict[str, object]]:
    response = caller.recv(65536)
    while b"\r\n\r\n" not in response or not response.rstrip().endswith(b"}"):
        response += caller.recv(65536)
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_body_that_does_not_arrive_is_given_up(serve, gated) -> None:
    with (
        serve(Settings(body_timeout_s=1), lambda _: gated) as url,
        upload(url, b"{", 900) as caller,
    ):
        status, problem = answer(caller)
    assert (status, problem["code"]) == (408, "body_timeout")
    assert "within 1 s" in str(problem["detail"])


def test_no_more_bodies_are_received_than_can_wait(serve, gated) -> None:
    settings = Settings(workers=1, body_timeout_s=30, limits=Limits(queue=1))
    with serve(settings, lambda _: gated) as url:
        stalled = [upload(url, b"{", 900) for _ in range(2)]
        deadline = time.monotonic() + 600
        while (
            refused := httpx.post(f"{url}/detect", content=b"x", timeout=600)
        ).status_code != 503:
            assert time.monotonic() < deadline, "every body is received"
        assert refused.json()["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        for caller in stalled:
            caller.close()
        # Their places are free again once the connections are.
        while httpx.post(f"{url}/detect", content=b"x", timeout=600).status_code == 503:
            assert time.monotonic() < deadline, "a place is never given back"


def test_a_caller_that_hangs_up_gives_up_the_place_it_waits_in(serve, gated) -> None:
    settings = Settings(workers=1, limits=Limits(queue=1))
    with serve(settings, lambda _: gated) as url, ThreadPoolExecutor(2) as callers:
        try:
            running = callers.submit(httpx.post, f"{url}/detect", content=BODY, timeout=600,
                                     headers={"content-type": "application/json"})  # fmt: skip
            deadline = time.monotonic() + 600
            waiting: list[socket.socket] = []
            while httpx.post(f"{url}/detect", content=b"x", timeout=600).status_code != 503:
                assert time.monotonic() < deadline, "the queue never fills"
                if not waiting:
                    time.sleep(0.2)  # The first has its worker by now.
                    waiting.append(upload(url, BODY, len(BODY)))
            waiting[0].close()
            # Refused for its media type and not for want of room: the place is free.
            while httpx.post(f"{url}/detect", content=b"x", timeout=600).status_code != 415:
                assert time.monotonic() < deadline, "the place is never given back"
        finally:
            gated.gate.set()
        assert running.result().status_code == 200


@pytest.mark.parametrize("megabytes", [1, 8], ids=["small", "over the limit"])
def test_who_is_refused_early_gets_to_see_why(serve, gated, monkeypatch, megabytes) -> None:
    """The connection is to be closed, and its body comes slower than the refusal."""
    # 2 s are enough for a network, and may not be for a busy machine.
    monkeypatch.setattr(Drain.__init__, "__defaults__", (120.0,))
    settings = Settings(workers=1, limits=Limits(queue=0, body_bytes=4 * 2**20))
    with serve(settings, lambda _: gated) as url, ThreadPoolExecutor(1) as callers:
        try:
            running = callers.submit(httpx.post, f"{url}/detect", content=BODY, timeout=600,
                                     headers={"content-type": "application/json"})  # fmt: skip
            deadline = time.monotonic() + 600
            while not gated.running:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            host, port = url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=600) as caller:
                caller.sendall(
                    b"POST /detect HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    b"Content-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % (megabytes * 2**20)
                )
                for _ in range(megabytes * 8):
                    caller.sendall(b"x" * (2**20 // 8))
                    time.sleep(0.002)
                status, problem = answer(caller)
        finally:
            gated.gate.set()
        assert (status, problem["code"]) in {(503, "overloaded"), (413, "body_too_large")}
        assert (status == 413) == (megabytes > 4)
        assert running.result().status_code == 200


def test_a_compressed_body_is_named(client) -> None:
    head = {"content-type": "application/json", "content-encoding": "gzip"}
    found = client.post("/detect", content=gzip.compress(BODY), headers=head)
    assert (found.status_code, found.json()["code"]) == (415, "unsupported_media_type")
    assert "encoded as `gzip`" in found.json()["detail"]
    plain = {"content-type": "application/json", "content-encoding": "identity"}
    assert client.post("/detect", content=BODY, headers=plain).status_code == 200


def test_a_plus_that_became_a_space_is_read(client) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (40, 40, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    assert "+" in text
    found = client.post("/detect", json={"image": text.replace("+", " ")})
    assert found.status_code == 200
