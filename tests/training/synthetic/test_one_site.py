"""The pictures of a single site look alike, repeat few names, and tell the names of all."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.one_site import Site, draw_site
from labels.puzzles import read_puzzles, write_puzzles
from training.synthetic.ingredients.palette import Palette


@pytest.mark.parametrize("kind", ["characters", "icons"])
def test_a_site_repeats_its_names_and_asks_for_all(kind, palette: Palette, tmp_path):
    site = Site.of(kind, palette, 8, np.random.default_rng(1))
    names = {item.word for item in site.items}
    assert len(names) == 8
    write_puzzles(tmp_path / "set", list(draw_site(tmp_path / "set", "a", site, palette, 12, 0)))
    puzzles = read_puzzles(tmp_path / "set").puzzles
    assert len(puzzles) == 12
    assert {word for one in puzzles for word in one.words} == names
    assert not any(one.distractors for one in puzzles)
    assert len({one.words for one in puzzles}) > 1
    for one in puzzles:
        with Image.open(tmp_path / "set" / one.background) as picture:
            assert picture.size == site.size


def test_the_same_seed_draws_the_same_pictures(palette: Palette, tmp_path):
    def drawn(name, seed):
        site = Site.of("icons", palette, 8, np.random.default_rng(2))
        puzzles = list(draw_site(tmp_path / name, "a", site, palette, 2, seed))
        return [((tmp_path / name / one.background).read_bytes(), one) for one in puzzles]

    assert drawn("first", 5) == drawn("second", 5)
    assert drawn("third", 6) != drawn("first", 5)


def test_other_chance_gives_another_site(palette: Palette):
    sites = [Site.of("icons", palette, 8, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert sites[0] == sites[1] != sites[2]
