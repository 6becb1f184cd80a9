"""gRPC over a real server and channel; HTTP, on the same app, is the oracle of its errors."""

import asyncio
import base64
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import grpc
import httpx
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from service import errors
from service.app import create_app
from service.models.backends import load_solver
from service.models.bundle import Manifest, file_sums, manifest_text
from service.rpc import clickorder_pb2 as pb
from service.rpc.calls import Told
from service.rpc.messages import REASONS
from service.rpc.methods import SERVICE
from service.security.keys import hash_of
from service.settings import KeyEntry, Limits, Settings
from service.solving.answers import Reason
from service.solving.solver import Solver
from siamese.names import PrototypeNamer

NAMES = Path(__file__).resolve().parents[3] / "siamese" / "weights"
RED, GREEN, BLUE = (220, 30, 30), (30, 170, 60), (40, 60, 220)
TYPES = {
    "Solve": (pb.SolveRequest, pb.SolveResponse),
    "Read": (pb.ReadRequest, pb.ReadResponse),
    "Names": (pb.NamesRequest, pb.NamesResponse),
    "SolveBatch": (pb.SolveBatchRequest, pb.SolveBatchResponse),
    "ReadBatch": (pb.ReadBatchRequest, pb.ReadBatchResponse),
}


def png(*colours: tuple[int, int, int], size: tuple[int, int] = (200, 60)) -> bytes:
    """Squares of 30 pixels, from left to right, on white."""
    image = Image.new("RGB", size, "white")
    for place, colour in enumerate(colours):
        image.paste(colour, (10 + 50 * place, 10, 40 + 50 * place, 40))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


SCENE = png(RED, GREEN, BLUE)


def words(*named: str) -> pb.Prompt:
    return pb.Prompt(words=pb.Words(words=named))


def puzzle(*named: str, **fields: Any) -> pb.SolveRequest:
    return pb.SolveRequest(**{"background": SCENE, "prompt": words(*named), **fields})


@dataclass
class Peer:
    """Both doors of one service."""

    url: str
    channel: grpc.Channel
    app: Any

    def method(self, name: str) -> Any:
        sent, answer = TYPES[name]
        make = self.channel.stream_stream if "Batch" in name else self.channel.unary_unary
        return make(f"/{SERVICE}/{name}", sent.SerializeToString, answer.FromString)

    def solve(self, sent: pb.SolveRequest, **call: Any) -> pb.SolveResponse:
        return self.method("Solve")(sent, **{"timeout": 120, **call})

    def read(self, sent: pb.ReadRequest) -> pb.ReadResponse:
        return self.method("Read")(sent, timeout=600)


@pytest.fixture(scope="session")
def peer(open_app, colours) -> Callable[..., Any]:
    @contextmanager
    def open_peer(factory: Callable[[Settings], Solver] | None = None, **given: Any):
        app = create_app(Settings(grpc_port=0, **given), factory or colours)
        with (
            open_app(app) as url,
            grpc.insecure_channel(app.state.rpc.address) as channel,
        ):
            yield Peer(url, channel, app)

    return open_peer


@pytest.fixture(scope="module")
def both(peer) -> Iterator[Peer]:
    with peer() as opened:
        yield opened


@contextmanager
def failing() -> Iterator[dict[str, Any]]:
    """What a call in the block fails with."""
    told: dict[str, Any] = {}
    with pytest.raises(grpc.RpcError) as raised:
        yield told
    error = raised.value
    told.update(dict(error.trailing_metadata() or ()))
    told.update(status=error.code(), detail=error.details())


def wait_for(condition: Callable[[], Any], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("prompt", "centres", "labels"),
    [
        (words("blue", "red"), [(125, 25), (25, 25)], ["blue", "red"]),
        (
            pb.Prompt(icons=pb.Icons(pictures=[png(GREEN), png(RED)])),
            [(75, 25), (25, 25)],
            [None, None],
        ),
        (pb.Prompt(image=png(BLUE, GREEN)), [(125, 25), (75, 25)], [None, None]),
        (
            pb.Prompt(region=pb.Box(x1=100, y1=0, x2=200, y2=60)),
            [(25, 25)],
            [None],
        ),
        (pb.Prompt(text="Click: blue, red"), [(125, 25), (25, 25)], ["blue", "red"]),
        (
            pb.Prompt(image=png(BLUE, GREEN), count=pb.Count(least=2, greatest=3)),
            [(125, 25), (75, 25)],
            [None, None],
        ),
    ],
    ids=["words", "icons", "image", "region", "text", "image-and-count"],
)
def test_a_puzzle_is_solved_as_over_http(both, prompt, centres, labels):
    kind = prompt.WhichOneof("kind")
    scene = png(RED, GREEN, RED) if kind == "region" else SCENE
    answer = both.solve(pb.SolveRequest(background=scene, prompt=prompt))
    assert answer.solved
    assert answer.reason == pb.REASON_UNSPECIFIED
    assert [(c.x, c.y) for c in answer.clicks] == centres
    told = [c.label if c.HasField("label") else None for c in answer.clicks]
    assert told == labels

    body: dict[str, Any] = {"background": base64.b64encode(scene).decode()}
    body["prompt"] = {
        "words": lambda: {"words": list(prompt.words.words)},
        "icons": lambda: {"icons": [base64.b64encode(p).decode() for p in prompt.icons.pictures]},
        "image": lambda: {"image": base64.b64encode(prompt.image).decode()},
        "region": lambda: {"region": [100, 0, 200, 60]},
        "text": lambda: {"text": prompt.text},
    }[kind]()
    same = httpx.post(f"{both.url}/solve", json=body, timeout=600).json()
    assert same["confidence"] == answer.confidence
    assert same["models"] == dict(answer.models)
    assert set(same["timings_ms"]) == set(answer.timings_ms)
    assert same["image"] == {"width": answer.image.width, "height": answer.image.height}
    assert [c["box"] for c in same["clicks"]] == [
        [c.box.x1, c.box.y1, c.box.x2, c.box.y2] for c in answer.clicks
    ]
    assert [b["confidence"] for b in same["boxes"]] == [b.confidence for b in answer.boxes]


def test_an_abstention_is_an_answer_with_a_reason(both):
    answer = both.solve(puzzle("red", "green", "blue", background=png(RED, GREEN)))
    assert not answer.solved
    assert answer.reason == pb.REASON_MISSED_TARGET
    assert len(answer.clicks) < 3


def test_every_reason_has_its_value():
    assert set(REASONS) == {None, *get_args(Reason)}
    assert {REASONS[reason] for reason in REASONS} == set(pb.Reason.values())
    for reason in get_args(Reason):
        assert pb.Reason.Name(REASONS[reason]) == f"REASON_{reason.upper()}"


def test_a_drawing_is_a_png_and_only_where_asked_for(both):
    drawn = both.solve(puzzle("red", options=pb.Options(draw=True)))
    assert Image.open(io.BytesIO(drawn.drawing)).size == (200, 60)
    assert not both.solve(puzzle("red")).HasField("drawing")


@pytest.fixture(scope="module")
def texts(peer, stripes, tmp_path_factory) -> Iterator[Peer]:
    """A bundle that reads any picture, and one of 24 columns for the letters of a site."""
    folder: Path = tmp_path_factory.mktemp("grpc") / "models"
    for name, width, charset in (("plain", 16, "0O1ab"), ("wide", 24, "xyz")):
        place = folder / name
        place.mkdir(parents=True)
        stripes.model(place / "text.onnx", charset, width=width)
        manifest = {
            "name": name,
            "version": "1.0",
            "serves": {"sites": ["letters"] if name == "wide" else [], "prompts": ["text"]},
            "default": name == "plain",
            "sha256": file_sums(place),
        }
        (place / "bundle.json").write_text(manifest_text(Manifest.model_validate(manifest)))
    with peer(load_solver, models_dir=folder) as opened:
        yield opened


def striped(picture: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "1ab"),
        ({"charset": "ab"}, "aab"),
        ({"length": pb.Length(least=3, greatest=3)}, "1ab"),
        ({"length": pb.Length(least=1, greatest=2), "charset": "1a"}, "1a"),
        ({"model": "plain"}, "1ab"),
    ],
    ids=["plain", "charset", "length", "lengths", "model"],
)
def test_a_text_is_read(texts, stripes, fields, text):
    answer = texts.read(pb.ReadRequest(image=striped(stripes.picture("1 a b")), **fields))
    assert answer.text == text
    assert "".join(c.char for c in answer.characters) == text
    assert dict(answer.models) == {"bundle": "plain 1.0", "text": "stripes 0.1"}
    assert set(answer.timings_ms) == {"decode", "read", "total"}
    assert answer.request_id


def test_the_site_chooses_the_bundle(texts, stripes):
    picture = striped(stripes.picture("x y z", "xyz", width=24))
    answer = texts.read(pb.ReadRequest(image=picture, site="letters"))
    assert (answer.text, answer.models["bundle"]) == ("xyz", "wide 1.0")


@pytest.mark.parametrize(
    ("fields", "code", "part"),
    [
        ({"charset": "?"}, "invalid_request", "knows none of"),
        ({"charset": ""}, "invalid_request", "charset"),
        ({"length": pb.Length(least=3, greatest=1)}, "invalid_request", "exceeds"),
        ({"length": pb.Length(least=65, greatest=65)}, "invalid_request", "length"),
        ({"color": "red"}, "invalid_request", "was not trained to read"),
        ({"model": "nobody"}, "unknown_model", "nobody"),
        ({"model": ""}, "invalid_request", "model"),
        ({"image": b""}, "invalid_request", "`image` is missing"),
        ({"image": b"GIF"}, "bad_picture", "`image`"),
    ],
    ids=str,
)
def test_what_cannot_be_read(texts, stripes, fields, code, part):
    sent = {"image": striped(stripes.picture("1")), **fields}
    with failing() as told:
        texts.read(pb.ReadRequest(**sent))
    assert told["status"] == grpc.StatusCode.INVALID_ARGUMENT
    assert told["clickorder-code"] == code
    assert part in told["detail"]


@pytest.fixture(scope="module")
def named(peer, colours, colour_names, tmp_path_factory) -> Iterator[Peer]:
    """A service whose default knows the shipped vocabulary, and a bundle its own."""
    models = tmp_path_factory.mktemp("models")
    folder = models / "shop"
    folder.mkdir()
    colour_names.write(folder)
    told = {"name": "shop", "version": "1", "sha256": file_sums(folder)}
    text = manifest_text(Manifest.model_validate(told | {"serves": {"sites": ["shop.example"]}}))
    (folder / "bundle.json").write_text(text, encoding="utf-8")
    namer = PrototypeNamer.load(NAMES / "names.onnx", NAMES / "names.npz")

    def factory(settings: Settings) -> Solver:
        return Solver(replace(colours(settings).parts, namer=namer))

    with peer(factory, models_dir=models) as opened:
        wait_for(lambda: len(opened.app.state.service.registry.served) == 2)
        yield opened


NAMES_ASKED = [
    pytest.param({}, id="everything"),
    pytest.param({"q": "飞机"}, id="Chinese"),
    pytest.param({"q": "airplnae", "limit": 3}, id="a typing error"),
    pytest.param({"q": "a", "limit": 2000}, id="a part"),
    pytest.param({"q": "龘"}, id="nothing"),
    pytest.param({"model": "shop"}, id="a bundle's own"),
    pytest.param({"q": "sea", "site": "shop.example", "type": "any"}, id="its site's"),
]


@pytest.mark.parametrize("asked", NAMES_ASKED)
def test_names_are_those_of_http(named, asked):
    body = httpx.post(f"{named.url}/names", params=asked, timeout=600).json()
    answer = named.method("Names")(pb.NamesRequest(**asked), timeout=600)
    assert answer.total == body["total"] > 0
    found = [
        {"id": name.id, "names": {lang: list(own.names) for lang, own in name.names.items()}}
        for name in answer.names
    ]
    assert found == body["names"]


@pytest.mark.parametrize(
    "asked",
    [{"limit": 0}, {"limit": 2001}, {"q": "x" * 101}, {"model": ""}, {"model": "nobody"}],
    ids=str,
)
def test_names_that_cannot_be_asked_for_are_told_in_the_words_of_http(named, asked):
    body = httpx.post(f"{named.url}/names", params=asked, timeout=600).json()
    with failing() as told:
        named.method("Names")(pb.NamesRequest(**asked), timeout=600)
    assert told["status"] == grpc.StatusCode.INVALID_ARGUMENT
    assert told["clickorder-code"] == body["code"]
    assert told["detail"] == body["detail"].replace("`query.", "`")


def test_without_a_names_model_there_are_no_names(both):
    with failing() as told:
        both.method("Names")(pb.NamesRequest(), timeout=600)
    assert told["status"] == grpc.StatusCode.UNAVAILABLE
    assert told["clickorder-code"] == "model_unavailable"


JSON_SCENE = base64.b64encode(SCENE).decode()
SAME: list[tuple[str, pb.SolveRequest, dict[str, Any]]] = [
    ("nothing", pb.SolveRequest(), {"prompt": {}}),
    ("no prompt", pb.SolveRequest(background=SCENE), {"background": JSON_SCENE, "prompt": {}}),
    (
        "no words",
        puzzle(),
        {"background": JSON_SCENE, "prompt": {"words": []}},
    ),
    (
        "blank word",
        puzzle("red", " "),
        {"background": JSON_SCENE, "prompt": {"words": ["red", " "]}},
    ),
    (
        "unknown word",
        puzzle("紫"),
        {"background": JSON_SCENE, "prompt": {"words": ["紫"]}},
    ),
    (
        "long word",
        puzzle("r" * 17),
        {"background": JSON_SCENE, "prompt": {"words": ["r" * 17]}},
    ),
    (
        "too many words",
        puzzle(*["red"] * 13),
        {"background": JSON_SCENE, "prompt": {"words": ["red"] * 13}},
    ),
    (
        "too many icons",
        puzzle(prompt=pb.Prompt(icons=pb.Icons(pictures=[SCENE] * 13))),
        {"background": JSON_SCENE, "prompt": {"icons": [JSON_SCENE] * 13}},
    ),
    (
        "empty region",
        puzzle(prompt=pb.Prompt(region=pb.Box(x1=5, y1=5, x2=5, y2=9))),
        {"background": JSON_SCENE, "prompt": {"region": [5, 5, 5, 9]}},
    ),
    (
        "region outside",
        puzzle(prompt=pb.Prompt(region=pb.Box(x1=5, y1=5, x2=999, y2=9))),
        {"background": JSON_SCENE, "prompt": {"region": [5, 5, 999, 9]}},
    ),
    (
        "confidence",
        puzzle("red", options=pb.Options(min_confidence=1.5)),
        {
            "background": JSON_SCENE,
            "prompt": {"words": ["red"]},
            "options": {"min_confidence": 1.5},
        },
    ),
    (
        "unknown model",
        puzzle("red", model="nobody"),
        {"background": JSON_SCENE, "prompt": {"words": ["red"]}, "model": "nobody"},
    ),
    (
        "bad picture",
        puzzle("red", background=SCENE[:40]),
        {
            "background": base64.b64encode(SCENE[:40]).decode(),
            "prompt": {"words": ["red"]},
        },
    ),
    (
        "bad icon",
        puzzle(prompt=pb.Prompt(icons=pb.Icons(pictures=[SCENE, b"no picture"]))),
        {
            "background": JSON_SCENE,
            "prompt": {"icons": [JSON_SCENE, base64.b64encode(b"no picture").decode()]},
        },
    ),
]


@pytest.mark.parametrize(("sent", "body"), [c[1:] for c in SAME], ids=[c[0] for c in SAME])
def test_a_wrong_request_is_told_in_the_words_of_http(both, sent, body):
    problem = httpx.post(f"{both.url}/solve", json=body, timeout=600).json()
    with failing() as told:
        both.solve(sent)
    assert told["status"] == grpc.StatusCode.INVALID_ARGUMENT
    assert (told["clickorder-code"], told["detail"]) == (problem["code"], problem["detail"])
    assert "retry-after" not in told


def test_words_are_counted_before_each_is_looked_at(both):
    """Millions of empty ones fit into a message, and each would be an error of its own."""
    with failing() as told:
        both.solve(puzzle(*[""] * 100_000))
    assert told["clickorder-code"] == "too_many_items"
    assert "100000 items" in told["detail"]


STATUSES = {
    errors.BadPictureError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.BadBase64Error: grpc.StatusCode.INVALID_ARGUMENT,
    errors.BadRequestBodyError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.BodyTimeoutError: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.BodyTooLargeError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.PictureTooLargeError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.UnsupportedMediaError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.TooManyItemsError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UnknownWordsError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UnknownModelError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RegionOutsideError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.MissingKeyError: grpc.StatusCode.UNAUTHENTICATED,
    errors.UnknownKeyError: grpc.StatusCode.UNAUTHENTICATED,
    errors.AdminOnlyError: grpc.StatusCode.PERMISSION_DENIED,
    errors.ForeignRequestError: grpc.StatusCode.PERMISSION_DENIED,
    errors.RateLimitedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.TooManyAtOnceError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.OverloadedError: grpc.StatusCode.UNAVAILABLE,
    errors.ModelUnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceededError: grpc.StatusCode.DEADLINE_EXCEEDED,
    ZeroDivisionError: grpc.StatusCode.INTERNAL,
}


@pytest.mark.parametrize(
    ("kind", "status"), STATUSES.items(), ids=lambda v: getattr(v, "__name__", "")
)
def test_the_status_of_every_error(kind, status):
    told = Told.of(kind("A sentence."))
    assert told.grpc_status == status
    fault = status == grpc.StatusCode.INTERNAL
    assert told.code == ("internal" if fault else kind.code)
    assert (told.detail == "A sentence.") is not fault
    waits = issubclass(kind, errors.TryAgainError)
    assert (("retry-after", "1") in told.metadata()) is waits


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x05ab"], ids=["wire type", "cut off"])
def test_bytes_that_are_no_message(both, data):
    raw = both.channel.unary_unary(f"/{SERVICE}/Solve")
    with failing() as told:
        raw(data, timeout=600)
    assert told["status"] == grpc.StatusCode.INVALID_ARGUMENT
    assert told["clickorder-code"] == "bad_body"


def test_a_call_without_a_message(both):
    raw = both.channel.stream_stream(f"/{SERVICE}/Solve")
    with failing() as told:
        list(raw(iter(()), timeout=600))
    assert told["clickorder-code"] == "bad_body"


@hypothesis_settings(max_examples=60)
@given(data=st.binary(max_size=60))
def test_no_bytes_are_a_fault(both, data):
    raw = both.channel.unary_unary(f"/{SERVICE}/Solve")
    with failing() as told:
        raw(data, timeout=600)
    assert told["status"] == grpc.StatusCode.INVALID_ARGUMENT


@hypothesis_settings(max_examples=40)
@given(
    named=st.lists(st.sampled_from(["red", "green", "blue", "", "紫", "a" * 20]), max_size=14),
    background=st.sampled_from([SCENE, b"", b"\x89PNG\r\n", SCENE[:60]]),
    confidence=st.floats(),
    model=st.none() | st.text(max_size=120),
)
def test_no_message_is_a_fault(both, named, background, confidence, model):
    options = pb.Options(min_confidence=confidence)
    sent = puzzle(*named, background=background, options=options, model=model)
    call = both.method("Solve").future(sent, timeout=600)
    if call.code() == grpc.StatusCode.OK:
        labels = [click.label for click in call.result().clicks]
        # With fewer boxes than items the best items have one, in the order of the prompt.
        asked = iter(named)
        assert all(label in asked for label in labels)
        assert len(labels) == len(named) or not call.result().solved
    else:
        assert call.code() == grpc.StatusCode.INVALID_ARGUMENT


class Slow(Solver):
    """Solves once the gate is open."""

    def __init__(self, solver: Solver) -> None:
        super().__init__(solver.parts)
        self.gate = threading.Event()
        self.begun = 0
        self.ended: list[str] = []

    def solve(self, *arguments: Any, **named: Any) -> Any:
        self.begun += 1
        assert self.gate.wait(600)
        try:
            answer = super().solve(*arguments, **named)
        except Exception as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("answered")
        return answer


@pytest.fixture
def slow(colours) -> Slow:
    return Slow(colours(Settings()))


def test_a_fault_says_nothing_of_itself(peer, slow):
    slow.solve = lambda *_, **__: {}["a secret"]  # type: ignore[method-assign]
    with (
        structlog.testing.capture_logs() as lines,
        peer(lambda _: slow) as opened,
        failing() as told,
    ):
        opened.solve(puzzle("red"), metadata=[("x-request-id", "mine")])
    assert told["status"] == grpc.StatusCode.INTERNAL
    assert told["clickorder-code"] == "internal"
    assert told["x-request-id"] == "mine"
    assert "secret" not in str(told)
    assert any(line["event"] == "fault" for line in lines)
    assert "secret" not in str(lines)


NOT_NUMBERS = {
    "answer": lambda answer: replace(answer, confidence=float("nan")),
    "click": lambda answer: replace(
        answer, clicks=tuple(replace(click, confidence=float("inf")) for click in answer.clicks)
    ),
    "box": lambda answer: replace(
        answer, boxes=tuple(replace(box, confidence=float("nan")) for box in answer.boxes)
    ),
}


@pytest.mark.parametrize("spoil", NOT_NUMBERS.values(), ids=NOT_NUMBERS)
def test_what_is_not_a_number_is_a_fault_at_both_doors(peer, colours, spoil):
    solver = colours(Settings())
    solve = solver.solve
    solver.solve = lambda *given, **named: spoil(solve(*given, **named))
    with peer(lambda _: solver) as opened:
        with failing() as told:
            opened.solve(puzzle("red"))
        body = {"background": base64.b64encode(SCENE).decode(), "prompt": {"words": ["red"]}}
        response = httpx.post(f"{opened.url}/solve", json=body, timeout=600)
        served = httpx.get(f"{opened.url}/metrics", timeout=600).text
    assert told["status"] == grpc.StatusCode.INTERNAL
    assert told["clickorder-code"] == response.json()["code"] == "internal"
    assert response.status_code == 500
    assert "NaN" not in served


def test_messages_and_pictures_that_are_too_large(peer):
    limits = Limits(body_bytes=20_000, pixels=20_000)
    with peer(limits=limits) as opened:
        for sent, code in (
            (puzzle("red", background=png(size=(200, 101))), "picture_too_large"),
            (puzzle("red", background=b"x" * 20_001), "body_too_large"),
            (puzzle("red", background=b"x" * 100_000), None),  # by gRPC itself
        ):
            with failing() as told:
                opened.solve(sent)
            assert told["status"] == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert told.get("clickorder-code") == code
        assert opened.solve(puzzle("red")).solved


def keyed(*names: str, **limits: Any) -> tuple[KeyEntry, ...]:
    return tuple(KeyEntry(name=name, hash=hash_of(f"co_{name}"), **limits) for name in names)


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ([], "missing_key"),
        ([("authorization", "Basic abc")], "missing_key"),
        ([("authorization", "Bearer co_other")], "unknown_key"),
        ([("x-api-key", "co_other")], "unknown_key"),
        ([("authorization", "Bearer co_a")], None),
        ([("x-api-key", "co_a")], None),
    ],
    ids=str,
)
def test_keys(peer, metadata, code):
    with structlog.testing.capture_logs() as lines, peer(keys=keyed("a")) as opened:
        if code is None:
            assert opened.solve(puzzle("red"), metadata=metadata).solved
        else:
            with failing() as told:
                opened.solve(puzzle("red"), metadata=metadata)
            assert told["status"] == grpc.StatusCode.UNAUTHENTICATED
            assert told["clickorder-code"] == code
        # As /healthz and /docs are.
        assert health(opened) == health_pb2.HealthCheckResponse.SERVING
        assert SERVICE in ProtoReflectionDescriptorDatabase(opened.channel).get_services()
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line.get("key") == ("a" if code is None else None)
    assert "co_" not in str(lines)


@pytest.mark.usefixtures("still_rates")
def test_a_rate_is_one_for_both_doors(peer):
    metadata = [("x-api-key", "co_a")]
    with peer(keys=keyed("a", rate_per_minute=2)) as opened:
        assert opened.solve(puzzle("red"), metadata=metadata).solved
        models = httpx.get(f"{opened.url}/models", headers={"x-api-key": "co_a"}, timeout=600)
        assert models.status_code == 200
        with failing() as told:
            opened.solve(puzzle("red"), metadata=metadata)
    assert told["status"] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert told["clickorder-code"] == "rate_limited"
    assert 1 <= int(told["retry-after"]) <= 30
    assert f"try again in {told['retry-after']} s" in told["detail"]


def test_a_key_has_so_many_at_once(peer, slow):
    metadata = [("x-api-key", "co_a")]
    with peer(lambda _: slow, keys=keyed("a", concurrency=1)) as opened:
        first = opened.method("Solve").future(puzzle("red"), timeout=600, metadata=metadata)
        wait_for(lambda: slow.begun)
        with failing() as told:
            opened.solve(puzzle("red"), metadata=metadata)
        slow.gate.set()
        assert first.result().solved
        assert opened.solve(puzzle("red"), metadata=metadata).solved
    assert told["clickorder-code"] == "too_many_at_once"


def test_a_full_queue_refuses_and_a_caller_that_leaves_gives_its_place_up(peer, slow):
    settings = {"workers": 1, "limits": Limits(queue=1), "retry_after_s": 7}
    with (
        structlog.testing.capture_logs() as lines,
        peer(lambda _: slow, **settings) as opened,
    ):
        solve = opened.method("Solve")
        running = solve.future(puzzle("red"), timeout=600)
        wait_for(lambda: slow.begun)
        waiting = solve.future(puzzle("red"), timeout=600)
        pool = opened.app.state.service.pool
        wait_for(lambda: not pool.load.room)
        with failing() as told:
            opened.solve(puzzle("red"))
        assert told["status"] == grpc.StatusCode.UNAVAILABLE
        assert (told["clickorder-code"], told["retry-after"]) == ("overloaded", "7")
        assert silent_call(opened)["clickorder-code"] == "overloaded"

        waiting.cancel()
        wait_for(lambda: pool.load.room)
        running.cancel()
        wait_for(lambda: [line.get("status") for line in lines].count(499) == 2)
        slow.gate.set()
        wait_for(lambda: slow.ended)
        assert slow.ended == ["DeadlineExceededError"]  # at its next step, not at its end
        assert opened.solve(puzzle("red")).solved
    assert not [line for line in lines if line["log_level"] == "error"]


@pytest.mark.parametrize("whose", ["service", "caller"])
def test_a_deadline_ends_the_work(peer, slow, whose):
    given, seconds = ({"deadline_s": 1}, 600) if whose == "service" else ({}, 2)
    with structlog.testing.capture_logs() as lines, peer(lambda _: slow, **given) as opened:
        calls = 0
        while not slow.begun:  # On a busy machine the first may end before its work begins.
            with failing() as told:
                opened.solve(puzzle("red"), timeout=seconds * 2**calls)
            calls += 1
        wait_for(lambda: [line["event"] for line in lines].count("request") == calls)
        slow.gate.set()
        wait_for(lambda: slow.ended)
    assert told["status"] == grpc.StatusCode.DEADLINE_EXCEEDED
    assert set(slow.ended) == {"DeadlineExceededError"}
    requests = [line for line in lines if line["event"] == "request"]
    assert {(line["status"], line["code"]) for line in requests} == {(504, "deadline_exceeded")}
    if whose == "service":
        assert told["clickorder-code"] == "deadline_exceeded"
        assert "within 1 s" in told["detail"]


def silent_call(opened: Peer, name: str = "Solve", *before: bytes) -> dict[str, Any]:
    """What a call fails with that sends nothing, or nothing more."""
    never = threading.Event()

    def silent() -> Iterator[bytes]:
        yield from before
        never.wait(600)

    raw = opened.channel.stream_stream(f"/{SERVICE}/{name}")
    with failing() as told:
        list(raw(silent(), timeout=600))
    never.set()
    return told


def test_who_has_no_key_need_not_send_anything_to_learn_it(peer):
    with peer(keys=keyed("a")) as opened:
        assert silent_call(opened)["clickorder-code"] == "missing_key"


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("Solve", []),
        ("SolveBatch", []),
        ("SolveBatch", [pb.SolveBatchRequest(puzzle=puzzle("red")).SerializeToString()]),
    ],
    ids=["solve", "batch", "second entry"],
)
def test_a_message_that_does_not_come(peer, name, before):
    with peer(body_timeout_s=1) as opened:
        told = silent_call(opened, name, *before)
    assert told["status"] == grpc.StatusCode.DEADLINE_EXCEEDED
    assert told["clickorder-code"] == "body_timeout"


def test_a_model_that_is_not_installed(both):
    with failing() as told:
        both.read(pb.ReadRequest(image=SCENE))
    assert told["status"] == grpc.StatusCode.UNAVAILABLE
    assert told["clickorder-code"] == "model_unavailable"
    assert "retry-after" not in told


@pytest.mark.parametrize(
    ("sent", "same"), [("traced-1", True), ("a b", False), ("x" * 65, False)], ids=str
)
def test_the_request_id(both, sent, same):
    answer, call = both.method("Solve").with_call(
        puzzle("red"), timeout=600, metadata=[("x-request-id", sent)]
    )
    assert (answer.request_id == sent) is same
    assert dict(call.trailing_metadata())["x-request-id"] == answer.request_id


def test_a_line_in_the_log_and_a_count_each(peer):
    with structlog.testing.capture_logs() as lines, peer() as opened:
        opened.solve(puzzle("red"))
        with failing():
            opened.solve(puzzle("紫"))
        metrics = httpx.get(f"{opened.url}/metrics", timeout=600).text
    told = [line for line in lines if line.get("path") == f"/{SERVICE}/Solve"]
    assert [(t["method"], t["status"], t["grpc_status"], t.get("code")) for t in told] == [
        ("POST", 200, "OK", None),
        ("POST", 422, "INVALID_ARGUMENT", "unknown_word"),
    ]
    assert all(t["duration_ms"] > 0 for t in told)
    assert "紫" not in str(lines)
    route = f'route="/{SERVICE}/Solve"'
    for status in ("200", "422"):
        assert (
            f'clickorder_requests_total{{method="POST",{route},status="{status}"}} 1.0' in metrics
        )
    assert 'clickorder_problems_total{code="unknown_word"} 1.0' in metrics
    assert 'clickorder_solves_total{bundle="default",outcome="solved"} 1.0' in metrics


def batched(peer: Peer, *entries: pb.SolveBatchRequest) -> dict[str, pb.SolveBatchResponse]:
    lines = list(peer.method("SolveBatch")(iter(entries), timeout=600))
    assert len(lines) == len(entries)
    return {line.id: line for line in lines}


def test_a_batch_answers_each_entry(both):
    told = batched(
        both,
        pb.SolveBatchRequest(id="a", puzzle=puzzle("red")),
        pb.SolveBatchRequest(puzzle=puzzle("blue")),
        pb.SolveBatchRequest(id="c", puzzle=puzzle("紫")),
        pb.SolveBatchRequest(id="d"),
        pb.SolveBatchRequest(id="e" * 101, puzzle=puzzle("red")),
    )
    assert set(told) == {"a", "1", "c", "d", "4"}
    assert told["a"].answer.clicks[0].label == "red"
    assert told["1"].answer.clicks[0].label == "blue"
    assert told["1"].answer.request_id.endswith(".1")
    problem = told["c"].problem
    assert (problem.status, problem.code) == (3, "unknown_word")
    assert "紫" in problem.detail
    assert problem.request_id.endswith(".2")
    assert not problem.HasField("retry_after_s")
    assert told["d"].problem.code == told["4"].problem.code == "invalid_request"


def test_two_entries_of_one_id(both):
    entry = pb.SolveBatchRequest(id="a", puzzle=puzzle("red"))
    lines = list(both.method("SolveBatch")(iter([entry, entry]), timeout=600))
    assert sorted(line.WhichOneof("result") for line in lines) == ["answer", "problem"]


def test_a_batch_of_pictures(texts, stripes):
    entries = [
        pb.ReadBatchRequest(id="a", picture=pb.ReadRequest(image=striped(stripes.picture("1 a")))),
        pb.ReadBatchRequest(id="b", picture=pb.ReadRequest(image=b"AAAA")),
    ]
    told = {line.id: line for line in texts.method("ReadBatch")(iter(entries), timeout=600)}
    assert told["a"].answer.text == "1a"
    assert told["b"].problem.code == "bad_picture"


def test_a_batch_waits_where_a_single_call_is_refused(peer):
    with peer(workers=3, limits=Limits(queue=0)) as opened:
        entries = [pb.SolveBatchRequest(puzzle=puzzle("red")) for _ in range(40)]
        told = batched(opened, *entries)
    assert {line.WhichOneof("result") for line in told.values()} == {"answer"}


def test_a_batch_may_wait_for_its_answers(both):
    """Each entry is sent once the one before is answered."""
    answered = threading.Semaphore(1)

    def entries() -> Iterator[pb.SolveBatchRequest]:
        for _ in range(5):
            assert answered.acquire(timeout=600)
            yield pb.SolveBatchRequest(puzzle=puzzle("red"))

    seen = []
    for line in both.method("SolveBatch")(entries(), timeout=600):
        seen.append(line.id)
        answered.release()
    assert seen == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("count", "answers", "part"), [(0, 0, "is empty"), (4, 3, "more than 3")], ids=str
)
def test_batches_of_none_and_of_too_many(peer, count, answers, part):
    entries = [pb.SolveBatchRequest(puzzle=puzzle("red")) for _ in range(count)]
    seen = []
    with peer(limits=Limits(batch_items=3)) as opened, failing() as told:
        seen.extend(opened.method("SolveBatch")(iter(entries), timeout=600))
    assert told["clickorder-code"] == "invalid_request"
    assert part in told["detail"]
    assert len(seen) == answers


@pytest.mark.usefixtures("still_rates")
def test_each_entry_counts_for_the_rate_of_a_key(peer):
    metadata = [("x-api-key", "co_a")]
    entries = [pb.SolveBatchRequest(puzzle=puzzle("red")) for _ in range(5)]
    seen: list[pb.SolveBatchResponse] = []
    with peer(keys=keyed("a", rate_per_minute=3)) as opened, failing() as told:
        seen.extend(opened.method("SolveBatch")(iter(entries), timeout=600, metadata=metadata))
    assert told["status"] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert told["clickorder-code"] == "rate_limited"
    assert int(told["retry-after"]) >= 1
    assert sorted(line.id for line in seen) == ["0", "1", "2"]


def test_so_many_batches_at_a_time(peer, slow):
    with peer(lambda _: slow, limits=Limits(batches=1)) as opened:
        entries = [pb.SolveBatchRequest(puzzle=puzzle("red"))]
        first = opened.method("SolveBatch")(iter(entries), timeout=600)
        wait_for(lambda: slow.begun)
        with failing() as told:
            list(opened.method("SolveBatch")(iter(entries), timeout=600))
        slow.gate.set()
        assert next(first).answer.solved
        wait_for(lambda: first.code() == grpc.StatusCode.OK)
        assert batched(opened, *entries)["0"].answer.solved
    assert told["status"] == grpc.StatusCode.UNAVAILABLE
    assert told["clickorder-code"] == "overloaded"


def test_a_batch_whose_caller_leaves_is_dropped(peer, slow):
    with (
        structlog.testing.capture_logs() as lines,
        peer(lambda _: slow, workers=3) as opened,  # one of them is left to single calls
    ):
        entries = [pb.SolveBatchRequest(puzzle=puzzle("red")) for _ in range(9)]
        call = opened.method("SolveBatch")(iter(entries), timeout=600)
        wait_for(lambda: slow.begun == 2)
        call.cancel()
        wait_for(lambda: any(line.get("status") == 499 for line in lines))
        slow.gate.set()
        wait_for(lambda: len(slow.ended) == 2)
        assert opened.solve(puzzle("red")).solved
    assert slow.ended[:2] == ["DeadlineExceededError"] * 2
    assert slow.begun == 3


def health(peer: Peer, service: str = SERVICE) -> int:
    stub = health_pb2_grpc.HealthStub(peer.channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=600).status


def test_health_is_the_standard_one(both):
    assert health(both) == health(both, "") == health_pb2.HealthCheckResponse.SERVING
    with failing() as told:
        health(both, "nobody")
    assert told["status"] == grpc.StatusCode.NOT_FOUND


def test_reflection_tells_the_services_and_their_messages(both):
    database = ProtoReflectionDescriptorDatabase(both.channel)
    assert set(database.get_services()) == {
        SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    file = database.FindFileContainingSymbol(SERVICE)
    assert [m.name for m in file.service[0].method] == list(TYPES)
    assert file.SerializeToString() == pb.DESCRIPTOR.serialized_pb


def test_ending_waits_for_what_runs_and_not_for_who_watches(peer, slow, open_app):
    loops = []

    def factory(_: Settings) -> Solver:
        loops.append(asyncio.get_running_loop())
        return slow

    app = create_app(Settings(grpc_port=0, shutdown_s=60), factory)
    with ExitStack() as open_still:
        open_still.enter_context(open_app(app))
        channel = grpc.insecure_channel(app.state.rpc.address)
        opened = Peer("", channel, app)
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service=SERVICE), timeout=600
        )
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        running = opened.method("Solve").future(puzzle("red"), timeout=600)
        wait_for(lambda: slow.begun)
        loops[0].call_soon_threadsafe(app.state.rpc.begin_stop)
        # The watcher is told first; from then on nothing new is taken.
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with failing() as told, grpc.insecure_channel(app.state.rpc.address) as other:
            Peer("", other, app).solve(puzzle("red"))
        assert told["status"] == grpc.StatusCode.UNAVAILABLE
        time.sleep(1)  # longer than what only watches is waited for
        assert not running.done()
        slow.gate.set()
        assert running.result().solved
        # Joins the server's thread within 20 s, though its grace is 60 s and somebody watches.
        open_still.close()
        with failing() as told:
            next(watch)
        assert told["status"] == grpc.StatusCode.UNAVAILABLE
        channel.close()
