"""What happens when more is asked than can be computed, and when callers leave."""

import asyncio
import base64
import io
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import structlog
from PIL import Image

from service.errors import OverloadedError
from service.pool import InferencePool
from service.settings import Limits, Settings

FILE = io.BytesIO()
Image.new("RGB", (40, 40), "white").save(FILE, "PNG")
BODY = {"image": base64.b64encode(FILE.getvalue()).decode()}


def wait_for(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def test_a_full_queue_refuses_the_rest_while_the_loop_stays_free(serve, gated):
    settings = Settings(workers=2, retry_after_s=7, limits=Limits(queue=3))
    with (
        serve(settings, lambda _: gated) as url,
        ThreadPoolExecutor(12) as callers,
        httpx.Client(base_url=url, timeout=600) as client,
    ):
        try:
            asked = [
                callers.submit(httpx.post, f"{url}/detect", json=BODY, timeout=600)
                for _ in range(12)
            ]
            wait_for(lambda: sum(a.done() for a in asked) == 12 - 5)
            assert client.get("/healthz").status_code == 200
            assert client.get("/readyz").status_code == 200
            assert gated.running == 2, "they were answered after the two, not beside them"
            for refused in (a.result() for a in asked if a.done()):
                assert refused.status_code == 503
                assert refused.headers["retry-after"] == "7"
                assert refused.headers["content-type"] == "application/problem+json"
                problem = refused.json()
                assert problem["code"] == "overloaded"
                assert "try again in 7 s" in problem["detail"]
            # Refused before the body is read, however large it is.
            large = client.post(
                "/detect", content=b" " * 5_000_000, headers={"content-type": "application/json"}
            )
            assert large.status_code == 503
        finally:
            gated.gate.set()
        assert sorted(a.result().status_code for a in asked) == [200] * 5 + [503] * 7
        assert gated.peak == 2
        assert client.post("/detect", json=BODY).status_code == 200


def test_a_caller_that_leaves_is_no_fault(serve):
    with structlog.testing.capture_logs() as lines, serve() as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(
                b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b'Content-Length: 1000\r\n\r\n{"image": "'
            )
            time.sleep(0.1)
        wait_for(lambda: any(line.get("status") == 499 for line in lines))
        assert not [line for line in lines if line["log_level"] == "error"]
        assert httpx.post(f"{url}/detect", json=BODY, timeout=600).status_code == 200


def test_a_cancelled_caller_gives_up_the_place_it_waits_in():
    async def story():
        pool = InferencePool(workers=1, queue=1)
        gate = threading.Event()
        running = asyncio.ensure_future(pool.run(lambda: gate.wait(600)))
        waiting = asyncio.ensure_future(pool.run(lambda: "never"))
        await asyncio.sleep(0.05)
        with pytest.raises(OverloadedError):
            await pool.run(lambda: "too many")
        waiting.cancel()
        await asyncio.sleep(0.05)
        third = asyncio.ensure_future(pool.run(lambda: "third"))
        await asyncio.sleep(0.05)
        # One that runs cannot be stopped, and holds its place until it ends.
        running.cancel()
        with pytest.raises(OverloadedError):
            await pool.run(lambda: "still too many")
        gate.set()
        assert await third == "third"
        pool.close()

    asyncio.run(story())


def test_a_job_that_fails_frees_its_place():
    async def story():
        pool = InferencePool(workers=1, queue=0)
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                await pool.run(lambda: 1 // 0)
        assert await pool.run(lambda: 1) == 1
        pool.close()

    asyncio.run(story())


def test_a_pool_that_is_closed_keeps_no_place():
    async def story():
        pool = InferencePool(workers=1, queue=0)
        pool.close()
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await pool.run(lambda: 1)

    asyncio.run(story())
