"""What an adaptation is measured by: the same held-back pictures before and after."""

from collections.abc import Callable, Sequence

import numpy as np

from classifier import OnnxClassifier
from training.adaptation_record import Compared, Share
from training.evaluation import Outcome
from training.own_pictures import Group
from training.picture_blocks import as_it_is

NAMED = "named right, told all words"

_AT_ONCE = 64


def compare(before: Sequence[Outcome], after: Sequence[Outcome]) -> tuple[Compared, ...]:
    """What changed on the same puzzles.

    Args:
        before: Of the models that were started from.
        after: Of the fine-tuned ones, puzzle by puzzle the same.
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


def named_right(classifier: OnnxClassifier, groups: Sequence[Group], words: Sequence[str]) -> Share:
    """How many crops get their own word, of all words of a folder.

    Args:
        classifier: A word that it does not know is never right.
        groups: Items to name; those without a word do not count.
        words: What there is to choose from.
    """
    items = [item for group in groups for item in group if item.word is not None]
    known = [word for word in words if classifier.can_read(word)]
    right = 0
    for at in range(0, len(items) if known else 0, _AT_ONCE):
        part = items[at : at + _AT_ONCE]
        crops = []
        for item in part:
            view = as_it_is(item.scene)
            crops += classifier.crop(view.picture, np.array([view.box], np.float32))
        best = classifier.read(crops).score_words(known).argmax(axis=0)
        right += sum(known[int(i)] == item.word for i, item in zip(best, part, strict=True))
    return Share(right, len(items))


def _share(values: Sequence[bool | None]) -> Share:
    known = [value for value in values if value is not None]
    return Share(sum(known), len(known))
