"""Puzzle sets: the same from the same seed, whatever the number of processes; faults are told."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from labels.puzzles import read_puzzles
from training.synthetic.errors import GenerateError, IngredientsMissingError
from training.synthetic.families import FAMILIES, find_families
from training.synthetic.generate import run_generate

ROOT = Path(__file__).resolve().parents[3]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_set_depends_on_the_seed_and_not_on_the_processes(cache: Path, tmp_path: Path) -> None:
    for name, seed, jobs in (("one", 4, 1), ("two", 4, 2), ("other", 5, 1)):
        run_generate("text-words,icon-strip", "test", 5, seed, tmp_path / name, jobs, cache)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_every_family_is_a_readable_set(cache: Path, tmp_path: Path) -> None:
    run_generate("all", "test", 3, 1, tmp_path / "set", 1, cache)
    puzzles = read_puzzles(tmp_path / "set")
    assert len(puzzles) == 3 * len(FAMILIES)
    assert puzzles.families == {family.name for family in FAMILIES}
    for puzzle in puzzles:
        for name in puzzle.files:
            with Image.open(tmp_path / "set" / name) as picture:
                picture.load()
        if puzzle.kind in ("image", "region"):
            boxes = puzzle.meta["prompt_boxes"]
            assert isinstance(boxes, list)
            assert len(boxes) == len(puzzle.words)
    first = json.loads((tmp_path / "set" / "puzzles.jsonl").read_text().splitlines()[0])
    assert list(first)[:4] == ["id", "background", "prompt", "words"]


def test_clipped_puzzles_show_what_is_left_of_their_items(cache: Path, tmp_path: Path) -> None:
    families = "text-strip,icon-list,composite"
    run_generate(families, "test", 6, 2, tmp_path / "whole", 1, cache)
    run_generate(families, "test", 6, 2, tmp_path / "clipped", 1, cache, clipped=1.0)
    clipped = 0
    pairs = zip(read_puzzles(tmp_path / "whole"), read_puzzles(tmp_path / "clipped"), strict=True)
    for whole, puzzle in pairs:
        assert puzzle.words == whole.words
        clipped += bool(puzzle.meta.get("clipped"))
        with Image.open(tmp_path / "clipped" / puzzle.background) as picture:
            size = picture.size
        before = [*whole.targets, *whole.distractors]
        after = [*puzzle.targets, *puzzle.distractors]
        touching = cut = 0
        for old, new in zip(before, after, strict=True):
            x1, y1, x2, y2 = new
            assert 0 <= x1 < x2 <= size[0]
            assert 0 <= y1 < y2 <= size[1]
            assert (x2 - x1) * (y2 - y1) >= 0.49 * (old[2] - old[0]) * (old[3] - old[1])
            cut += (x2 - x1) * (y2 - y1) < (old[2] - old[0]) * (old[3] - old[1])
            touching += x1 == 0 or y1 == 0 or x2 == size[0] or y2 == size[1]
        assert (touching and cut) or not puzzle.meta.get("clipped")
        if puzzle.kind == "region":
            (left, top, right, bottom) = puzzle.prompt["region"]
            assert 0 <= left < right <= size[0]
            assert 0 <= top < bottom <= size[1]
    assert clipped >= 12, "most puzzles have a side without their prompt"


@pytest.mark.parametrize(
    ("family", "split_name", "count", "part"),
    [
        pytest.param("icons", "test", 1, "no family 'icons'", id="family"),
        pytest.param("latin", "exam", 1, "no split 'exam'", id="split"),
        pytest.param("latin", "test", 0, "at least 1", id="count"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    family: str, split_name: str, count: int, part: str, tmp_path: Path
) -> None:
    with pytest.raises(GenerateError, match=part):
        run_generate(family, split_name, count, 0, tmp_path / "set", 1, tmp_path)


def test_a_split_without_ingredients_says_which_are_missing(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(IngredientsMissingError, match="needs at least one"):
        run_generate("mixed", "validation", 1, 0, tmp_path / "set", 1, cache)


def write_own_family(folder: Path) -> None:
    """The module that the documentation shows."""
    page = (ROOT / "docs/generator.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (folder / "night_digits.py").write_text(shown, encoding="utf-8")


def test_the_command_draws_a_family_of_ones_own(cache: Path, tmp_path: Path, monkeypatch) -> None:
    """The documented example, beside a built-in family, in the workers as in one process."""
    write_own_family(tmp_path)
    families = "night_digits:NIGHT_DIGITS,latin"
    options = f"--split test --count 3 --seed 3 --jobs 2 --cache {cache} --out set"
    # -P: as for an installed command, the current folder is not on the import path.
    command = [sys.executable, "-P", "-m", "clickorder", "generate", "--family", families]
    subprocess.run(
        [*command, *options.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    puzzles = read_puzzles(tmp_path / "set")
    own = [puzzle for puzzle in puzzles if puzzle.family == "night-digits"]
    assert len(own) == len(puzzles) - len(own) == 3
    for puzzle in own:
        assert (len(puzzle.targets), len(puzzle.distractors)) == (3, 2)
        assert puzzle.prompt == {"words": puzzle.words}
        assert set("".join(puzzle.words)) <= set("0123456789")
        with Image.open(tmp_path / "set" / puzzle.background) as picture:
            assert picture.size == (300, 150)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    run_generate(families, "test", 3, 3, tmp_path / "again", 1, cache)
    assert contents(tmp_path / "again") == contents(tmp_path / "set")


OWN_FAMILIES = """
from training.synthetic.families.latin import LATIN
from dataclasses import replace

TWIN = replace(LATIN, needs=())
NUMBER = 3
SPACED = replace(LATIN, name="my family")
SPOKEN = replace(LATIN, name="spoken", prompt="speech")
HUNGRY = replace(LATIN, name="hungry", needs=("fonts",))
"""


@pytest.mark.parametrize(
    ("families", "part"),
    [
        pytest.param("nowhere:FAMILY", "ModuleNotFoundError: No module named 'nowhere'", id="none"),
        pytest.param("torn:FAMILY", "cannot be imported (SyntaxError", id="not-python"),
        pytest.param("failing:FAMILY", "cannot be imported (ValueError: no luck)", id="raises"),
        pytest.param(":FAMILY", "':FAMILY' cannot be imported", id="no-module-name"),
        pytest.param("owned:MISSING", "'MISSING' in that module is no Family", id="no-object"),
        pytest.param("owned:", "'' in that module is no Family", id="no-object-name"),
        pytest.param("owned:NUMBER", "'NUMBER' in that module is no Family", id="no-family"),
        pytest.param("owned:SPACED", "its name 'my family' has more than letters", id="name"),
        pytest.param("owned:SPOKEN", "its prompt is 'speech' and none of words", id="prompt"),
        pytest.param("owned:HUNGRY", "it needs fonts; ingredients are han", id="ingredient"),
        pytest.param("latin,owned:TWIN", "Two different families are called 'latin'", id="twins"),
        pytest.param("latin,,mixed", "no family ''", id="empty"),
    ],
)
def test_a_bad_family_is_one_sentence(
    families: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owned.py").write_text(OWN_FAMILIES, encoding="utf-8")
    (tmp_path / "torn.py").write_text("FAMILY = (", encoding="utf-8")
    (tmp_path / "failing.py").write_text("raise ValueError('no luck')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "owned", raising=False)
    with pytest.raises(GenerateError, match=re.escape(part)) as caught:
        find_families(families)
    assert "\n" not in str(caught.value)


def test_families_come_in_the_order_named_and_once() -> None:
    named = [family.name for family in find_families("mixed, latin,mixed")]
    assert named == ["mixed", "latin"]
    assert find_families("latin,all")[0].name == "latin"
    assert len(find_families("latin,all")) == len(FAMILIES) == len(find_families("all"))
