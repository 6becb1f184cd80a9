"""Names over real HTTP, with a namer that knows the colours of this world."""

import asyncio
import io
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from clickorder.client import AsyncClient, Client, RequestRefusedError
from service.models.bundle import Manifest, file_sums, manifest_text
from service.settings import Settings
from service.solving.parts import Parts
from service.solving.solver import Solver
from siamese.vocabulary import Thing, Vocabulary

COLOURS = {"apple": (220, 30, 30), "leaf": (30, 170, 60), "sea": (40, 60, 220)}
VOCABULARY = Vocabulary(
    [
        Thing("apple", {"en": ("apple",), "zh": ("苹果",), "es": ("manzana",)}),
        Thing("leaf", {"en": ("leaf", "red leaf"), "zh": ("叶子",), "es": ("hoja",)}),
        Thing(
            "sea", {"en": ("sea", "a great body of salt water"), "zh": ("大海",), "es": ("mar",)}
        ),
    ]
)


class ColourNamer:
    name = "namer 1.0"
    vocabulary = VOCABULARY

    def crop(self, image, boxes):
        return [image[y1:y2, x1:x2] for x1, y1, x2, y2 in boxes.astype(int)]

    def score(self, things, crops):
        colours = np.array([c.reshape(-1, 3).mean(axis=0) for c in crops]).reshape(-1, 3)
        looks = np.array([COLOURS[thing.id] for thing in things])
        far = np.linalg.norm(looks[:, None] - colours[None], axis=2)
        return np.clip(-0.1 - far / 20, -12, 0)


def scene() -> bytes:
    picture = np.full((80, 200, 3), 255, np.uint8)
    for at, colour in enumerate(COLOURS.values()):
        picture[20:50, 10 + 60 * at : 40 + 60 * at] = colour
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def url(serve, colours) -> Iterator[str]:
    def named(settings: Settings) -> Solver:
        like = colours(settings).parts
        namer = ColourNamer()
        return Solver(Parts(like.detector, like.classifier, like.matcher, namer=namer))

    with serve(factory=named) as address:
        yield address


@pytest.fixture(scope="module")
def client(url) -> Iterator[Client]:
    with Client(url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        pytest.param({}, ["apple", "leaf", "sea"], id="everything"),
        pytest.param({"q": "苹果"}, ["apple"], id="Chinese"),
        pytest.param({"q": "e", "limit": 1}, ["sea"], id="a limit"),
        pytest.param({"q": "manzanna"}, ["apple"], id="a typing error"),
        pytest.param({"q": "rocket"}, [], id="nothing"),
    ],
)
def test_names_are_listed_and_searched(url, query, ids):
    answer = httpx.post(f"{url}/names", params=query, timeout=600)
    assert answer.status_code == 200
    assert [entry["id"] for entry in answer.json()["names"]] == ids
    assert answer.json()["total"] == 3


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": "many"}, {"q": "x" * 101}])
def test_queries_that_do_not_fit(url, query):
    answer = httpx.post(f"{url}/names", params=query, timeout=600)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"


def test_without_a_names_model_there_are_no_names(serve):
    with serve() as url:
        answer = httpx.post(f"{url}/names", timeout=600)
    assert answer.status_code == 503
    assert answer.json()["code"] == "model_unavailable"


def test_the_client_lists_names_and_is_told_which_one_was_understood(client):
    (leaf,) = client.names("red leaf")
    assert (leaf.id, leaf.names["es"]) == ("leaf", ("hoja",))
    answer = client.solve(scene(), words=["大海", "red", "Hoja"])
    assert [(click.label, click.name, click.x) for click in answer.clicks] == [
        ("大海", "sea", 145), ("red", None, 25), ("Hoja", "leaf", 85)
    ]  # fmt: skip
    assert answer.models["names"] == "namer 1.0"


def test_a_click_that_is_no_name_has_no_name_in_its_json(url):
    parts = {"background": ("scene.png", scene()), "words": (None, '["red"]')}
    answer = httpx.post(f"{url}/solve", files=parts, timeout=600).json()
    assert "name" not in answer["clicks"][0]


def test_a_name_may_be_longer_than_words_are(client):
    answer = client.solve(scene(), words=["A great body of salt water"])
    assert [(click.name, click.x) for click in answer.clicks] == [("sea", 145)]
    with pytest.raises(RequestRefusedError, match="at most 16 are read"):
        client.solve(scene(), words=["A great body of fresh water"])


def test_an_unknown_word_is_told_with_names_that_are_like_it(url):
    parts = {"background": ("scene.png", scene()), "words": (None, '["manzaná"]')}
    answer = httpx.post(f"{url}/solve", files=parts, timeout=600)
    assert answer.status_code == 422
    assert answer.json()["code"] == "unknown_word"
    assert "'manzana'" in answer.json()["detail"]


@pytest.fixture(scope="module")
def shops(serve, colours, colour_names, tmp_path_factory) -> Iterator[str]:
    """A service without names, and bundles: one with names of its own, one of icons alone."""
    models = tmp_path_factory.mktemp("models")
    for name, site in (("shop", "shop.example"), ("icons", "icons.example")):
        folder = models / name
        folder.mkdir()
        colour_names.write(folder, calibration={"crop_margin": 0.0})
        serves = {"sites": [site], "prompts": ["icons"] if name == "icons" else []}
        told = {"name": name, "version": "1", "sha256": file_sums(folder), "serves": serves}
        text = manifest_text(Manifest.model_validate(told))
        (folder / "bundle.json").write_text(text, encoding="utf-8")
    with serve(Settings(models_dir=models), colours) as address:
        deadline = time.monotonic() + 600
        while len(httpx.get(f"{address}/models", timeout=600).json()["bundles"]) < 3:
            assert time.monotonic() < deadline, "the bundles are never served"
            time.sleep(0.1)
        yield address


def test_a_bundle_has_names_of_its_own(shops):
    with Client(shops) as client:
        assert [thing.id for thing in client.names(model="shop")] == ["ruby", "leaf", "sea"]
        assert [thing.id for thing in client.names("Xsea", limit=1, site="shop.example")] == ["sea"]
        answer = client.solve(scene(), words=["sea", "某ruby"], site="shop.example")
    assert [(click.name, click.x) for click in answer.clicks] == [("sea", 145), ("ruby", 25)]
    assert answer.models["names"] == "tiny 0.1"
    assert answer.models["bundle"] == "shop 1"


def test_the_asyncio_client_asks_for_the_same(shops):
    async def ask():
        async with AsyncClient(shops) as client:
            return await client.names("leaf", limit=1, model="shop", type="any")

    assert [thing.id for thing in asyncio.run(ask())] == ["leaf"]


@pytest.mark.parametrize(
    ("where", "status", "code"),
    [
        pytest.param({}, 503, "model_unavailable", id="no bundle"),
        pytest.param({"model": "nobody"}, 422, "unknown_model", id="another bundle"),
        pytest.param({"model": "icons"}, 422, "unknown_model", id="a bundle without words"),
        pytest.param({"site": "icons.example"}, 503, "model_unavailable", id="its site"),
        pytest.param({"model": ""}, 422, "invalid_request", id="an empty name"),
    ],
)
def test_whose_names_are_not_there(shops, where, status, code):
    answer = httpx.post(f"{shops}/names", params=where, timeout=600)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
