"""The contract over real HTTP: every prompt, both media types, and every kind of bad input."""

import base64
import io
import json
import struct
import zlib

import httpx
import numpy as np
import pytest
from PIL import Image

from service.settings import Settings

COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}
BOXES = {"red": [20, 12, 50, 42], "green": [80, 30, 110, 60], "blue": [140, 8, 170, 38]}


def encode(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def text(data):
    return base64.b64encode(data).decode()


def scene(size=(200, 80), boxes=BOXES):
    image = Image.new("RGB", size, "white")
    for colour, box in boxes.items():
        image.paste(COLOURS[colour], tuple(box))
    return image


def square(colour):
    return encode(Image.new("RGB", (30, 30), COLOURS[colour]))


SCENE = encode(scene())
STRIP = encode(scene((120, 40), {"blue": [5, 5, 35, 35], "green": [60, 5, 90, 35]}))
# The prompt in the left 70 columns, the two targets on the right.
COMPOSITE = encode(
    Image.fromarray(
        np.hstack([np.asarray(scene((70, 80), {"blue": [10, 10, 40, 40]})), np.asarray(scene())])
    )
)


def good(prompt=None, **fields):
    return {"background": text(SCENE), "prompt": prompt or {"words": ["blue", "red"]}, **fields}


def assert_clicks(answer, colours, offset=0):
    assert answer["solved"] is True
    assert answer["reason"] is None
    assert len(answer["clicks"]) == len(colours)
    for click, colour in zip(answer["clicks"], colours, strict=True):
        x1, y1, x2, y2 = BOXES[colour]
        assert click["box"] == [x1 + offset, y1, x2 + offset, y2]
        assert (click["x"], click["y"]) == ((x1 + x2) // 2 + offset, (y1 + y2) // 2)
        assert 0.9 < click["confidence"] <= 1


def assert_problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:clickorder:problem:{code}"
    assert problem["title"].endswith(".")
    assert problem["detail"].endswith(".")
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


def test_an_answer_has_exactly_the_fields_of_the_contract(client):
    response = client.post("/solve", json=good())
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert list(answer) == [
        "solved",
        "reason",
        "confidence",
        "clicks",
        "boxes",
        "image",
        "models",
        "timings_ms",
        "request_id",
    ]
    assert list(answer["clicks"][0]) == ["x", "y", "box", "label", "confidence"]
    assert list(answer["timings_ms"]) == ["decode", "detect", "recognise", "match", "total"]
    assert answer["image"] == {"width": 200, "height": 80}
    assert answer["models"] == {"detector": "blobs 1.0", "classifier": "colours 1.0"}
    assert sorted(b["box"] for b in answer["boxes"]) == sorted(BOXES.values())
    assert answer["request_id"] == response.headers["x-request-id"]
    *stages, total = answer["timings_ms"].values()
    assert all(ms >= 0 for ms in stages)
    assert total >= sum(stages) - 0.1
    assert_clicks(answer, ["blue", "red"])
    assert [c["label"] for c in answer["clicks"]] == ["blue", "red"]


PROMPTS = {
    "words": ({"words": ["green", "red", "blue"]}, ["green", "red", "blue"]),
    "icons": ({"icons": [text(square("green")), text(square("red"))]}, ["green", "red"]),
    "image": ({"image": text(STRIP)}, ["blue", "green"]),
}


@pytest.mark.parametrize(("prompt", "colours"), PROMPTS.values(), ids=PROMPTS)
def test_every_prompt_kind_in_json(client, prompt, colours):
    assert_clicks(client.post("/solve", json=good(prompt)).json(), colours)


def test_a_prompt_inside_the_background(client):
    body = {"background": text(COMPOSITE), "prompt": {"region": [0, 0, 70, 80]}}
    answer = client.post("/solve", json=body).json()
    assert_clicks(answer, ["blue"], offset=70)
    assert all(box["box"][0] >= 70 for box in answer["boxes"]), "a prompt item is a target"


FILE = ("background", ("scene.png", SCENE, "image/png"))
PARTS = {
    "words-repeated": ([("words", (None, "blue")), ("words", (None, "red"))], ["blue", "red"]),
    "words-as-json": ([("words", (None, '["blue", "red"]'))], ["blue", "red"]),
    "one-word": ([("words", (None, "green"))], ["green"]),
    "icons": (
        [("icons", ("1.png", square("red"))), ("icons", ("2.png", square("blue")))],
        ["red", "blue"],
    ),
    "image": ([("image", ("strip.png", STRIP))], ["blue", "green"]),
}


@pytest.mark.parametrize(("parts", "colours"), PARTS.values(), ids=PARTS)
def test_every_prompt_kind_in_multipart(client, parts, colours):
    response = client.post("/solve", files=[FILE, *parts])
    assert_clicks(response.json(), colours)


def test_region_and_options_in_multipart(client):
    files = [
        ("background", ("c.png", COMPOSITE)),
        ("region", (None, "[0, 0, 70, 80]", "application/json")),
        ("options", (None, '{"draw": true}')),
    ]
    answer = client.post("/solve", files=files).json()
    assert_clicks(answer, ["blue"], offset=70)
    assert answer["drawing"].startswith("data:image/png;base64,")


def test_a_data_url_and_nulls_for_the_other_prompts(client):
    body = good({"words": ["red"], "icons": None, "image": None, "region": None})
    body["background"] = f"data:image/png;base64,{body['background']}"
    assert_clicks(client.post("/solve", json=body).json(), ["red"])


def test_coordinates_are_those_of_the_picture_as_displayed(client):
    tags = Image.Exif()
    tags[0x0112] = 6  # stored turned a quarter to the left
    stored = encode(scene().transpose(Image.Transpose.ROTATE_90), exif=tags)
    answer = client.post("/solve", json=good() | {"background": text(stored)}).json()
    assert answer["image"] == {"width": 200, "height": 80}
    assert_clicks(answer, ["blue", "red"])


def test_an_abstention_is_a_normal_answer(client):
    answer = client.post("/solve", json=good(options={"min_confidence": 1.0})).json()
    assert answer["solved"] is False
    assert answer["reason"] == "low_confidence"
    assert len(answer["clicks"]) == 2


def test_the_bound_of_the_settings_counts_where_a_request_has_none(serve, colours):
    assert 0 < Settings().min_confidence < 0.5
    with serve(Settings(min_confidence=1.0), colours) as url, httpx.Client(base_url=url) as client:
        assert client.post("/solve", json=good(), timeout=600).json()["solved"] is False
        body = good(options={"min_confidence": 0})
        assert client.post("/solve", json=body, timeout=600).json()["solved"] is True
        form = {"background": ("a.png", encode(scene())), "words": (None, '["red"]')}
        assert client.post("/solve", files=form, timeout=600).json()["solved"] is False


def test_the_drawing_shows_the_clicks(client):
    answer = client.post("/solve", json=good(options={"draw": True})).json()
    head, _, data = answer["drawing"].partition(",")
    drawing = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    assert head == "data:image/png;base64"
    changed = (drawing != np.asarray(scene())).any(axis=2)
    for x1, y1, x2, y2 in BOXES.values():
        assert changed[y1, x1:x2].all(), "no frame"
        changed[y1:y2, x1:x2] = False
    assert not changed.any(), "drawn outside the boxes"


def test_detect(client):
    for response in (
        client.post("/detect", json={"image": text(SCENE)}),
        client.post("/detect", files={"image": ("a.png", SCENE)}),
    ):
        answer = response.json()
        assert list(answer) == ["boxes", "image", "models", "timings_ms", "request_id"]
        assert sorted(b["box"] for b in answer["boxes"]) == sorted(BOXES.values())
        assert answer["image"] == {"width": 200, "height": 80}
        assert answer["models"] == {"detector": "blobs 1.0"}
        assert list(answer["timings_ms"]) == ["decode", "detect", "total"]


def test_classify(client):
    parts = [
        ("image", ("a.png", square("red"))),
        ("words", (None, "blue")),
        ("words", (None, "red")),
    ]
    for response in (
        client.post("/classify", json={"image": text(square("red")), "words": ["blue", "red"]}),
        client.post("/classify", files=parts),
    ):
        answer = response.json()
        assert answer["best"] == "red"
        assert [score["word"] for score in answer["scores"]] == ["blue", "red"]
        assert sum(s["probability"] for s in answer["scores"]) == pytest.approx(1)
        assert answer["models"] == {"classifier": "colours 1.0"}


@pytest.mark.parametrize(("second", "same"), [("red", True), ("blue", False)])
def test_compare(client, second, same):
    first, other = square("red"), square(second)
    for response in (
        client.post("/compare", json={"first": text(first), "second": text(other)}),
        client.post("/compare", files={"first": ("1", first), "second": ("2", other)}),
    ):
        answer = response.json()
        assert answer["same"] is same
        assert (answer["similarity"] > 0.9) is same
        assert answer["models"] == {"siamese": "twins 1.0"}


def test_health_readiness_and_models(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}
    assert client.get("/models").json()["models"] == {
        "detector": "blobs 1.0",
        "classifier": "colours 1.0",
        "siamese": "twins 1.0",
    }
    assert client.get("/docs").status_code == 200


def bomb():
    """20,000 x 20,000 black pixels in about 50 kB, valid to the last byte."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    pack = zlib.compressobj(1)
    rows = b"\0" * (2501 * 500)
    data = b"".join(pack.compress(rows) for _ in range(40)) + pack.flush()
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    )


def background(data):
    return good() | {"background": data if isinstance(data, str) else text(data)}


JPEG = encode(scene(), "JPEG")
ANIMATED = encode(scene(), "GIF", save_all=True, append_images=[Image.new("RGB", (200, 80))])
# body, status, code, piece of the sentence
BAD = {
    "not-base64": (background("***"), 400, "bad_base64", "`background` is not base64"),
    "icon-not-base64": (
        good({"icons": [text(square("red")), "?"]}),
        400,
        "bad_base64",
        "`prompt.icons[1]` is not base64",
    ),
    "not-a-picture": (background(b"hello"), 400, "bad_picture", "not a picture that can be read"),
    "empty-picture": (background(b""), 400, "bad_picture", "`background` is empty"),
    "cut-png": (background(SCENE[: len(SCENE) // 2]), 400, "bad_picture", "PNG file that is cut"),
    "cut-jpeg": (background(JPEG[: len(JPEG) // 2]), 400, "bad_picture", "JPEG file that is cut"),
    "cut-prompt": (
        good({"image": text(STRIP[:-40])}),
        400,
        "bad_picture",
        "`prompt.image` is a PNG file",
    ),
    "animated": (background(ANIMATED), 400, "bad_picture", "animated GIF"),
    "1x1": (background(encode(Image.new("RGB", (1, 1)))), 400, "bad_picture", "1x1 pixels"),
    "bomb": (background(bomb()), 413, "picture_too_large", "at most 4000000 pixels"),
    "empty-words": (good({"words": []}), 422, "invalid_request", "`prompt.words` is too short"),
    "empty-word": (good({"words": ["red", ""]}), 422, "invalid_request", "`prompt.words[1]`"),
    "blank-word": (good({"words": [" "]}), 422, "invalid_request", "visible character"),
    "number-word": (good({"words": [1]}), 422, "invalid_request", "`prompt.words[0]`"),
    "long-word": (good({"words": ["x" * 17]}), 422, "invalid_request", "17 characters; at most 16"),
    "60-words": (good({"words": ["red"] * 60}), 422, "too_many_items", "60 items; at most 12"),
    "60-icons": (
        good({"icons": [text(square("red"))] * 60}),
        422,
        "too_many_items",
        "60 items; at most 12",
    ),
    "unknown-word": (good({"words": ["紫"]}), 422, "unknown_word", "紫"),
    "both-prompts": (
        good({"words": ["red"], "image": text(STRIP)}),
        422,
        "invalid_request",
        "`words` and `image`; give exactly one",
    ),
    "empty-prompt": (
        {"background": text(SCENE), "prompt": {}},
        422,
        "invalid_request",
        "`prompt` is empty; give exactly one of `words`, `text`, `icons`, `image` and `region`",
    ),
    "text-without-words": (
        {"background": text(SCENE), "prompt": {"text": "click them all"}},
        422,
        "invalid_request",
        "names no words",
    ),
    "count-beside-words": (
        {"background": text(SCENE), "prompt": {"words": ["red"], "count": 1}},
        422,
        "invalid_request",
        "`count`, which goes with",
    ),
    "count-in-the-wrong-order": (
        {"background": text(SCENE), "prompt": {"region": [0, 0, 9, 9], "count": [3, 2]}},
        422,
        "invalid_request",
        "least number exceeds",
    ),
    "no-prompt": ({"background": text(SCENE)}, 422, "invalid_request", "`prompt` is missing"),
    "no-background": ({"prompt": {"words": ["a"]}}, 422, "invalid_request", "`background` is miss"),
    "region-outside": (good({"region": [150, 0, 201, 80]}), 422, "region_outside", "200 x 80"),
    "region-negative": (good({"region": [-1, 0, 20, 80]}), 422, "region_outside", "not inside"),
    "region-empty": (good({"region": [9, 9, 9, 20]}), 422, "invalid_request", "without pixels"),
    "region-short": (good({"region": [1, 2, 3]}), 422, "invalid_request", "`prompt.region"),
    "region-half-pixel": (
        good({"region": [0, 0, 9.5, 9]}),
        422,
        "invalid_request",
        "`prompt.region[2]`",
    ),
    "unknown-field": (good(colour=1), 422, "invalid_request", "`colour` is not a field"),
    "unknown-option": (good(options={"drow": 1}), 422, "invalid_request", "`options.drow`"),
    "confidence-2": (good(options={"min_confidence": 2}), 422, "invalid_request", "less than or"),
    "picture-is-a-number": (good() | {"background": 7}, 422, "invalid_request", "is not text"),
    "list": ([1], 422, "invalid_request", "The request body"),
}


@pytest.mark.parametrize(("body", "status", "code", "piece"), BAD.values(), ids=BAD)
def test_bad_input_has_its_code_and_sentence_and_the_service_lives_on(
    client, body, status, code, piece
):
    response = client.post("/solve", json=body)
    problem = assert_problem(response, status, code)
    assert piece in problem["detail"]
    assert_clicks(client.post("/solve", json=good()).json(), ["blue", "red"])


def test_every_bad_field_is_listed(client):
    body = {"background": 7, "prompt": {"words": [""]}, "colour": 1}
    problem = assert_problem(client.post("/solve", json=body), 422, "invalid_request")
    assert [e["field"] for e in problem["errors"]] == ["background", "prompt.words[0]", "colour"]
    assert problem["detail"].endswith("(and 2 more).")


JSON_HEADER = {"content-type": "application/json"}
BODIES = {
    "half-json": (b'{"background": "', JSON_HEADER, 400, "bad_body", "not JSON"),
    "no-json": (b"", JSON_HEADER, 400, "bad_body", "not JSON"),
    "not-utf8": (b'{"background": "\xff"}', JSON_HEADER, 400, "bad_body", "not JSON"),
    "deep-json": (b'{"background":' + b"[" * 100_000, JSON_HEADER, 400, "bad_body", "not JSON"),
    "form": (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415, None, "json or"),
    "picture": (SCENE, {"content-type": "image/png"}, 415, None, "`image/png`"),
    "no-type": (b"{}", {}, 415, None, "missing"),
    "no-boundary": (b"x", {"content-type": "multipart/form-data"}, 400, "bad_body", "boundary"),
    "not-multipart": (
        b"hello",
        {"content-type": "multipart/form-data; boundary=b"},
        400,
        "bad_body",
        "multipart body",
    ),
}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "piece"), BODIES.values(), ids=BODIES
)
def test_a_body_that_cannot_be_read(client, body, headers, status, code, piece):
    response = client.post("/solve", content=body, headers=headers)
    problem = assert_problem(response, status, code or "unsupported_media_type")
    assert piece in problem["detail"]


def test_multipart_without_its_end_is_refused(client):
    request = client.build_request("POST", "/solve", files=[FILE, ("words", (None, "red"))])
    body = request.read()
    cut = body[: body.rindex(b"red") + 1]
    response = client.post(
        "/solve", content=cut, headers={"content-type": request.headers["content-type"]}
    )
    problem = assert_problem(response, 400, "bad_body")
    assert "closing boundary" in problem["detail"]


@pytest.mark.parametrize(
    ("charset", "status", "code"),
    [
        ("idna", 400, "bad_body"),
        ("Unicode_Escape", 400, "bad_body"),
        ('"punycode"', 400, "bad_body"),
        ("gbk", 422, "invalid_request"),
        ("nonsense", 422, "invalid_request"),
    ],
    ids=["idna", "escapes", "quoted", "usual", "unknown"],
)
def test_the_charset_of_a_form(client, charset, status, code):
    """One of Python's own is refused; the parts are read in any other, or as Latin 1."""
    request = client.build_request("POST", "/solve", files=[FILE, ("words", (None, "[]"))])
    kind = f"{request.headers['content-type']}; charset={charset}"
    response = client.post("/solve", content=request.read(), headers={"content-type": kind})
    problem = assert_problem(response, status, code)
    assert ("send UTF-8" in problem["detail"]) == (status == 400)


WORD = ("words", (None, "red"))
BAD_PARTS = {
    "unknown": ([FILE, WORD, ("colour", (None, "1"))], "`colour` is not a part"),
    "no-prompt": ([FILE], "`prompt` is empty; give exactly one"),
    "no-background": ([WORD], "`background` is missing"),
    "two-backgrounds": ([FILE, FILE, WORD], "comes 2 times"),
    "text-background": ([("background", (None, text(SCENE))), WORD], "must be a file"),
    "file-words": ([FILE, ("words", ("w.txt", b"red"))], "must be text"),
    "both": ([FILE, WORD, ("image", ("s.png", STRIP))], "`words` and `image`"),
    "empty-list": ([FILE, ("words", (None, "[]"))], "`prompt.words` is too short"),
    "half-list": ([FILE, ("words", (None, '["red",]'))], "is not JSON"),
    "options": ([FILE, WORD, ("options", (None, "draw"))], "`options` is not JSON"),
    "nan": ([FILE, WORD, ("options", (None, '{"min_confidence": NaN}'))], "finite"),
    "region": ([FILE, ("region", (None, "7"))], "`prompt.region`"),
}


@pytest.mark.parametrize(("parts", "piece"), BAD_PARTS.values(), ids=BAD_PARTS)
def test_bad_parts_have_their_sentence(client, parts, piece):
    problem = assert_problem(client.post("/solve", files=parts), 422, "invalid_request")
    assert piece in problem["detail"]


def test_a_bracket_is_a_word(client):
    response = client.post("/solve", files=[FILE, ("words", (None, "["))])
    assert response.status_code == 200
    assert [click["label"] for click in response.json()["clicks"]] == ["["]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/solve", 405, "method_not_allowed"),
    ],
)
def test_wrong_routes_are_problems_too(client, method, path, status, code):
    response = client.request(method, path)
    assert_problem(response, status, code)
    assert ("allow" in response.headers) is (status == 405)


@pytest.mark.parametrize("size", [10 * 2**20 + 1, 30 * 2**20])
def test_too_large_a_body_is_refused_by_its_length(client, size):
    response = client.post("/solve", content=b" " * size, headers=JSON_HEADER)
    assert "10485760" in assert_problem(response, 413, "body_too_large")["detail"]
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=b"])
def test_too_large_a_body_is_refused_while_it_is_read(client, media_type):
    def chunks():
        yield b'--b\r\nContent-Disposition: form-data; name="background"; filename="f"\r\n\r\n'
        for _ in range(300):
            yield b" " * 100_000

    response = client.post("/solve", content=chunks(), headers={"content-type": media_type})
    assert "content-length" not in response.request.headers
    assert_problem(response, 413, "body_too_large")
    assert_clicks(client.post("/solve", json=good()).json(), ["blue", "red"])


def test_a_large_body_within_the_limit_is_read(client):
    pad = " " * (10 * 2**20 - len(json.dumps(good())) - 100)
    response = client.post("/solve", content=json.dumps(good()) + pad, headers=JSON_HEADER)
    assert_clicks(response.json(), ["blue", "red"])


@pytest.mark.parametrize("sent", ["abc-1.2_3", "a" * 64])
def test_a_sane_request_id_is_kept(client, sent):
    response = client.post("/solve", json=good(), headers={"X-Request-ID": sent})
    assert response.headers["x-request-id"] == response.json()["request_id"] == sent
    assert_problem(client.get("/nothing", headers={"X-Request-ID": sent}), 404, "not_found")


@pytest.mark.parametrize("sent", ["", "a" * 65, "a b", 'a"b', "é".encode().decode("latin-1")])
def test_any_other_request_id_is_replaced(client, sent):
    headers = [(b"X-Request-ID", sent.encode("latin-1"))]
    got = [client.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2)]
    assert sent not in got
    assert len(set(got)) == 2
    assert all(len(request_id) == 32 for request_id in got)


@pytest.mark.parametrize("kind", ["words", "icons"])
def test_a_million_wrong_items_are_one_error_and_not_a_million(client, kind):
    body = json.dumps({"background": "AAAA", "prompt": {kind: [""] * 300_000}})
    headers = {"content-type": "application/json"}
    response = client.post("/solve", content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert len(response.json()["errors"]) == 1
