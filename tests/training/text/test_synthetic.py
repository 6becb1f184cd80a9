"""Drawn pictures of text: seeds, lengths, colours."""

import secrets
from collections import Counter

import numpy as np
import pytest
from captcha import image

from classifier.text_preprocess import TextPreprocess
from training.errors import TextTrainingError
from training.synthetic.ingredients.palette import Palette
from training.text.blocks import FileBlocks, MemoryLoader, TextBlock
from training.text.drawn_blocks import DrawnBlocks, drawing_loader, drawn_block
from training.text.synthetic import BENCHMARK, HELD_OUT, TRAINING, DrawingPlan, TextDrawer

PLAN = DrawingPlan("0123456789ABC", (4, 6), (128, 64))
NOTHING = Palette((), (), (), ())


def drawer(*seed: int, plan: DrawingPlan = PLAN, palette: Palette = NOTHING) -> TextDrawer:
    return TextDrawer(plan, *seed, palette=palette)


@pytest.mark.parametrize("kind", ["captcha", "two-colours"])
def test_the_same_seed_draws_the_same(kind: str) -> None:
    first, second = drawer(TRAINING, 1), drawer(TRAINING, 1)
    for _ in range(5):
        a, b = first.draw(kind), second.draw(kind)
        assert (a.text, a.colour) == (b.text, b.colour)
        np.testing.assert_array_equal(a.picture, b.picture)


@pytest.mark.parametrize("kind", ["captcha", "two-colours"])
def test_another_purpose_step_or_worker_draws_something_else(kind: str) -> None:
    seeds = [(TRAINING, 1, 0, 1000), (TRAINING, 1, 0, 2000), (TRAINING, 1, 1000, 1000)]
    seeds += [(TRAINING, 2, 0, 1000), (HELD_OUT, 1), (BENCHMARK, 1)]
    drawn = [drawer(*seed).draw(kind).picture.tobytes() for seed in seeds]
    assert len(set(drawn)) == len(seeds)


def test_the_package_is_as_it_was_after_drawing() -> None:
    drawer(1).draw("captcha")
    assert image.secrets is secrets


def test_the_package_draws_the_size_and_length_it_was_asked_for() -> None:
    source = drawer(3)
    drawn = [source.draw("captcha") for _ in range(60)]
    assert {one.picture.shape for one in drawn} == {(64, 128, 3)}
    assert {len(one.text) for one in drawn} == {4, 5, 6}
    assert set("".join(one.text for one in drawn)) == set(PLAN.characters)


def test_the_package_draws_no_chinese() -> None:
    source = drawer(1, plan=DrawingPlan("并细A", (2, 2), (128, 64)))
    assert source.draw("captcha").text == "AA"
    with pytest.raises(TextTrainingError, match="no Chinese"):
        drawer(1, plan=DrawingPlan("并细", (2, 2), (128, 64))).draw("captcha")


def test_a_wanted_colour_is_on_the_picture() -> None:
    source = drawer(5)
    near = []
    for _ in range(80):
        one = source.draw("two-colours")
        assert 1 <= len(one.text) <= 6
        if one.colour is None:
            assert len(one.text) >= 4
            continue
        away = np.linalg.norm(one.picture.astype(float) - one.colour, axis=2)
        near.append(int((away < 70).sum()))
    # Jittered, softened and anti-aliased; but a stroke's middle is near.
    assert 40 < len(near) < 80
    assert min(near) > 0
    assert np.median(near) > 30


def test_a_part_of_the_text_is_wanted_more_often_than_all() -> None:
    source = drawer(6)
    wanted = [len(d.text) for d in (source.draw("two-colours") for _ in range(60)) if d.colour]
    assert min(wanted) < 4
    assert np.mean(wanted) < 4


def test_strips_are_drawn_from_fonts_that_have_the_text(palette: Palette) -> None:
    plan = DrawingPlan("ABC0123", (2, 4), (128, 64))
    source = drawer(1, plan=plan, palette=palette)
    for _ in range(10):
        one = source.draw("strips")
        assert one.picture.ndim == 3
        assert one.picture.dtype == np.uint8
        assert 2 <= len(one.text) <= 4
    with pytest.raises(TextTrainingError, match="No font"):
        drawer(1, plan=DrawingPlan("\u9fa5", (1, 1), (9, 9)), palette=palette).draw("strips")


def test_blocks_are_what_the_server_would_see() -> None:
    preprocess = TextPreprocess(height=32, width=64, grey=False, colours=True, fold="lower")
    block = drawn_block(drawer(2), "two-colours", preprocess, 6)
    again = drawer(2)
    drawn = [again.draw("two-colours") for _ in range(6)]
    wanted = preprocess.to_batch([d.picture for d in drawn], [d.colour for d in drawn])
    assert block.inputs.shape == (6, 4, 32, 64)
    np.testing.assert_allclose(block.inputs / 255, wanted, atol=0.5 / 255 + 1e-6)
    # Pixels are stored without loss.
    np.testing.assert_allclose(block.inputs[:, :3] / 255, wanted[:, :3], atol=1e-6)
    assert block.words == tuple(d.text.lower() for d in drawn)


def test_a_feed_mixes_kinds_in_proportion() -> None:
    plan = DrawingPlan("0", (4, 4), (64, 32))
    make = DrawnBlocks(plan, TextPreprocess(height=32, width=64), 1, 1, 0)
    with drawing_loader(make, {"captcha": 1}, 40, workers=1, uses=2) as feed:
        batch = feed.batch()
    assert batch.inputs.shape == (40, 1, 32, 64)
    assert batch.words == ("0000",) * 40


def test_memory_gives_every_picture_before_any_comes_again() -> None:
    inputs = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    feed = MemoryLoader(TextBlock(inputs, tuple("abcdefghij")), 5, seed=1)
    for _ in range(3):
        words = [*feed.batch().words, *feed.batch().words]
        assert sorted(words) == list("abcdefghij")
    batch = feed.batch()
    assert [chr(97 + int(value)) for value in batch.inputs[:, 0, 0, 0]] == list(batch.words)


def test_files_come_once_before_any_comes_again() -> None:
    class Ten:
        """A set whose pictures are their numbers."""

        texts = tuple("abcdefghij")

        def __len__(self) -> int:
            return 10

        def picture(self, at: int) -> np.ndarray:
            return np.full((4, 8, 3), at, np.uint8)

    preprocess = TextPreprocess(height=4, width=8)
    source = FileBlocks(Ten(), preprocess, 5, 1, 0)(1000)  # type: ignore[arg-type]
    first, second = source.block(""), source.block("")
    assert sorted(first.words + second.words) == list(Ten.texts)
    assert [chr(97 + int(value)) for value in first.inputs[:, 0, 0, 0]] == list(first.words)


def test_characters_that_are_confused_come_more_often():
    drawer = TextDrawer(DrawingPlan("0123456789", (4, 4), (96, 40), often="01"), 0, 3)
    counts = Counter("".join(drawer.draw("two-colours").text for _ in range(300)))
    usual = sum(counts[c] for c in "23456789") / 8
    assert 3 < counts["0"] / usual < 5.3
    assert 3 < counts["1"] / usual < 5.3
