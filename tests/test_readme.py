"""What the README shows works as pasted, against a real service with the embedded models."""

import ast
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import httpx
import pytest

from labels.puzzles import Puzzle, read_puzzles
from service.serve import example_curl

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "clickorder", "serve", "--port", str(port)]
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
            yield url
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


def test_the_curl_gives_the_right_clicks(service: str, puzzle: Puzzle) -> None:
    line = next(line for line in README.splitlines() if line.startswith("curl "))
    assert line == example_curl("http://127.0.0.1:8000"), "what scripts/serve prints"
    assert shutil.which("curl"), "curl is needed: the README's command is run as pasted"
    command = shlex.split(line.replace("http://127.0.0.1:8000", service))
    answer = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    assert answer["solved"] is True
    check([(click["x"], click["y"]) for click in answer["clicks"]], puzzle)


def test_the_answer_shown_is_the_answer_given(service: str, puzzle: Puzzle) -> None:
    shown = json.loads(re.search(r"```json\n(\{\n  \"solved\".*?)```", README, re.DOTALL)[1])  # type: ignore[index]
    body = {"words": list(puzzle.words)}
    with (ROOT / "benchmarks/puzzles/text-words/text-words-00001.jpg").open("rb") as picture:
        given = httpx.post(
            f"{service}/solve", files={"background": picture}, data=body, timeout=600
        ).json()
    assert set(shown) == set(given)
    assert set(shown["timings_ms"]) == set(given["timings_ms"])
    for one, other in zip(shown["clicks"], given["clicks"], strict=True):
        assert abs(one["x"] - other["x"]) <= 1
        assert one["label"] == other["label"]


@pytest.mark.parametrize("number", [0, 1], ids=["over plain HTTP", "with the client"])
def test_the_python_snippets_give_the_right_clicks(
    number: int, service: str, puzzle: Puzzle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    snippet = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[number]
    printed = StringIO()
    with redirect_stdout(printed):
        exec(snippet.replace("http://127.0.0.1:8000", service), {})
    check([click[-2:] for click in ast.literal_eval(printed.getvalue())], puzzle)


@pytest.mark.parametrize(
    "command", ["serve", "solve", "evaluate", "generate", "ingredients", "adapt", "labels"]
)
def test_every_command_named_explains_itself(command: str, python) -> None:
    assert f"clickorder {command}" in README
    done = python.run(python.command, command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
