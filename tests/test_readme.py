"""What the README and docs/ show works as pasted, against a real service."""

import ast
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from labels.puzzles import Puzzle, read_puzzles
from service.serve import example_curl

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    str(page.relative_to(ROOT)): page.read_text(encoding="utf-8")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}


def snippets(page: str, language: str) -> list[str]:
    """The code blocks of one language on one page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


class Service(NamedTuple):
    """Where the service of these tests answers.

    Attributes:
        url: URL over HTTP.
        rpc: Host and port of gRPC.
    """

    url: str
    rpc: str


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with ExitStack() as stack:
        # Both are open at once, so that they are two different ports.
        probes = [stack.enter_context(socket.socket()) for _ in range(2)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        port, grpc_port = (str(probe.getsockname()[1]) for probe in probes)
    ports = ["--port", port, "--grpc-port", grpc_port]
    command = [sys.executable, "-m", "clickorder", "serve", *ports]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 600
        try:
            while True:
                try:
                    httpx.get(f"{url}/readyz", timeout=600).raise_for_status()
                    break
                except httpx.HTTPError:
                    assert process.poll() is None, "the service ended"
                    assert time.monotonic() < deadline, "the service did not come up"
                    time.sleep(0.2)
            yield Service(url, f"127.0.0.1:{grpc_port}")
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def puzzle() -> Puzzle:
    return read_puzzles(ROOT / "benchmarks" / "puzzles" / "text-words").find("text-words-00001")


def check(points: list[tuple[int, int]], puzzle: Puzzle) -> None:
    assert len(points) == len(puzzle.targets)
    for (x, y), (x1, y1, x2, y2) in zip(points, puzzle.targets, strict=True):
        assert x1 <= x < x2
        assert y1 <= y < y2


def test_the_curl_gives_the_right_clicks(service: Service, puzzle: Puzzle) -> None:
    line = next(line for line in README.splitlines() if line.startswith("curl "))
    assert line == example_curl("http://127.0.0.1:8000"), "what scripts/serve prints"
    assert shutil.which("curl"), "curl is needed: the README's command is run as pasted"
    command = shlex.split(line.replace("http://127.0.0.1:8000", service.url))
    answer = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    assert answer["solved"] is True
    check([(click["x"], click["y"]) for click in answer["clicks"]], puzzle)


def test_the_answer_shown_is_the_answer_given(service: Service, puzzle: Puzzle) -> None:
    shown = json.loads(re.search(r"```json\n(\{\n  \"solved\".*?)```", README, re.DOTALL)[1])  # type: ignore[index]
    body = {"words": list(puzzle.words)}
    with (ROOT / "benchmarks/puzzles/text-words/text-words-00001.jpg").open("rb") as picture:
        given = httpx.post(
            f"{service.url}/solve", files={"background": picture}, data=body, timeout=600
        ).json()
    assert set(shown) == set(given)
    assert set(shown["timings_ms"]) == set(given["timings_ms"])
    for one, other in zip(shown["clicks"], given["clicks"], strict=True):
        assert abs(one["x"] - other["x"]) <= 1
        assert one["label"] == other["label"]


PYTHON = {
    "over plain HTTP": "docs/http-api.md",
    "with the client": "README.md",
    "over gRPC": "docs/operations.md",
    "a puzzle family": "docs/generator.md",  # run by tests/training/synthetic/test_generate.py
}


def test_every_python_snippet_is_run() -> None:
    found = {page: len(snippets(page, "python")) for page in PAGES}
    assert {page: count for page, count in found.items() if count} == dict.fromkeys(
        PYTHON.values(), 1
    )


@pytest.mark.parametrize("page", [PYTHON["over plain HTTP"], PYTHON["with the client"]])
def test_the_python_snippets_give_the_right_clicks(
    page: str, service: Service, puzzle: Puzzle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    (snippet,) = snippets(page, "python")
    printed = StringIO()
    with redirect_stdout(printed):
        exec(snippet.replace("http://127.0.0.1:8000", service.url), {})
    check([click[-2:] for click in ast.literal_eval(printed.getvalue())], puzzle)


def test_the_grpc_snippet_gives_the_right_clicks(
    service: Service, puzzle: Puzzle, tmp_path: Path
) -> None:
    page = PYTHON["over gRPC"]
    (snippet,) = snippets(page, "python")
    generate = next(
        line
        for block in snippets(page, "sh")
        for line in block.splitlines()
        if "grpc_tools.protoc" in line
    )
    command = shlex.split(generate.replace("_out=.", f"_out={tmp_path}"))
    subprocess.run([sys.executable, *command[1:]], cwd=ROOT, check=True)
    # In a process of its own: this one may have the service's own messages under the same names.
    client = snippet.replace("127.0.0.1:50051", service.rpc).replace("timeout=10", "timeout=600")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", client],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    # A point at the edge would be printed without its zero; none of this puzzle is at the edge.
    clicks = re.findall(r"^\[?(?:, )?x: (\d+)\ny: (\d+)$", done.stdout, re.MULTILINE)
    check([(int(x), int(y)) for x, y in clicks], puzzle)


@pytest.mark.parametrize(
    "command", ["serve", "solve", "evaluate", "generate", "ingredients", "adapt", "labels"]
)
def test_every_command_named_explains_itself(command: str, python) -> None:
    assert f"clickorder {command}" in README
    done = python.run(python.command, command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
