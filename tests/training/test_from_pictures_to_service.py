"""Every trainer from end to end: a few steps, kill -9, resume, export, and a service that uses it.

Through the console scripts, on a few drawn pictures, and from the shipped weights where there are
some: at a low rate they stay what they are, and the exported file must find the right clicks.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from benchmarks.service_process import ServiceProcess
from labels.puzzles import Puzzle, PuzzleWriter
from modelfile import ModelMetadata, OnnxSession
from training.core.checkpoint import load_checkpoint
from training.core.initial_weights import shipped_file
from training.detector.trainer import read_checkpoint

ROOT = Path(__file__).parents[2]
LETTERS = "HAKE"
FONT = ImageFont.load_default(40)
VERSION = "7.8.9"
Box = tuple[int, int, int, int]


def png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def letter(name: str, ink: tuple[int, int, int], ground: tuple[int, int, int]) -> Image.Image:
    picture = Image.new("RGB", (52, 52), ground)
    ImageDraw.Draw(picture).text((26, 26), name, fill=ink, font=FONT, anchor="mm")
    return picture


def scene(letters: str, seed: int) -> tuple[Image.Image, list[Box]]:
    """Dark letters on a light ground, and where each of them is."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (300, 160), tuple(int(v) for v in rng.integers(205, 250, 3)))
    draw = ImageDraw.Draw(picture)
    boxes = []
    for place, name in enumerate(letters):
        corner = (25 + 95 * place + int(rng.integers(0, 25)), int(rng.integers(10, 100)))
        draw.text(corner, name, fill=tuple(int(v) for v in rng.integers(0, 90, 3)), font=FONT)
        x1, y1, x2, y2 = map(int, draw.textbbox(corner, name, font=FONT))
        boxes.append((x1, y1, x2, y2))
    return picture, boxes


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve puzzles of three letters."""
    folder = tmp_path_factory.mktemp("data") / "puzzles"
    rng = np.random.default_rng(1)
    with PuzzleWriter(folder) as writer:
        for number in range(12):
            words = tuple(str(one) for one in rng.permutation(list(LETTERS))[:3])
            picture, boxes = scene("".join(words), number)
            picture.save(folder / f"{number}.png")
            prompt = {"words": words[:2]}
            writer.write(
                Puzzle(
                    f"{number}", f"{number}.png", prompt, words[:2], tuple(boxes[:2]), (boxes[2],)
                )
            )
    return folder


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each letter, with six pictures of it."""
    folder = tmp_path_factory.mktemp("data") / "crops"
    rng = np.random.default_rng(2)
    for name in LETTERS:
        (folder / name).mkdir(parents=True)
        for number in range(6):
            ink, ground = (tuple(int(v) for v in rng.integers(*span, 3)) for span in INKS)
            letter(name, ink, ground).save(folder / name / f"{number}.png")
    return folder


INKS = ((0, 90), (205, 250))


def bars(text: str, seed: int) -> Image.Image:
    """A high bar for 1 and a low one for 0, on noisy paper."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(200, 256, (24, 48, 3), dtype=np.uint8)
    for at, character in enumerate(text):
        left = 4 + 14 * at + int(rng.integers(0, 4))
        pixels[slice(3, 11) if character == "1" else slice(13, 21), left : left + 6] = 30
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled pictures of three bars."""
    folder = tmp_path_factory.mktemp("data") / "texts"
    folder.mkdir()
    for number in range(96):
        text = f"{number % 8:03b}"
        bars(text, number).save(folder / f"{text}_{number}.png")
    return folder


class Run:
    """One run of a trainer's console script, in processes of its own."""

    def __init__(self, script: str, data: Path, out: Path, *options: str) -> None:
        self.out = out
        self._log = out.with_suffix(".log")
        file = Path(sys.executable).with_name(script)
        self._command = [str(file), str(data), "--out", str(out), "--threads", "1", *options]

    def start(self, *options: str) -> "subprocess.Popen[bytes]":
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [*self._command, *options],
                cwd=self.out.parent,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def killed(self, *options: str) -> None:
        """Train until there is a checkpoint, then kill -9; its helpers end by themselves."""
        process = self.start(*options)
        ends = time.monotonic() + 600
        while not (self.out / "last.pt").is_file():
            assert process.poll() is None, self.said
            assert time.monotonic() < ends
            time.sleep(0.05)
        helpers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        assert process.wait() == -9
        _, left = psutil.wait_procs(helpers, timeout=300)
        assert not left, "what draws or reads crops goes on without a trainer"
        assert not list(self.out.glob("*.onnx"))

    def finished(self, *options: str) -> None:
        """Go on from the checkpoint, to the end and the exported file."""
        assert self.start("--resume", *options).wait(900) == 0, self.said

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def steps(self) -> list[int]:
        """The steps of the run's records."""
        lines = (self.out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [int(json.loads(line)["step"]) for line in lines]


def asked(models: Path, path: str, files: list[tuple[str, tuple[str | None, object]]]) -> dict:
    """What a service of its own answers with these models."""
    with (
        ServiceProcess({"CLICKORDER_MODELS_DIR": str(models)}) as service,
        httpx.Client(base_url=service.url, timeout=600) as client,
    ):
        answer = client.post(path, files=files)
    assert answer.status_code == 200, answer.text
    return answer.json()


def models_with(exported: Path, folder: Path) -> Path:
    """The shipped models, and in the place of one of them what was trained."""
    folder.mkdir()
    for role in ("detector", "siamese", "classifier"):
        shutil.copy(shipped_file(role), folder)
    metadata = ModelMetadata.from_properties(OnnxSession(exported).properties, source=str(exported))
    assert metadata.version == VERSION
    shutil.copy(exported, folder)
    return folder


def check(answer: dict, role: str, boxes: list[Box]) -> None:
    """The trained model was asked, and every click is on its letter."""
    assert answer["models"][role].endswith(VERSION)
    points = [(click["x"], click["y"]) for click in answer["clicks"]]
    inside = [
        x1 <= x < x2 and y1 <= y < y2
        for (x, y), (x1, y1, x2, y2) in zip(points, boxes, strict=True)
    ]
    assert all(inside), (points, boxes)


def words_of(letters: str) -> tuple[str, tuple[None, str]]:
    return "words", (None, json.dumps(list(letters)))


def icons_of(letters: str) -> list[tuple[str, tuple[str, bytes]]]:
    return [
        ("icons", (f"{name}.png", png(letter(name, (20, 20, 20), (255, 255, 255)))))
        for name in letters
    ]


def test_a_detector(puzzles: Path, tmp_path: Path) -> None:
    low = ("--rate", "1e-6", "--mix", "0", "--batch", "4", "--version", VERSION)
    run = Run("train-detector", puzzles, tmp_path / "detector", *low)
    run.killed("--epochs", "10000")
    done = read_checkpoint(run.out / "last.pt")["progress"]
    run.finished("--epochs", str(done["epoch"] + 1))
    assert read_checkpoint(run.out / "last.pt")["progress"]["step"] > done["step"]
    assert run.steps() == sorted(set(run.steps()))
    picture, boxes = scene("KHA", 99)
    models = models_with(run.out / "detector.onnx", tmp_path / "models")
    answer = asked(models, "/solve", [("background", ("a.png", png(picture))), words_of("AKH")])
    check(answer, "detector", [boxes[2], boxes[0], boxes[1]])


@pytest.mark.parametrize("role", ["siamese", "classifier"])
def test_a_matcher_and_a_classifier(role: str, crops: Path, tmp_path: Path) -> None:
    low = ("--rate", "1e-6", "--no-mix", "--batch", "12", "--trials", "10", "--check-every", "2")
    run = Run(f"train-{role}", crops, tmp_path / role, *low, "--version", VERSION)
    run.killed("--steps", "100000", "--patience", "0")
    done = int(load_checkpoint(run.out / "last.pt")["step"])
    run.finished("--steps", str(done + 4))
    assert int(load_checkpoint(run.out / "last.pt")["step"]) == done + 4
    assert run.steps() == sorted(run.steps())
    picture, boxes = scene("KHA", 98)
    models = models_with(run.out / f"{role}.onnx", tmp_path / "models")
    prompt = icons_of("AKH") if role == "siamese" else [words_of("AKH")]
    answer = asked(models, "/solve", [("background", ("a.png", png(picture))), *prompt])
    check(answer, role, [boxes[2], boxes[0], boxes[1]])


def test_a_text_reader(texts: Path, tmp_path: Path) -> None:
    small = ("--size", "48x24", "--batch", "16", "--augment", "0", "--dropout", "0", "--warmup")
    run = Run("train-text", texts, tmp_path / "text", *small, "10", "--version", VERSION)
    run.killed("--steps", "100000", "--check-every", "5", "--rate", "3e-3")
    done = int(load_checkpoint(run.out / "last.pt")["step"])
    run.finished("--steps", str(done + 120), "--check-every", "40", "--decay-steps", "40")
    assert int(load_checkpoint(run.out / "last.pt")["step"]) == done + 120
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(run.out / "text.onnx", models)
    answer = asked(models, "/read", [("image", ("a.png", png(bars("101", 1000))))])
    assert answer["text"] == "101"
    assert answer["models"]["text"].endswith(VERSION)
