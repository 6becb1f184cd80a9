"""The entry points of older services, asked as their documents show."""

import base64
import io
import json
import re

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

from classifier.text_reader import TextReading
from service.app import create_app
from service.models.backends import load_solver
from service.settings import Settings
from service.solving.parts import Parts
from service.solving.solver import Solver

COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}
BOXES = {"red": [20, 12, 50, 42], "green": [80, 30, 110, 60], "blue": [140, 8, 170, 38]}
CENTRES = {"red": [35, 27], "green": [95, 45], "blue": [155, 23]}
ROUTES = ("/ocr", "/captcha/v1", "/b", "/det", "/det/file")


def encode(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def scene(boxes=BOXES):
    image = Image.new("RGB", (200, 80), "white")
    for colour, box in boxes.items():
        image.paste(COLOURS[colour], tuple(box))
    return encode(image)


SCENE = scene()
BASE64 = base64.b64encode(SCENE).decode()


@pytest.fixture(scope="module")
def client(serve):
    with serve(Settings(compatible=True)) as url, httpx.Client(base_url=url, timeout=600) as http:
        yield http


def assert_problem(response, status, code, part=""):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == code
    assert part in response.json()["detail"]


def test_characters_and_their_centres(client):
    answer = client.post("/ocr", json={"beijing": BASE64})
    assert answer.status_code == 200
    assert answer.json() == {"data": CENTRES}


def test_a_character_seen_twice_is_where_it_is_surer(client):
    picture = Image.new("RGB", (200, 80), "white")
    picture.paste((150, 60, 60), (20, 12, 50, 42))  # red, more or less
    picture.paste(COLOURS["red"], (100, 30, 130, 60))
    sent = base64.b64encode(encode(picture)).decode()
    assert client.post("/ocr", json={"beijing": sent}).json() == {"data": {"red": [115, 45]}}


def test_a_picture_without_characters(client):
    sent = base64.b64encode(encode(Image.new("RGB", (60, 40), "white"))).decode()
    assert client.post("/ocr", json={"beijing": sent}).json() == {"data": {}}


DETECTIONS = {
    "base64": ("/det", {"json": {"image": BASE64}}),
    "query": ("/det?det=true&use_gpu=false", {"json": {"image": BASE64}}),
    "file": ("/det/file", {"files": {"file": ("captcha.png", SCENE)}}),
    "file-under-det": ("/det", {"files": {"file": ("captcha.png", SCENE)}}),
    "image-file": ("/det", {"files": {"image": ("captcha.png", SCENE)}}),
}


@pytest.mark.parametrize(("path", "sent"), DETECTIONS.values(), ids=DETECTIONS)
def test_boxes(client, path, sent):
    response = client.post(path, **sent)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert list(answer) == ["result", "processing_time"]
    assert sorted(answer["result"]) == sorted(BOXES.values())
    assert isinstance(answer["processing_time"], float)


IMAGE_FILE = {"image_file": ("captcha.jpg", SCENE, "application")}
TEXTS = {
    "platform": ("/captcha/v1", {"json": {"image": BASE64}}),
    "platform-site": (
        "/captcha/v1",
        {"json": {"image": BASE64, "model_site": "shop", "model_type": "login"}},
    ),
    "platform-empty-site": (
        "/captcha/v1",
        {"json": {"image": BASE64, "model_site": "", "model_type": None}},
    ),
    "platform-more": ("/captcha/v1", {"json": {"image": BASE64, "need_color": "red"}}),
    "cnn": ("/b", {"files": IMAGE_FILE}),
}


@pytest.mark.parametrize(("path", "sent"), TEXTS.values(), ids=TEXTS)
def test_text_has_no_model_yet(client, path, sent):
    assert_problem(client.post(path, **sent), 503, "model_unavailable", "text model")
    assert "retry-after" not in client.post(path, **sent).headers


def test_text_as_it_is_answered_with_a_model(client, monkeypatch):
    seen = []

    def read(_, picture, **restrictions):
        seen.append((picture.shape, restrictions))
        return TextReading("8xk2", 0.9, ())

    monkeypatch.setattr(Solver, "read_text", read)
    platform = client.post("/captcha/v1", json={"image": BASE64})
    assert platform.json() == {"message": "8xk2", "code": 0, "success": True}
    answer = client.post("/b", files=IMAGE_FILE).json()
    assert list(answer) == ["time", "value", "speed_time(ms)"]
    assert re.fullmatch(r"\d{10}\.\d{6}", answer["time"])
    assert answer["value"] == "8xk2"
    assert isinstance(answer["speed_time(ms)"], int)
    unrestricted = {"charset": None, "length": None, "colour": None}
    assert seen == [((80, 200, 3), unrestricted)] * 2


JUNK = base64.b64encode(b"hello").decode()
BAD = {
    # path, what is sent, status, code, part of the sentence
    "ocr-missing": ("/ocr", {"json": {}}, 422, "invalid_request", "`beijing` is missing"),
    "ocr-base64": ("/ocr", {"json": {"beijing": "***"}}, 400, "bad_base64", "`beijing`"),
    "ocr-picture": ("/ocr", {"json": {"beijing": JUNK}}, 400, "bad_picture", "`beijing`"),
    "ocr-number": ("/ocr", {"json": {"beijing": 7}}, 422, "invalid_request", "not text"),
    "ocr-no-json": ("/ocr", {"content": b"{", "headers": {"content-type": "application/json"}},
                    400, "bad_body", "not JSON"),
    "ocr-form": ("/ocr", {"data": {"beijing": BASE64}}, 415, "unsupported_media_type", ""),
    "v1-missing": ("/captcha/v1", {"json": {}}, 422, "invalid_request", "`image` is missing"),
    "v1-picture": ("/captcha/v1", {"json": {"image": JUNK}}, 400, "bad_picture", "`image`"),
    "v1-site": ("/captcha/v1", {"json": {"image": BASE64, "model_site": 7}}, 422,
                "invalid_request", "`model_site`"),
    "v1-long-site": ("/captcha/v1", {"json": {"image": BASE64, "model_site": "x" * 101}}, 422,
                     "invalid_request", "`model_site`"),
    "b-other-part": ("/b", {"files": {"file": ("a.png", SCENE)}}, 422, "invalid_request", "`file`"),
    "b-text": ("/b", {"files": {"image_file": (None, "x")}}, 422, "invalid_request", "a file"),
    "b-picture": ("/b", {"files": {"image_file": ("a.png", b"x")}}, 400, "bad_picture",
                  "`image_file`"),
    "det-none": ("/det", {"json": {}}, 422, "invalid_request", "exactly one of `image` and `file`"),
    "det-both": ("/det", {"json": {"image": BASE64, "file": BASE64}}, 422, "invalid_request",
                 "exactly one"),
    "det-picture": ("/det/file", {"files": {"file": ("a.png", b"x")}}, 400, "bad_picture",
                    "`file`"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "sent", "status", "code", "part"), BAD.values(), ids=BAD)
def test_bad_requests_are_problems(client, path, sent, status, code, part):
    answer = client.post(path, **sent)
    older = answer.json()
    assert (older["success"], older["message"]) == (False, older["detail"])
    if path in ("/captcha/v1", "/b"):
        # As in the older services: 200, and a number of theirs.
        assert answer.status_code == 200
        assert (older["status"], older["type"]) == (status, f"urn:clickorder:problem:{code}")
        number = {"bad_base64": 500001, "bad_picture": 500002}.get(code, 400001)
        assert older.get("error_code" if path == "/b" else "code") == (
            "1001" if path == "/b" else number
        )
        assert part in older["detail"]
    else:
        assert_problem(answer, status, code, part)


@pytest.mark.parametrize(
    "media_type", [None, "text/plain", "application/x-www-form-urlencoded"], ids=str
)
@pytest.mark.parametrize("path", ["/ocr", "/det"])
def test_json_without_its_content_type(client, path, media_type):
    """As `requests.post(url, data=json.dumps(...))` and `curl -d` send it."""
    body = json.dumps({"beijing" if path == "/ocr" else "image": BASE64})
    headers = {} if media_type is None else {"content-type": media_type}
    answer = client.post(path, content=body.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert_problem(client.post("/solve", content=body.encode(), headers=headers), 415,
                   "unsupported_media_type")  # fmt: skip


def test_the_limits_are_those_of_all_routes(serve):
    settings = Settings(compatible=True, limits={"body_bytes": 4096, "pixels": 10_000})
    with serve(settings) as url:
        large = httpx.post(f"{url}/b", files={"image_file": ("a.png", b"x" * 5000)}, timeout=600)
        assert_problem(large, 413, "body_too_large")
        wide = httpx.post(f"{url}/ocr", json={"beijing": BASE64}, timeout=600)
        assert_problem(wide, 413, "picture_too_large")


def test_characters_need_a_classifier(serve, gated):
    detector = gated.parts.detector
    with serve(Settings(compatible=True), lambda _: Solver(Parts(detector))) as url:
        answer = httpx.post(f"{url}/ocr", json={"beijing": BASE64}, timeout=600)
        assert_problem(answer, 503, "model_unavailable", "needs a classifier")
        assert httpx.post(f"{url}/det", json={"image": BASE64}, timeout=600).status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_off_unless_enabled(path, url):
    answer = httpx.post(f"{url}{path}", json={}, timeout=600)
    assert_problem(answer, 404, "not_found", "CLICKORDER_COMPATIBLE=true")


@pytest.mark.parametrize("enabled", [True, False], ids=["enabled", "off"])
def test_documented_only_where_enabled(enabled):
    document = create_app(Settings(compatible=enabled), lambda _: None).openapi()
    assert [path in document["paths"] for path in ROUTES] == [enabled] * len(ROUTES)
    assert ("CharactersResponse" in document["components"]["schemas"]) is enabled
    for path in ROUTES if enabled else ():
        content = document["paths"][path]["post"]["requestBody"]["content"]
        ((media_type, kind),) = content.items()
        assert media_type == (
            "multipart/form-data" if path in ("/b", "/det/file") else "application/json"
        )
        assert kind["schema"]["required"]


def test_enabled_by_a_variable(monkeypatch):
    assert Settings().compatible is False
    monkeypatch.setenv("CLICKORDER_COMPATIBLE", "true")
    assert Settings().compatible is True


def test_real_models_read_letters(serve):
    picture = Image.new("RGB", (300, 160), (225, 228, 220))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(44)
    corners = {"H": (30, 20), "K": (120, 70), "R": (220, 40)}
    for letter, corner in corners.items():
        draw.text(corner, letter, fill=(40, 30, 90), font=font)
    sent = base64.b64encode(encode(picture)).decode()
    settings = Settings(compatible=True, backend="ddddocr")
    with serve(settings, load_solver) as url:
        data = httpx.post(f"{url}/ocr", json={"beijing": sent}, timeout=600).json()["data"]
    read = {letter.upper(): centre for letter, centre in data.items()}
    assert len(read) == 3
    assert len(read.keys() & corners.keys()) >= 2, read
    for letter in read.keys() & corners.keys():
        x, y = read[letter]
        left, top, right, bottom = draw.textbbox(corners[letter], letter, font=font)
        assert left <= x < right
        assert top <= y < bottom
