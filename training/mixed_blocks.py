"""Blocks of the user's own pictures beside drawn ones, so that nothing is forgotten."""

from collections.abc import Callable
from dataclasses import dataclass, field

from training.feed import Block, BlockSource
from training.picture_blocks import KIND
from training.synthetic_blocks import SyntheticBlocks


@dataclass(frozen=True, slots=True)
class MixedBlocks:
    """Makes a worker's `MixedSource`; can be sent to another process.

    Attributes:
        own: Makes the source of the user's own pictures, the blocks of kind `pictures`.
        generated: Makes the source of all other kinds.
    """

    own: Callable[[int], BlockSource] = field(repr=False)
    generated: SyntheticBlocks

    def __call__(self, seed: int) -> "MixedSource":
        """The source of one worker."""
        return MixedSource(self.own(seed), self.generated(seed + 1))


class MixedSource:
    """Own and drawn blocks; implements `BlockSource`."""

    def __init__(self, own: BlockSource, generated: BlockSource) -> None:
        self._own = own
        self._generated = generated

    def block(self, kind: str) -> Block:
        """The next block of a kind, from the source that has it."""
        return (self._own if kind == KIND else self._generated).block(kind)


def mixed_kinds(blocks: int) -> dict[str, int]:
    """Blocks of a batch: half are the user's own, the rest characters, icons and letters."""
    drawn = max(1, blocks // 2)
    icons, latin = drawn // 4, drawn // 4
    kinds = {KIND: max(1, blocks - drawn), "characters": drawn - icons - latin}
    return kinds | {kind: n for kind, n in (("icons", icons), ("latin", latin)) if n}
