"""Small puzzle sets with known properties, and a solver that fails where a test wants it to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labels.puzzles import Box, Puzzle, PuzzleSet, read_puzzles, write_puzzles

SIZE = (200, 120)
BOXES: tuple[Box, ...] = ((10, 15, 40, 45), (80, 60, 110, 90), (150, 20, 180, 50))
DECOY: Box = (30, 80, 60, 110)


def shifted(box: Box, by: tuple[int, int]) -> Box:
    return box[0] + by[0], box[1] + by[1], box[2] + by[0], box[3] + by[1]


def draw(
    boxes=BOXES, *, ink: int = 30, ground: int = 200, grain: float = 0.0, seed: int = 0
) -> Image.Image:
    """A cross of ink in every box, on a ground with that much random grain."""
    rng = np.random.default_rng(seed)
    pixels = ground + rng.normal(0, grain, (SIZE[1], SIZE[0], 1)) * np.ones(3)
    for x1, y1, x2, y2 in boxes:
        third, middle_x, middle_y = (x2 - x1) // 6, (x1 + x2) // 2, (y1 + y2) // 2
        pixels[y1:y2, middle_x - third : middle_x + third] = ink
        pixels[middle_y - third : middle_y + third, x1:x2] = ink
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@dataclass
class PlantedSolver:
    """Clicks every target; the first one wrong where `fails` says so."""

    fails: Callable[[Puzzle], bool] = lambda puzzle: False
    confidence: Callable[[Puzzle], float] = lambda puzzle: 0.9
    models: Mapping[str, str] = field(default_factory=lambda: {"detector": "planted 1.0"})
    asked: list[str] = field(default_factory=list)

    def __call__(self, puzzle: Puzzle, folder: Path) -> dict[str, object]:
        self.asked.append(puzzle.id)
        clicks = [{"x": (x1 + x2) / 2, "y": (y1 + y2) / 2} for x1, y1, x2, y2 in puzzle.targets]
        if self.fails(puzzle):
            clicks[0] = {"x": 0, "y": 0}
        return {
            "solved": True,
            "confidence": self.confidence(puzzle),
            "clicks": clicks,
            "boxes": [{"box": list(box), "confidence": 0.9} for box in puzzle.targets],
            "models": dict(self.models),
        }


@pytest.fixture(scope="session")
def planted() -> type[PlantedSolver]:
    return PlantedSolver


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Image.Image]:
    return draw


@pytest.fixture(scope="session")
def make_set() -> Callable[..., PuzzleSet]:
    """Writes a set whose puzzles alternate between a plain and a grainy ground."""

    def make(folder: Path, count: int, words=("cat", "dog", "owl"), **changes) -> PuzzleSet:
        folder.mkdir(parents=True, exist_ok=True)
        puzzles = []
        for number in range(count):
            # Every puzzle differs, in no order that an attacker could use.
            rng, order = np.random.default_rng(number), list(permutations(range(len(words))))
            by = (int(rng.integers(20)), int(rng.integers(10)))
            own = order[number % len(order)]
            boxes = tuple(shifted(BOXES[at], by) for at in order[(number // 6 + 2) % len(order)])
            told, decoy = tuple(words[at] for at in own), shifted(DECOY, by)
            grain = 20.0 * (number % 2)
            draw((*boxes, decoy), grain=grain, seed=number).save(folder / f"{number}.png")
            values = {"family": "even" if number % 2 == 0 else "odd", "distractors": (decoy,)}
            values["meta"] = {"grain": grain}
            puzzles.append(
                Puzzle(
                    f"p{number:03}", f"{number}.png", {"words": told}, told, boxes,
                    **(values | changes),
                )
            )  # fmt: skip
        write_puzzles(folder, puzzles)
        return read_puzzles(folder)

    return make
