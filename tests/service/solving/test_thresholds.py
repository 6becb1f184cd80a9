"""Thresholds of the detector that a request asks for, and the names of its classes."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from PIL import Image

from clickorder.client import Client
from service.app import create_app
from service.errors import InvalidRequestError
from service.models.backends import make_solver
from service.rpc import clickorder_pb2 as pb
from service.rpc.methods import SERVICE
from service.settings import Settings
from service.solving.prompts import WordsPrompt
from service.solving.solver import Solver

PUZZLE = Path(__file__).resolve().parents[3] / "benchmarks/puzzles/text-words/text-words-00001.jpg"
WORDS = ["痰", "痈", "釉", "痪"]


class Renamed:
    """A detector whose boxes are of the second of two classes."""

    classes = ("prompt", "icon")

    def __init__(self, detector):
        self._detector = detector
        self.name = detector.name

    def detect(self, image):
        found = self._detector.detect(image)
        return replace(found, classes=np.ones(len(found), np.int64))

    def limited(self, **thresholds):
        return Renamed(self._detector.limited(**thresholds))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    with Image.open(PUZZLE) as file:
        return np.asarray(file.convert("RGB"))


@pytest.fixture(scope="module")
def client(serve, shipped):
    with serve(Settings(), lambda _: shipped) as url, httpx.Client(base_url=url, timeout=600) as c:
        yield c


def test_boxes_count_from_the_confidence_that_was_asked_for(shipped: Solver, picture) -> None:
    every = shipped.limited(0.01, None).detect(picture)
    some = shipped.limited(0.9, None).detect(picture)
    assert len(some) < len(every)
    assert {box.box for box in some} == {box.box for box in every if box.confidence >= 0.9}
    # The solver itself is as it was.
    assert shipped.detect(picture) == shipped.limited(None, None).detect(picture)


def test_overlapping_boxes_stay_where_that_was_asked_for(shipped: Solver, picture) -> None:
    counts = [len(shipped.limited(0.01, iou).detect(picture)) for iou in (0.1, 0.99)]
    assert counts[0] < counts[1]


def test_solving_takes_them_on_both_looks(shipped: Solver, picture) -> None:
    answer = shipped.limited(0.2, 0.3).solve(picture, WordsPrompt(tuple(WORDS)))
    assert answer.solved
    assert all(box.confidence >= 0.2 for box in answer.boxes)
    none = shipped.limited(1.0, None).solve(picture, WordsPrompt(tuple(WORDS)))
    assert (none.boxes, none.reason) == ((), "missed_target")


def test_a_detector_without_thresholds_says_so(gated, picture) -> None:
    with pytest.raises(InvalidRequestError, match="has no thresholds to change"):
        gated.limited(0.5, None)


def test_boxes_carry_their_class(shipped: Solver, picture) -> None:
    parts = replace(shipped.parts, detector=Renamed(shipped.parts.detector))
    solver = make_solver(parts, Settings())
    assert {box.class_name for box in solver.detect(picture)} == {"icon"}
    answer = solver.limited(0.2, None).solve(picture, WordsPrompt(tuple(WORDS)))
    assert {box.class_name for box in answer.boxes} == {"icon"}
    assert {box.class_name for box in shipped.detect(picture)} == {None}


def test_by_http(client) -> None:
    content = PUZZLE.read_bytes()
    image = base64.b64encode(content).decode()
    few = client.post("/detect", json={"image": image, "confidence": 0.9}).json()
    form = {"image": ("a.jpg", content), "confidence": (None, "0.9"), "iou": (None, "0.45")}
    assert client.post("/detect", files=form).json()["boxes"] == few["boxes"]
    assert all(box["confidence"] >= 0.9 for box in few["boxes"])
    assert all(list(box) == ["box", "confidence"] for box in few["boxes"])
    assert len(client.post("/detect", json={"image": image}).json()["boxes"]) > len(few["boxes"])
    body = {"background": image, "prompt": {"words": WORDS}, "options": {"confidence": 0.9}}
    answer = client.post("/solve", json=body).json()
    assert all(box["confidence"] >= 0.9 for box in answer["boxes"])
    form = {"background": ("a.jpg", content), "words": (None, json.dumps(WORDS)),
            "options": (None, '{"confidence": 0.9}')}  # fmt: skip
    assert client.post("/solve", files=form).json()["boxes"] == answer["boxes"]


def test_by_grpc_as_by_http(open_app, shipped: Solver) -> None:
    content = PUZZLE.read_bytes()
    body = {"background": base64.b64encode(content).decode(), "prompt": {"words": WORDS}}
    asked = {"confidence": 0.9, "iou": 0.3}
    sent = pb.SolveRequest(
        background=content,
        prompt=pb.Prompt(words=pb.Words(words=WORDS)),
        options=pb.Options(**asked),
    )
    parts = replace(shipped.parts, detector=Renamed(shipped.parts.detector))
    app = create_app(Settings(grpc_port=0), lambda _: make_solver(parts, Settings()))
    with open_app(app) as url, grpc.insecure_channel(app.state.rpc.address) as channel:
        answer = httpx.post(f"{url}/solve", json=body | {"options": asked}, timeout=600).json()
        method = channel.unary_unary(
            f"/{SERVICE}/Solve", pb.SolveRequest.SerializeToString, pb.SolveResponse.FromString
        )
        told = method(sent, timeout=600)
    assert answer["boxes"]
    assert [([b.box.x1, b.box.y1, b.box.x2, b.box.y2], b.class_name) for b in told.boxes] == [
        (box["box"], "icon") for box in answer["boxes"]
    ]


def test_by_the_client(client) -> None:
    with Client(str(client.base_url)) as ours:
        few = ours.detect(PUZZLE, confidence=0.9, iou=0.45)
        assert len(few.boxes) < len(ours.detect(PUZZLE).boxes)
        # A second pass would look at enlarged parts too, where boxes come out a little otherwise.
        answer = ours.solve(PUZZLE, words=WORDS, confidence=0.9, effort="fast")
    assert [box.box for box in answer.boxes] == [box.box for box in few.boxes]
    assert min(box.confidence for box in few.boxes) >= 0.9


@pytest.mark.parametrize(
    "asked", [{"confidence": 0}, {"confidence": 1.1}, {"iou": -0.1}, {"iou": "x"}], ids=str
)
def test_bounds(client, asked) -> None:
    image = base64.b64encode(PUZZLE.read_bytes()).decode()
    for path, body in (
        ("/detect", {"image": image, **asked}),
        ("/solve", {"background": image, "prompt": {"words": WORDS}, "options": asked}),
    ):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
