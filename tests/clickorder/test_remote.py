import base64
import socket
import threading
import time

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from PIL import Image

from clickorder.client import (
    BadArgumentError,
    ClientError,
    ConnectionFailedError,
    UnexpectedAnswerError,
)
from clickorder.remote import RemoteSolver
from labels.puzzles import Puzzle
from training.evaluation.scoring import read_reply

TARGETS = ((0, 0, 10, 10), (20, 0, 30, 10))
PROMPTS = {
    "words": {"words": ("并", "细")},
    "icons": {"icons": ("a.png", "b.webp")},
    "image": {"image": "strip.png"},
    "region": {"region": (0, 10, 40, 20)},
}


def make_app() -> FastAPI:
    """A service that tells what reached it, and can be made to fail."""
    app = FastAPI()
    app.state.heard = []
    app.state.failures = []

    @app.post("/solve")
    async def solve(request: Request):
        app.state.heard.append(await request.json())
        if app.state.failures:
            status, headers, body = app.state.failures.pop(0)
            return JSONResponse(body, status, headers)
        click = {"x": 5, "y": 5, "box": [0, 0, 10, 10], "label": None, "confidence": 1.0}
        return {
            "solved": True, "reason": None, "confidence": 1.0, "clicks": [click], "boxes": [],
            "image": {"width": 40, "height": 20}, "models": {}, "timings_ms": {"total": 1.0},
            "request_id": "r",
        }  # fmt: skip

    return app


@pytest.fixture(scope="module")
def service():
    app = make_app()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", loop="asyncio", http="h11", ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield app, f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def heard(service):
    service[0].state.heard.clear()
    service[0].state.failures.clear()
    return service[0].state.heard


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("0.png", "a.png", "b.webp", "strip.png")):
        Image.new("RGB", (40, 20), (number, 0, 0)).save(tmp_path / name, lossless=True)
    return tmp_path


def puzzle(kind: str) -> Puzzle:
    return Puzzle("1", "0.png", PROMPTS[kind], ("并", "细"), TARGETS)


@pytest.mark.parametrize("kind", PROMPTS)
def test_sends_every_kind_of_prompt_as_the_contract_has_it(service, heard, folder, kind):
    with RemoteSolver(service[1], min_confidence=0.25) as solver:
        body = solver(puzzle(kind), folder)
    assert read_reply(body).clicks == ((5.0, 5.0),)
    (sent,) = heard

    def encoded(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    assert sent["background"] == encoded("0.png")
    assert sent["options"] == {"draw": False, "min_confidence": 0.25}
    expected = {
        "words": ["并", "细"],
        "icons": [encoded("a.png"), encoded("b.webp")],
        "image": encoded("strip.png"),
        "region": [0, 10, 40, 20],
    }
    assert sent["prompt"] == {kind: expected[kind]}


def test_a_problem_is_an_answer(service, heard, folder):
    problem = {"code": "unknown_word", "detail": "No such word."}
    service[0].state.failures.append((422, {}, problem))
    with RemoteSolver(service[1]) as solver:
        body = solver(puzzle("words"), folder)
    assert body == {"status": 422, **problem}
    assert len(heard) == 1


def test_waits_while_the_service_is_busy(service, heard, folder):
    busy = (503, {"Retry-After": "0"}, {"code": "overloaded", "detail": "Busy."})
    service[0].state.failures += [busy, busy]
    with RemoteSolver(service[1] + "/") as solver:
        body = solver(puzzle("words"), folder)
    assert body["solved"] is True
    assert len(heard) == 3


def test_gives_up_waiting(service, heard, folder):
    service[0].state.failures += [(429, {"Retry-After": "0"}, {"code": "slow_down"})] * 9
    with RemoteSolver(service[1]) as solver:
        assert solver(puzzle("words"), folder)["code"] == "slow_down"
    assert len(heard) == 5


def test_a_model_that_is_missing_is_not_waited_for(service, heard, folder):
    service[0].state.failures.append((503, {}, {"code": "model_unavailable"}))
    with RemoteSolver(service[1]) as solver:
        assert solver(puzzle("icons"), folder)["code"] == "model_unavailable"
    assert len(heard) == 1


def test_something_else_answers_there(service, heard, folder):
    with (
        RemoteSolver(f"{service[1]}/elsewhere") as solver,
        pytest.raises(UnexpectedAnswerError, match="answered 404, in a way that no clickorder"),
    ):
        solver(puzzle("words"), folder)


def test_nothing_answers_there(folder):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with (
            RemoteSolver(url) as solver,
            pytest.raises(
                ConnectionFailedError, match=r"No service answers at .* `clickorder serve`"
            ),
        ):
            solver(puzzle("words"), folder)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://[", ""])
def test_not_a_url(folder, url):
    with pytest.raises(ClientError) as caught, RemoteSolver(url) as solver:
        solver(puzzle("words"), folder)
    assert "\n" not in str(caught.value)


def test_a_service_that_never_answers_costs_one_puzzle(folder):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with RemoteSolver(url, timeout_s=0.2) as solver:
            assert read_reply(solver(puzzle("words"), folder)).problem == (
                "timeout: The service did not answer in time."
            )


def test_a_picture_that_is_gone(service, folder):
    (folder / "strip.png").unlink()
    with (
        RemoteSolver(service[1]) as solver,
        pytest.raises(BadArgumentError, match=r"strip\.png cannot be read"),
    ):
        solver(puzzle("image"), folder)
