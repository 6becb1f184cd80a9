"""Blocks of drawn crops, and drawn puzzles for validation."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.core.view import View
from training.matcher.crop_inputs import Model, Trial, network_input
from training.matcher.mining import MODELS, open_mined
from training.matcher.pairs import BLOCK_PAIRS, Block, no_crops
from training.synthetic.crops.source import CHARSET, CropSource, Pair
from training.synthetic.ingredients.catalogue import Split
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.store import IngredientStore

U8 = NDArray[np.uint8]

_SCENE_NEGATIVES, _PROMPT_NEGATIVES = 6, 3
"""Negative crops in a block, of scenes and of prompts."""

_DRAWN_BESIDE, _MINED = 4, 5
"""Negative crops of scenes in a block where some are mined: drawn ones, and mined ones."""

_CLIPPED_SCENES = 0.25
"""Share of the hard scenes whose border cuts through an item, as some generators let it."""

PUZZLE_TARGETS, PUZZLE_BOXES = 4, 7
_LEAST_EASE = 0.08
PLAIN_PAIRS = 14_000
"""Over how many pairs a new network goes from plain crops to hard ones; with hard ones from the
start its loss stays where it begins."""
KINDS = ("characters", "icons", "latin")


@dataclass(frozen=True, slots=True)
class SyntheticBlocks:
    """Makes a worker's `SyntheticSource`; can be sent to another process.

    Attributes:
        charset: What the network names, in order.
        split: Whose fonts, icons and photos are used.
        cache: Folder of the ingredients; None for the usual place.
        plain_pairs: Over how many pairs a worker goes from plain crops to hard ones; 0 for a
            network that already knows something.
        mined: File of hard negatives, see `training.matcher.mining`; None for drawn ones alone.
    """

    charset: tuple[str, ...] = field(default=tuple(CHARSET), repr=False)
    split: Split = "train"
    cache: Path | None = None
    plain_pairs: int = 0
    mined: Path | None = None

    def __call__(self, seed: int) -> "SyntheticSource":
        """The source of one worker."""
        palette = Palette.of(IngredientStore.open(self.cache), self.split)
        return SyntheticSource(
            palette,
            self.charset,
            self.plain_pairs,
            np.random.default_rng(seed),
            mined=None if self.mined is None else open_mined(self.mined),
        )


class SyntheticSource:
    """Blocks of drawn pairs; implements `BlockSource`."""

    def __init__(
        self,
        palette: Palette,
        charset: tuple[str, ...],
        plain_pairs: int,
        rng: Generator,
        *,
        mined: U8 | None = None,
    ) -> None:
        self._index = {symbol: at for at, symbol in enumerate(charset)}
        self._crops = CropSource(palette, rng)
        self._crops.clipped = _CLIPPED_SCENES
        self._rng = rng
        self._plain_pairs = plain_pairs
        self._mined = mined
        self._made = 0

    def block(self, kind: str) -> Block:
        """12 pairs of characters, of icons, or of letters and digits."""
        left = 1 - self._made / self._plain_pairs if self._plain_pairs else 0.0
        self._crops.ease = max(_LEAST_EASE, left)
        self._made += BLOCK_PAIRS
        pairs: list[Pair] = []
        while len(pairs) < BLOCK_PAIRS:
            pairs += self._crops.pairs(kind, BLOCK_PAIRS - len(pairs) + 3)
        pairs = pairs[:BLOCK_PAIRS]
        # Both files come from one run, so that the trunk sees crops cut for either.
        models: list[Model] = [
            "siamese" if self._rng.random() < 0.6 else "classifier" for _ in range(2)
        ]
        drawn = _SCENE_NEGATIVES if self._mined is None else _DRAWN_BESIDE
        scene_negatives = self._taken(self._crops.scene_negatives, drawn, models[1])
        if self._mined is not None:
            chosen = self._rng.integers(len(self._mined), size=_MINED)
            mined = self._mined[chosen, MODELS.index(models[1])]
            scene_negatives = np.concatenate([scene_negatives, mined])
        prompt_negatives = self._taken(self._crops.prompt_negatives, _PROMPT_NEGATIVES, models[0])
        return Block(
            np.stack([network_input(pair.prompt, models[0]) for pair in pairs]),
            np.stack([network_input(pair.scene, models[1]) for pair in pairs]),
            tuple(pair.word for pair in pairs),
            np.array([self._index.get(pair.word, -1) for pair in pairs], np.int64),
            scene_negatives,
            prompt_negatives,
        )

    def _taken(self, views: list[View], most: int, model: Model) -> NDArray[np.uint8]:
        """Up to `most` of the views, by chance, as crops; the list is emptied."""
        chosen = [views[int(i)] for i in self._rng.permutation(len(views))[:most]]
        views.clear()
        return np.stack([network_input(view, model) for view in chosen]) if chosen else no_crops()


def draw_trials(
    count: int,
    charset: tuple[str, ...],
    *,
    split: Split = "validation",
    seed: int = 20,
    cache: Path | None = None,
) -> list[Trial]:
    """Small puzzles, the same for the same seed: half characters, two fifths icons, the rest Latin.

    Args:
        count: How many.
        charset: What the network names, in order.
        split: Whose fonts, icons and photos are used.
        seed: Random seed.
        cache: Folder of the ingredients; None for the usual place.
    """
    palette = Palette.of(IngredientStore.open(cache), split)
    source = CropSource(palette, np.random.default_rng(seed))
    index = {symbol: at for at, symbol in enumerate(charset)}
    trials = []
    for number in range(count):
        kind = KINDS[(0, 1, 0, 1, 0, 1, 0, 1, 0, 2)[number % 10]]
        pairs: list[Pair] = []
        while len(pairs) < PUZZLE_BOXES:
            pairs = source.pairs(kind, PUZZLE_BOXES + 1)
        pairs = pairs[:PUZZLE_BOXES]
        trials.append(
            Trial(
                kind,
                np.stack([network_input(p.prompt, "siamese") for p in pairs[:PUZZLE_TARGETS]]),
                np.stack([network_input(pair.scene, "siamese") for pair in pairs]),
                np.stack([network_input(pair.scene, "classifier") for pair in pairs]),
                tuple(pair.word for pair in pairs),
                np.array([index.get(pair.word, -1) for pair in pairs], np.int64),
            )
        )
    return trials
