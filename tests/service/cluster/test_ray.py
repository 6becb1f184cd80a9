"""`clickorder cluster` on a real Ray with two replicas, on this machine: one start for all tests.

They run in order, as one life of a cluster: answers, a replica that is killed, new models, the end.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import onnx
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]
PUZZLES = ROOT / "benchmarks" / "puzzles"
REPLICA = "ray::ServeReplica:clickorder:Solver"
LIMIT_S = 800
CLIENTS = 8


def puzzle(family: str) -> httpx.Request:
    """A request for the first puzzle of a family."""
    folder = PUZZLES / family
    first = json.loads((folder / "puzzles.jsonl").read_text(encoding="utf-8").splitlines()[0])
    files = [("background", (folder / first["background"]).read_bytes())]
    prompt = first["prompt"]
    files += [("icons", (folder / name).read_bytes()) for name in prompt.get("icons", ())]
    if "image" in prompt:
        files.append(("image", (folder / prompt["image"]).read_bytes()))
    if "words" in prompt:
        files.append(("words", (None, json.dumps(prompt["words"]))))
    return httpx.Request("POST", "http://127.0.0.1/solve", files=files)


def asked() -> "dict[str, httpx.Request]":
    solves = {family: puzzle(family) for family in ("text-words", "icon-list", "icon-strip")}
    return solves | {
        "no such word": httpx.Request(
            "POST", "http://127.0.0.1/solve", json={"background": "AAAA", "prompt": {"words": []}}
        ),
        "no such page": httpx.Request("GET", "http://127.0.0.1/nothing"),
        "ready": httpx.Request("GET", "http://127.0.0.1/readyz"),
    }


def put(address: str, request: httpx.Request) -> httpx.Response:
    """Put a request to a service, which is named as it would be without a cluster."""
    headers = {k: v for k, v in request.headers.items() if k.startswith("content-type")}
    request.read()
    return httpx.request(
        request.method,
        address + request.url.path,
        content=request.content,
        headers=headers,
        timeout=LIMIT_S,
    )


def without_ids_and_times(answer: httpx.Response) -> tuple[int, str]:
    """Status and body, byte for byte but for ids and times."""
    text = re.sub(r'"request_id":"[^"]*"', '"request_id":""', answer.text)
    return answer.status_code, re.sub(r'"timings_ms":\{[^}]*\}', '"timings_ms":{}', text)


def until(condition, what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


class Cluster:
    """A running `clickorder cluster serve`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.address = "none yet"
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "RAY_ADDRESS": "",
            "RAY_TMPDIR": str(folder),
            "RAY_AUTH_TOKEN": "a" * 64,
            "RAY_USAGE_STATS_ENABLED": "0",
            # A slow machine may take longer than the usual ones.
            "CLICKORDER_DEADLINE_S": "600",
            "CLICKORDER_BODY_TIMEOUT_S": "600",
        }

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "clickorder", "cluster", *map(str, arguments)]

    def serve(self, *arguments: object) -> list[str]:
        sizes = ("--replicas", 2, "--cpus-per-replica", 0.2, "--log-level", "error")
        return self.command("serve", "--port", self.port, *sizes, *arguments)

    def run(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=LIMIT_S
        )

    def replicas(self) -> "list[psutil.Process]":
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if " ".join(process.cmdline()).startswith(REPLICA):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture(scope="module")
def cluster():
    # A short path: those of Ray's sockets lie far below it.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    started = Cluster(folder)
    told = r"^Ray runs at (\S+:\d+), the --address of other commands$"
    with (folder / "log").open("w+") as log:
        started.process = subprocess.Popen(
            started.serve(), env=started.environment, stdout=log, stderr=log
        )
        everyone = []
        try:
            until(
                lambda: (
                    started.process.poll() is not None
                    or re.search(told, (folder / "log").read_text(), re.MULTILINE)
                ),
                "the cluster did not start",
            )
            assert started.process.poll() is None, (folder / "log").read_text()
            # Not `auto`: other tests may run a Ray of their own at the same time.
            started.address = re.search(told, (folder / "log").read_text(), re.MULTILINE)[1]
            everyone = psutil.Process(started.process.pid).children(recursive=True)
            yield started
        finally:
            if started.process.poll() is None:
                everyone += psutil.Process(started.process.pid).children(recursive=True)
                started.process.send_signal(signal.SIGINT)
            try:
                started.process.wait(LIMIT_S)
            finally:
                _, alive = psutil.wait_procs(everyone, timeout=120)
                for process in alive:
                    process.kill()
                shutil.rmtree(folder, ignore_errors=True)
    assert not alive, f"still there after the end: {alive}"


@pytest.fixture(scope="module")
def alone():
    """The same service in one process.

    A new interpreter, as the command sets how many threads NumPy's products have, and that changes
    the last digits of a confidence.
    """
    command = [sys.executable, "-m", "clickorder", "serve", "--port", "0", "--log-level", "error"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://[\d.:]+", process.stdout.readline())[0]
        finally:
            process.terminate()


@contextmanager
def load(cluster, request):
    """Clients that ask without a pause; yields the answers so far."""
    answers, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(put(cluster.url, request))

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        until(lambda: len(answers) >= 2 * CLIENTS, "no answers")
        yield answers
        begun = len(answers)
        until(lambda: len(answers) >= begun + 2 * CLIENTS, "no more answers")
    finally:
        stop.set()
        for client in clients:
            client.join(LIMIT_S)


def metric(cluster, name: str) -> dict[str, float]:
    """The values of a metric, by the text of its labels."""
    text = httpx.get(f"{cluster.url}/metrics", timeout=LIMIT_S).text
    lines = [line for line in text.splitlines() if re.match(rf"{name}(\{{|\s)", line)]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_answers_are_those_of_one_process(cluster, alone):
    for name, request in asked().items():
        ours, theirs = put(cluster.url, request), put(alone, request)
        assert without_ids_and_times(ours) == without_ids_and_times(theirs), name
        (told,) = ours.headers.get_list("x-request-id")
        if "request_id" in (body := ours.json()):
            assert body["request_id"] == told
    counted = metric(cluster, "clickorder_solves_total")
    assert len({re.search('replica="(.*?)"', labels)[1] for labels in counted}) == 2
    assert sum(counted.values()) == 3


def test_a_killed_replica_loses_no_request(cluster, alone):
    request = puzzle("text-words")
    wanted = without_ids_and_times(put(alone, request))
    assert wanted[0] == 200
    before = len(cluster.replicas())
    with load(cluster, request) as answers:
        victim = cluster.replicas()[0]
        victim.kill()
        # Its requests are put to the other one, which is counted; Ray starts another in its place.
        until(
            lambda: sum(metric(cluster, "clickorder_cluster_replicas_lost_total").values()) > 0,
            "no request was on the replica that was killed",
        )
    assert before == 2
    assert {without_ids_and_times(answer) for answer in answers} == {wanted}


def test_new_models_are_rolled_out_under_load(cluster, tmp_path):
    model = onnx.load(ROOT / "detector/weights/detector.onnx")
    for entry in model.metadata_props:
        if entry.key == "clickorder.version":
            entry.value = "77.0"
    onnx.save(model, tmp_path / "detector.onnx")
    request = puzzle("text-words")
    with load(cluster, request) as answers:
        told = cluster.run(cluster.serve("--models-dir", tmp_path, "--address", cluster.address))
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"clickorder serves on {cluster.url}")
    assert {answer.status_code for answer in answers} == {200}
    detectors = [answer.json()["models"]["detector"] for answer in answers]
    assert not detectors[0].endswith("77.0")
    after = {put(cluster.url, request).json()["models"]["detector"] for _ in range(8)}
    assert all(detector.endswith(" 77.0") for detector in after)


def test_status_and_shutdown(cluster):
    told = cluster.run(cluster.command("status", "--address", cluster.address))
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "clickorder: RUNNING",
        "Gateway: HEALTHY, 1 running",
        "Solver: HEALTHY, 2 running",
    ]
    told = cluster.run(cluster.command("shutdown", "--address", cluster.address))
    assert (told.returncode, told.stdout) == (0, "clickorder is no longer deployed\n"), told.stderr
    assert cluster.replicas() == []
