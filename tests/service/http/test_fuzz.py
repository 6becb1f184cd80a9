"""Whatever is sent, the answer is an answer or a problem, never a fault, and always an end.

Each test draws `CLICKORDER_FUZZ_ROUNDS` rounds (3 by default) from the seeds 0, 1, 2 ..., so that a
failure comes again with the same command. What was found once is in `FOUND`.
"""

import base64
import io
import json
import os
import socket
import struct
import zlib

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st
from PIL import Image

from service.settings import Settings

RNG = np.random.default_rng(5)
NOISE = Image.fromarray(RNG.integers(0, 256, (24, 33, 3), np.uint8))
FLAT = Image.new("RGB", (40, 30), "white")
FLAT.paste((40, 60, 220), (5, 5, 20, 20))


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "a picture"
    tags.get_ifd(0x8825)[1] = "N"
    return tags


def seen_through(image, mode):
    clear = image.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(image.size))
    return clear.convert(mode)


GREY16 = Image.fromarray(RNG.integers(0, 65536, (20, 20)).astype(np.uint16))
PICTURES = {
    **{f"png-{mode}": encode(NOISE.convert(mode), "PNG") for mode in ("1", "L", "P", "RGB")},
    **{f"png-{mode}": encode(seen_through(NOISE, mode), "PNG") for mode in ("LA", "RGBA")},
    "png-I;16": encode(GREY16, "PNG"),
    "png-key": encode(FLAT, "PNG", transparency=(255, 255, 255)),
    "png-exif": encode(FLAT, "PNG", exif=exif(6)),
    "png-apng": encode(FLAT, "PNG", save_all=True, append_images=[NOISE.resize(FLAT.size)]),
    **{f"jpeg-{mode}": encode(NOISE.convert(mode), "JPEG") for mode in ("L", "RGB", "CMYK")},
    "jpeg-progressive": encode(NOISE, "JPEG", progressive=True, exif=exif(5)),
    "jpeg-mpo": encode(NOISE, "MPO", save_all=True, append_images=[FLAT]),
    "webp-lossy": encode(NOISE, "WEBP", exif=exif(3)),
    "webp-lossless": encode(seen_through(NOISE, "RGBA"), "WEBP", lossless=True),
    "webp-animated": encode(FLAT, "WEBP", save_all=True, append_images=[NOISE.resize(FLAT.size)]),
    "gif-key": encode(FLAT.convert("P"), "GIF", transparency=0, interlace=1),
    "gif-animated": encode(FLAT, "GIF", save_all=True, append_images=[NOISE.resize(FLAT.size)]),
    **{f"bmp-{mode}": encode(NOISE.convert(mode), "BMP") for mode in ("1", "L", "P", "RGB")},
    "bmp-RGBA": encode(seen_through(NOISE, "RGBA"), "BMP"),
}
"""Whole files, a few hundred bytes each, of every format and of every odd mode."""

EXTREMES = [
    value.to_bytes(size, order)
    for size in (1, 2, 4)
    for value in (0, 1, 2**15 - 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1)
    for order in ("big", "little")
    if value < 2 ** (8 * size)
]


@st.composite
def changed(draw, data):
    """`data` after a few faults: cut, flipped, overwritten, doubled, taken out."""
    data = bytearray(data)
    for _ in range(draw(st.integers(1, 5))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["flip", "write", "cut", "drop", "double", "insert"])):
            case "flip":
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "write":
                new = draw(st.sampled_from(EXTREMES))
                data[at : at + len(new)] = new
            case "cut":
                del data[at:]
            case "drop":
                del data[at : at + draw(st.integers(1, 40))]
            case "double":
                piece = data[at : at + draw(st.integers(1, 60))]
                data[at:at] = piece * draw(st.integers(1, 4))
            case "insert":
                data[at:at] = draw(st.binary(max_size=20))
    return bytes(data)


def with_true_sums(png):
    """A PNG whose chunks have the right checksum again, so that a decoder reads on."""
    parts, at = [png[:8]], 8
    while at + 8 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + length]
        parts.append(png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(parts)


@st.composite
def pictures(draw):
    """A picture that is damaged, sometimes in a way that only a decoder far inside notices."""
    data = draw(st.sampled_from(sorted(PICTURES)).map(PICTURES.__getitem__).flatmap(changed))
    if data.startswith(b"\x89PNG") and draw(st.booleans()):
        data = with_true_sums(data)
    if draw(st.integers(0, 9)) == 0:
        data += draw(st.sampled_from(sorted(PICTURES)).map(PICTURES.__getitem__))
    return data


# JSON that hardly anybody sends: every kind of value, the longest numbers, half a surrogate pair.
KEYS = ["background", "prompt", "words", "icons", "image", "region", "options", "first", "second"]
KEYS += ["min_confidence", "draw", "model", "site", "type", "id", "puzzles", "beijing"]
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["red", "", "\x00", "\ud800", "<red>", "data:,", "data:;base64,", "[", "[1]"]),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), TEXTS), inner, max_size=4),
    ),
    max_leaves=12,
)


@st.composite
def with_wild_value(draw, body):
    """`body` with one of its values, or one more, replaced by anything."""
    body = json.loads(json.dumps(body))
    place = body
    while True:
        key = draw(st.sampled_from([*sorted(place), *KEYS[:6]]))
        if isinstance(place.get(key), dict) and draw(st.booleans()):
            place = place[key]
            continue
        place[key] = draw(VALUES)
        return body


@st.composite
def json_bytes(draw, bodies):
    """JSON of a wild value or of a good body with a wild value in it, sometimes damaged."""
    body = draw(st.one_of(VALUES, st.sampled_from(bodies).flatmap(with_wild_value)))
    text = json.dumps(body, ensure_ascii=draw(st.booleans()))
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16"])), "surrogatepass")
    return draw(changed(data)) if draw(st.integers(0, 3)) == 0 else data


NAMES = ["background", "words", "icons", "image", "region", "options", "first", "second", "model"]
DISPOSITIONS = [
    'form-data; name="{name}"',
    'form-data; name="{name}"; filename="a.png"',
    'form-data; name="{name}"; filename=""',
    "form-data; name={name}; filename*=UTF-8''%ff%00",
    "form-data; name*=utf-8''{name}",
    'attachment; name="{name}"',
    'form-data; name="{name}"; name="words"',
    'form-data; name="{name}',
    "form-data",
    "",
]
PART_HEADERS = [
    "Content-Type: application/json",
    "Content-Type: multipart/mixed; boundary=b",
    "Content-Type: text/plain; charset=utf-16",
    "Content-Type: text/plain; charset=nonsense",
    "Content-Transfer-Encoding: base64",
    "Content-Length: 99999999999",
    "X-" + "a" * 3000 + ": 1",
    "no colon",
    ": ",
    " folded",
]
CONTENT_TYPES = [
    *["multipart/form-data; boundary=b"] * 8,
    'multipart/form-data; boundary="b"',
    "multipart/form-data; charset=utf-16; boundary=b",
    "multipart/form-data; charset=nonsense; boundary=b",
    "multipart/form-data; charset=hex; boundary=b",
    "multipart/form-data; charset=idna; boundary=b",
    "multipart/form-data; charset=undefined; boundary=b",
    "multipart/form-data; charset=unicode_escape; boundary=b",
    "multipart/form-data; charset=utf-7; boundary=b",
    "multipart/form-data; charset*=utf-8''%00; boundary=b",
    "multipart/form-data; boundary=b; boundary=c",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "b" * 300,
    "multipart/form-data; boundary=\xe9",
    "multipart/form-data; boundary*=utf-8''b",
    "MULTIPART/FORM-DATA; BOUNDARY=b",
    "multipart/form-data",
]


@st.composite
def parts(draw):
    """One part of a multipart body, headers and all."""
    name = draw(st.one_of(st.sampled_from(NAMES), TEXTS))
    disposition = draw(st.sampled_from([*DISPOSITIONS[:2] * 5, *DISPOSITIONS])).format(name=name)
    headers = [f"Content-Disposition: {disposition}"] if disposition else []
    headers += draw(st.lists(st.sampled_from(PART_HEADERS), max_size=2))
    content = draw(
        st.one_of(
            st.sampled_from(sorted(PICTURES)).map(PICTURES.__getitem__),
            TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
            VALUES.map(lambda value: json.dumps(value).encode()),
            st.just(b'--b\r\nContent-Disposition: form-data; name="words"\r\n\r\nred\r\n--b--'),
            st.binary(max_size=30),
        )
    )
    end = draw(st.sampled_from(["\r\n"] * 8 + ["\n", "\r"]))
    return f"{end.join(headers)}{end}{end}".encode("utf-8", "surrogatepass") + content


@st.composite
def multipart(draw):
    """The content type and the body of a multipart request."""
    pieces = draw(st.lists(parts(), max_size=6))
    begin = draw(st.sampled_from([b"", b"", b"", b"preamble\r\n", b"\r\n"]))
    end = draw(st.sampled_from([b"--b--\r\n"] * 6 + [b"--b--", b"--b", b"", b"--b--\r\n--b--\r\n"]))
    body = begin + b"".join(b"--b\r\n" + piece + b"\r\n" for piece in pieces) + end
    if draw(st.integers(0, 3)) == 0:
        body = draw(changed(body))
    return draw(st.sampled_from(CONTENT_TYPES)), body


ROUNDS = int(os.environ.get("CLICKORDER_FUZZ_ROUNDS", "3"))
ROUND = settings(
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
SCENE = encode(FLAT, "PNG")
TEXT = base64.b64encode(SCENE).decode()
GOOD = {
    "/solve": {"background": TEXT, "prompt": {"words": ["blue"]}, "options": {"draw": False}},
    "/detect": {"image": TEXT},
    "/classify": {"image": TEXT, "words": ["red", "blue"]},
    "/compare": {"first": TEXT, "second": TEXT},
}
JSON_TYPE = {"content-type": "application/json"}


def check(response):
    """An answer that is one of the contract's."""
    assert response.status_code in (200, 400, 413, 415, 422), response.text
    if response.status_code == 200:
        # A batch is answered line by line.
        answers = [json.loads(line) for line in response.text.splitlines()]
        assert all("request_id" in answer or "id" in answer for answer in answers)
        assert not [answer for answer in answers if answer.get("status") == 500]
        return
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["detail"].endswith(".")


def fuzz(strategy, one, client, *, wanted="blue", at_once=150):
    """Put what the strategy draws to `one` for some rounds, and see that the rest lives."""
    once = settings(ROUND, max_examples=at_once)
    count = 0

    def counted(drawn):
        nonlocal count
        count += 1
        note(ascii(drawn))
        one(drawn)

    for number in range(ROUNDS):
        seed(number)(once(given(strategy)(counted)))()
        assert client.get("/healthz").status_code == 200
        if wanted is not None:
            good = client.post("/solve", json=GOOD["/solve"])
            assert [click["label"] for click in good.json()["clicks"]] == [wanted]
    print(f"{count} cases")
    assert count >= at_once * ROUNDS


def test_pictures(client):
    def one(drawn):
        data, place = drawn
        if place == "json":
            body = {"image": base64.b64encode(data).decode()}
            check(client.post("/detect", json=body))
        else:
            files = [("background", ("a", SCENE)), ("icons", ("b", data))]
            check(client.post("/solve", files=files))

    fuzz(st.tuples(pictures(), st.sampled_from(["json", "multipart"])), one, client)


def test_multipart(client):
    def one(drawn):
        path, (content_type, body) = drawn
        headers = {"content-type": content_type.encode("latin-1")}
        check(client.post(path, content=body, headers=headers))

    fuzz(st.tuples(st.sampled_from(sorted(GOOD)), multipart()), one, client)


def test_json(client):
    def one(drawn):
        path, body = drawn
        check(client.post(path, content=body, headers=JSON_TYPE))

    bodies = GOOD | {"/solve/batch": {"puzzles": [GOOD["/solve"] | {"id": "1"}, GOOD["/solve"]]}}
    fuzz(st.tuples(st.sampled_from(sorted(bodies)), json_bytes(list(bodies.values()))), one, client)


def test_words_and_pictures_with_the_real_models(serve, shipped):
    def one(drawn):
        words, picture, close = drawn
        files = [("background", ("a", picture)), ("words", (None, json.dumps(words)))]
        check(client.post("/solve", files=files if close else [*files[:1], ("image", files[0][1])]))

    with (
        serve(Settings(), lambda _: shipped) as url,
        httpx.Client(base_url=url, timeout=600) as client,
    ):
        characters = st.one_of(st.characters(), st.sampled_from("红绿蓝47\ud800\u0301\u202e"))
        words = st.lists(st.text(characters, min_size=1, max_size=3), min_size=1, max_size=4)
        whole = st.sampled_from(sorted(PICTURES)).map(PICTURES.__getitem__)
        strategy = st.tuples(words, st.one_of(whole, pictures()), st.booleans())
        fuzz(strategy, one, client, wanted=None, at_once=20)


HEAD = b'--b\r\nContent-Disposition: form-data; name="%b"'
FORM = HEAD % b"background" + b'; filename="a"\r\n\r\n' + SCENE + b"\r\n"
END = b"--b--\r\n"
# What once ended in a 500, in a closed connection, or in a file that stayed open.
FOUND = {
    "charset-of-no-text": ("; charset=undefined", HEAD % b"words" + b"\r\n\r\nred\r\n" + END, 400),
    "charset-idna": ("; charset=idna", HEAD % b"\xff" + b"\r\n\r\nred\r\n" + END, 400),
    "charset-escape": (
        "; charset=unicode_escape",
        HEAD % rb"\ud800" + b"\r\n\r\n" + rb"\c" + b"\r\n" + END,
        400,
    ),
    "half-pair-as-name": (
        "; charset=utf-7",
        HEAD % b"+2AA-" + b"\r\n\r\nred\r\n" + END,
        422,
    ),
    "half-pair-as-key": (
        "",
        FORM + HEAD % b"options" + b'\r\n\r\n{"\\ud800": 1}\r\n' + END,
        422,
    ),
    "half-pair-as-word": (
        "",
        FORM + HEAD % b"words" + b'\r\n\r\n["\\ud800"]\r\n' + END,
        422,
    ),
    "half-pair-as-text": (
        "; charset=utf-7",
        FORM + HEAD % b"words" + b"\r\n\r\n+2AA-" + b"\r\n" + END,
        422,
    ),
    "half-pair-as-site": (
        "; charset=utf-7",
        FORM + HEAD % b"site" + b"\r\n\r\n+2AA-" + b"\r\n" + END,
        422,
    ),
    "file-without-end": ("", FORM[:-9], 400),
}


@pytest.mark.parametrize(("charset", "body", "status"), FOUND.values(), ids=FOUND)
def test_what_was_found_once(client, charset, body, status):
    content_type = {"content-type": f"multipart/form-data{charset}; boundary=b"}
    response = client.post("/solve", content=body, headers=content_type)
    check(response)
    assert response.status_code == status
    # The models never see what no text can hold: those that draw words cannot draw it.
    assert response.json()["code"] in ("bad_body", "invalid_request")


@pytest.mark.parametrize("name", PICTURES)
def test_the_whole_pictures_are_pictures(client, name):
    """Damage is only worth something where the picture before it was read."""
    response = client.post("/detect", files={"image": ("a", PICTURES[name])})
    animated = "animated" in name or name == "png-apng"
    assert response.status_code == (400 if animated else 200), response.text


def test_the_service_outlives_a_client_that_speaks_no_http(url):
    port = int(url.rpartition(":")[2])
    for said in (
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"POST /solve HTTP/9.9\r\n\r\n",
        b"\0" * 99,
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=600) as caller:
            caller.sendall(said)
            caller.shutdown(socket.SHUT_WR)
            while caller.recv(4096):
                pass
    assert httpx.get(f"{url}/healthz", timeout=600).status_code == 200
