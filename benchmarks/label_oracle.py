"""What a careful person who knows the truth would do to proposed boxes and groups, as actions.

`label_actions.py` says which actions count, and counts them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detector.boxes import iou_matrix
from labels.annotations import ITEM, LabelledBox

RIGHT_IOU = 0.5
"""From here on a careful person leaves a box as it is."""


@dataclass(frozen=True, slots=True)
class Review:
    """A picture whose proposed boxes and names have been corrected.

    Attributes:
        boxes: As they are then: those proposed, in their order, then those drawn. A box without a
            name is an `item`, though the set may know its name.
        truths: What the set calls each of them; `item` where it has no name.
        drawn: Boxes that were missing.
        deleted: Boxes on nothing.
        adjusted: Boxes on an item, but badly.
        renamed: Names that were wrong.
        kept: Names that were right.
        unjudged: Names of items that have none in the set.
    """

    boxes: tuple[LabelledBox, ...]
    truths: tuple[str, ...]
    drawn: int
    deleted: int
    adjusted: int
    renamed: int
    kept: int
    unjudged: int

    @property
    def box_actions(self) -> int:
        """What the boxes cost."""
        return self.drawn + self.deleted + self.adjusted


@dataclass(frozen=True, slots=True)
class Purity:
    """What groups were like, of the crops whose name the set knows.

    Attributes:
        groups: How many groups there were, those without any such crop among them.
        together: Such crops in a group with another such one.
        agreeing: Those of them that show what most of their group show.
        single: Such crops that were like no other.
    """

    groups: int = 0
    together: int = 0
    agreeing: int = 0
    single: int = 0

    def __add__(self, other: "Purity") -> "Purity":
        return Purity(
            self.groups + other.groups,
            self.together + other.together,
            self.agreeing + other.agreeing,
            self.single + other.single,
        )


def pair_boxes(
    proposed: Sequence[LabelledBox], truth: Sequence[LabelledBox]
) -> list[tuple[int, int, bool]]:
    """Which proposed box stands for which item, so that correcting them costs least.

    Returns:
        Index of the box, index of the item, and whether the box is right, in order of the boxes.
    """
    if not proposed or not truth:
        return []
    overlap = iou_matrix(_corners(proposed), _corners(truth))
    # Against deleting the one and drawing the other, a right box saves both actions, and one
    # to be adjusted saves one. The overlap only decides between ways that cost the same.
    saved = (overlap > 0).astype(np.float64) + (overlap >= RIGHT_IOU) + 1e-3 * overlap
    rows, columns = linear_sum_assignment(saved, maximize=True)
    return [
        (row, column, bool(overlap[row, column] >= RIGHT_IOU))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if overlap[row, column] > 0
    ]


def review(proposed: Sequence[LabelledBox], truth: Sequence[LabelledBox]) -> Review:
    """Correct a picture: every item gets one box, and no box has a wrong name.

    Args:
        proposed: Boxes with names, or `item`.
        truth: The same of the set.
    """
    pairs = pair_boxes(proposed, truth)
    boxes, truths = [], []
    counts: Counter[str] = Counter()
    for row, column, right in pairs:
        own, item = proposed[row], truth[column]
        label = own.label
        if label != ITEM:
            verdict = "unjudged" if item.label == ITEM else "kept"
            if item.label not in (ITEM, label):
                verdict, label = "renamed", item.label
            counts[verdict] += 1
        counts["adjusted"] += not right
        place = own.xyxy if right else item.xyxy
        boxes.append(LabelledBox(*place, label=label))
        truths.append(item.label)
    found = {column for _, column, _ in pairs}
    for column, item in enumerate(truth):
        if column not in found:
            boxes.append(LabelledBox(*item.xyxy))
            truths.append(item.label)
    return Review(
        tuple(boxes),
        tuple(truths),
        drawn=len(truth) - len(pairs),
        deleted=len(proposed) - len(pairs),
        adjusted=counts["adjusted"],
        renamed=counts["renamed"],
        kept=counts["kept"],
        unjudged=counts["unjudged"],
    )


def naming_costs(group: Sequence[str]) -> list[float]:
    """What each crop of a group adds to the actions that put all of them where they belong.

    Args:
        group: What the set calls each crop; `item` where it has no name. At least one.

    Returns:
        1 for a crop that is moved; the others share the 1 of the folder.
    """
    # Of names that are as frequent, any will do: the sum is the same.
    name, count = Counter(group).most_common(1)[0]
    return [1 / count if label == name else 1.0 for label in group]


def single_cost(label: str) -> float:
    """What a crop costs that is like no other; one without a name in the set is left there."""
    return float(label != ITEM)


def purity_of(groups: Sequence[Sequence[str]], singles: Sequence[str]) -> Purity:
    """How groups agree with the set.

    Args:
        groups: What the set calls each crop of each group; `item` where it has no name.
        singles: The same of crops in no group.
    """
    named = [Counter(label for label in group if label != ITEM) for group in groups]
    several = [counts for counts in named if counts.total() > 1]
    return Purity(
        len(groups),
        sum(counts.total() for counts in several),
        sum(max(counts.values()) for counts in several),
        sum(label != ITEM for label in singles),
    )


def _corners(boxes: Sequence[LabelledBox]) -> NDArray[np.float32]:
    return np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4)
