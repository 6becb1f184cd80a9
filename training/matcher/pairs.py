"""Batches of pairs: an item as a prompt shows it, beside the same item in a scene."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.core.loader import BlockLoader

U8 = NDArray[np.uint8]

BLOCK_PAIRS = 12
"""Pairs that belong into one batch because they are hard to tell apart."""


def no_crops() -> U8:
    """`(0, 64, 64, 3)` uint8."""
    return np.zeros((0, 64, 64, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Block:
    """Pairs that belong into one batch because they are hard to tell apart.

    Attributes:
        prompt: `(N, side, side, 3)` uint8 RGB, the network's input before scaling.
        scene: `(N, side, side, 3)` uint8 RGB, the same items in the same order.
        words: What each pair shows; equal words are not negatives of each other.
        labels: `(N,)` int64, index into the charset, -1 for what it does not have.
        scene_negatives: `(S, side, side, 3)` uint8 RGB, crops of scenes that show no item of the
            batch: background, parts of items, clutter. S may be 0.
        prompt_negatives: `(P, side, side, 3)` uint8 RGB, the same of prompt pictures.
    """

    prompt: U8
    scene: U8
    words: tuple[str, ...]
    labels: NDArray[np.int64]
    scene_negatives: U8 = field(default_factory=no_crops)
    prompt_negatives: U8 = field(default_factory=no_crops)


class BlockSource(Protocol):
    """Makes blocks, in a worker process."""

    def block(self, kind: str) -> Block:
        """The next block of a kind."""
        ...


class PairLoader(BlockLoader[Block]):
    """Batches of pairs."""

    def join(self, blocks: Sequence[Block]) -> Block:
        """Join several blocks."""
        return join(blocks)

    def changed(self, block: Block) -> Block:
        """The block with its crops augmented."""
        return changed(block, self._rng)


def join(blocks: Sequence[Block]) -> Block:
    """Join several blocks."""
    return Block(
        np.concatenate([block.prompt for block in blocks]),
        np.concatenate([block.scene for block in blocks]),
        tuple(word for block in blocks for word in block.words),
        np.concatenate([block.labels for block in blocks]),
        _joined([block.scene_negatives for block in blocks]),
        _joined([block.prompt_negatives for block in blocks]),
    )


def _joined(parts: Sequence[U8]) -> U8:
    """Crops of several blocks; those without any may have another side."""
    some = [part for part in parts if len(part)]
    return np.concatenate(some) if some else no_crops()


def changed(block: Block, rng: Generator) -> Block:
    """Augment the crops of a block: shifts of up to two pixels, and sometimes other colours."""
    return Block(
        _changed(block.prompt, rng),
        _changed(block.scene, rng),
        block.words,
        block.labels,
        _changed(block.scene_negatives, rng),
        _changed(block.prompt_negatives, rng),
    )


def _changed(crops: U8, rng: Generator) -> U8:
    count, side = crops.shape[:2]
    steps = np.arange(side)
    shift = rng.integers(-2, 3, (2, count))
    rows = np.clip(steps[None] + shift[0][:, None], 0, side - 1)
    columns = np.clip(steps[None] + shift[1][:, None], 0, side - 1)
    moved: U8 = crops[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    for i in range(count):
        if rng.random() < 0.3:
            moved[i] = moved[i][..., rng.permutation(3)]
        if rng.random() < 0.15:
            moved[i] = 255 - moved[i]
    return moved
