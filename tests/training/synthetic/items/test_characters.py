"""Character sets, and choices that stay fair."""

from collections import Counter

import numpy as np
import pytest

from training.synthetic.ingredients.palette import Palette
from training.synthetic.items.characters import (
    CONFUSABLE,
    DIGITS,
    LEVEL_1,
    LEVEL_2,
    LOWER,
    TRADITIONAL,
    UPPER,
    confusable_groups,
    look_alikes,
    pick_characters,
    pick_latin,
)


def test_gb2312_has_its_known_numbers_of_characters() -> None:
    assert len(LEVEL_1) == 3755
    assert (LEVEL_1[0], LEVEL_1[-1]) == ("啊", "座")
    assert 2950 <= len(LEVEL_2) <= 3008
    assert LEVEL_2[-1] == "齄"
    assert not set(LEVEL_1) & set(LEVEL_2)


def test_traditional_forms_are_not_in_gb2312() -> None:
    assert len(TRADITIONAL) > 2000
    assert "龍" in TRADITIONAL
    assert not set(TRADITIONAL) & set(LEVEL_1 + LEVEL_2)


def test_every_latin_character_is_in_one_group() -> None:
    counts = Counter("".join(CONFUSABLE))
    assert set(counts) == set(DIGITS + UPPER + LOWER)
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("seed", range(30))
def test_latin_words_of_a_puzzle_cannot_be_taken_for_each_other(
    seed: int, palette: Palette
) -> None:
    words = pick_latin(palette.latin[0], 6, np.random.default_rng(seed))
    groups = confusable_groups()
    keys = [tuple(sorted(groups[c] for c in word)) for word in words]
    assert len(set(keys)) == len(words) > 0
    assert {len(word) for word in words} in ({1}, {2})


@pytest.mark.parametrize("seed", range(30))
def test_characters_of_a_puzzle_differ_and_are_drawn_by_the_face(
    seed: int, palette: Palette
) -> None:
    face = palette.han[0]
    words = pick_characters(face, face, 7, np.random.default_rng(seed), rare=0.0)
    assert len(set(words)) == 7
    assert face.covers("".join(words))


def test_look_alikes_are_other_characters_most_alike_first(palette: Palette) -> None:
    face = palette.han[0]
    own = next(c for c in LEVEL_1 if face.covers(c))
    others = look_alikes(face, own)
    assert len(others) == 6
    assert own not in others
    assert look_alikes(face, "龍") == ""
