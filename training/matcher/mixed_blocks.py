"""Blocks of the user's own pictures mixed with drawn ones, against forgetting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from training.matcher.pairs import Block, BlockSource
from training.matcher.picture_blocks import KIND
from training.matcher.rotated_crops import turned
from training.matcher.synthetic_blocks import SyntheticBlocks

_AS_DRAWN = 0.25
"""Share of drawn blocks whose items stay as they are."""

_AROUND_DEG = 15.0


@dataclass(frozen=True, slots=True)
class MixedBlocks:
    """Makes a worker's `MixedSource`; can be sent to another process.

    Attributes:
        own: Makes the source of the user's own pictures, the blocks of kind `pictures`.
        generated: Makes the source of all other kinds.
        turns: Degrees, anticlockwise, by which the items of drawn scenes are turned besides; empty
            for not at all.
    """

    own: Callable[[int], BlockSource] = field(repr=False)
    generated: SyntheticBlocks
    turns: tuple[float, ...] = ()

    def __call__(self, seed: int) -> "MixedSource":
        """The source of one worker."""
        rng = np.random.default_rng(seed + 2)
        return MixedSource(self.own(seed), self.generated(seed + 1), self.turns, rng)


class MixedSource:
    """Own and drawn blocks; implements `BlockSource`."""

    def __init__(
        self,
        own: BlockSource,
        generated: BlockSource,
        turns: Sequence[float] = (),
        rng: Generator | None = None,
    ) -> None:
        self._own = own
        self._generated = generated
        self._turns = turns
        self._rng = rng or np.random.default_rng()

    def block(self, kind: str) -> Block:
        """The next block of a kind, from the source that has it."""
        if kind == KIND:
            return self._own.block(kind)
        block = self._generated.block(kind)
        if not self._turns or self._rng.random() < _AS_DRAWN:
            return block
        degrees = self._rng.choice(np.array(self._turns), len(block.scene))
        degrees = degrees + self._rng.uniform(-_AROUND_DEG, _AROUND_DEG, len(degrees))
        pairs = zip(block.scene, degrees, strict=True)
        scene = np.stack([turned(crop, float(angle)) for crop, angle in pairs])
        return replace(block, scene=scene)


def mixed_kinds(blocks: int) -> dict[str, int]:
    """Number of blocks of each kind in a batch: half are the user's own, the rest is drawn."""
    drawn = max(1, blocks // 2)
    icons, latin = drawn // 4, drawn // 4
    kinds = {KIND: max(1, blocks - drawn), "characters": drawn - icons - latin}
    return kinds | {kind: n for kind, n in (("icons", icons), ("latin", latin)) if n}
