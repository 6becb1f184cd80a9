"""`POST /read` over real HTTP, with a real ONNX session whose answers are known."""

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from clickorder.client import AsyncClient, Client
from service.models.backends import load_solver
from service.models.bundle import Manifest, file_sums, manifest_text
from service.settings import Settings

RED = (255, 0, 0)


def encoded(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def base64_of(picture: np.ndarray) -> str:
    return base64.b64encode(encoded(picture)).decode()


@pytest.fixture(scope="module")
def models(stripes, tmp_path_factory) -> Path:
    """A bundle that reads anything, and one for pictures of 24 columns, in letters."""
    folder = tmp_path_factory.mktemp("texts") / "models"
    for name, width, charset, options in (
        ("plain", 16, "0O1ab", {}),
        ("wide", 24, "xyz", {}),
        ("colours", 16, "0O1ab", {"colours": 1}),
    ):
        place = folder / name
        place.mkdir(parents=True)
        stripes.model(place / "text.onnx", charset, width=width, options=options)
        manifest = Manifest.model_validate(
            {
                "name": name,
                "version": "1.0",
                "serves": {"sizes": [[24, 8]] if name == "wide" else [], "prompts": ["text"]},
                "default": name == "plain",
                "sha256": file_sums(place),
            }
        )
        (place / "bundle.json").write_text(manifest_text(manifest))
    return folder


@pytest.fixture(scope="module")
def url(serve, models) -> Iterator[str]:
    settings = Settings(models_dir=models, compatible=True)
    with serve(settings, load_solver) as address:
        yield address


def read(url: str, picture: np.ndarray, **fields: Any) -> dict[str, Any]:
    response = httpx.post(f"{url}/read", json={"image": base64_of(picture), **fields}, timeout=600)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_text_is_read(url, stripes):
    answer = read(url, stripes.picture("1 a b"))
    assert answer["text"] == "1ab"
    assert answer["confidence"] > 0.99
    assert [c["char"] for c in answer["characters"]] == ["1", "a", "b"]
    assert all(0.99 < c["confidence"] <= 1 for c in answer["characters"])
    assert answer["models"] == {"bundle": "plain 1.0", "text": "stripes 0.1"}
    assert set(answer["timings_ms"]) == {"decode", "read", "total"}
    assert answer["request_id"]


def test_the_same_as_multipart(url, stripes):
    picture = encoded(stripes.picture("1 a b"))
    fields = {"charset": "1a", "length": "[1, 2]"}
    response = httpx.post(f"{url}/read", files={"image": picture}, data=fields, timeout=600)
    assert response.json()["text"] == "1a"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"charset": "ab"}, "aab"),  # each place as the nearest that may occur
        ({"charset": "numeric"}, "11"),
        ({"length": 3}, "1ab"),
        ({"length": [0, 3]}, "1ab"),
        ({"model": "plain"}, "1ab"),
    ],
    ids=str,
)
def test_restrictions(url, stripes, fields, text):
    assert read(url, stripes.picture("1 a b"), **fields)["text"] == text


def test_the_size_of_the_picture_chooses_the_model(url, stripes):
    answer = read(url, stripes.picture("x y z", "xyz", width=24))
    assert (answer["text"], answer["models"]["bundle"]) == ("xyz", "wide 1.0")


def test_characters_of_one_colour(url, stripes):
    picture = stripes.picture("1 a b")
    picture[:, 2] = RED
    answer = read(url, picture, model="colours", color="red")
    assert len(answer["text"]) == 1


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"charset": "?"}, "invalid_request", "knows none of"),
        ({"charset": ""}, "invalid_request", "charset"),
        ({"length": -1}, "invalid_request", "length"),
        ({"length": [3, 1]}, "invalid_request", "exceeds"),
        ({"length": [1, 2, 3]}, "invalid_request", "length"),
        ({"color": "red"}, "invalid_request", "was not trained to read"),
        ({"color": "nocolour", "model": "colours"}, "invalid_request", "nocolour"),
        ({"model": "nobody"}, "unknown_model", "nobody"),
        ({"words": ["1"]}, "invalid_request", "words"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_a_problem(url, stripes, fields, code, words):
    body = {"image": base64_of(stripes.picture("1")), **fields}
    response = httpx.post(f"{url}/read", json=body, timeout=600)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert words in response.json()["detail"]


def test_a_batch_of_pictures(url, stripes):
    pictures = [
        {"id": "a", "image": base64_of(stripes.picture("1 a"))},
        {"id": "b", "image": "AAAA"},
        {"image": base64_of(stripes.picture("b")), "charset": "b"},
    ]
    response = httpx.post(f"{url}/read/batch", json={"pictures": pictures}, timeout=600)
    told = {line["id"]: line for line in map(json.loads, response.text.splitlines())}
    assert told["a"]["answer"]["text"] == "1a"
    assert told["b"]["problem"]["code"] == "bad_picture"
    assert told["2"]["answer"]["text"] == "b"


def test_the_compatible_entry_points_read(url, stripes):
    picture = encoded(stripes.picture("1 a b"))
    image = base64.b64encode(picture).decode()
    answer = httpx.post(f"{url}/captcha/v1", json={"image": image}, timeout=600).json()
    assert answer == {"message": "1ab", "code": 0, "success": True}
    answer = httpx.post(f"{url}/b", files={"image_file": picture}, timeout=600).json()
    assert answer["value"] == "1ab"
    body = {"image": image, "charset": "ab", "length": 2}
    answer = httpx.post(f"{url}/captcha/v1", json=body, timeout=600).json()
    assert answer["message"] == httpx.post(f"{url}/read", json=body, timeout=600).json()["text"]
    assert len(answer["message"]) == 2
    form = {"image_file": picture, "charset": (None, "1"), "length": (None, "[1, 1]")}
    answer = httpx.post(f"{url}/b", files=form, timeout=600).json()
    assert answer["value"] == "1"
    body["length"] = [3, 1]
    answer = httpx.post(f"{url}/captcha/v1", json=body, timeout=600).json()
    assert "least number exceeds" in answer["message"]


def test_without_a_text_model_reading_is_unavailable(serve, stripes):
    with serve(Settings()) as address:  # its solver reads colours, and no text
        body = {"image": base64_of(stripes.picture("1"))}
        response = httpx.post(f"{address}/read", json=body, timeout=600)
    assert (response.status_code, response.json()["code"]) == (503, "model_unavailable")


def test_the_python_client_reads(url, stripes):
    picture = stripes.picture("1 a b")
    with Client(url) as client:
        reading = client.read(encoded(picture), charset="1ab", length=(1, 3), model="plain")
    assert reading.text == "1ab"
    assert [char for char, _ in reading.characters] == ["1", "a", "b"]
    assert reading.models["text"] == "stripes 0.1"

    async def ask() -> str:
        async with AsyncClient(url) as client:
            return (await client.read(encoded(picture))).text

    assert asyncio.run(ask()) == "1ab"


def test_a_text_model_may_stand_alone_beside_the_shipped_ones(stripes, tmp_path, shipped):
    stripes.model(tmp_path / "text.onnx")
    solver = load_solver(Settings(models_dir=tmp_path))
    assert solver.models == shipped.models | {"text": "stripes 0.1"}
    assert solver.read_text(stripes.picture("a")).text == "a"
