"""Crops of named icons, as the service would cut them out of scenes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from siamese.preprocess import cut, square
from siamese.vocabulary import Vocabulary, shipped_vocabulary
from training.core.view import View
from training.synthetic.crops.source import CropSource
from training.synthetic.errors import IngredientsMissingError
from training.synthetic.ingredients.catalogue import Split
from training.synthetic.ingredients.named import (
    NamedIcon,
    by_thing,
    commonly_named_icons,
    named_icons,
)
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.store import IngredientStore
from training.synthetic.items.item import IconItem

U8 = NDArray[np.uint8]

SIDE_PX = 64
NOTHING = -1
"""Label of crops that show no item."""

MARGIN = 0.08
"""Share of a box's longer side added on every side; goes into the file as `crop_margin`."""
_GROUP = 4
_PORTION = 200
COLUMNS = (
    TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
)  # fmt: skip
"""What a progress bar shows."""

_VOCABULARY_SHARE = 0.5
"""Share of the vocabulary where other names are drawn as well."""

_TEXT_EVERY = 12
"""One group in so many is of characters, which name nothing."""

_NEGATIVES = 1
"""Crops of ground, of parts and of two items at once, for each group of items."""


@dataclass(frozen=True, slots=True)
class NamedCrops:
    """Crops and what they show.

    Attributes:
        pictures: `(N, 64, 64, 3)` uint8 RGB.
        labels: `(N,)` int64, index of the thing in the vocabulary, or `NOTHING`; of other names,
            numbers beyond the vocabulary's.
    """

    pictures: U8
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


class NamedCropSource:
    """An endless source of crops of named icons, the same for the same seed."""

    def __init__(
        self,
        split: Split,
        seed: int,
        *,
        cache: Path | None = None,
        vocabulary: Vocabulary | None = None,
        others: bool = False,
    ) -> None:
        """Find the icons.

        Args:
            split: Whose collections, fonts and photos are used.
            seed: Random seed.
            cache: Folder of the ingredients; None for the usual place.
            vocabulary: The things; None for the shipped ones.
            others: Whether half of the items are icons of other common names.

        Raises:
            IngredientsMissingError: too few icons of the split draw things.
        """
        words = vocabulary or shipped_vocabulary()
        palette = Palette.of(IngredientStore.open(cache), split)
        self._rng: Generator = np.random.default_rng(seed)
        self._source = CropSource(palette, self._rng)
        self._source.ease = 0.0
        self._index = {thing.id: at for at, thing in enumerate(words.things)}
        self._drawings = {
            thing: by_design(icons)
            for thing, icons in by_thing(named_icons(palette.icons, words)).items()
        }
        self._ids = tuple(self._drawings)
        self._chances = np.full(len(self._ids), 1 / max(1, len(self._ids)))
        if others:
            self._add(by_thing(commonly_named_icons(palette.icons, words)))
        if len(self._ids) < _GROUP:
            raise IngredientsMissingError(
                f"Icons of the split {split} draw {len(self._ids)} things of the vocabulary; run "
                "`clickorder ingredients`."
            )

    def draw(self, count: int) -> NamedCrops:
        """About `count` crops of items, each thing as likely as any other, with some of none."""
        pictures: list[U8] = []
        labels: list[int] = []
        drawn = 0
        group = 0
        while drawn < count:
            group += 1
            if group % _TEXT_EVERY == 0:
                for pair in self._source.characters(_GROUP):
                    pictures.append(network_crop(pair.scene))
                    labels.append(NOTHING)
                    drawn += 1
                continue
            things = [
                self._ids[int(i)]
                for i in self._rng.choice(len(self._ids), _GROUP, replace=False, p=self._chances)
            ]
            views = self._source.icon_scene([self._icon(thing) for thing in things])
            for thing, view in zip(things, views, strict=True):
                if view is not None:
                    pictures.append(network_crop(view))
                    labels.append(self._index[thing])
                    drawn += 1
            for view in self._source.scene_negatives[:_NEGATIVES]:
                pictures.append(network_crop(view))
                labels.append(NOTHING)
            self._source.scene_negatives.clear()
        return NamedCrops(np.stack(pictures), np.array(labels, np.int64))

    def _add(self, others: dict[str, list[NamedIcon]]) -> None:
        """Let icons of other names be drawn, under numbers beyond the vocabulary's."""
        # Things have spaces in their names where these have hyphens, but not all have a space.
        names = [name for name in others if name not in self._index]
        first = len(self._index)
        self._index |= {name: first + at for at, name in enumerate(names)}
        self._drawings |= {name: by_design(others[name]) for name in names}
        self._ids += tuple(names)
        chances = np.full(len(names), (1 - _VOCABULARY_SHARE) / max(1, len(names)))
        share = _VOCABULARY_SHARE if names else 1.0
        self._chances = np.concatenate([share * self._chances, chances])

    def _icon(self, thing: str) -> IconItem:
        """A drawing of a thing; each design is as likely as any other."""
        designs = self._drawings[thing]
        icons = designs[int(self._rng.integers(len(designs)))]
        icon = icons[int(self._rng.integers(len(icons)))]
        return IconItem(icon.collection, icon.index)


def by_design(icons: Sequence[NamedIcon]) -> list[list[NamedIcon]]:
    """Icons grouped by the design of their collection."""
    designs: dict[str, list[NamedIcon]] = {}
    for icon in icons:
        designs.setdefault(icon.collection.design, []).append(icon)
    return [designs[name] for name in sorted(designs)]


def network_crop(view: View) -> U8:
    """`(64, 64, 3)` uint8: what the network sees of a view."""
    box = np.array([view.box], np.float32)
    return square(cut(view.picture, box, margin=MARGIN)[0], SIDE_PX)


def kept_crops(
    folder: Path,
    name: str,
    split: Split,
    count: int,
    seed: int,
    *,
    cache: Path | None = None,
    vocabulary: Vocabulary | None = None,
    others: bool = False,
    console: Console | None = None,
) -> NamedCrops:
    """Drawn crops that are kept in a folder, so that a resumed run need not draw them again.

    Args:
        folder: Folder of the run.
        name: Name of the files.
        split: Whose collections, fonts and photos are used.
        count: How many to draw where there are none yet.
        seed: Random seed.
        cache: Folder of the ingredients; None for the usual place.
        vocabulary: The things; None for the shipped ones.
        others: Whether half of the items are icons of other common names.
        console: Where progress is shown.

    Raises:
        IngredientsMissingError: too few icons of the split draw things.
    """
    pictures, labels = folder / f"{name}.pictures.npy", folder / f"{name}.labels.npy"
    if not (pictures.is_file() and labels.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        source = NamedCropSource(split, seed, cache=cache, vocabulary=vocabulary, others=others)
        parts: list[NamedCrops] = []
        with Progress(*COLUMNS, console=console) as bar:
            task = bar.add_task(f"Drawing crops ({split})", total=count)
            while (drawn := sum(map(len, parts))) < count:
                parts.append(source.draw(min(_PORTION, count - drawn)))
                bar.update(task, completed=min(count, sum(map(len, parts))))
        np.save(pictures, np.concatenate([part.pictures for part in parts]))
        np.save(labels, np.concatenate([part.labels for part in parts]))
    return NamedCrops(np.load(pictures), np.load(labels))
