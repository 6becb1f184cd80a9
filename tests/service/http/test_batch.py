"""Many puzzles in one request: each with its own answer or its own problem."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from service.security.keys import hash_of, new_key
from service.settings import KeyEntry, Limits, Settings
from service.solving.prompts import Prompt
from service.solving.solver import Answer, Solver

COLOURS = ((220, 30, 30), (30, 170, 60), (40, 60, 220))


def picture() -> str:
    image = Image.new("RGB", (120, 60), "white")
    draw = ImageDraw.Draw(image)
    for place, colour in enumerate(COLOURS):
        draw.rectangle((10 + 40 * place, 20, 29 + 40 * place, 39), colour)
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PICTURE = picture()


def puzzle(*words: str, **fields: object) -> dict[str, Any]:
    return {"background": PICTURE, "prompt": {"words": list(words)}} | fields


def lines(url: str, *puzzles: dict[str, Any]) -> list[dict[str, Any]]:
    response = httpx.post(f"{url}/solve/batch", json={"puzzles": list(puzzles)}, timeout=600)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def test_each_puzzle_has_its_own_answer_or_problem(url: str) -> None:
    told = lines(
        url,
        puzzle("red", "blue", id="good"),
        puzzle("red", id="bad picture", background="AAAA"),
        puzzle(id="bad prompt"),
        puzzle("red", id="odd field", colour=1),
        puzzle("green"),
        puzzle("red", id="nobody", model="nobody"),
    )
    by_id = {line["id"]: line for line in told}
    assert {name: line["status"] for name, line in by_id.items()} == {
        "good": 200,
        "bad picture": 400,
        "bad prompt": 422,
        "odd field": 422,
        "4": 200,
        "nobody": 422,
    }
    assert [(c["x"], c["y"]) for c in by_id["good"]["answer"]["clicks"]] == [(20, 30), (100, 30)]
    assert by_id["nobody"]["problem"]["code"] == "unknown_model"
    assert by_id["bad picture"]["problem"]["code"] == "bad_picture"
    assert by_id["bad picture"]["problem"]["status"] == 400
    assert "problem" not in by_id["good"]
    assert "answer" not in by_id["nobody"]
    ids = [line.get("answer", line.get("problem"))["request_id"] for line in told]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, "bad_body"),
        ("[" * 100_000, 400, "bad_body"),
        ("[]", 422, "invalid_request"),
        ('{"puzzles": []}', 422, "invalid_request"),
        ('{"puzzles": {}}', 422, "invalid_request"),
        ('{"puzzles": [3]}', 422, "invalid_request"),
        ('{"puzzles": [{"id": 3}]}', 422, "invalid_request"),
        ('{"puzzles": [{"id": ""}]}', 422, "invalid_request"),
        ('{"puzzles": [{"id": "a"}, {"id": "a"}]}', 422, "invalid_request"),
        ('{"puzzles": [{}, {"id": "0"}]}', 422, "invalid_request"),
        ('{"puzzles": [{}], "more": 1}', 422, "invalid_request"),
        (json.dumps({"puzzles": [{}] * 201}), 422, "invalid_request"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_batch_that_is_none(url: str, body: str, status: int, code: str) -> None:
    headers = {"content-type": "application/json"}
    response = httpx.post(f"{url}/solve/batch", content=body, headers=headers, timeout=600)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_batch_is_no_multipart(url: str) -> None:
    response = httpx.post(f"{url}/solve/batch", files={"background": b"x"}, timeout=600)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


class Slow(Solver):
    """Answers at once but where the prompt is told to wait for."""

    def __init__(self, like: Solver) -> None:
        super().__init__(like.parts)
        self.gate = threading.Event()
        self.begun = 0

    def solve(self, background: NDArray[np.uint8], prompt: Prompt, **options: Any) -> Answer:
        self.begun += 1
        if prompt.words == ("blue",):
            while not self.gate.wait(0.02):
                options["check"]()
        return super().solve(background, prompt, **options)


def test_answers_come_in_order_of_completion(serve, gated) -> None:
    solver = Slow(gated)
    with serve(Settings(workers=3), lambda _: solver) as url:
        body = {"puzzles": [puzzle("blue"), puzzle("red"), puzzle("green")]}
        with httpx.stream("POST", f"{url}/solve/batch", json=body, timeout=600) as response:
            arriving = response.iter_lines()
            assert [json.loads(next(arriving))["id"] for _ in range(2)] == ["1", "2"]
            solver.gate.set()
            assert json.loads(next(arriving))["id"] == "0"


def test_a_puzzle_that_takes_too_long_is_a_problem_of_its_own(serve, gated) -> None:
    with serve(Settings(workers=1, deadline_s=4), lambda _: Slow(gated)) as url:
        told = lines(url, puzzle("blue"), puzzle("red"))
    assert [(line["id"], line["status"]) for line in told] == [("0", 504), ("1", 200)]
    assert told[0]["problem"]["code"] == "deadline_exceeded"


def test_a_batch_whose_caller_leaves_is_dropped(serve, gated) -> None:
    solver = Slow(gated)
    with serve(Settings(workers=1), lambda _: solver) as url:
        body = {"puzzles": [puzzle("red"), *[puzzle("blue") for _ in range(5)]]}
        with httpx.stream("POST", f"{url}/solve/batch", json=body, timeout=600) as response:
            next(response.iter_lines())
        # The worker is free again although nobody opened the gate.
        assert lines(url, puzzle("red"))[0]["status"] == 200
        assert solver.begun <= 4


def test_a_batch_waits_where_the_queue_is_full_and_others_are_refused(serve, gated) -> None:
    settings = Settings(workers=1, limits=Limits(queue=0))
    with serve(settings, lambda _: gated) as url:
        detect = {"image": PICTURE}
        answers: list[int] = []

        def hold() -> None:
            answers.append(httpx.post(f"{url}/detect", json=detect, timeout=600).status_code)

        holder = threading.Thread(target=hold)
        holder.start()
        deadline = time.monotonic() + 600
        while not gated.running:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert httpx.post(f"{url}/detect", json=detect, timeout=600).status_code == 503
        assert (
            httpx.post(f"{url}/solve/batch", json={"puzzles": [{}]}, timeout=600).status_code == 503
        )
        gated.gate.set()
        holder.join(120)
        assert answers == [200]
        # One place is enough for any number of puzzles.
        assert {line["status"] for line in lines(url, *[puzzle("red")] * 8)} == {200}


@pytest.fixture
def slow_url(serve, gated) -> Iterator[str]:
    with serve(Settings(workers=1, deadline_s=1), lambda _: Slow(gated)) as url:
        yield url


def test_a_request_that_takes_too_long_is_answered_in_time(slow_url: str) -> None:
    response = httpx.post(f"{slow_url}/solve", json=puzzle("blue"), timeout=600)
    assert (response.status_code, response.json()["code"]) == (504, "deadline_exceeded")
    assert "within 1 s" in response.json()["detail"]
    # Its worker ended at the next step, so the next request is answered; on a busy machine another.
    deadline = time.monotonic() + 600
    statuses = [504]
    while statuses[-1] == 504:
        assert time.monotonic() < deadline, "the worker never ended"
        answer = httpx.post(f"{slow_url}/solve", json=puzzle("red"), timeout=600)
        statuses.append(answer.status_code)
    assert statuses[-1] == 200


def test_waiting_in_the_queue_counts(slow_url: str) -> None:
    statuses: list[int] = []

    def ask(word: str) -> None:
        response = httpx.post(f"{slow_url}/solve", json=puzzle(word), timeout=600)
        statuses.append(response.status_code)

    callers = [threading.Thread(target=ask, args=(word,)) for word in ("blue",) * 4]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert statuses == [504] * 4


def test_a_whole_batch_may_be_larger_than_one_request(serve) -> None:
    settings = Settings(limits=Limits(body_bytes=3_000, batch_bytes=100_000))
    with serve(settings) as url:
        many = [puzzle("red")] * 20
        assert len(json.dumps(many)) > 3_000
        assert len(lines(url, *many)) == 20
        response = httpx.post(
            f"{url}/solve/batch", json={"puzzles": [puzzle("red")] * 400}, timeout=600
        )
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_batches_leave_a_worker_to_single_requests(serve, gated) -> None:
    solver = Slow(gated)
    with serve(Settings(workers=2, limits=Limits(queue=2)), lambda _: solver) as url:
        body = {"puzzles": [puzzle("blue") for _ in range(20)]}
        callers = [
            threading.Thread(
                target=httpx.post,
                args=(f"{url}/solve/batch",),
                kwargs={"json": body, "timeout": 120},
            )
            for _ in range(3)
        ]
        for caller in callers:
            caller.start()
        deadline = time.monotonic() + 600
        while not solver.begun:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            for _ in range(5):
                assert (
                    httpx.post(f"{url}/solve", json=puzzle("red"), timeout=600).status_code == 200
                )
        finally:
            solver.gate.set()
        for caller in callers:
            caller.join(120)


def test_more_batches_than_are_taken_are_refused_and_their_places_come_back(serve, gated) -> None:
    solver = Slow(gated)
    with serve(Settings(limits=Limits(batches=1)), lambda _: solver) as url:
        body = {"puzzles": [puzzle("red"), puzzle("blue")]}
        with httpx.stream("POST", f"{url}/solve/batch", json=body, timeout=600) as response:
            arriving = response.iter_lines()  # Held: the connection closes with it.
            next(arriving)
            refused = httpx.post(f"{url}/solve/batch", json=body, timeout=600)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"]
        deadline = time.monotonic() + 600
        for broken in ("{", '{"puzzles": []}'):  # These give their place back as well.
            headers = {"content-type": "application/json"}
            while (
                httpx.post(
                    f"{url}/solve/batch", content=broken, headers=headers, timeout=600
                ).status_code
                == 503
            ):
                assert time.monotonic() < deadline, "the place never comes back"
                time.sleep(0.02)
        assert lines(url, puzzle("red"))[0]["status"] == 200


@pytest.mark.usefixtures("still_rates")
def test_each_puzzle_counts_for_the_rate_of_a_key(serve) -> None:
    key = new_key()
    entry = KeyEntry(name="qa", hash=hash_of(key), rate_per_minute=10)
    with serve(Settings(keys=(entry,), keys_required=True)) as url:
        headers = {"Authorization": f"Bearer {key}"}

        def ask(count: int) -> httpx.Response:
            body = {"puzzles": [puzzle("red")] * count}
            return httpx.post(f"{url}/solve/batch", json=body, headers=headers, timeout=600)

        assert ask(6).status_code == 200
        refused = ask(6)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) >= 1
        assert ask(2).status_code == 200
