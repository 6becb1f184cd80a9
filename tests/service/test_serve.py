"""`run_server` as a process: the address it prints, what it logs, how it ends."""

import base64
import http.client
import io
import json
import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image

from service.examples import EXAMPLE_BACKGROUND, EXAMPLE_BOXES, EXAMPLE_ITEM
from service.serve import example_curl

HERE = Path(__file__).parent
ROOT = HERE.resolve().parents[1]
SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import colour_solver
from service.serve import run_server
from service.settings import Settings

run_server(Settings(), colour_solver)
"""


@pytest.fixture
def start(python):
    """Starts a server in a process of its own; the environment is given by name."""

    def started(code=SERVER, **environment):
        env = os.environ | {"CLICKORDER_PORT": "0"} | environment
        return python.start(code, HERE, environment=env)

    return started


def picture(colour):
    image = Image.new("RGB", (60, 60), "white")
    image.paste(colour, (10, 10, 40, 40))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def ask(url):
    """A good request, a bad one and a wrong one, all with words and pictures in them."""
    scene = base64.b64encode(picture((220, 30, 30))).decode()
    multipart = [
        ("background", ("holiday.png", picture((220, 30, 30)))),
        ("words", (None, "red")),
    ]
    with httpx.Client(base_url=url, headers={"X-Request-ID": "traced"}, timeout=600) as client:
        answers = [
            client.post("/solve", json={"background": scene, "prompt": {"words": ["red"]}}),
            client.post("/solve?token=abc", files=multipart),
            client.post("/solve", json={"background": scene, "prompt": {"words": ["紫"]}}),
            client.post("/solve", json={"background": scene[:-9], "prompt": {"words": ["red"]}}),
            client.post("/solve", json={"background": scene, "prompt": {"words": ["r" * 99]}}),
            client.post("/solve", json={"background": scene, "prompt": {}, scene: "red"}),
            client.get("/forged%0A%7B%22status%22%3A200%7D"),
        ]
    assert [a.status_code for a in answers] == [200, 200, 422, 400, 422, 422, 404]
    return scene


@pytest.mark.parametrize("layout", ["json", "console"])
def test_a_server_prints_its_address_logs_no_content_and_ends_in_order(layout, start):
    with start(CLICKORDER_LOG__FORMAT=layout, CLICKORDER_LOG__LEVEL="debug") as server:
        try:
            line = server.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            assert address, line
            assert int(address[1]) > 0
            example = [server.stdout.readline().rstrip("\n") for _ in range(4)]
            scene = ask(address[0])
        finally:
            server.send_signal(signal.SIGTERM)
            output, log = server.communicate(timeout=600)
    # uvicorn ends in order and then lets the signal have its way.
    assert server.returncode in (0, -signal.SIGTERM)
    assert example == ["Try it from " + str(ROOT) + ":", "", example_curl(address[0]), ""]
    assert output == ""
    assert "Traceback" not in log
    for secret in (scene[:40], scene[-40:], "IHDR", "red", "紫", "rrr", "holiday", "token"):
        assert secret not in log, secret
    assert "Application shutdown complete" in log
    if layout == "json":
        lines = [json.loads(line) for line in log.splitlines()]
        requests = [line for line in lines if line["event"] == "request"]
        assert len(requests) == 7
        first = requests[0]
        assert first["duration_ms"] > 0
        assert {k: first[k] for k in ("method", "path", "status", "request_id", "level")} == {
            "method": "POST",
            "path": "/solve",
            "status": 200,
            "request_id": "traced",
            "level": "info",
        }
        assert [r.get("code") for r in requests[2:4]] == ["unknown_word", "bad_base64"]
        assert requests[-1]["path"].startswith("/forged%0A")


def test_a_connection_outlives_the_idle_times_of_common_clients(start):
    with start() as server:
        try:
            host, port = re.search(r"http://([\d.]+):(\d+)", server.stdout.readline()).groups()
            connection = http.client.HTTPConnection(host, int(port), timeout=600)
            connection.connect()
            opened = connection.sock
            for pause_s in (0, 7):  # uvicorn's own limit is 5 s, as long as httpx keeps one
                time.sleep(pause_s)
                connection.request("GET", "/healthz")
                assert connection.getresponse().read() == b'{"status":"ok"}'
            assert connection.sock is opened
            connection.close()
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=600)  # nor does it keep the service from ending


def test_a_solver_that_cannot_be_made_ends_the_process(start):
    code = SERVER.replace("colour_solver)", "lambda settings: 1 / 0)")
    with start(code) as server:
        output, log = server.communicate(timeout=600)
    assert server.returncode == 1
    assert output == ""
    assert "ZeroDivisionError" in log


def test_models_that_are_not_there_end_the_command_in_one_sentence(tmp_path, start):
    code = "from clickorder.cli import app; app(['serve', '--backend', 'own'])"
    with start(code, CLICKORDER_MODELS_DIR=str(tmp_path / "nowhere")) as server:
        output, log = server.communicate(timeout=600)
    assert server.returncode == 1
    assert output == ""
    assert re.match(r"clickorder: .*nowhere \(CLICKORDER_MODELS_DIR\) is no folder", log)
    assert len(log.splitlines()) == 1


def test_a_port_in_use_ends_the_process(url, start):
    with start(CLICKORDER_PORT=url.rpartition(":")[2]) as server:
        output, log = server.communicate(timeout=600)
    assert server.returncode != 0
    assert output == ""
    assert "address already in use" in log


def test_the_command_serves_the_embedded_models(start):
    code = "from clickorder.cli import app; app(['serve', '--backend', 'ddddocr', '--port', '0'])"
    with start(code) as server:
        try:
            address = re.search(r"http://[\d.:]+", server.stdout.readline())
            with httpx.Client(base_url=address[0], timeout=600) as client:
                assert client.get("/readyz").json() == {"status": "ok"}
                asked = {"background": EXAMPLE_BACKGROUND, "prompt": {"words": ["4", "7"]}}
                answer = client.post("/solve", json=asked).json()
                icons = client.post("/solve", json=asked | {"prompt": {"icons": [EXAMPLE_ITEM]}})
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=600)
    assert answer["solved"] is True
    for click, (x1, y1, x2, y2) in zip(
        answer["clicks"], [EXAMPLE_BOXES[1], EXAMPLE_BOXES[0]], strict=True
    ):
        assert x1 <= click["x"] < x2
        assert y1 <= click["y"] < y2
    assert icons.status_code == 503
    assert icons.json()["code"] == "model_unavailable"
