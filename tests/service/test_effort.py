"""When a second pass follows the first, and when there is no time for it."""

import base64
import json
import time
from pathlib import Path

import grpc
import httpx
import pytest
from typer.testing import CliRunner

from clickorder.cli import app as commands
from clickorder.client import Client
from labels.puzzles import read_puzzles
from service.app import create_app
from service.effort import Budget, Effort, OutOfTimeError
from service.models.backends import make_solver
from service.pictures import decode_picture
from service.rpc import clickorder_pb2 as pb
from service.rpc.methods import SERVICE
from service.settings import Limits, Settings
from service.solving.prompts import WordsPrompt
from service.solving.solver import Solver

HOURS_S = 10_000.0


@pytest.mark.parametrize(
    ("effort", "confidence", "again"),
    [
        ("fast", 0.1, False),
        ("normal", 0.79, True),
        ("normal", 0.8, False),
        ("thorough", 0.8, True),
        ("thorough", 0.985, True),
        ("thorough", 0.995, False),
    ],
)
def test_effort_decides_on_a_second_pass(effort: Effort, confidence: float, again: bool) -> None:
    assert Budget(effort).again(confidence, sure=0.8, spent_s=HOURS_S) == again


@pytest.mark.parametrize(
    ("spent_s", "again"), [(HOURS_S / 1000, True), (HOURS_S / 2, False)], ids=["enough", "too-long"]
)
def test_a_second_pass_needs_time(spent_s: float, again: bool) -> None:
    budget = Budget(until=time.perf_counter() + HOURS_S)
    assert budget.again(0.1, sure=0.8, spent_s=spent_s) == again


def test_the_check_of_a_second_pass_is_that_of_the_request_and_of_the_time() -> None:
    asked = []
    Budget().guarded(lambda: asked.append(1))()
    Budget(until=time.perf_counter() + HOURS_S).guarded(lambda: asked.append(2))()
    with pytest.raises(OutOfTimeError):
        Budget(until=time.perf_counter()).guarded(lambda: asked.append(3))()
    assert asked == [1, 2, 3]


PUZZLES = Path(__file__).resolve().parents[2] / "benchmarks/puzzles/text-words"


def hard_puzzle(shipped: Solver) -> tuple[bytes, list[str]]:
    """A puzzle on which the first pass is not sure."""
    for puzzle in read_puzzles(PUZZLES).puzzles:
        content = (PUZZLES / puzzle.background).read_bytes()
        picture = decode_picture(content, Limits(), "background")
        words = WordsPrompt(puzzle.words)
        fast = shipped.solve(picture, words, effort="fast")
        if fast.confidence != shipped.solve(picture, words, effort="thorough").confidence:
            return content, list(puzzle.words)
    raise AssertionError("the first pass is sure of every puzzle")


def test_every_interface_takes_effort_and_deadline(open_app, shipped: Solver) -> None:
    content, words = hard_puzzle(shipped)
    body = {"background": base64.b64encode(content).decode(), "prompt": {"words": words}}
    app = create_app(Settings(grpc_port=0, effort="thorough"), lambda _: shipped)
    with open_app(app) as url, grpc.insecure_channel(app.state.rpc.address) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/Solve", pb.SolveRequest.SerializeToString, pb.SolveResponse.FromString
        )

        def by_http(**options: object) -> float:
            answer = httpx.post(f"{url}/solve", json=body | {"options": options}, timeout=600)
            assert answer.status_code == 200, answer.text
            return float(answer.json()["confidence"])

        def by_grpc(**options: object) -> float:
            sent = pb.SolveRequest(
                background=content,
                prompt=pb.Prompt(words=pb.Words(words=words)),
                options=pb.Options(**options),  # type: ignore[arg-type]
            )
            return float(call(sent, timeout=600).confidence)

        def by_client(**options: object) -> float:
            with Client(url, timeout_s=600) as client:
                return client.solve(content, words=words, **options).confidence  # type: ignore[arg-type]

        for ask in (by_http, by_grpc, by_client):
            fast, thorough = ask(effort="fast"), ask(effort="thorough")
            assert fast != thorough, ask
            # A millisecond is over before the first pass ends; an hour leaves time for both.
            assert ask(effort="thorough", deadline_ms=1) == fast, ask
            assert ask(effort="thorough", deadline_ms=600_000) == thorough, ask
        for wrong in ({"effort": "quick"}, {"deadline_ms": 0}):
            answer = httpx.post(f"{url}/solve", json=body | {"options": wrong}, timeout=600)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_the_setting_is_what_requests_get_that_ask_for_nothing(shipped: Solver) -> None:
    content, words = hard_puzzle(shipped)
    picture = decode_picture(content, Limits(), "background")
    asked = {
        effort: shipped.solve(picture, WordsPrompt(tuple(words)), effort=effort)
        for effort in ("fast", "thorough")
    }
    for effort in ("fast", "thorough"):
        solver = make_solver(shipped.parts, Settings(effort=effort))
        answer = solver.solve(picture, WordsPrompt(tuple(words)))
        assert answer.confidence == asked[effort].confidence


def test_commands_take_it(tmp_path: Path) -> None:
    confidences = {}
    for effort in ("fast", "thorough"):
        arguments = ["evaluate", str(PUZZLES), "--limit", "30", "--effort", effort, "--json", "-"]
        result = CliRunner().invoke(commands, arguments)
        assert result.exit_code == 0, result.output
        confidences[effort] = [p["confidence"] for p in json.loads(result.stdout)["puzzles"]]
    assert confidences["fast"] != confidences["thorough"]
