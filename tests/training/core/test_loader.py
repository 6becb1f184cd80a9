import os
import time
from dataclasses import dataclass

import numpy as np
import pytest

from training.core.loader import LoaderError
from training.matcher.pairs import Block, PairLoader, changed, join


@dataclass(frozen=True)
class Numbers:
    """Blocks of two pairs whose pixels and labels say which block of which kind they are."""

    dies_after: int = 10**9

    def __call__(self, seed: int) -> "NumberSource":
        return NumberSource(seed, self.dies_after)


class NumberSource:
    def __init__(self, seed: int, dies_after: int) -> None:
        self.made = 0
        self.seed = seed
        self.dies_after = dies_after

    def block(self, kind: str) -> Block:
        self.made += 1
        if self.made > self.dies_after:
            os._exit(3)
        crops = np.full((2, 8, 8, 3), self.made % 200, np.uint8)
        words = (f"{kind}-{self.seed}-{self.made}-0", f"{kind}-{self.seed}-{self.made}-1")
        return Block(crops, crops + 1, words, np.full(2, self.made, np.int64))


def test_batches_hold_the_kinds_in_proportion() -> None:
    with PairLoader(Numbers(), {"a": 3, "b": 1}, seed=1) as feed:
        for _ in range(6):
            batch = feed.batch()
            kinds = [word.split("-")[0] for word in batch.words]
            assert kinds == ["a"] * 6 + ["b"] * 2
            assert batch.prompt.shape == (8, 8, 8, 3)
            assert batch.labels.shape == (8,)


def test_a_block_is_used_no_more_often_than_allowed() -> None:
    uses: dict[str, int] = {}
    with PairLoader(Numbers(), {"a": 4}, seed=1, pool_blocks=6, uses=2) as feed:
        for _ in range(20):
            for word in feed.batch().words:
                uses[word] = uses.get(word, 0) + 1
    assert max(uses.values()) <= 2


def test_two_workers_draw_different_blocks() -> None:
    seeds: set[str] = set()
    until = time.monotonic() + 600
    with PairLoader(Numbers(), {"a": 4}, seed=1, workers=2, uses=1) as feed:
        # One process may be up long before the other.
        while len(seeds) < 2 and time.monotonic() < until:
            seeds |= {word.split("-")[1] for word in feed.batch().words}
    assert seeds == {"1001", "2001"}


def test_a_dead_worker_is_reported() -> None:
    # Three blocks are made, which is one batch of two at most.
    with (
        PairLoader(Numbers(dies_after=3), {"a": 2}, seed=1, uses=1) as feed,
        pytest.raises(LoaderError, match="has ended"),
    ):
        _batches(feed, 2)


def _batches(feed: PairLoader, count: int) -> None:
    for _ in range(count):
        feed.batch()


def test_changed_blocks_keep_their_items() -> None:
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    block = Block(crops, crops.copy(), tuple("abcde"), np.arange(5))
    other = changed(block, rng)
    assert other.words == block.words
    assert other.prompt.shape == crops.shape
    assert other.prompt.dtype == np.uint8
    assert (other.prompt != crops).any()
    np.testing.assert_array_equal(block.prompt, crops)


def test_joined_blocks_keep_their_order() -> None:
    source = NumberSource(1, 99)
    batch = join([source.block("a"), source.block("b")])
    assert batch.labels.tolist() == [1, 1, 2, 2]
    assert [word[0] for word in batch.words] == ["a", "a", "b", "b"]
