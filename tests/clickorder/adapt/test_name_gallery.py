"""Names that a site asks for, and the gallery that an adaptation makes of its pictures."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from rich.console import Console

from clickorder.adapt.models import assembled, settings_of, solve, starting_models
from clickorder.adapt.name_gallery import PICTURES, learn_gallery, places_of_names
from clickorder.adapt.state import AdaptOptions
from clickorder.local import LocalSolver
from labels.puzzles import Puzzle, PuzzleSet, write_puzzles
from service.settings import Settings

NAMES = ("rocket", "wine glass", "飞机")
"""Things of the vocabulary; what this site draws for them looks like nothing of the kind."""

OPTIONS = AdaptOptions(threads=1)
CONSOLE = Console(quiet=True)


def draw_item(pen: ImageDraw.ImageDraw, name: str, x: int, y: int, ink: tuple[int, ...]) -> None:
    if name == "rocket":
        pen.ellipse((x, y, x + 36, y + 36), fill=ink)
    elif name == "wine glass":
        pen.rectangle((x, y, x + 36, y + 36), outline=ink, width=5)
    else:
        pen.line((x, y + 18, x + 36, y + 18), fill=ink, width=8)
        pen.line((x + 18, y, x + 18, y + 36), fill=ink, width=8)


def site(folder: Path, count: int, seed: int) -> PuzzleSet:
    """Puzzles of three shapes that are asked for by name."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    puzzles = []
    for number in range(count):
        picture = Image.new("RGB", (200, 90), tuple(int(v) for v in rng.integers(150, 250, 3)))
        pen = ImageDraw.Draw(picture)
        targets = {}
        for place, name in enumerate(rng.permutation(NAMES)):
            x, y = 66 * place + int(rng.integers(3, 24)), int(rng.integers(3, 48))
            draw_item(pen, name, x, y, tuple(int(v) for v in rng.integers(0, 110, 3)))
            targets[str(name)] = (x, y, x + 37, y + 37)
        picture.save(folder / f"{number}.png")
        words = tuple(map(str, rng.permutation(NAMES)))
        puzzles.append(
            Puzzle(
                id=str(number),
                background=f"{number}.png",
                prompt={"words": words},
                words=words,
                targets=tuple(targets[word] for word in words),
            )
        )
    write_puzzles(folder, puzzles)
    return PuzzleSet(folder, tuple(puzzles))


@pytest.fixture(scope="module")
def starting() -> LocalSolver:
    return LocalSolver(Settings(backend="own", threads=1))


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory: pytest.TempPathFactory) -> tuple[PuzzleSet, PuzzleSet]:
    """To learn from, and to decide by."""
    place = tmp_path_factory.mktemp("site")
    return site(place / "learned", 8, 1), site(place / "checks", 12, 2)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return assembled(starting_models(None), tmp_path / "bundle")


def solved(bundle: Path, puzzles: PuzzleSet) -> int:
    return sum(one.score.solved for one in solve(bundle, puzzles, OPTIONS, CONSOLE))


def test_pictures_of_the_named_things_become_the_gallery(
    bundle: Path, puzzles: tuple[PuzzleSet, PuzzleSet], starting: LocalSolver
) -> None:
    learned, checks = puzzles
    before = solved(bundle, checks)
    told = learn_gallery(bundle, learned, checks, starting, OPTIONS, CONSOLE)
    after = solved(bundle, checks)
    assert told == (
        f"Gallery: 3 names with pictures of their own; solved {after} of 12 validation pictures, "
        f"{before} without: taken."
    )
    assert after >= 10 > before
    gallery = LocalSolver(settings_of(bundle, OPTIONS)).parts.gallery
    assert {name: len(pictures) for name, pictures in gallery.pictures.items()} == dict.fromkeys(
        NAMES, PICTURES
    )
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["bundle"]


def test_the_gallery_comes_before_the_vocabulary(
    bundle: Path, puzzles: tuple[PuzzleSet, PuzzleSet], starting: LocalSolver
) -> None:
    learned, _ = puzzles
    first = learned.puzzles[0]
    prompt = {"words": ("rocket",)}
    known = starting.solve(learned.folder, first.background, prompt)
    assert "names" in known["models"]
    learn_gallery(bundle, learned, None, starting, OPTIONS, CONSOLE)
    found = LocalSolver(settings_of(bundle, OPTIONS)).solve(
        learned.folder, first.background, prompt
    )
    assert "names" not in found["models"]
    assert "siamese" in found["models"]
    (click,) = found["clicks"]
    x1, y1, x2, y2 = first.targets[first.words.index("rocket")]
    assert x1 <= click["x"] < x2
    assert y1 <= click["y"] < y2


def test_a_gallery_that_makes_it_worse_is_not_taken(
    bundle: Path, puzzles: tuple[PuzzleSet, PuzzleSet], starting: LocalSolver
) -> None:
    learned, checks = puzzles
    learn_gallery(bundle, learned, checks, starting, OPTIONS, CONSOLE)
    pictures = {path: path.read_bytes() for path in (bundle / "gallery").rglob("*.png")}
    # Labels of another set: each name's target is the next one's.
    wrong = tuple(
        replace(puzzle, targets=puzzle.targets[1:] + puzzle.targets[:1])
        for puzzle in learned.puzzles
    )
    told = learn_gallery(
        bundle, PuzzleSet(learned.folder, wrong), checks, starting, OPTIONS, CONSOLE
    )
    assert told is not None
    assert told.endswith("without: not taken.")
    assert {path: path.read_bytes() for path in (bundle / "gallery").rglob("*.png")} == pictures


def test_what_is_read_and_what_nobody_knows_gets_no_gallery(
    bundle: Path, puzzles: tuple[PuzzleSet, PuzzleSet], starting: LocalSolver
) -> None:
    learned, checks = puzzles
    # 火 is the fire of the vocabulary as well, and the classifier reads it.
    other = {"rocket": "火", "wine glass": "blob frame", "飞机": "飞机/plane"}
    words = tuple(
        replace(
            puzzle,
            prompt={"words": tuple(other[word] for word in puzzle.words)},
            words=tuple(other[word] for word in puzzle.words),
        )
        for puzzle in learned.puzzles
    )
    asked = PuzzleSet(learned.folder, words)
    assert not places_of_names(asked, starting)
    assert learn_gallery(bundle, asked, checks, starting, OPTIONS, CONSOLE) is None
    assert learn_gallery(bundle, None, None, starting, OPTIONS, CONSOLE) is None
    assert not (bundle / "gallery").exists()


def test_pictures_are_taken_from_all_over_the_set(
    puzzles: tuple[PuzzleSet, PuzzleSet], starting: LocalSolver
) -> None:
    places = places_of_names(puzzles[0], starting)
    assert list(places) == sorted(NAMES)
    assert {tuple(puzzle.id for puzzle, _ in found) for found in places.values()} == {
        ("0", "4", "7")
    }
    once = places_of_names(PuzzleSet(puzzles[0].folder, puzzles[0].puzzles[:1]), starting)
    assert {len(found) for found in once.values()} == {1}


def test_what_is_adapted_keeps_the_gallery_and_the_names_that_it_started_from(
    tmp_path: Path, colour_names
) -> None:
    own = tmp_path / "own"
    for file in starting_models(None).values():
        own.mkdir(exist_ok=True)
        shutil.copy(file, own / ("calibration.json" if file.suffix == ".json" else file.name))
    colour_names.write(own)
    (own / "gallery/ruby").mkdir(parents=True)
    Image.new("RGB", (30, 30), "red").save(own / "gallery/ruby/1.png")
    bundle = assembled(starting_models(own), tmp_path / "bundle")
    parts = LocalSolver(settings_of(bundle, OPTIONS)).parts
    assert list(parts.gallery.pictures) == ["ruby"]
    assert parts.namer is not None
    assert parts.namer.name == "tiny 0.1"
