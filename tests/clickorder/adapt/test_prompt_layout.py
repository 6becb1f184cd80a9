"""How many items a site's prompt pictures show, and where, as `adapt` learns it."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from clickorder.adapt.prompt_layout import (
    PromptPictures,
    prompt_count,
    prompt_samples,
    prompt_slots,
)
from clickorder.local import LocalSolver
from labels.puzzles import Puzzle, PuzzleSet, read_puzzles, write_puzzles
from service.settings import Settings
from service.solving.prompt_slots import Slots

LETTERS = "AEHKMRTW"
CELL, HEIGHT, WIDE = 44, 40, 200


@pytest.fixture(scope="module")
def solver() -> LocalSolver:
    return LocalSolver(Settings(backend="own"))


def make(
    folder: Path, count: int, *, kind: str, labelled: bool = False, moving: bool = False
) -> PuzzleSet:
    """Puzzles of three letters, whose prompt shows them in cells, or wherever they come to lie."""
    folder.mkdir()
    font = ImageFont.load_default(30)
    puzzles = []
    for number in range(count):
        words = tuple(LETTERS[(number + 3 * place) % len(LETTERS)] for place in range(3))
        strip = Image.new("RGB", (WIDE, HEIGHT), "white")
        step = CELL + (7 * (number % 4) if moving else 0)
        lefts = [8 + step * place for place in range(3)]
        pen = ImageDraw.Draw(strip)
        for left, word in zip(lefts, words, strict=True):
            pen.text((left + 3, 2), word, fill="black", font=font)
        scene = Image.new("RGB", (WIDE, 120 + HEIGHT), (200, 220, 210))
        pen = ImageDraw.Draw(scene)
        for place, word in enumerate(words):
            pen.text((10 + 60 * place, 40), word, fill="navy", font=font)
        targets = tuple((10 + 60 * place, 44, 36 + 60 * place, 76) for place in range(3))
        top = 120 if kind == "region" else 0
        boxes = [[left, top + 4, left + 30, top + 36] for left in lefts]
        if kind == "region":
            scene.paste(strip, (0, 120))
        else:
            strip.save(folder / f"{number}-prompt.png")
        scene.save(folder / f"{number}.png")
        prompt = {"region": (0, 120, WIDE, 160)} if kind == "region" else {
            "image": f"{number}-prompt.png"
        }  # fmt: skip
        puzzles.append(
            Puzzle(
                id=str(number),
                background=f"{number}.png",
                prompt=prompt,
                words=words,
                targets=targets,
                meta={"prompt_boxes": boxes} if labelled else {},
            )
        )
    write_puzzles(folder, puzzles)
    return read_puzzles(folder)


def middles(slots: Slots) -> list[float]:
    return [(x1 + x2) / 2 for x1, _, x2, _ in slots.boxes]


@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "found"])
@pytest.mark.parametrize("kind", ["image", "region"])
def test_a_fixed_layout_is_learned(
    tmp_path: Path, solver: LocalSolver, kind: str, labelled: bool
) -> None:
    puzzles = make(tmp_path / "set", 14, kind=kind, labelled=labelled)
    assert prompt_count(puzzles) == (3, 3)
    slots = prompt_slots(puzzles, solver)
    assert slots is not None
    assert slots.size == (WIDE, HEIGHT)
    # The letters differ in width, and stand at the left of their cells.
    assert middles(slots) == pytest.approx([22, 66, 110], abs=7)


@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "found"])
@pytest.mark.parametrize("kind", ["image", "region"])
def test_prompt_pictures_to_learn_from(
    tmp_path: Path, solver: LocalSolver, kind: str, labelled: bool
) -> None:
    puzzles = make(tmp_path / "set", 10, kind=kind, labelled=labelled, moving=True)
    samples = prompt_samples(puzzles, solver)
    assert len(samples) >= (10 if labelled else 8)  # what is doubtful is left out
    for sample in samples:
        number = int(sample.picture.stem.removesuffix("-prompt"))
        step = CELL + 7 * (number % 4)
        assert sample.strip
        assert sample.load().shape == (HEIGHT, WIDE, 3)
        assert len(sample.boxes) == 3
        for place, box in enumerate(sample.boxes):
            # The letters differ in width, and stand at the left of their cells.
            assert (box[0] + box[2]) / 2 == pytest.approx(22 + step * place, abs=7)


def test_puzzles_without_prompt_pictures_have_none_to_learn_from(solver: LocalSolver) -> None:
    words = Path(__file__).parents[3] / "benchmarks/puzzles/text-words"
    assert prompt_samples(read_puzzles(words), solver) == ()
    assert prompt_samples(None, solver) == ()


def test_items_that_move_have_no_slots(tmp_path: Path, solver: LocalSolver) -> None:
    puzzles = make(tmp_path / "set", 14, kind="image", labelled=True, moving=True)
    assert prompt_count(puzzles) == (3, 3)
    assert prompt_slots(puzzles, solver) is None


def test_too_few_pictures_tell_nothing(tmp_path: Path, solver: LocalSolver) -> None:
    puzzles = make(tmp_path / "set", 11, kind="image", labelled=True)
    assert prompt_count(puzzles) is None
    assert prompt_slots(puzzles, solver) is None


def test_prompts_of_words_have_no_layout(solver: LocalSolver) -> None:
    words = Path(__file__).parents[3] / "benchmarks/puzzles/text-words"
    assert prompt_count(read_puzzles(words)) is None
    assert prompt_slots(read_puzzles(words), solver) is None
    assert prompt_count(None) is None


def test_pictures_are_looked_through_once_and_only_when_asked_for(
    solver: LocalSolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, held = (make(tmp_path / name, 3, kind="image") for name in ("learned", "held"))
    looked: list[str] = []
    prompt = LocalSolver.prompt

    def counted(self: LocalSolver, puzzle: Puzzle, folder: Path) -> object:
        looked.append(folder.name)
        return prompt(self, puzzle, folder)

    monkeypatch.setattr(LocalSolver, "prompt", counted)
    pictures = PromptPictures(learned, held, solver)
    assert not looked
    assert pictures.learned == pictures.learned
    assert looked == ["learned"] * 3
    assert pictures.held
    assert looked == ["learned"] * 3 + ["held"] * 3
