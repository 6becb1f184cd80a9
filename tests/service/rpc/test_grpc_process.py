"""gRPC as its users meet it: the command, its end, the installed extra, and generated clients."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from PIL import Image

from service.rpc import clickorder_pb2 as pb

HERE = Path(__file__).parents[1]
ROOT = HERE.resolve().parents[1]
PROTO = "service/rpc/clickorder.proto"
SERVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import colour_solver
from service.serve import run_server
from service.settings import Settings

def slowly(settings):
    solver = colour_solver(settings)
    solve = solver.solve

    def slow(*arguments, **named):
        print("begun", flush=True)
        while not Path(sys.argv[2]).exists():
            time.sleep(0.02)
        return solve(*arguments, **named)

    solver.solve = slow
    return solver

run_server(Settings(), slowly)
"""


def scene() -> bytes:
    image = Image.new("RGB", (60, 60), "white")
    image.paste((220, 30, 30), (10, 10, 40, 40))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


PUZZLE = pb.SolveRequest(background=scene(), prompt=pb.Prompt(words=pb.Words(words=["red"])))


@pytest.fixture
def start(python):
    def started(code, *arguments, **environment):
        env = os.environ | {"CLICKORDER_PORT": "0", "CLICKORDER_DEADLINE_S": "600"} | environment
        return python.start(code, HERE, *arguments, environment=env)

    return started


def addresses_of(server) -> tuple[str, str]:
    """Those of HTTP and of gRPC."""
    url = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
    line = server.stdout.readline()
    if line.startswith("Models: "):
        line = server.stdout.readline()
    found = re.fullmatch(r"clickorder serves gRPC on (127\.0\.0\.1:\d+)\n", line)
    assert found, line
    return url[0], found[1]


@pytest.fixture
def running(start):
    @contextmanager
    def one(gate=HERE, **environment):
        """A server whose solver waits until the file `gate` exists."""
        with start(SERVER, gate, CLICKORDER_GRPC_PORT="0", **environment) as server:
            try:
                yield server, *addresses_of(server)
            finally:
                if server.poll() is None:
                    server.send_signal(signal.SIGTERM)

    return one


def solve_at(channel: grpc.Channel) -> grpc.Future:
    method = channel.unary_unary(
        "/clickorder.v1.Clickorder/Solve",
        pb.SolveRequest.SerializeToString,
        pb.SolveResponse.FromString,
    )
    return method.future(PUZZLE, timeout=600, metadata=[("x-request-id", "mine")])


def code_once_closed(address: str, running: grpc.Future | Future[Any]) -> grpc.StatusCode:
    """What a new channel is told once the door is closed, or last before `running` is done.

    One that asks while the door is closing may wait for an answer in vain, so each gets its own
    few seconds and the next one asks again.
    """
    code = grpc.StatusCode.OK
    while code != grpc.StatusCode.UNAVAILABLE and not running.done():
        with grpc.insecure_channel(address) as channel:
            health = channel.unary_unary("/grpc.health.v1.Health/Check")
            code = health.future(b"", timeout=20).code()
    return code


def test_a_call_that_runs_is_answered_before_the_process_ends(running, tmp_path):
    gate = tmp_path / "gate"
    with (
        running(gate, CLICKORDER_SHUTDOWN_S="600") as (server, _, address),
        grpc.insecure_channel(address) as channel,
    ):
        call = solve_at(channel)
        while server.stdout.readline() != "begun\n":
            pass
        server.send_signal(signal.SIGTERM)
        assert code_once_closed(address, call) == grpc.StatusCode.UNAVAILABLE
        gate.touch()
        answer = call.result()
        log = server.communicate(timeout=600)[1]
    assert answer.solved
    assert server.returncode in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in log.splitlines()]
    (told,) = [line for line in lines if line["event"] == "request"]
    assert told["path"] == "/clickorder.v1.Clickorder/Solve"
    assert (told["status"], told["grpc_status"], told["request_id"]) == (200, "OK", "mine")
    assert "red" not in log
    assert "Traceback" not in log


def test_both_doors_close_at_the_same_time(running, tmp_path):
    gate = tmp_path / "gate"
    body = {"background": base64.b64encode(scene()).decode(), "prompt": {"words": ["red"]}}
    with (
        running(gate, CLICKORDER_SHUTDOWN_S="600") as (server, url, address),
        ThreadPoolExecutor(1) as caller,
    ):
        asked = caller.submit(httpx.post, f"{url}/solve", json=body, timeout=600)
        while server.stdout.readline() != "begun\n":
            pass
        server.send_signal(signal.SIGTERM)
        assert code_once_closed(address, asked) == grpc.StatusCode.UNAVAILABLE
        assert not asked.done()
        gate.touch()
        assert asked.result().status_code == 200
        server.communicate(timeout=600)


def test_the_option_of_the_command(start):
    code = (
        "from clickorder.cli import app\n"
        "app(['serve', '--backend', 'ddddocr', '--port', '0', '--grpc-port', '0'])"
    )
    with start(code) as server:
        try:
            with grpc.insecure_channel(addresses_of(server)[1]) as channel:
                call = solve_at(channel)
                assert call.code() == grpc.StatusCode.OK
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=600)


def test_a_port_in_use_ends_the_process(running, start):
    with running() as (first, _, address):
        port = address.rpartition(":")[2]
        with start(SERVER, "0", CLICKORDER_GRPC_PORT=port) as server:
            try:
                output, log = server.communicate(timeout=600)
            finally:
                server.kill()
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=600)
    assert server.returncode != 0
    assert output == ""
    assert f"gRPC cannot be served on 127.0.0.1:{port}" in log


def test_on_another_address_there_must_be_keys(start):
    code = "from clickorder.cli import app; app(['serve', '--host', '0.0.0.0'])"
    with start(code, CLICKORDER_GRPC_PORT="0") as server:
        output, log = server.communicate(timeout=600)
    assert (server.returncode, output) == (1, "")
    assert "needs API keys and has none" in log


@pytest.mark.parametrize("name", ["grpc", "grpc_health", "grpc_reflection", "google.protobuf"])
def test_without_the_extra_one_sentence_says_so(name, start):
    code = (
        f"import sys; sys.modules[{name!r}] = None\n"
        "from clickorder.cli import app\n"
        "app(['serve', '--port', '0', '--grpc-port', '0'])"
    )
    with start(code) as server:
        output, log = server.communicate(timeout=600)
    assert (server.returncode, output) == (1, "")
    assert 'pip install -e ".[grpc]"' in log
    assert len(log.splitlines()) == 1


def test_nothing_is_imported_where_no_port_is_set(start):
    code = (
        "import sys, service.serve\n"
        "from service.app import create_app\n"
        "from service.settings import Settings\n"
        "create_app(Settings())\n"
        "print(*[m for m in ('grpc', 'google.protobuf', 'service.rpc') if m in sys.modules])"
    )
    with start(code) as process:
        output, log = process.communicate(timeout=600)
    assert (output.strip(), log) == ("", "")


def protoc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], cwd=ROOT, check=True)


def test_the_generated_files_are_those_of_the_proto(tmp_path):
    protoc("-I", ".", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", PROTO)
    made = sorted((tmp_path / "service" / "rpc").iterdir())
    assert [file.name for file in made] == ["clickorder_pb2.py", "clickorder_pb2.pyi"]
    for file in made:
        kept = ROOT / "service" / "rpc" / file.name
        assert kept.read_text() == file.read_text(), "generate it again, as the .proto says"


def test_a_client_that_is_generated_from_the_proto_alone(tmp_path, running):
    protoc("-I", "service/rpc", f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}",
           "clickorder.proto")  # fmt: skip
    (tmp_path / "scene.png").write_bytes(scene())
    client = """
import pathlib, sys, grpc, clickorder_pb2 as pb, clickorder_pb2_grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    stub = clickorder_pb2_grpc.ClickorderStub(channel)
    prompt = pb.Prompt(words=pb.Words(words=["red"]))
    puzzle = pb.SolveRequest(background=pathlib.Path("scene.png").read_bytes(), prompt=prompt)
    print([(click.x, click.y) for click in stub.Solve(puzzle, timeout=600).clicks])
    entries = iter([pb.SolveBatchRequest(puzzle=puzzle)] * 2)
    print(sorted(line.id for line in stub.SolveBatch(entries, timeout=600)))
"""
    with running() as (server, _, address):
        done = subprocess.run(
            [sys.executable, "-c", client, address],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=600)
    assert done.stdout == "[(25, 25)]\n['0', '1']\n"


NUMBERS = {
    "Box": "x1=1 y1=2 x2=3 y2=4",
    "Words": "words=1",
    "Icons": "pictures=1",
    "Prompt": "words=1 icons=2 image=3 region=4",
    "Options": "min_confidence=1 draw=2 confidence=3 iou=4 effort=5 deadline_ms=6",
    "SolveRequest": "background=1 prompt=2 options=3 model=4 site=5 type=6",
    "Click": "x=1 y=2 box=3 label=4 confidence=5 name=6",
    "DetectedBox": "box=1 confidence=2 class_name=3",
    "Size": "width=1 height=2",
    "SolveResponse": "solved=1 reason=2 confidence=3 clicks=4 boxes=5 image=6 models=7 "
    "timings_ms=8 request_id=9 drawing=10",
    "Length": "least=1 greatest=2",
    "ReadRequest": "image=1 charset=2 length=3 color=4 model=5 site=6 type=7",
    "Character": "char=1 confidence=2",
    "ReadResponse": "text=1 confidence=2 characters=3 models=4 timings_ms=5 request_id=6",
    "Problem": "status=1 code=2 detail=3 request_id=4 retry_after_s=5",
    "SolveBatchRequest": "id=1 puzzle=2",
    "SolveBatchResponse": "id=1 answer=2 problem=3",
    "ReadBatchRequest": "id=1 picture=2",
    "ReadBatchResponse": "id=1 answer=2 problem=3",
}


def test_published_numbers_stay():
    """More may be added; what clients were made with keeps its number."""
    made = pb.DESCRIPTOR.message_types_by_name
    assert set(made) >= set(NUMBERS)
    for name, fields in NUMBERS.items():
        told = {f"{field.name}={field.number}" for field in made[name].fields}
        assert told >= set(fields.split()), name
