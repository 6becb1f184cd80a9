"""What the recipes share: the real commands, a real service, and pictures that are drawn here."""

import base64
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from labels.puzzles import Puzzle, PuzzleWriter

ROOT = Path(__file__).resolve().parents[2]
SIZE = (320, 180)
GROUNDS = ((225, 228, 220), (206, 220, 230), (232, 214, 205))
INK = (40, 30, 90)

_GENTLY = ("--threads", "1", "--rate", "1e-5")


class Scene(NamedTuple):
    """A picture with letters on it."""

    picture: Path
    letters: str
    boxes: tuple[tuple[int, int, int, int], ...]


def run_command(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run a console script to its end; it must succeed."""
    script, *rest = map(str, arguments)
    done = subprocess.run(
        [str(Path(sys.executable).with_name(script)), *rest],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{script} {' '.join(rest)}\n{done.stdout}{done.stderr}"
    return done


def environment() -> dict[str, str]:
    # Wide, so that no sentence is broken; a cache without ingredients, so that nothing is mixed in.
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "1000",
        "CLICKORDER_CACHE": str(ROOT / "tests" / "no-ingredients"),
        "OMP_NUM_THREADS": "1",
    }


class Service:
    """A running service, asked over HTTP."""

    def __init__(self, url: str, models: str) -> None:
        self.models = models
        self._http = httpx.Client(base_url=url, timeout=600)

    def close(self) -> None:
        self._http.close()

    def post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        answer = self._http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def boxes(self, picture: Path, **asked: object) -> list[dict[str, object]]:
        """What the detector finds."""
        return self.post("/detect", {"image": encoded(picture), **asked})["boxes"]

    def solves(self, scene: Scene, prompt: dict[str, object], wanted: Sequence[int]) -> bool:
        """Whether all clicks lie in the boxes that were wanted, in their order."""
        body = {"background": encoded(scene.picture), "prompt": prompt}
        clicks = self.post("/solve", body)["clicks"]
        return len(clicks) == len(wanted) and all(
            x1 <= click["x"] < x2 and y1 <= click["y"] < y2
            for click, (x1, y1, x2, y2) in zip(
                clicks, (scene.boxes[at] for at in wanted), strict=True
            )
        )

    def solves_letters(self, scene: Scene) -> bool:
        """Whether the letters are found, from the last to the first."""
        words = list(reversed(scene.letters))
        order = list(reversed(range(len(words))))
        return self.solves(scene, {"words": words}, order)


@contextmanager
def serving(models: Path) -> Iterator[Service]:
    """`clickorder serve --models-dir`, as the trainers' last line says it."""
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("clickorder")),
            "serve", "--port", "0", "--models-dir", str(models), "--log-level", "error",
        ],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Models: "):
                break
        address = re.search(r"http://[\d.]+:\d+", said)
        assert address, said
        with closing(Service(address[0], line)) as service:
            yield service
    finally:
        process.terminate()
        process.communicate(timeout=600)


def encoded(picture: Path) -> str:
    return base64.b64encode(picture.read_bytes()).decode()


def draw_scene(file: Path, seed: int, letters: str = "") -> Scene:
    """Four letters on a plain ground."""
    rng = np.random.default_rng(seed)
    letters = letters or "".join(rng.permutation(list("ABCDEFGHKLMNPRSTUVXYZ"))[:4])
    picture = Image.new("RGB", SIZE, GROUNDS[seed % len(GROUNDS)])
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(40)
    boxes = []
    for place, letter in enumerate(letters):
        corner = (14 + 76 * place + int(rng.integers(0, 24)), int(rng.integers(10, SIZE[1] - 60)))
        draw.text(corner, letter, fill=INK, font=font)
        left, top, right, bottom = draw.textbbox(corner, letter, font=font)
        boxes.append((int(left), int(top), int(right) + 1, int(bottom) + 1))
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file)
    return Scene(file, letters, tuple(boxes))


def yolo_lines(scene: Scene, classes: Sequence[int]) -> str:
    """What labelImg writes."""
    lines = []
    for index, (x1, y1, x2, y2) in zip(classes, scene.boxes, strict=True):
        shares = ((x1 + x2) / 2 / SIZE[0], (y1 + y2) / 2 / SIZE[1], (x2 - x1) / SIZE[0],
                  (y2 - y1) / SIZE[1])  # fmt: skip
        lines.append(f"{index} {' '.join(f'{share:.6f}' for share in shares)}\n")
    return "".join(lines)


@pytest.fixture(scope="session")
def command() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a console script that must succeed."""
    return run_command


@pytest.fixture(scope="session")
def served() -> Callable[[Path], AbstractContextManager[Service]]:
    """Serves a folder of models."""
    return serving


@pytest.fixture(scope="session")
def gently() -> tuple[str, ...]:
    """A few steps that change the shipped weights so little that they still solve."""
    return _GENTLY


@pytest.fixture(scope="session")
def labelled() -> Callable[[Scene, Sequence[int]], str]:
    """A label file of labelImg for a scene, given the class of each of its boxes."""
    return yolo_lines


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """Pictures to learn from."""
    folder = tmp_path_factory.mktemp("scenes")
    return [draw_scene(folder / f"{number:02}.png", number) for number in range(12)]


@pytest.fixture(scope="session")
def unseen(tmp_path_factory: pytest.TempPathFactory, scenes: list[Scene]) -> Scene:
    """A picture that nothing is trained on, with the letters that are learnt most often."""
    counts = Counter("".join(scene.letters for scene in scenes))
    letters = "".join(letter for letter, _ in counts.most_common(4))
    return draw_scene(tmp_path_factory.mktemp("unseen") / "unseen.png", 99, letters)


@pytest.fixture
def puzzle_set(tmp_path: Path, scenes: list[Scene]) -> Path:
    """The pictures as a puzzle set."""
    folder = tmp_path / "set"
    with PuzzleWriter(folder) as writer:
        for number, scene in enumerate(scenes):
            (folder / scene.picture.name).write_bytes(scene.picture.read_bytes())
            words = tuple(scene.letters[:3])
            writer.write(
                Puzzle(
                    f"{number}", scene.picture.name, {"words": words}, words,
                    scene.boxes[:3], scene.boxes[3:],
                )
            )  # fmt: skip
    return folder


SHAPES = ("圆", "方", "三角", "星", "十字", "月")


def draw_shape(name: str, size: int, ink: tuple[int, int, int]) -> Image.Image:
    """An icon, transparent around it."""
    picture = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(picture)
    m, s = size * 0.08, size * 0.92
    match name:
        case "圆":
            draw.ellipse((m, m, s, s), fill=(*ink, 255))
            draw.ellipse((0.35 * size, 0.35 * size, 0.65 * size, 0.65 * size), fill=(0, 0, 0, 0))
        case "方":
            draw.rectangle((m, m, s, s), fill=(*ink, 255))
            draw.rectangle((0.3 * size, 0.3 * size, 0.7 * size, 0.7 * size), fill=(0, 0, 0, 0))
        case "三角":
            draw.polygon([(size / 2, m), (s, s), (m, s)], fill=(*ink, 255))
        case "星":
            angles = np.arange(10) * np.pi / 5 - np.pi / 2
            reach = np.where(np.arange(10) % 2, 0.18, 0.46) * size
            points = zip(size / 2 + reach * np.cos(angles), size / 2 + reach * np.sin(angles),
                         strict=True)  # fmt: skip
            draw.polygon([(float(x), float(y)) for x, y in points], fill=(*ink, 255))
        case "十字":
            draw.rectangle((0.38 * size, m, 0.62 * size, s), fill=(*ink, 255))
            draw.rectangle((m, 0.38 * size, s, 0.62 * size), fill=(*ink, 255))
        case _:
            draw.ellipse((m, m, s, s), fill=(*ink, 255))
            draw.ellipse((0.36 * size, 0, 1.1 * size, 0.8 * size), fill=(0, 0, 0, 0))
    return picture


@pytest.fixture(scope="session")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, int], Path]:
    """Fills a folder for each shape with so many pictures."""

    def filled(folder: Path, count: int) -> Path:
        for name in SHAPES:
            (folder / name).mkdir(parents=True)
            for number in range(count):
                ink = (30 + 40 * number % 160, 60, 90)
                shape = draw_shape(name, 40 + 6 * number, ink)
                paper = Image.new("RGB", (70, 70), (250, 250, 250))
                paper.paste(shape, (4 + number, 6), shape)
                paper.save(folder / name / f"{number}.png")
        return folder

    return filled


@pytest.fixture(scope="session")
def icon_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Four shapes on a ground; their names are `SHAPES`' first four."""
    picture = Image.new("RGB", SIZE, GROUNDS[1])
    boxes = []
    for place, name in enumerate(SHAPES[:4]):
        corner = (18 + 76 * place, (30, 100, 60, 20)[place])
        shape = draw_shape(name, 48, (150, 40, 40))
        picture.paste(shape, corner, shape)
        boxes.append((*corner, corner[0] + 48, corner[1] + 48))
    file = tmp_path_factory.mktemp("icons") / "scene.png"
    picture.save(file)
    return Scene(file, "", tuple(boxes))
