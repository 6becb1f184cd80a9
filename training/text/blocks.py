"""Batches of text pictures, from memory or read from files by worker processes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.text_preprocess import TextPreprocess
from training.core.loader import BlockLoader
from training.text.data import TextSet

U8 = NDArray[np.uint8]

BLOCK = 16
"""Approximate number of pictures that a worker sends at a time."""

POOL_PICTURES = 8192


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Pictures as inputs of the network, before scaling.

    Attributes:
        inputs: `(N, C, height, width)` uint8, 255 times the network's input.
        words: What each says, with labels folded.
    """

    inputs: U8
    words: tuple[str, ...]

    def seen(self, at: int) -> Image.Image:
        """A picture as the network sees it, without the channel of the target colour."""
        planes = self.inputs[at]
        if len(planes) < 3:
            return Image.fromarray(planes[0]).convert("RGB")
        return Image.fromarray(np.ascontiguousarray(planes[:3].transpose(1, 2, 0)))


def prepared(batch: NDArray[np.float32]) -> U8:
    """A batch of `TextPreprocess.to_batch` as uint8, a quarter of its size."""
    return np.rint(batch * 255).astype(np.uint8)


class TextLoader(BlockLoader[TextBlock]):
    """Batches from blocks of workers."""

    def join(self, blocks: Sequence[TextBlock]) -> TextBlock:
        """Several blocks as one."""
        return TextBlock(
            np.concatenate([block.inputs for block in blocks]),
            tuple(word for block in blocks for word in block.words),
        )


@dataclass(frozen=True, slots=True)
class FileBlocks:
    """Makes the source of a worker that reads pictures; picklable.

    Attributes:
        pictures: To read from, again and again.
        preprocess: What is done to them.
        size: Pictures in a block.
        seed: Random seed of the run.
        step: Where it begins.
    """

    pictures: TextSet
    preprocess: TextPreprocess
    size: int
    seed: int
    step: int

    def __call__(self, worker: int) -> "FileSource":
        """The source of one worker."""
        return FileSource(self, worker)


class FileSource:
    """Reads pictures in random order, each once per pass."""

    def __init__(self, make: FileBlocks, worker: int) -> None:
        self._make = make
        self._rng = np.random.default_rng([make.seed, make.step, worker])
        self._order: list[int] = []

    def block(self, _kind: str) -> TextBlock:
        """The next pictures."""
        chosen = []
        for _ in range(self._make.size):
            if not self._order:
                self._order = self._rng.permutation(len(self._make.pictures)).tolist()
            chosen.append(self._order.pop())
        return read_block(self._make.pictures, chosen, self._make.preprocess)


def read_block(pictures: TextSet, chosen: Sequence[int], preprocess: TextPreprocess) -> TextBlock:
    """Pictures of a set, by their numbers."""
    batch = preprocess.to_batch([pictures.picture(at) for at in chosen])
    return TextBlock(prepared(batch), tuple(pictures.texts[at] for at in chosen))


class MemoryLoader:
    """Batches of pictures that are all in memory."""

    def __init__(self, pictures: TextBlock, batch: int, seed: int) -> None:
        """Keep the pictures.

        Args:
            pictures: All of them.
            batch: Pictures in a step.
            seed: Random seed of the order.
        """
        self._pictures = pictures
        self._batch = min(batch, len(pictures.words))
        self._rng = np.random.default_rng(seed)
        self._order: list[int] = []
        self.drawn = len(pictures.words)

    def batch(self) -> TextBlock:
        """The next batch; each picture comes once per pass."""
        if len(self._order) < self._batch:
            self._order = self._rng.permutation(len(self._pictures.words)).tolist()
        chosen, self._order = self._order[: self._batch], self._order[self._batch :]
        words = self._pictures.words
        return TextBlock(self._pictures.inputs[chosen], tuple(words[at] for at in chosen))


def reading_loader(make: FileBlocks, batch: int, *, workers: int) -> TextLoader:
    """A loader for pictures that do not fit into memory."""
    times = max(1, batch // BLOCK)
    size = max(1, batch // times)
    make = FileBlocks(make.pictures, make.preprocess, size, make.seed, make.step)
    pool = POOL_PICTURES // size
    return TextLoader(make, {"": times}, seed=0, workers=workers, pool_blocks=pool, uses=1)
