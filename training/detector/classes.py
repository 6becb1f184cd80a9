"""Which classes a detector learns: those of the labels, some of them, or a single one.

Boxes are often named by what their items *are*, a character or an icon each. A detector cannot
learn hundreds of names from a handful of boxes each and has no use for them: names belong to the
classifier and the matcher. So such boxes are learnt as one class, unless `--classes` says other.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from labels.annotations import ITEM
from training.errors import DetectionDataError

AUTO, KEEP, ONE = "auto", "keep", "one"

_FEW_CLASSES = 10
"""So many classes may all be kinds of box, whatever their size."""

_BOXES_OF_A_KIND = 100
"""More than `_FEW_CLASSES` with fewer boxes than this on average are names of items."""

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ClassChoice:
    """Mapping from the labels' classes to those that are trained.

    Attributes:
        names: What the detector learns, in the order of its outputs.
        mapping: For every class of every list its index in `names`; those left out are absent,
            and their boxes are not learnt.
        sentence: What was decided and why; empty where the classes stay as they are.
    """

    names: tuple[str, ...]
    mapping: dict[str, int]
    sentence: str = ""


def choose_classes(
    lists: Sequence[tuple[str, Sequence[str]]], counts: Counter[str], choice: str = AUTO
) -> ClassChoice:
    """Choose the classes to train.

    Args:
        lists: Lists of each source its name and its class names, in the order of their numbers.
        counts: How many boxes each class has in all sources.
        choice: `auto`, `keep`, `one`, or the names to learn, separated by commas.

    Raises:
        DetectionDataError: sources have different classes and nothing says that those are names
            of items; or a chosen class is in no list.
    """
    every = tuple(dict.fromkeys(name for _, names in lists for name in names))
    if choice == ONE:
        return _one(every, "")
    if choice not in (AUTO, KEEP):
        return _chosen(every, choice)
    used = [name for name in every if counts[name]]
    if choice == AUTO:
        if len(used) == 1 and len(every) > 1:
            return ClassChoice(
                (used[0],),
                {used[0]: 0},
                f"Only the class {used[0]} of {_shown(every)} has boxes, so it is the only one "
                "that is learnt (--classes keep would ask for boxes of all).",
            )
        if reason := _names_of_items(used, counts):
            return _one(every, f"{reason}, so these are names of items and not kinds of box: ")
    first, names = lists[0]
    for source, other in lists[1:]:
        if tuple(other) != tuple(names):
            raise DetectionDataError(
                f"{source} has the classes {_shown(other)}, but {first} has {_shown(names)}; "
                "train on sets that have the same ones, or choose --classes one to learn all "
                "boxes as one class."
            )
    return ClassChoice(tuple(names), {name: index for index, name in enumerate(names)})


def _names_of_items(used: Sequence[str], counts: Counter[str]) -> str:
    """Why the classes say what items are, not what kind a box is; empty where they may not."""
    if len(used) < 2:
        return ""
    if ITEM in used:
        return f"The labels have the class {ITEM} beside {_shown([n for n in used if n != ITEM])}"
    single = [name for name in used if len(name) == 1]
    if 2 * len(single) >= len(used):
        return f"{len(single)} of {len(used)} classes are single characters"
    boxes = sum(counts[name] for name in used)
    if len(used) > _FEW_CLASSES and boxes < _BOXES_OF_A_KIND * len(used):
        return f"There are {len(used)} classes of {boxes / len(used):.0f} boxes on average"
    return ""


def _one(every: Sequence[str], reason: str) -> ClassChoice:
    name = every[0] if len(every) == 1 else ITEM
    sentence = (
        f"{reason}all boxes are learnt as one class {ITEM}; the labels keep their names, for "
        "`clickorder labels crop` and train-classifier"
        f"{' (--classes keep learns them instead)' if reason else ''}."
    )
    shown = sentence[0].upper() + sentence[1:]
    return ClassChoice((name,), dict.fromkeys(every, 0), shown if len(every) > 1 else "")


def _chosen(every: Sequence[str], choice: str) -> ClassChoice:
    names = tuple(dict.fromkeys(name.strip() for name in choice.split(",") if name.strip()))
    if not names:
        raise DetectionDataError("--classes names no class; give keep, one, or names of classes.")
    if unknown := [name for name in names if name not in every]:
        raise DetectionDataError(
            f"--classes names {_shown(unknown)}, but the data have the classes {_shown(every)}; "
            "give some of these, or keep or one."
        )
    left = [name for name in every if name not in names]
    sentence = f"Boxes of {_shown(left)} are left out, as --classes says." if left else ""
    return ClassChoice(names, {name: index for index, name in enumerate(names)}, sentence)


def _shown(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
