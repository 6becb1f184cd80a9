"""Blocks and trials from groups of items, those of one picture side by side.

A pair is an item as a prompt asks for it and as a scene shows it. Where no picture asks for it,
another picture of the same word does, or the same one augmented anew. Items without a word, which
are not to be clicked, form pairs of their own: nothing else in the block is like them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from siamese.glyphs import draw_word
from training.core.view import View
from training.matcher.crop_inputs import Model, Trial, network_input
from training.matcher.items import Group, Item
from training.matcher.pairs import BLOCK_PAIRS, Block
from training.matcher.picture_blocks import KIND, augmented, view_of
from training.matcher.pictures import content_box

U8 = NDArray[np.uint8]

_MOST_TARGETS, _MOST_BOXES = 4, 7


@dataclass(frozen=True, slots=True)
class GroupBlocks:
    """Makes a worker's `GroupSource`; can be sent to another process.

    Attributes:
        groups: To learn from.
        charset: What the network names, in order; empty for none.
        turn_deg: By how much, at most, what is seen is turned either way.
    """

    groups: tuple[Group, ...] = field(repr=False)
    charset: tuple[str, ...] = field(repr=False)
    turn_deg: float = 12.0

    def __call__(self, seed: int) -> "GroupSource":
        """The source of one worker."""
        return GroupSource(self, np.random.default_rng(seed))


class GroupSource:
    """Blocks of groups; implements `BlockSource`."""

    def __init__(self, plan: GroupBlocks, rng: Generator) -> None:
        self._groups = plan.groups
        self._index = {symbol: at for at, symbol in enumerate(plan.charset)}
        self._by_word = by_word(plan.groups)
        self._turn_deg = plan.turn_deg
        self._rng = rng
        self._order: list[int] = []

    def block(self, kind: str) -> Block:
        """Twelve pairs: groups one after the other, the last one cut off."""
        if kind != KIND:
            raise ValueError(f"There are no blocks of {kind}, only of {KIND}")
        rng = self._rng
        items = list(self._items())
        # As in drawn blocks: one trunk sees crops cut for either file.
        models: list[Model] = ["siamese" if rng.random() < 0.6 else "classifier" for _ in range(2)]
        prompts = [network_input(self._prompt(item), models[0]) for item in items]
        seen = (augmented(view_of(item.scene), rng, self._turn_deg) for item in items)
        scenes = [network_input(view, models[1]) for view in seen]
        return Block(
            np.stack(prompts),
            np.stack(scenes),
            tuple(item.word or f"? {item.scene.path} {item.scene.box}" for item in items),
            np.array([self._index.get(item.word or "", -1) for item in items], np.int64),
        )

    def _items(self) -> Iterator[Item]:
        """Twelve items; every group comes before any comes again."""
        count = 0
        while True:
            if not self._order:
                self._order = [int(i) for i in self._rng.permutation(len(self._groups))]
            for item in self._groups[self._order.pop()]:
                yield item
                count += 1
                if count == BLOCK_PAIRS:
                    return

    def _prompt(self, item: Item) -> View:
        rng = self._rng
        if item.prompt is not None:
            return augmented(view_of(item.prompt), rng)
        if item.drawn and item.word is not None and rng.random() < 0.7:
            return _drawn(item.word)
        others = [o for o in self._by_word.get(item.word or "", ()) if o.scene != item.scene]
        if others:
            item = others[int(rng.integers(len(others)))]
        return augmented(view_of(item.scene), rng)


def by_word(groups: Sequence[Group]) -> Mapping[str, tuple[Item, ...]]:
    """All items that have a word, by it."""
    found: dict[str, list[Item]] = {}
    for item in (item for group in groups for item in group):
        if item.word is not None:
            found.setdefault(item.word, []).append(item)
    return {word: tuple(items) for word, items in found.items()}


def group_trials(
    learned: Sequence[Group], held_out: Sequence[Group], charset: Sequence[str]
) -> list[Trial]:
    """Every held-out group as a small puzzle, all of one size; none where that leaves no choice.

    What asks for an item is its prompt, its word drawn, or a picture of the same word among those
    learned from. Groups of single items are put together.

    Args:
        learned: To take what asks for an item from.
        held_out: What is measured on.
        charset: As the network has it.
    """
    known = by_word(learned)
    index = {symbol: at for at, symbol in enumerate(charset)}
    asked: list[list[tuple[View | None, Item]]] = []
    for group in _joined(held_out):
        pairs = [(_asks(item, known), item) for item in group]
        asked.append(sorted(pairs, key=lambda pair: pair[0] is None))
    usable = [pairs for pairs in asked if len(pairs) > 1 and pairs[1][0] is not None]
    if not usable:
        return []
    targets = min(_MOST_TARGETS, *(sum(v is not None for v, _ in pairs) for pairs in usable))
    boxes = min(_MOST_BOXES, *(len(pairs) for pairs in usable))
    trials = []
    for pairs in usable:
        items = [item for _, item in pairs[:boxes]]
        views = [view for view, _ in pairs[:targets] if view is not None]
        scenes = [view_of(item.scene) for item in items]
        trials.append(
            Trial(
                KIND,
                np.stack([network_input(view, "siamese") for view in views]),
                np.stack([network_input(view, "siamese") for view in scenes]),
                np.stack([network_input(view, "classifier") for view in scenes]),
                tuple(item.word or "?" for item in items),
                np.array([index.get(item.word or "", -1) for item in items], np.int64),
            )
        )
    return trials


def _joined(groups: Sequence[Group]) -> Iterator[Group]:
    """The groups, single items put together so that there is something to tell apart."""
    single: dict[str, Item] = {}
    for group in groups:
        if len(group) > 1:
            yield group
            continue
        (item,) = group
        if item.word in single or len(single) == _MOST_BOXES:
            if len(single) > 1:
                yield tuple(single.values())
            single = {}
        single[item.word or ""] = item
    if len(single) > 1:
        yield tuple(single.values())


def _asks(item: Item, known: Mapping[str, Sequence[Item]]) -> View | None:
    """What asks for an item when it is measured."""
    if item.prompt is not None:
        return view_of(item.prompt)
    if item.word is None:
        return None
    if item.drawn:
        return _drawn(item.word)
    others = known.get(item.word, ())
    return view_of(others[0].scene) if others else None


def _drawn(word: str) -> View:
    """A word as the service draws it."""
    picture = draw_word(word)
    return View(picture, content_box(picture))
