"""Groups of items that are hard to tell apart, so that they meet as negatives in training."""

from collections.abc import Sequence

from numpy.random import Generator

from training.synthetic.crops.icon_likeness import (
    C64,
    SAME_SHAPE,
    Mirrored,
    likeness,
    rotation_signature,
)
from training.synthetic.errors import IngredientsMissingError
from training.synthetic.ingredients.palette import Palette, by_design, random_face
from training.synthetic.ingredients.shapes import ROUND_KINDS, SHAPE_KINDS, SHAPES
from training.synthetic.ingredients.store import FontFace
from training.synthetic.items.characters import (
    LEVEL_1,
    LEVEL_2,
    TRADITIONAL,
    look_alikes,
    pick_latin,
)
from training.synthetic.items.item import IconItem, Item, TextItem

GROUP_SIZE = 4
_LEAST_CHARACTERS = 24
_SHAPE_SHARE = 0.18
"""Share of the groups of icons that are plain shapes."""

_SAME_PLAIN_SHAPE = 0.94
"""Likeness from which two shapes of one kind are the same for a person as well."""

_MIRRORED_SHARE = 0.12
_ICON_ATTEMPTS = 80


class GroupPicker:
    """Picks groups from the ingredients of one split; an easy group has unlike items."""

    def __init__(self, palette: Palette, rng: Generator) -> None:
        """Sort the ingredients.

        Args:
            palette: Ingredients of one split.
            rng: The only source of randomness.

        Raises:
            IngredientsMissingError: there are no icons, or too few Chinese characters.
        """
        if not palette.han or not palette.icons:
            raise IngredientsMissingError(
                "Crops need at least one Chinese font and one icon collection in this split; run "
                "`clickorder ingredients`."
            )
        self._palette = palette
        self._rng = rng
        self._han = by_design(palette.han)
        self._latin = by_design(palette.latin or palette.han)
        faces = [face for design in self._han for face in design]
        self._pools = {
            name: "".join(c for c in letters if any(face.covers(c) for face in faces))
            for name, letters in (
                ("common", LEVEL_1), ("rare", LEVEL_2), ("traditional", TRADITIONAL)
            )
        }  # fmt: skip
        if len(self._pools["common"]) < _LEAST_CHARACTERS:
            raise IngredientsMissingError(
                f"The Chinese fonts of this split draw only {len(self._pools['common'])} common "
                "characters; run `clickorder ingredients`."
            )
        designs = [collection.design for collection in palette.icons]
        self._shapes_at = designs.index(SHAPES) if SHAPES in designs else None
        self._mirrored = tuple(Mirrored.of(collection) for collection in palette.icons)

    def characters(self, *, easy: bool) -> list[str]:
        """About eight Chinese characters, look-alikes more often than not."""
        rng = self._rng
        kind = 0.5 if easy else rng.random()
        if kind < 0.45 and self._palette.reference is not None:
            pool = self._pool("common" if rng.random() < 0.75 else "rare")
            first = pool[int(rng.integers(len(pool)))]
            return [first, *look_alikes(self._palette.reference, first)]
        if kind < 0.75:
            pool = self._pool("common")
            return [pool[int(i)] for i in rng.choice(len(pool), 6, replace=False)]
        # By radical, or by stroke count: neighbours have much in common.
        pool = self._pool("rare" if rng.random() < 0.6 else "traditional")
        start = int(rng.integers(len(pool) - 7))
        return [pool[start + int(i)] for i in rng.permutation(8)]

    def _pool(self, name: str) -> str:
        """Characters that some face draws; common ones if there are too few of the kind."""
        pool = self._pools[name]
        return pool if len(pool) >= _LEAST_CHARACTERS else self._pools["common"]

    def latin(self) -> list[Item]:
        """Letters, digits and two-character words in one font."""
        face = random_face(self._latin, self._rng)
        return [TextItem(word, face) for word in pick_latin(face, GROUP_SIZE, self._rng)]

    def in_fonts(self, words: Sequence[str], *, latin: bool, easy: bool) -> list[Item]:
        """The words in one font, or in several if one does not cover them all.

        Args:
            words: Each is covered by some font.
            latin: Whether the fonts are those for letters and digits.
            easy: Whether one font is kept to where it can be.
        """
        rng, designs = self._rng, self._latin if latin else self._han
        face = random_face(designs, rng)
        items: list[Item] = []
        for word in words:
            own = face if easy or rng.random() < 0.8 else random_face(designs, rng)
            items.append(TextItem(word, self._covering(word, own, designs)))
        return items

    def _covering(
        self, word: str, face: FontFace, designs: Sequence[Sequence[FontFace]]
    ) -> FontFace:
        """The face, or another one that covers the word."""
        for _ in range(30):
            if face.covers(word):
                return face
            face = random_face(designs, self._rng)
        return next(f for faces in designs for f in faces if f.covers(word))

    def icons(self, signatures: list[C64], *, easy: bool) -> list[IconItem]:
        """Four icons of one or two collections that stay different however they are turned.

        Args:
            signatures: Signatures of the icons picked before; those of the new ones are appended.
            easy: Whether the icons are unlike.
        """
        rng, collections = self._rng, self._palette.icons
        which = int(rng.integers(len(collections)))
        if self._shapes_at is not None and rng.random() < _SHAPE_SHARE:
            which = self._shapes_at
        collection, near = collections[which], rng.random() < 0.4 and not easy
        start = int(rng.integers(len(collection)))
        found: list[IconItem] = []
        for attempt in range(_ICON_ATTEMPTS):
            if len(found) == GROUP_SIZE:
                break
            late = attempt >= _ICON_ATTEMPTS // 2
            if attempt == _ICON_ATTEMPTS // 2:
                collection, near = collections[int(rng.integers(len(collections)))], False
            same = SAME_SHAPE
            if near and which == self._shapes_at:
                # Of one kind, such as flowers of five and of six petals, or all of them round.
                kind = start % SHAPE_KINDS
                if kind in ROUND_KINDS:
                    kind = ROUND_KINDS[int(rng.integers(len(ROUND_KINDS)))]
                index = (start - start % SHAPE_KINDS + kind) % len(collection)
                index = (index + SHAPE_KINDS * int(rng.integers(12))) % len(collection)
                same = _SAME_PLAIN_SHAPE
            elif near:
                index = (start + int(rng.integers(24))) % len(collection)
            else:
                index = int(rng.integers(len(collection)))
            item = IconItem(collection, index)
            if found and not easy and rng.random() < _MIRRORED_SHARE and not late:
                item = IconItem(self._mirrored[which], found[-1].index)
            signature = rotation_signature(item)
            if likeness(signature, signatures[-40:]) > same:
                continue
            found.append(item)
            signatures.append(signature)
        return found
