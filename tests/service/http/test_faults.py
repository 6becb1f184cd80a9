"""A fault of the service itself, and a service without models."""

import base64
import io

import httpx
import pytest
import structlog
from PIL import Image

from service.solving.solver import Solver

FILE = io.BytesIO()
Image.new("RGB", (40, 40), "white").save(FILE, "PNG")
PICTURE = base64.b64encode(FILE.getvalue()).decode()


class FaultySolver(Solver):
    def __init__(self):
        self.models = {}

    def detect(self, image):
        try:
            {}["并 is a secret"]
        except KeyError as error:
            raise RuntimeError("secret words: 并, 细") from error


def test_a_fault_is_a_500_that_leaks_nothing(serve):
    with (
        structlog.testing.capture_logs() as lines,
        serve(factory=lambda _: FaultySolver()) as url,
    ):
        response = httpx.post(f"{url}/detect", json={"image": PICTURE}, timeout=600)
        again = httpx.get(f"{url}/healthz", timeout=600)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == "internal"
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "secret" not in response.text
    assert "RuntimeError" not in response.text
    assert again.status_code == 200
    fault = next(line for line in lines if line["event"] == "fault")
    assert fault["exception"][0] == "RuntimeError"
    assert "KeyError" in fault["exception"]
    assert any("test_faults.py" in frame and "detect" in frame for frame in fault["exception"])
    assert "secret" not in str(lines)
    assert "并" not in str(lines)


@pytest.mark.parametrize("layout", ["json", "console"])
def test_the_frames_of_a_fault_reach_the_log(layout, python):
    code = (
        "import sys, structlog\n"
        "from service.telemetry.logs import configure_logging\n"
        "from service.problems import internal_problem\n"
        "from service.settings import Log\n"
        "configure_logging(Log(format=sys.argv[1]))\n"
        "try:\n"
        "    {}['secret']\n"
        "except KeyError as error:\n"
        "    internal_problem(error, {'type': 'http'})\n"
    )
    done = python.run(code, layout)
    assert done.returncode == 0
    assert "fault" in done.stderr
    assert "KeyError" in done.stderr
    assert "<string>:7" in done.stderr
    assert "secret" not in done.stderr
    assert "Logging error" not in done.stderr
