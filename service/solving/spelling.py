"""Words of several characters, read character by character.

A classifier of single characters does not read a whole word, and no font that is installed
everywhere draws Chinese ones for the matcher. A word on a picture is found as one box, or as a box
for each character; so boxes are cut into as many parts as the word has characters, and neighbours
that stand in a row are joined into boxes of their own first.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from classifier.protocols import Classifier
from detector.detections import Detections
from service.solving.tta import Augmentation, merged

Picture = NDArray[np.uint8]
F32 = NDArray[np.float32]

_MOST_CHARACTERS = 6
"""Longest word that is read so; longer ones are no items of a click puzzle."""

_MOST_JOINED = 40
"""Boxes that are added, best first."""

_FARTHEST = 0.8
"""Between two characters of a word, relative to their size."""

_OVERLAP = 0.6
"""Least overlap of two characters across the direction of reading, relative to the smaller one."""

_LARGER = 1.8
"""Times that one character of a word may be as large as the next."""


def can_spell(classifier: Classifier, word: str) -> bool:
    """Whether a word that the classifier does not read as a whole can be read by its characters."""
    return 1 < len(word) <= _MOST_CHARACTERS and all(classifier.can_read(c) for c in word)


def with_joined(scene: Detections, lengths: Collection[int]) -> Detections:
    """The boxes of a scene, and those of neighbours in a row or column together.

    Args:
        scene: N boxes.
        lengths: How many neighbours make a box; all of them at least 2.

    Returns:
        The N boxes first; of joined ones the score is that of the least certain part.
    """
    boxes: list[F32] = []
    scores: list[float] = []
    for axis in (0, 1):
        following = _following(scene.boxes, axis)
        for start in range(len(scene)):
            chain = [start]
            while len(chain) < max(lengths, default=0) and (after := following[chain[-1]]) >= 0:
                chain.append(after)
                if len(chain) in lengths:
                    parts = scene.boxes[chain]
                    boxes.append(np.concatenate([parts[:, :2].min(0), parts[:, 2:].max(0)]))
                    scores.append(float(scene.scores[chain].min()))
    if not boxes:
        return scene
    best = np.argsort(-np.array(scores), kind="stable")[:_MOST_JOINED]
    return Detections(
        np.concatenate([scene.boxes, np.stack(boxes)[best]]).astype(np.float32),
        np.concatenate([scene.scores, np.array(scores, np.float32)[best]]),
        np.concatenate([scene.classes, np.zeros(len(best), np.int64)]),
    )


def spelled(
    classifier: Classifier,
    image: Picture,
    boxes: F32,
    words: Sequence[str],
    augmentation: Augmentation,
) -> NDArray[np.float64]:
    """Score words on boxes by their characters on parts of the boxes.

    Args:
        classifier: Reads every character of every word.
        image: `(H, W, 3)` uint8 RGB.
        boxes: `(N, 4)` float32 in its pixels, `x2`/`y2` exclusive.
        words: M words, see `can_spell`.
        augmentation: What this pass runs the networks on besides.

    Returns:
        `(M, N)` log-likelihoods, of a character on average, so that a long word is measured as a
        single character is.
    """
    scores = np.zeros((len(words), len(boxes)))
    for length in {len(word) for word in words}:
        chosen = [at for at, word in enumerate(words) if len(word) == length]
        characters = list(dict.fromkeys(c for at in chosen for c in words[at]))
        crops = _parts(classifier, image, boxes, length, augmentation)
        read = classifier.read(crops).score_words(characters).astype(np.float64)
        # Characters, views and boxes, places in the word.
        by_place = read.reshape(len(characters), -1, length)
        rows = np.array(
            [
                np.mean(
                    [by_place[characters.index(c), :, place] for place, c in enumerate(words[at])],
                    axis=0,
                )
                for at in chosen
            ]
        )
        scores[chosen] = merged(rows, len(chosen), len(boxes))
    return scores


def _parts(
    classifier: Classifier, image: Picture, boxes: F32, length: int, augmentation: Augmentation
) -> list[Picture]:
    """`views * N * length` crops: of every box its parts, then of every box rotated."""
    cells = np.concatenate([_cells(box, length) for box in boxes]) if len(boxes) else boxes
    upright = classifier.crop(image, cells)
    # A word that leans is rotated as a whole: its parts do not lie side by side before.
    rotated = augmentation.views(classifier.crop(image, boxes))[len(boxes) :]
    for crop in rotated:
        height, width = crop.shape[:2]
        whole = np.array([0, 0, width, height], np.float32)
        for x1, y1, x2, y2 in np.rint(_cells(whole, length)).astype(int).tolist():
            upright.append(crop[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)])
    return upright


def _cells(box: F32, length: int) -> F32:
    """`(length, 4)`: the parts of a box along its longer side, in the order of reading."""
    x1, y1, x2, y2 = (float(v) for v in box)
    if x2 - x1 >= y2 - y1:
        edges = np.linspace(x1, x2, length + 1)
        rows = [(a, y1, b, y2) for a, b in pairwise(edges)]
    else:
        edges = np.linspace(y1, y2, length + 1)
        rows = [(x1, a, x2, b) for a, b in pairwise(edges)]
    return np.array(rows, np.float32)


def _following(boxes: F32, axis: int) -> list[int]:
    """For each box the next one in its row (axis 0) or column (axis 1); -1 where there is none."""
    if not len(boxes):
        return []
    low, high = boxes[:, axis], boxes[:, axis + 2]
    across_low, across_high = boxes[:, 1 - axis], boxes[:, 3 - axis]
    size = np.maximum(high - low, 1e-6)
    across = np.maximum(across_high - across_low, 1e-6)
    gap = low[None, :] - high[:, None]
    mean = (size[:, None] + size[None, :]) / 2
    shared = np.minimum(across_high[:, None], across_high[None, :]) - np.maximum(
        across_low[:, None], across_low[None, :]
    )
    area = np.sqrt(size * across)
    ratio = area[:, None] / area[None, :]
    fits = (
        (gap > -0.3 * mean)
        & (gap < _FARTHEST * mean)
        & (shared > _OVERLAP * np.minimum(across[:, None], across[None, :]))
        & (np.maximum(ratio, 1 / ratio) < _LARGER)
        & ~np.eye(len(boxes), dtype=bool)
    )
    nearest = np.where(fits, gap, np.inf).argmin(axis=1)
    return [int(j) if fits[i, j] else -1 for i, j in enumerate(nearest)]
