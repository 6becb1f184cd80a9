"""Naming: words of a prompt that name things, scored on the boxes of a scene.

A word may be a name and a word of its own as well: 火 is a character and the fire on an icon, and
"apple" may stand on the picture as letters. Then the likelier of the two counts on each box.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from service.solving.gallery import bracketed
from service.solving.tta import Augmentation, merged
from siamese.names import Namer
from siamese.vocabulary import Thing

Picture = NDArray[np.uint8]
Scores = NDArray[np.float64]

_WORST = -12.0
"""Log-likelihood of a thing on a box that is made of several others."""


@dataclass(frozen=True, slots=True)
class NamedWord:
    """A word of a prompt that names things, on N boxes.

    Attributes:
        scores: `(N,)` log-likelihoods.
        meanings: For each box the id of the thing that is meant there; None where the word itself
            is likelier to stand in it.
    """

    scores: Scores
    meanings: tuple[str | None, ...]

    def or_read(self, read: Scores | None) -> "NamedWord":
        """The same, or the word as it is read where that is likelier.

        Args:
            read: `(N,)` log-likelihoods of the word itself; None where it is only a name.
        """
        if read is None:
            return self
        meanings = tuple(
            meaning if named >= own else None
            for meaning, named, own in zip(self.meanings, self.scores, read, strict=True)
        )
        return NamedWord(np.maximum(self.scores, read), meanings)


def things_of(namer: Namer | None, words: Sequence[str]) -> dict[str, tuple[Thing, ...]]:
    """The words that name things; none where no names network is installed."""
    if namer is None:
        return {}
    # A letter is a letter: nobody calls a cross `x` where letters are asked for.
    names = {word: bracketed(word) or word for word in words}
    found = {
        word: namer.vocabulary.find(name)
        for word, name in names.items()
        if len(name) > 1 or not name.isascii()
    }
    return {word: things for word, things in found.items() if things}


def score_names(
    namer: Namer,
    background: Picture,
    scene: Detections,
    things: dict[str, tuple[Thing, ...]],
    augmentation: Augmentation,
    plain: int,
) -> dict[str, NamedWord]:
    """Score the things that words name; all crops go through the network in one batch.

    Args:
        namer: The names network.
        background: `(H, W, 3)` uint8 RGB.
        scene: N boxes of it.
        things: Word to the things that it names.
        augmentation: What this pass runs the networks on besides.
        plain: How many of the boxes are the detector's own; those after them are made of several,
            for words of several characters.
    """
    wanted = list({thing.id: thing for found in things.values() for thing in found}.values())
    views = augmentation.views(namer.crop(background, scene.boxes[:plain]))
    rows = merged(namer.score(wanted, views), len(wanted), plain)
    places = {thing.id: at for at, thing in enumerate(wanted)}
    joined = len(scene) - plain
    words = {}
    for word, found in things.items():
        own = rows[[places[thing.id] for thing in found]]
        # One word for several things: any of them will do.
        likely = np.minimum(np.logaddexp.reduce(own, axis=0), 0.0)
        meanings = tuple(found[int(at)].id for at in own.argmax(axis=0)) if plain else ()
        words[word] = NamedWord(
            np.concatenate([likely, np.full(joined, _WORST)]),
            meanings + (found[0].id,) * joined,
        )
    return words
