"""Every family draws what it says: exact boxes, prompts that fit, the same from the same seed."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from siamese.vocabulary import LANGUAGES, shipped_vocabulary
from training.synthetic.errors import GenerateError, IngredientsMissingError
from training.synthetic.families import FAMILIES
from training.synthetic.families.icon_words import ICON_WORDS
from training.synthetic.families.latin import LATIN
from training.synthetic.families.text_strip import TEXT_STRIP
from training.synthetic.families.text_words import TEXT_WORDS
from training.synthetic.ingredients.palette import Palette
from training.synthetic.puzzle import Drawn, Family, draw_puzzle
from training.synthetic.scenes import compose

every_family = pytest.mark.parametrize(
    "family", [pytest.param(family, id=family.name) for family in FAMILIES]
)


def draw(family: Family, palette: Palette, number: int) -> Drawn:
    return draw_puzzle(family, palette, np.random.default_rng([number, len(family.name)]))


@every_family
@pytest.mark.parametrize("number", range(6))
def test_boxes_are_where_the_drawn_alpha_is(family: Family, number: int, palette: Palette) -> None:
    """An item's box is what the picture loses when the item is left out."""
    drawn = draw(family, palette, number)
    boxes = (*drawn.targets, *drawn.distractors)
    assert len(boxes) == len(drawn.placed)
    for box, one in zip(boxes, drawn.placed, strict=True):
        # On a ground of the far colour every covered pixel shows.
        black = Image.new("RGB", drawn.picture.size)
        white = Image.new("RGB", drawn.picture.size, (255, 255, 255))
        # White minus black is what shines through: 255 where nothing is drawn.
        through = np.asarray(compose(white, [one])).astype(int) - np.asarray(compose(black, [one]))
        cover = 255 - through.mean(axis=2)
        seen = cover >= max(1, cover.max() / 4 - 1)
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        drawn_box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert np.abs(np.subtract(box, drawn_box)).max() <= 1


@every_family
@pytest.mark.parametrize("number", range(6))
def test_a_puzzle_is_complete(family: Family, number: int, palette: Palette) -> None:
    drawn = draw(family, palette, number)
    assert drawn.kind == family.prompt
    assert len(drawn.words) == len(drawn.targets) >= 1
    width, height = drawn.picture.size
    for x1, y1, x2, y2 in (*drawn.targets, *drawn.distractors):
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
    expected_pictures = {"words": 0, "image": 1, "icons": len(drawn.words), "region": 0}
    assert len(drawn.prompt_pictures) == expected_pictures[drawn.kind]
    if drawn.kind in ("image", "region"):
        assert len(drawn.prompt_boxes) == len(drawn.words)
        lefts = [box[0] + box[2] for box in drawn.prompt_boxes]
        assert lefts == sorted(lefts), "a strip reads left to right"
    if drawn.region is not None:
        x1, y1, x2, y2 = drawn.region
        for box in drawn.prompt_boxes:
            assert x1 <= box[0] < box[2] <= x2
            assert y1 <= box[1] < box[3] <= y2
        for box in drawn.targets:
            assert not (x1 <= (box[0] + box[2]) / 2 < x2 and y1 <= (box[1] + box[3]) / 2 < y2)


@every_family
def test_the_same_seed_draws_the_same_puzzle(family: Family, palette: Palette) -> None:
    first, second, other = (draw(family, palette, n) for n in (1, 1, 2))
    assert first.picture.tobytes() == second.picture.tobytes()
    assert first.prompt_pictures == second.prompt_pictures
    assert first.targets == second.targets
    assert first.picture.tobytes() != other.picture.tobytes()


@every_family
def test_decoys_are_never_what_is_asked_for(family: Family, palette: Palette) -> None:
    for number in range(10, 20):
        drawn = draw(family, palette, number)
        count = len(drawn.words)
        decoys = [one.item.word for one in drawn.placed[count:]]
        # Where icons are asked for by name, the puzzle says which ones they are.
        icons = drawn.meta.get("icons", [None] * count)
        assert isinstance(icons, list)
        asked = [icon or word for icon, word in zip(icons[:count], drawn.words, strict=True)]
        assert not set(decoys) & set(asked)
        assert [one.item.word for one in drawn.placed[:count]] == asked


def test_prompt_strips_stay_within_their_sizes(palette: Palette) -> None:
    for number in range(20):
        drawn = draw(TEXT_STRIP, palette, number)
        strip = Image.open(BytesIO(drawn.prompt_pictures[0]))
        assert 13 <= strip.height <= strip.width
        assert strip.height <= 200
        # Eight wide items may need more than the usual 640 pixels, but not twice as many.
        assert strip.width <= 1280


def test_pictures_span_the_promised_sizes(palette: Palette) -> None:
    sizes = np.array([draw(LATIN, palette, n).picture.size for n in range(60)])
    assert sizes.min(axis=0).tolist() >= [200, 100]
    assert (sizes.max(axis=0) <= [700, 400]).all()
    assert sizes[:, 0].max() - sizes[:, 0].min() > 200


@every_family
def test_missing_ingredients_are_one_sentence(family: Family) -> None:
    with pytest.raises(IngredientsMissingError, match=f"family {family.name} needs"):
        Palette((), (), (), ()).check(family.name, family.needs)


def test_a_family_that_fits_no_picture_is_one_sentence(palette: Palette) -> None:
    never = replace(LATIN, draw=lambda palette, rng: None)
    with pytest.raises(GenerateError, match="No puzzle of the family latin fitted"):
        draw(never, palette, 0)


def test_a_family_that_draws_another_prompt_than_it_names_is_one_sentence(palette) -> None:
    with pytest.raises(GenerateError, match="latin draws a prompt of the kind 'words'"):
        draw(replace(LATIN, prompt="image"), palette, 0)


def test_without_photos_grounds_are_drawn(palette: Palette) -> None:
    bare = Palette(palette.han, palette.latin, palette.icons, ())
    assert draw(TEXT_WORDS, bare, 3).targets


@pytest.mark.parametrize("number", range(12))
def test_icons_are_asked_for_by_names_that_mean_one_of_them(number: int, palette: Palette) -> None:
    """In one language; no other item of the scene has the same name."""
    drawn = draw(ICON_WORDS, palette, number)
    things = drawn.meta["things"]
    language = drawn.meta["language"]
    assert isinstance(things, list)
    assert language in LANGUAGES
    vocabulary = shipped_vocabulary()
    assert len(things) == len(drawn.targets) + len(drawn.distractors)
    for at, word in enumerate(drawn.words):
        found = [thing.id for thing in vocabulary.find(word)]
        assert [place for place, thing in enumerate(things) if thing in found] in ([at], [])
        if things[at] is None:
            assert not found, "a character that could be an icon"
        else:
            assert word in vocabulary.thing(things[at]).names[language]
