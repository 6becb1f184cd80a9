"""Advice on what to label next, from what the models still get wrong after an adaptation."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from training.adapt.record import Adaptation
from training.evaluation.evaluate import Outcome, problems
from training.evaluation.scoring import CAUSES, Cause, areas_of, contains
from training.evaluation.statistics import wilson_interval

FEW = 5
"""Examples of a class below which more of it are asked for."""

WIDE = 0.10
"""Width of the 95 % interval from which on more pictures should be held back."""

_NAMED = 10
_EXAMPLES = 3
_LONGEST = 60


def advise(record: Adaptation) -> tuple[str, ...]:
    """Advise what to label next.

    Args:
        record: Results of the adaptation; every number in the advice is counted from it or follows
            from its intervals.

    Returns:
        Plain sentences, the most useful first.
    """
    failed = [outcome for outcome in record.outcomes if not outcome.score.solved]
    by_cause = {
        cause: [outcome for outcome in failed if outcome.score.cause == cause] for cause in CAUSES
    }
    # Without answers nothing else counts. Sorting is stable: of causes that are as frequent, the
    # earlier link of the chain comes first.
    causes = sorted(
        (cause for cause in CAUSES if by_cause[cause]),
        key=lambda cause: (cause != "error", -len(by_cause[cause])),
    )
    advice = [
        *_untrained(record),
        *(_ABOUT[cause](record, by_cause[cause]) for cause in causes),
        *_not_taken(record),
        _unlabelled(record),
        _scarce(record),
        _faulty(record),
        "Nothing failed on the held-back pictures." if record.outcomes and not failed else "",
        _too_few(record),
    ]
    return tuple(filter(None, advice))


def missed(outcome: Outcome) -> tuple[str, ...]:
    """Words of the prompt whose item has no detected box, in their order."""
    centres = [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in outcome.reply.boxes]
    return tuple(
        word
        for word, area in zip(outcome.puzzle.words, areas_of(outcome.puzzle), strict=True)
        if not any(contains(area, centre) for centre in centres)
    )


def mixed_up(outcome: Outcome) -> tuple[tuple[str, str | None], ...]:
    """Wrong clicks of a puzzle.

    Args:
        outcome: The puzzle and its answer.

    Returns:
        `(asked for, clicked)` of every wrong click; None for an item without a name, or for no
        item at all. Empty where there are more or fewer clicks than targets, so that nobody knows
        which was meant for which.
    """
    puzzle, clicks = outcome.puzzle, outcome.reply.clicks
    if len(clicks) != len(puzzle.words):
        return ()
    areas = areas_of(puzzle)
    pairs = []
    for asked, click in zip(puzzle.words, clicks, strict=True):
        hit = [w for w, area in zip(puzzle.words, areas, strict=True) if contains(area, click)]
        if asked not in hit:
            pairs.append((asked, hit[0] if hit else None))
    return tuple(pairs)


def quoted(word: str) -> str:
    """A word from the user's files in quotation marks, shortened and on one line."""
    kept = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in word)
    return f'"{kept if len(kept) <= _LONGEST else kept[:_LONGEST] + "..."}"'


def number_of(count: int, thing: str) -> str:
    """A number with its noun in singular or plural: `1 picture`, `1,200 pictures`."""
    ending = "" if count == 1 else "es" if thing.endswith("s") else "s"
    return f"{count:,} {thing}{ending}"


def percent(rate: float) -> str:
    """A share, 0..1, as per cent; only exactly 0 and 1 are shown as 0 % and 100 %."""
    whole = f"{rate:.0%}"
    if (whole == "100%" and rate < 1) or (whole == "0%" and rate > 0):
        whole = f"{min(max(rate, 0.001), 0.999):.1%}"
    return whole.replace("%", " %")


def _not_detected(record: Adaptation, failed: Sequence[Outcome]) -> str:
    words = Counter(word for outcome in failed for word in missed(outcome))
    return (
        f"In {_share(failed, record)} the detector did not find an item ({_counted(words)}): draw "
        f"boxes on more pictures like {_examples(failed)}, and box every item there, also those "
        "that are not to be clicked; one without a box teaches that nothing is there."
    )


def _item_count(record: Adaptation, failed: Sequence[Outcome]) -> str:
    names = [o.puzzle.image if o.puzzle.image is not None else o.puzzle.background for o in failed]
    return (
        f"In {_share(failed, record)} the items of the prompt were counted wrong: label the items "
        f"of prompts like {_few(names, _EXAMPLES)}, as `prompt_boxes` in the `meta` of their "
        "puzzles."
    )


def _wrong_item(record: Adaptation, failed: Sequence[Outcome]) -> str:
    pairs = Counter(pair for outcome in failed for pair in mixed_up(outcome))
    told = [
        f"{'another item' if clicked is None else quoted(clicked)} for {quoted(asked)}"
        + (f" {times} times" if times > 1 else "")
        for (asked, clicked), times in pairs.most_common(_EXAMPLES)
    ]
    seen = f"; it took {', '.join(told)}" if told else ""
    confused = {word for pair in pairs for word in pair if word is not None}
    fewest = sorted(
        (count, word) for word, count in record.class_counts.items() if word in confused
    )
    counts = ", ".join(f"{quoted(word)} ({count})" for count, word in fewest[:_EXAMPLES])
    more = f"; fewest examples of these have {counts}" if counts else ""
    return (
        f"In {_share(failed, record)} a wrong item was clicked{seen}: name the items on more "
        f"pictures that show what is confused{more}."
    )


def _declined(record: Adaptation, failed: Sequence[Outcome]) -> str:
    right = sum(outcome.score.correct for outcome in failed)
    though = f", though the clicks would have been right in {right} of them" if right else ""
    return (
        f"In {_share(failed, record)} the models declined to answer{though}: label more pictures "
        f"like {_examples(failed)}, which can make them surer."
    )


def _error(record: Adaptation, failed: Sequence[Outcome]) -> str:
    told = "; ".join(quoted(problem) for problem in [*problems(failed)][:_EXAMPLES])
    return (
        f"In {_share(failed, record)} there was no answer at all ({told}); labels do not help "
        "there, so mend this first."
    )


_ABOUT: dict[Cause, Callable[[Adaptation, Sequence[Outcome]], str]] = {
    "item-count": _item_count,
    "not-detected": _not_detected,
    "wrong-item": _wrong_item,
    "declined": _declined,
    "error": _error,
}


def _untrained(record: Adaptation) -> list[str]:
    """What the labels did not allow to be trained at all."""
    roles = {stage.role for stage in record.stages}
    needs = {
        "detector": "pictures with boxes; draw boxes on whole pictures",
        "matcher": "items with names; name the boxes",
    }
    return [
        f"The {role} was not trained, since there were too few {what}."
        for role, what in needs.items()
        if roles and role not in roles
    ]


def _not_taken(record: Adaptation) -> list[str]:
    return [
        f"The newly trained {stage.name} is not in the bundle ({stage.why}); label more pictures "
        "before you train again."
        for stage in record.stages
        if not stage.kept
    ]


def _unlabelled(record: Adaptation) -> str:
    if not record.unlabelled:
        return ""
    names = [_within(path, record.folder) for path in record.unlabelled]
    with_boxes = record.kind == "boxes"
    how = " (`clickorder labels prelabel` proposes boxes and names for them)" if with_boxes else ""
    have = "has" if len(names) == 1 else "have"
    return (
        f"{number_of(len(names), 'picture')} {have} no labels yet; label next, in this "
        f"order{how}: {_few(names, _NAMED)}."
    )


def _scarce(record: Adaptation) -> str:
    scarce = sorted((count, name) for name, count in record.class_counts.items() if count < FEW)
    if not scarce:
        return ""
    listed = [f"{quoted(name)} ({count})" for count, name in scarce]
    have = "has" if len(scarce) == 1 else "have"
    return (
        f"{len(scarce):,} of {number_of(len(record.class_counts), 'class')} {have} fewer than "
        f"{FEW} examples: {_joined(listed, _NAMED)}; label more pictures that show those which the "
        "models did not know before."
    )


def _faulty(record: Adaptation) -> str:
    if not record.faults:
        return ""
    return (
        f"The check found {number_of(len(record.faults), 'fault')} in the labels; `clickorder "
        "labels check` lists them, and its --fix moves what is broken out of the way."
    )


def _too_few(record: Adaptation) -> str:
    """Whether more should be held back, by the first measure."""
    share = record.compared[0].after if record.compared else None
    if share is None or share.n == 0:
        return (
            "Nothing was held back to measure on, so nobody knows what was gained; label more "
            "pictures, or hold some back with --test."
        )
    low, high = share.interval
    if high - low <= WIDE:
        return ""
    needed = _to_be_narrow(share.rate, share.n)
    total = sum(record.parts.values())
    held = record.parts.get("test") or record.parts.get("validation", 0)
    # Items of pictures are no pictures: nobody knows how many of these they would be.
    in_all = (
        f" With {held} of {total} held back, as here, that takes about "
        f"{_rounded(needed * total / held):,} labelled pictures in all."
        if 0 < held < total and held == share.n
        else ""
    )
    return (
        f"Hold back more pictures: by these {share.n:,}, the true share can be anything from "
        f"{percent(low)} to {percent(high)}; if it stays at {percent(share.rate)}, about "
        f"{_rounded(needed):,} narrow this to {WIDE * 100:.0f} points.{in_all}"
    )


def _to_be_narrow(rate: float, count: int) -> int:
    """The least number of pictures whose interval is narrow enough, at the same rate."""
    while True:
        count += 1
        low, high = wilson_interval(round(rate * count), count)
        if high - low <= WIDE:
            return count


def _rounded(number: float) -> int:
    """Up to two digits: nobody knows more of a number that is guessed from others."""
    step: int = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / step) * step


def _share(failed: Sequence[Outcome], record: Adaptation) -> str:
    return f"{len(failed)} of {number_of(len(record.outcomes), 'held-back picture')}"


def _counted(words: Counter[str]) -> str:
    listed = [
        quoted(word) + (f" {times} times" if times > 1 else "")
        for word, times in words.most_common()
    ]
    return _joined(listed, _EXAMPLES)


def _examples(failed: Iterable[Outcome]) -> str:
    return _few([outcome.puzzle.background for outcome in failed], _EXAMPLES)


def _few(names: Iterable[str], most: int) -> str:
    return _joined([quoted(name)[1:-1] for name in dict.fromkeys(names)], most)


def _joined(listed: Sequence[str], most: int) -> str:
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more:,} more" if more > 0 else "")


def _within(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
