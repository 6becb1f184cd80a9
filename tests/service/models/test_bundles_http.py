"""Bundles behind a real server: real files, the real watcher, the shipped networks."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import onnx
import pytest
from PIL import Image, ImageDraw

from service.models.bundle import Manifest, file_sums, manifest_text
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
DETECTOR = ROOT / "detector/weights/detector.onnx"
PUZZLE = ROOT / "benchmarks/puzzles/text-words/text-words-00001.jpg"
WORDS = '["痰", "痈", "釉", "痪"]'


def pack(folder: Path, version: str, **manifest: object) -> None:
    """A bundle of the shipped detector, whose metadata says the bundle's version too."""
    folder.mkdir(parents=True, exist_ok=True)
    model = onnx.load(DETECTOR)
    for entry in model.metadata_props:
        if entry.key == "clickorder.version":
            entry.value = version
    onnx.save(model, folder / "detector.onnx")
    told = {"name": folder.name, "version": version, "sha256": file_sums(folder)} | manifest
    (folder / "bundle.json").write_text(manifest_text(Manifest.model_validate(told)))


def solve(url: str, **fields: str) -> httpx.Response:
    files = {"background": PUZZLE.read_bytes()}
    return httpx.post(f"{url}/solve", files=files, data={"words": WORDS, **fields}, timeout=600)


def bundles(url: str) -> dict[str, str]:
    return {
        b["name"]: b["version"] for b in httpx.get(f"{url}/models", timeout=600).json()["bundles"]
    }


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def url(serve, models: Path, shipped) -> Iterator[str]:
    with serve(Settings(models_dir=models), lambda _: shipped) as address:
        yield address


def test_a_bundle_put_in_is_served_without_a_restart_and_taken_out_again(
    url: str, models: Path
) -> None:
    assert bundles(url) == {"default": ""}
    before = solve(url)
    assert before.status_code == 200
    assert "bundle" not in before.json()["models"]
    pack(models / "shop", "1.5", serves={"sites": ["shop.example"]})
    until(lambda: "shop" in bundles(url), "the bundle is never served")
    for fields in ({"model": "shop"}, {"site": "shop.example"}):
        body = solve(url, **fields).json()
        assert body["models"]["bundle"] == "shop 1.5"
        assert body["models"]["detector"] == "clickorder-detector 1.5"
        # The role without a file is filled by the shipped model; the detector is the same.
        assert body["models"]["classifier"] == before.json()["models"]["classifier"]
        assert body["clicks"] == before.json()["clicks"]
    assert "bundle" not in solve(url).json()["models"]
    shutil.rmtree(models / "shop")
    until(lambda: "shop" not in bundles(url), "the bundle is never taken out")
    problem = solve(url, model="shop")
    assert (problem.status_code, problem.json()["code"]) == (422, "unknown_model")


def test_versions_change_under_load_without_a_failed_or_a_mixed_answer(
    url: str, models: Path
) -> None:
    pack(models / "shop", "1.0")
    until(lambda: bundles(url).get("shop") == "1.0", "the bundle is never served")
    answers: list[httpx.Response] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(solve(url, model="shop"))

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        for minor in range(1, 5):
            pack(models / "shop", f"1.{minor}")
            assert httpx.post(f"{url}/models/shop/reload", timeout=600).status_code == 200
    finally:
        done.set()
        for caller in callers:
            caller.join(120)
    assert {a.status_code for a in answers} == {200}
    named = [a.json()["models"] for a in answers]
    assert all(m["bundle"].split()[1] == m["detector"].split()[1] for m in named)
    assert named[-1]["bundle"] in {"shop 1.3", "shop 1.4"}


def test_a_broken_bundle_is_refused_with_its_reason(url: str, models: Path) -> None:
    pack(models / "shop", "1.0")
    until(lambda: "shop" in bundles(url), "the bundle is never served")
    (models / "shop/detector.onnx").write_bytes(b"no network")
    refused = httpx.post(f"{url}/models/shop/reload", timeout=600)
    assert (refused.status_code, refused.json()["code"]) == (409, "model_refused")
    listed = httpx.get(f"{url}/models", timeout=600).json()
    assert "SHA-256 differs" in listed["refused"][0]["reason"]
    assert listed["refused"][0]["folder"] == "shop"
    assert solve(url, model="shop").json()["models"]["bundle"] == "shop 1.0"


def test_rollback_over_http(url: str, models: Path) -> None:
    pack(models / "shop", "1.0")
    until(lambda: bundles(url).get("shop") == "1.0", "the first is never served")
    pack(models / "shop", "1.1")
    until(lambda: bundles(url).get("shop") == "1.1", "the second is never served")
    back = httpx.post(f"{url}/models/shop/rollback", timeout=600)
    assert (back.status_code, back.json()["version"]) == (200, "1.0")
    assert solve(url, model="shop").json()["models"]["detector"] == "clickorder-detector 1.0"
    none = httpx.post(f"{url}/models/shop/rollback", timeout=600)
    assert (none.status_code, none.json()["code"]) == (409, "no_previous_version")
    nobody = httpx.post(f"{url}/models/nobody/rollback", timeout=600)
    assert (nobody.status_code, nobody.json()["code"]) == (422, "unknown_model")


def icon(kind: str, side: int) -> Image.Image:
    """A rocket or an anchor, as far as a few lines go."""
    picture = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)
    s = side / 40
    if kind == "rocket":
        draw.polygon([(20 * s, 3 * s), (29 * s, 18 * s), (11 * s, 18 * s)], "black")
        draw.rectangle((12 * s, 18 * s, 28 * s, 30 * s), "black")
        draw.polygon([(6 * s, 36 * s), (12 * s, 24 * s), (12 * s, 34 * s)], "black")
        draw.polygon([(34 * s, 36 * s), (28 * s, 24 * s), (28 * s, 34 * s)], "black")
    else:
        draw.line((20 * s, 8 * s, 20 * s, 36 * s), "black", round(4 * s))
        draw.ellipse((15 * s, 2 * s, 25 * s, 12 * s), outline="black", width=round(3 * s))
        draw.line((10 * s, 16 * s, 30 * s, 16 * s), "black", round(4 * s))
        draw.arc((5 * s, 10 * s, 35 * s, 38 * s), 20, 160, "black", round(4 * s))
    return picture


def test_words_name_the_pictures_of_a_gallery(url: str, models: Path, tmp_path: Path) -> None:
    scene = Image.new("RGB", (300, 180), "#e8ecf2")
    places = {"rocket": (40, 60), "anchor": (190, 80)}
    for kind, place in places.items():
        scene.paste(icon(kind, 52), place)
    scene.save(tmp_path / "scene.png")
    for kind in places:
        (models / "shop/gallery" / kind).mkdir(parents=True)
        icon(kind, 36).save(models / "shop/gallery" / kind / "1.png")
    pack(models / "shop", "1.0")
    until(lambda: "shop" in bundles(url), "the bundle is never served")
    listed = next(
        b for b in httpx.get(f"{url}/models", timeout=600).json()["bundles"] if b["name"] == "shop"
    )
    assert listed["gallery"] == ["anchor", "rocket"]

    def ask(words: str) -> httpx.Response:
        return httpx.post(
            f"{url}/solve",
            files={"background": (tmp_path / "scene.png").read_bytes()},
            data={"words": words, "model": "shop"},
            timeout=600,
        )

    for words in ('["<anchor>", "<rocket>"]', '["anchor", "<rocket>"]'):
        clicks = ask(words).json()["clicks"]
        for click, (x, y) in zip(clicks, (places["anchor"], places["rocket"]), strict=True):
            assert x <= click["x"] < x + 52
            assert y <= click["y"] < y + 52
    problem = ask('["<flux capacitor>", "<rocket>"]').json()
    assert problem["code"] == "unknown_word"
    assert "anchor, rocket" in problem["detail"]

    def ask_default(word: str) -> dict[str, Any]:
        return httpx.post(
            f"{url}/solve",
            files={"background": PUZZLE.read_bytes()},
            data={"words": json.dumps([word])},
            timeout=600,
        ).json()

    # Without a gallery, the vocabulary knows everyday things.
    assert ask_default("<flux capacitor>")["code"] == "unknown_word"
    assert ask_default("<rocket>")["clicks"][0]["name"] == "rocket"


def test_a_bundle_must_solve_its_own_selftest(url: str, models: Path) -> None:
    source = ROOT / "benchmarks/puzzles/text-words"
    line = json.loads((source / "puzzles.jsonl").read_text("utf-8").splitlines()[0])
    nowhere = [[0, 0, 9, 9] for _ in line["targets"]]
    for name, targets in (("right", line["targets"]), ("wrong", nowhere)):
        folder = models / f".{name}/selftest"
        folder.mkdir(parents=True)
        shutil.copy(source / line["background"], folder)
        (folder / "puzzles.jsonl").write_text(json.dumps(line | {"targets": targets}) + "\n")
        pack(models / f".{name}", "1.0", name=name)
        (models / f".{name}").rename(models / name)
    until(
        lambda: bool(httpx.get(f"{url}/models", timeout=600).json()["refused"]),
        "nothing is refused",
    )
    until(lambda: "right" in bundles(url), "the right one is never served")
    assert "wrong" not in bundles(url)
    reason = httpx.get(f"{url}/models", timeout=600).json()["refused"][0]["reason"]
    assert reason == f"The models do not solve puzzle {line['id']} of the bundle's own selftest."
