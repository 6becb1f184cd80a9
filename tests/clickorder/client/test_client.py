"""The Python client against real servers."""

import asyncio
import contextlib
import http.server
import inspect
import io
import json
import socket
import subprocess
import sys
import threading
from dataclasses import asdict

import pytest
from PIL import Image

from clickorder import client as module
from clickorder.client import (
    AccessDeniedError,
    AnswerTimeoutError,
    AsyncClient,
    BadArgumentError,
    BatchPuzzle,
    Client,
    ClientError,
    ConnectionFailedError,
    ProblemError,
    RequestRefusedError,
    ServiceBusyError,
    ServiceFailedError,
    UnexpectedAnswerError,
)
from clickorder.client.errors import problem_error
from service.security.keys import hash_of, new_key
from service.settings import KeyEntry, Settings
from service.solving.parts import Parts
from service.solving.solver import Solver

COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}
BOXES = {"red": (20, 12, 50, 42), "green": (80, 30, 110, 60), "blue": (140, 8, 170, 38)}


def draw(boxes=BOXES, size=(200, 80)):
    image = Image.new("RGB", size, "white")
    for colour, box in boxes.items():
        image.paste(COLOURS[colour], box)
    return image


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def square(colour):
    return png(Image.new("RGB", (30, 30), COLOURS[colour]))


SCENE = png(draw())
STRIP = png(draw({"blue": (5, 5, 35, 35), "green": (60, 5, 90, 35)}, (120, 40)))


@pytest.fixture(scope="module")
def client(colours_url):
    with Client(colours_url) as made:
        yield made


def assert_clicks(answer, colours):
    assert answer.solved is True
    assert [click.box for click in answer.clicks] == [BOXES[colour] for colour in colours]


def pictures(tmp_path):
    path = tmp_path / "scene.png"
    path.write_bytes(SCENE)
    return {
        "path": path,
        "text": str(path),
        "bytes": SCENE,
        "bytearray": bytearray(SCENE),
        "pillow": draw(),
        "file": io.BytesIO(SCENE),
    }


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "bytearray", "pillow", "file"])
def test_every_kind_of_picture(client, tmp_path, kind):
    assert_clicks(client.solve(pictures(tmp_path)[kind], words=["blue", "red"]), ["blue", "red"])


PROMPTS = {
    "words": ({"words": ("green", "red")}, ["green", "red"]),
    "icons": ({"icons": [square("green"), square("red")]}, ["green", "red"]),
    "text": ({"text": "Click in order: green, red"}, ["green", "red"]),
    "image": ({"image": STRIP}, ["blue", "green"]),
    "image-and-count": ({"image": STRIP, "count": 2}, ["blue", "green"]),
    "image-and-counts": ({"image": STRIP, "count": (1, 3)}, ["blue", "green"]),
    "region": ({"region": (135, 0, 200, 80)}, None),
}


@pytest.mark.parametrize(("prompt", "colours"), PROMPTS.values(), ids=PROMPTS)
def test_every_kind_of_prompt(client, prompt, colours):
    answer = client.solve(SCENE, **prompt)
    if colours is None:  # Nothing else on the picture is blue.
        assert len(answer.clicks) == 1
        assert len(answer.boxes) == 2
    else:
        assert_clicks(answer, colours)


def test_an_answer_has_the_fields_of_the_contract(client):
    answer = client.solve(SCENE, words=["blue"], draw=True)
    (click,) = answer.clicks
    assert (click.x, click.y, click.label) == (155, 23, "blue")
    assert 0.9 < click.confidence <= 1
    assert sorted(box.box for box in answer.boxes) == sorted(BOXES.values())
    assert (answer.image.width, answer.image.height) == (200, 80)
    assert answer.models == {"detector": "blobs 1.0", "classifier": "colours 1.0"}
    assert answer.timings_ms["total"] > 0
    assert answer.request_id
    with Image.open(io.BytesIO(answer.drawing)) as drawing:
        assert drawing.size == (200, 80)
    assert list(asdict(answer)) == [
        *("solved", "reason", "confidence", "clicks", "boxes", "image", "models", "timings_ms"),
        *("request_id", "drawing"),
    ]


def test_an_abstention_is_an_answer(client):
    answer = client.solve(SCENE, words=["blue"], min_confidence=1.0)
    assert (answer.solved, answer.reason) == (False, "low_confidence")
    assert answer.drawing is None


def test_detect_classify_compare_and_models(client):
    assert sorted(box.box for box in client.detect(SCENE).boxes) == sorted(BOXES.values())
    found = client.classify(square("red"), ["blue", "red"])
    assert found.best == "red"
    assert [score.word for score in found.scores] == ["blue", "red"]
    assert client.compare(square("red"), square("red")).same is True
    assert client.compare(square("red"), square("blue")).similarity < 0.5
    installed = client.models()
    assert installed.models["detector"] == "blobs 1.0"
    assert [(bundle.name, bundle.default) for bundle in installed.bundles] == [("default", True)]
    assert installed.refused == ()


def test_where_a_puzzle_is_from_is_sent(client):
    assert client.detect(SCENE, model="default", site="shop", type="login").boxes
    with pytest.raises(RequestRefusedError, match="no bundle 'other'") as raised:
        client.solve(SCENE, words=["red"], model="other")
    assert raised.value.code == "unknown_model"


def test_both_clients_have_the_same_methods():
    def methods(kind):
        return {
            name: [
                (each.name, each.default, each.annotation)
                for each in inspect.signature(member).parameters.values()
            ]
            for name, member in vars(kind).items()
            if inspect.isfunction(member) and not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)
    assert {"solve", "solve_batch", "detect", "classify", "compare", "models"} <= set(
        methods(Client)
    )


def test_public_names_are_sorted_and_there():
    assert module.__all__ == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def test_async(colours_url):
    async def ask():
        async with AsyncClient(colours_url) as client:
            answers = await asyncio.gather(
                *(client.solve(SCENE, words=[colour]) for colour in COLOURS)
            )
            for answer, colour in zip(answers, COLOURS, strict=True):
                assert_clicks(answer, [colour])
            assert len((await client.detect(draw())).boxes) == 3
            assert (await client.classify(square("red"), ["blue", "red"])).best == "red"
            assert (await client.compare(square("red"), square("red"))).same is True
            assert (await client.models()).models["siamese"] == "twins 1.0"
            with pytest.raises(RequestRefusedError):
                await client.solve(SCENE, words=[])
            with pytest.raises(RequestRefusedError, match="no bundle"):
                await client.reload("other")

    asyncio.run(ask())


def batch():
    return [
        BatchPuzzle("a", SCENE, words=["blue", "red"]),
        BatchPuzzle("b", b"no picture", words=["blue"]),
        BatchPuzzle("c", draw(), icons=[square("green")], min_confidence=0.5),
        BatchPuzzle("d", SCENE, words=["purple\u2028line"]),
        BatchPuzzle("e", SCENE, words=["green"], draw=True),
    ]


def assert_batch(answers):
    by_id = {answer.id: answer for answer in answers}
    assert len(answers) == len(by_id) == 5
    assert_clicks(by_id["a"].answer, ["blue", "red"])
    assert_clicks(by_id["c"].answer, ["green"])
    assert by_id["e"].answer.drawing.startswith(b"\x89PNG")
    for name, code, status in (("b", "bad_picture", 400), ("d", "unknown_word", 422)):
        assert by_id[name].answer is None
        error = by_id[name].error
        assert isinstance(error, RequestRefusedError)
        assert (error.code, error.status) == (code, status)
        assert error.request_id
    assert by_id["a"].error is None


def test_a_batch(client):
    assert_batch(list(client.solve_batch(batch())))


def test_a_batch_of_the_async_client(colours_url):
    async def ask():
        async with AsyncClient(colours_url) as client:
            return [answer async for answer in client.solve_batch(batch())]

    assert_batch(asyncio.run(ask()))


def hang_after_a_line(seen):
    """A server that answers the first puzzle of a batch, and then waits for the caller to go."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk():
        with server, server.accept()[0] as caller:
            caller.settimeout(30)
            while b'"puzzles"' not in caller.recv(65536):
                pass
            piece = line("a")
            caller.sendall(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                + f"{len(piece):x}\r\n".encode()
                + piece
                + b"\r\n"
            )
            seen.append(caller.recv(1))

    thread = threading.Thread(target=talk)
    thread.start()
    return f"http://127.0.0.1:{server.getsockname()[1]}", thread


def test_leaving_a_batch_hangs_up():
    seen = []
    url, thread = hang_after_a_line(seen)
    puzzles = [BatchPuzzle(name, b"x", words=["red"]) for name in "ab"]
    with Client(url) as client, contextlib.closing(client.solve_batch(puzzles)) as answers:
        assert next(answers).id == "a"
        answers.close()
        thread.join(120)
    assert seen == [b""], "the service is not told"


def test_leaving_a_batch_of_the_async_client_hangs_up():
    seen = []
    url, thread = hang_after_a_line(seen)
    puzzles = [BatchPuzzle(name, b"x", words=["red"]) for name in "ab"]

    async def ask():
        async with AsyncClient(url) as client:
            async with contextlib.aclosing(client.solve_batch(puzzles)) as answers:
                assert (await anext(answers)).id == "a"
            await asyncio.to_thread(thread.join, 120)

    asyncio.run(ask())
    assert seen == [b""], "the service is not told"


def test_a_batch_that_is_refused_as_a_whole(client):
    with pytest.raises(RequestRefusedError) as raised:
        list(client.solve_batch([]))
    assert raised.value.status == 422


def test_a_batch_with_one_id_twice(client):
    twice = [BatchPuzzle("a", SCENE, words=["red"])] * 2
    with pytest.raises(BadArgumentError, match="the id 'a'"):
        client.solve_batch(twice)


PROBLEMS = {
    # arguments, error, code, status, part of the sentence
    "no-picture": ({"background": b"x", "words": ["red"]}, "bad_picture", 400, "not a picture"),
    "no-prompt": ({"background": SCENE}, "invalid_request", 422, "exactly one"),
    "two-prompts": (
        {"background": SCENE, "words": ["red"], "image": STRIP},
        "invalid_request",
        422,
        "`words` and `image`",
    ),
    "unknown-word": ({"background": SCENE, "words": ["紫"]}, "unknown_word", 422, "紫"),
    "confidence": (
        {"background": SCENE, "words": ["red"], "min_confidence": 2},
        "invalid_request",
        422,
        "min_confidence",
    ),
}


@pytest.mark.parametrize(("sent", "code", "status", "part"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_an_error(client, sent, code, status, part):
    with pytest.raises(RequestRefusedError) as raised:
        client.solve(**sent)
    error = raised.value
    assert (error.code, error.status) == (code, status)
    assert part in error.detail == str(error)
    assert error.request_id
    assert error.retry_after_s is None
    if code == "invalid_request":
        assert error.errors[0].field.startswith(("prompt", "options"))
        assert error.errors[0].detail


ARGUMENTS = {
    "no-file": ({"background": "nowhere.png"}, "nowhere.png cannot be read"),
    "folder": ({"background": "/"}, "/ cannot be read"),
    "nul": ({"background": "a\0b"}, "cannot be read"),
    "number": ({"background": 7}, "`background` is int"),
    "text-file": ({"background": io.StringIO("x")}, "`background` is StringIO"),
    "closed-file": ({"background": io.BytesIO()}, "`background` cannot be read"),
    "icon": ({"background": b"x", "icons": [b"x", None]}, "`icons[1]` is NoneType"),
    "words-as-text": ({"background": b"x", "words": "并细"}, "`words` is one text"),
    "word-as-bytes": ({"background": b"x", "words": [b"x"]}, "as JSON"),
    "surrogate": ({"background": b"x", "words": ["\ud800"]}, "as JSON"),
}
ARGUMENTS["closed-file"][0]["background"].close()


@pytest.mark.parametrize(("sent", "part"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_what_cannot_be_sent(client, sent, part):
    with pytest.raises(BadArgumentError) as raised:
        client.solve(**sent)
    assert part in str(raised.value)
    assert (raised.value.code, raised.value.status) == ("bad_argument", None)


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8000", "ftp://x", "http://", "http://a:b", "http://a:99999", "http://a..b"],
)
def test_what_is_no_url(url):
    with pytest.raises(BadArgumentError, match="is not a URL"):
        Client(url)


@pytest.mark.parametrize("key", ["a\nb", "a b", "钥匙"], ids=["newline", "space", "chinese"])
def test_what_is_no_key(key, monkeypatch):
    with pytest.raises(BadArgumentError, match="API key") as raised:
        Client("http://127.0.0.1:1", api_key=key)
    assert key not in str(raised.value)
    monkeypatch.setenv("CLICKORDER_API_KEY", key)
    with pytest.raises(BadArgumentError, match="CLICKORDER_API_KEY"):
        Client("http://127.0.0.1:1")


def test_api_keys(serve, monkeypatch):
    key = new_key()
    settings = Settings(keys=(KeyEntry(name="qa", hash=hash_of(key)),))
    monkeypatch.delenv("CLICKORDER_API_KEY", raising=False)
    with serve(settings) as url:
        with Client(url) as client, pytest.raises(AccessDeniedError) as raised:
            client.detect(SCENE)
        assert raised.value.status == 401
        with Client(url, api_key=key) as client:
            assert len(client.detect(SCENE).boxes) == 3
            assert key not in repr(client)
            with pytest.raises(AccessDeniedError) as raised:
                client.rollback("shop")
            assert raised.value.status == 403
        monkeypatch.setenv("CLICKORDER_API_KEY", key)
        with Client(url) as client:
            assert len(client.detect(SCENE).boxes) == 3


def test_a_missing_model_is_not_waited_for(serve, world):
    detector = world.BlobDetector()
    with serve(None, lambda _: Solver(Parts(detector))) as url, Client(url) as client:
        with pytest.raises(ServiceFailedError) as raised:
            client.classify(square("red"), ["red"])
        assert (raised.value.code, raised.value.status) == ("model_unavailable", 503)


# A server that answers what it is told to, and counts.


class Script:
    """What a server answers, one after another: (status, headers, body)."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen = []


def handler_of(script):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            script.seen.append((self.path, body))
            status, headers, content = script.answers.pop(0)
            if status is None:  # Hang up without an answer.
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def scripted(script, port=0):
    handler = handler_of(script)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def problem(code="overloaded"):
    return json.dumps({"code": code, "detail": "Busy.", "request_id": "r1"}).encode()


FOUND = json.dumps(
    {"similarity": 0.9, "same": True, "models": {}, "timings_ms": {}, "request_id": "r2"}
).encode()
OK = (200, {}, FOUND)
BUSY = (503, {"retry-after": "0"}, problem())
RETRIED = {
    "at-once": ([OK], 1),
    "503": ([BUSY, BUSY, OK], 3),
    "429": ([(429, {"retry-after": "0"}, problem("rate_limited")), OK], 2),
    "date": ([(503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, problem()), OK], 2),
}


@pytest.mark.parametrize(("answers", "tries"), RETRIED.values(), ids=RETRIED)
def test_a_busy_service_is_asked_again(answers, tries):
    script = Script(*answers)
    with scripted(script) as url, Client(url) as client:
        assert client.compare(b"1", b"2").same is True
    assert len(script.seen) == tries
    assert len(set(script.seen)) == 1, "the same request each time"


def test_the_async_client_asks_again_too():
    script = Script(BUSY, OK)

    async def ask(url):
        async with AsyncClient(url) as client:
            return await client.compare(b"1", b"2")

    with scripted(script) as url:
        assert asyncio.run(ask(url)).same is True
    assert len(script.seen) == 2


NOT_RETRIED = {
    # answers, error, status, tries
    "too-often": ([BUSY] * 9, ServiceBusyError, 503, 4),
    "no-retry-after": ([(503, {}, problem("model_unavailable"))], ServiceFailedError, 503, 1),
    "too-long": ([(429, {"retry-after": "31"}, problem())], ServiceBusyError, 429, 1),
    "unreadable": ([(503, {"retry-after": "soon"}, problem("x"))], ServiceFailedError, 503, 1),
    "timeout-there": ([(504, {}, problem("deadline_exceeded"))], ServiceBusyError, 504, 1),
    "broken-there": ([(500, {}, problem("internal"))], ServiceFailedError, 500, 1),
    "refused": ([(413, {}, problem("body_too_large"))], RequestRefusedError, 413, 1),
    "html": ([(502, {}, b"<html>")], UnexpectedAnswerError, 502, 1),
    "other-json": ([(404, {}, b'{"error": 1}')], UnexpectedAnswerError, 404, 1),
    "list": ([(200, {}, b"[]")], UnexpectedAnswerError, 200, 1),
    "other-body": ([(200, {}, b'{"ok": true}')], UnexpectedAnswerError, 200, 1),
    "redirect": ([(302, {"location": "http://127.0.0.1:1/"}, b"")], UnexpectedAnswerError, 302, 1),
    "hangs-up": ([(None, {}, b"")], ConnectionFailedError, None, 1),
    "cut": ([(200, {"content-length": "999", "connection": "close"}, FOUND)],
            ConnectionFailedError, None, 1),
}  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "error", "status", "tries"), NOT_RETRIED.values(), ids=NOT_RETRIED
)
def test_nothing_else_is_asked_again(answers, error, status, tries):
    script = Script(*answers)
    with scripted(script) as url, Client(url) as client, pytest.raises(ClientError) as raised:
        client.compare(b"1", b"2")
    assert type(raised.value) is error
    assert raised.value.status == status
    assert len(script.seen) == tries
    if isinstance(raised.value, ProblemError):
        assert (raised.value.detail, raised.value.request_id) == ("Busy.", "r1")


def test_how_long_to_wait_is_told():
    script = Script((429, {"retry-after": "77"}, problem()))
    with (
        scripted(script) as url,
        Client(url) as client,
        pytest.raises(ServiceBusyError) as raised,
    ):
        client.compare(b"1", b"2")
    assert raised.value.retry_after_s == 77


def test_retries_can_be_turned_off():
    script = Script(BUSY, OK)
    with (
        scripted(script) as url,
        Client(url, retries=0) as client,
        pytest.raises(ServiceBusyError),
    ):
        client.compare(b"1", b"2")
    assert len(script.seen) == 1


def line(name, status=200, **more):
    answer = {
        "solved": True, "reason": None, "confidence": 1, "clicks": [], "boxes": [],
        "image": {"width": 1, "height": 1}, "models": {}, "timings_ms": {}, "request_id": "r",
    }  # fmt: skip
    body = {"id": name, "status": status, "answer": answer, **more}
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


def ask_batch(url):
    puzzles = [BatchPuzzle(name, b"x", words=["red"]) for name in "ab"]
    with Client(url) as client:
        yield from client.solve_batch(puzzles)


def test_a_busy_service_is_sent_the_batch_again():
    script = Script(BUSY, (200, {}, line("b") + b"\n" + line("a")))
    with scripted(script) as url:
        assert [answer.id for answer in ask_batch(url)] == ["b", "a"]
    assert len(script.seen) == 2


BROKEN_BATCHES = {
    "ends-early": (line("a"), 1, ConnectionFailedError),
    "cut-line": (line("a") + line("b")[:-9], 1, ConnectionFailedError),
    "other-id": (line("a") + line("z"), 1, UnexpectedAnswerError),
    "id-twice": (line("a") + line("a"), 1, UnexpectedAnswerError),
    "no-json": (line("a") + b"<html>\n", 1, UnexpectedAnswerError),
    "list": (b"[1]\n", 0, UnexpectedAnswerError),
}


@pytest.mark.parametrize(("body", "good", "error"), BROKEN_BATCHES.values(), ids=BROKEN_BATCHES)
def test_a_broken_batch_is_told_and_not_sent_again(body, good, error):
    script = Script((200, {}, body))
    seen = []
    with scripted(script) as url, pytest.raises(error):
        seen.extend(ask_batch(url))
    assert len(script.seen) == 1


def test_an_overloaded_line_of_a_batch_is_busy():
    assert isinstance(problem_error(503, {"code": "overloaded"}), ServiceBusyError)


def test_no_service():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening: nobody else gets it, nobody answers
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Client(url, retries=1) as client, pytest.raises(ConnectionFailedError) as raised:
            client.detect(SCENE)
    assert f"No service answers at {url}" in str(raised.value)
    assert raised.value.code == "connection_failed"


def test_a_service_that_comes_up_in_time_is_found():
    script = Script(OK)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    asked = threading.Event()

    def come_up():
        with scripted(script, port):
            asked.wait(600)

    timer = threading.Timer(0.1, come_up)
    timer.start()
    try:
        with Client(f"http://127.0.0.1:{port}", retries=8) as client:
            assert client.compare(b"1", b"2").same is True
    finally:
        asked.set()
        timer.join()


def test_a_service_that_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout_s=0.05) as client, pytest.raises(AnswerTimeoutError):
            client.detect(SCENE)


def test_every_error_is_in_the_tree():
    kinds = [kind for name, kind in vars(module).items() if name.endswith("Error")]
    assert all(issubclass(kind, ClientError) for kind in kinds)
    assert len(kinds) == 10
    error = problem_error(500, {})
    assert (error.code, error.detail) == ("problem", "The service answered 500.")


def test_importing_the_client_loads_nothing_heavy():
    code = (
        "import sys, clickorder.client\n"
        "heavy = {'numpy', 'onnxruntime', 'fastapi', 'pydantic', 'PIL', 'scipy', 'torch', "
        "'service', 'labels', 'training', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
