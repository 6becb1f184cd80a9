"""Invented sites: exact boxes, prompts that fit, the same from the same seed."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from benchmarks.weak_styles import CHOSEN, STYLES, WeakStyle, draw_weak, write_set
from labels.puzzles import read_puzzles
from training.synthetic.errors import IngredientsMissingError
from training.synthetic.ingredients.palette import Palette
from training.synthetic.puzzle import Drawn

every_style = pytest.mark.parametrize("style", [pytest.param(s, id=s.name) for s in STYLES])


def furnished(style: WeakStyle, palette: Palette) -> Palette:
    """The drawn ingredients under the names that a style asks for."""
    return replace(
        palette,
        han=tuple(replace(face, family=style.source) for face in palette.han),
        icons=tuple(replace(icons, name=style.source) for icons in palette.icons[:1]),
    )


def draw(style: WeakStyle, palette: Palette, number: int) -> tuple[Drawn, Image.Image]:
    """A puzzle, and what was under its items."""
    grounds = []

    def ground(*arguments):
        grounds.append(style.ground(*arguments))
        return grounds[-1]

    rng = np.random.default_rng(number)
    return draw_weak(replace(style, ground=ground), furnished(style, palette), rng), grounds[-1]


@every_style
def test_boxes_hold_all_that_was_drawn_and_touch_it(style: WeakStyle, palette: Palette) -> None:
    for number in range(4):
        drawn, ground = draw(style, palette, number)
        changed = np.any(np.asarray(drawn.picture) != np.asarray(ground), axis=2)
        boxes = (*drawn.targets, *drawn.distractors)
        assert len(boxes) == len(drawn.placed) == len(set(boxes))
        for box, one in zip(boxes, drawn.placed, strict=True):
            x1, y1, x2, y2 = box
            assert 0 <= x1 < x2 <= style.size[0]
            assert 0 <= y1 < y2 <= style.size[1]
            assert changed[y1:y2, x1:x2].mean() > 0.02
            alpha = Image.new("L", style.size)
            alpha.paste(one.layer.getchannel("A"), (one.x, one.y))
            strongest = np.asarray(alpha).max()
            assert (
                alpha.point([255 * (v >= max(1, strongest // 4)) for v in range(256)]).getbbox()
                == box
            )
        for x1, y1, x2, y2 in boxes:
            changed[y1:y2, x1:x2] = False
        assert not changed.any(), "something lies outside of all boxes"


@every_style
def test_prompts_fit_the_targets(style: WeakStyle, palette: Palette) -> None:
    for number in range(4):
        drawn, _ = draw(style, palette, number)
        assert drawn.picture.size == style.size
        assert drawn.kind == style.kind
        assert style.targets[0] <= len(drawn.words) == len(drawn.targets) <= style.targets[1]
        assert style.decoys[0] <= len(drawn.distractors) <= style.decoys[1]
        shown = [one.item.word for one in drawn.placed]
        assert len(set(shown)) == len(shown)
        assert drawn.words == tuple(shown[: len(drawn.words)])
        pictures = {"words": 0, "icons": len(drawn.words), "image": 1}[drawn.kind]
        assert len(drawn.prompt_pictures) == pictures
        if drawn.kind != "image":
            assert drawn.prompt_boxes == ()
            continue
        strip = np.asarray(Image.open(BytesIO(drawn.prompt_pictures[0])))
        assert len(drawn.prompt_boxes) == len(drawn.words)
        middles = [x1 + x2 for x1, _, x2, _ in drawn.prompt_boxes]
        assert middles == sorted(middles), "a strip reads left to right"
        inked = np.any(strip != strip[0, 0], axis=2)
        for x1, y1, x2, y2 in drawn.prompt_boxes:
            assert 0 <= x1 < x2 <= strip.shape[1]
            assert 0 <= y1 < y2 <= strip.shape[0]
            assert inked[y1:y2, x1:x2].any()
            inked[y1:y2, x1:x2] = False
        assert not inked.any()


@every_style
def test_a_set_is_readable_and_the_same_for_a_seed(style, palette: Palette, tmp_path) -> None:
    own = furnished(style, palette)

    def contents(name: str, count: int, seed: int) -> dict[str, bytes]:
        write_set(tmp_path / name, style, own, count, seed)
        assert len(read_puzzles(tmp_path / name)) == count
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    first = contents("first", 3, 5)
    assert contents("again", 3, 5) == first
    assert contents("other", 3, 6) != first
    smaller = contents("smaller", 2, 5)
    lines = smaller.pop("puzzles.jsonl")
    assert first["puzzles.jsonl"].startswith(lines), "a smaller set is the beginning of a larger"
    assert smaller.items() <= first.items()
    for puzzle in read_puzzles(tmp_path / "first"):
        assert puzzle.family == style.name
        if puzzle.kind == "image":
            assert len(puzzle.meta["prompt_boxes"]) == len(puzzle.words)


@pytest.mark.parametrize("name", ["chalk", "halved", "plate"])
def test_a_small_site_shows_the_same_few_icons(name: str, palette: Palette) -> None:
    style = next(style for style in STYLES if style.name == name)
    few = replace(style, vocabulary=9)
    words = {one.item.word for number in range(12) for one in draw(few, palette, number)[0].placed}
    assert len(words) == 9


@every_style
def test_missing_ingredients_are_one_sentence(style: WeakStyle) -> None:
    with pytest.raises(IngredientsMissingError, match=f"The style {style.name} .*{style.source}"):
        draw_weak(style, Palette((), (), (), ()), np.random.default_rng(0))


def test_the_chosen_ones_differ_in_kind() -> None:
    kinds = [next(s for s in STYLES if s.name == name).kind for name in CHOSEN]
    assert sorted(kinds) == ["icons", "image", "words"]
