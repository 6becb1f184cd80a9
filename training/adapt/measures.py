"""Measures of an adaptation: the models before and after it, on the same held-back pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from classifier import OnnxClassifier
from detector import Detector, YoloDetector
from training.adapt.own_pictures import OwnPictures
from training.adapt.record import Compared, Share
from training.detector.samples import Sample as Scene
from training.evaluation.evaluate import Outcome
from training.evaluation.statistics import strictly_best
from training.matcher.items import Group
from training.matcher.picture_blocks import view_of

NAMED = "named right, told all words"
FOUND = "every item found"

_AT_ONCE = 64


def compare(before: Sequence[Outcome], after: Sequence[Outcome]) -> tuple[Compared, ...]:
    """Compare two evaluations of the same puzzles.

    Args:
        before: Outcomes with the initial models.
        after: Outcomes with the fine-tuned models, of the same puzzles in the same order.

    Returns:
        Each measure that applies to at least one puzzle.
    """
    measures: dict[str, Callable[[Outcome], bool | None]] = {
        "solved": lambda outcome: outcome.score.solved,
        "every target found": lambda outcome: outcome.score.all_found,
        "items of the prompt counted right": lambda outcome: outcome.score.count_right,
    }
    found = []
    for name, measure in measures.items():
        one, two = ([measure(outcome) for outcome in side] for side in (before, after))
        if any(value is not None for value in one):
            found.append(Compared(name, _share(one), _share(two)))
    return tuple(found)


def compare_models(
    before: Path, after: Path, held: OwnPictures, words: Sequence[str]
) -> tuple[Compared, ...]:
    """Compare models on pictures that are no puzzles: boxes found, or crops named.

    Args:
        before: Folder of the initial models.
        after: Folder of the fine-tuned models.
        held: Held-back pictures; where some have boxes, these are what is measured.
        words: Words that a crop may be named.

    Returns:
        The one measure; empty where nothing was held back.

    Raises:
        ModelFileError: a model cannot be loaded.
    """
    if held.scenes:
        found = [
            all_found(YoloDetector.load(models / "detector.onnx"), held.scenes)
            for models in (before, after)
        ]
        return (Compared(FOUND, *found),) if found[0].n else ()
    named = [
        named_right(OnnxClassifier.load(models / "classifier.onnx"), held.groups, words)
        for models in (before, after)
    ]
    return (Compared(NAMED, *named),) if named[0].n else ()


def named_right(classifier: OnnxClassifier, groups: Sequence[Group], words: Sequence[str]) -> Share:
    """Share of the items whose own word scores highest among all words; a tie is wrong.

    Args:
        classifier: The model; an item with a word that it does not know is always wrong.
        groups: Items to name; those without a word do not count.
        words: Words to choose from.
    """
    items = [item for group in groups for item in group if item.word is not None]
    known = [word for word in words if classifier.can_read(word)]
    index = {word: at for at, word in enumerate(known)}
    right = 0
    for at in range(0, len(items) if known else 0, _AT_ONCE):
        part = items[at : at + _AT_ONCE]
        crops = []
        for item in part:
            view = view_of(item.scene)
            crops += classifier.crop(view.picture, np.array([view.box], np.float32))
        scores = classifier.read(crops).score_words(known)
        for at_crop, item in enumerate(part):
            if item.word in index:
                right += bool(strictly_best(scores[:, at_crop], np.array(index[item.word])))
    return Share(right, len(items))


def all_found(detector: Detector, scenes: Sequence[Scene]) -> Share:
    """Share of the pictures in which every labelled box contains the centre of a detected box.

    Each detected box counts for one labelled box at most.

    Args:
        detector: The model.
        scenes: Pictures with labelled boxes; prompt pictures, and those without boxes, do not
            count.
    """
    right = total = 0
    for scene in scenes:
        if scene.strip or not len(scene.boxes):
            continue
        found = detector.detect(scene.load()).boxes
        centres = (found[:, :2] + found[:, 2:]) / 2
        inside = (centres[None] >= scene.boxes[:, None, :2]) & (
            centres[None] < scene.boxes[:, None, 2:]
        )
        pairs = np.all(inside, axis=2)
        rows, columns = linear_sum_assignment(pairs, maximize=True)
        right += int(pairs[rows, columns].sum()) == len(scene.boxes)
        total += 1
    return Share(right, total)


def _share(values: Sequence[bool | None]) -> Share:
    known = [value for value in values if value is not None]
    return Share(sum(known), len(known))
