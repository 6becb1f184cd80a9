"""Keeping puzzles that the service could not solve, or was not sure of: off unless asked for.

What is kept is a puzzle set (see `labels.puzzles`) whose truth nobody knows yet: the pictures
exactly as they were sent, and what the models saw as proposals, ready for `clickorder labels
from-puzzles` and `labels review`. One thread writes; an answer never waits for it.
"""

import collections
import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from service.capture.sample_store import Content, KeptSet
from service.settings import Keep
from service.solving.answers import Answer
from service.uploads import UploadedPuzzle

_WAITING = 64
_WAITING_BYTES = 32 * 2**20
_TIDY_S = 60.0
"""How often the age of what is kept is looked at while nothing comes."""

DROPS = ("busy", "failed", "duplicate", "unreadable", "too_large")
"""Why a puzzle was not written: too many waited, the disk failed, it is there already, it cannot be
read again as a picture, or it alone has more bytes than may be kept."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


@dataclass(frozen=True, slots=True)
class Kept:
    """How keeping goes.

    Attributes:
        puzzles: In the folder now.
        size_bytes: Bytes of their pictures and lines.
        kept: Written since the start.
        dropped: Not written since the start, by the reason.
        removed: Taken away since the start, as the folder was full or they were too old.
    """

    puzzles: int
    size_bytes: int
    kept: int
    dropped: Mapping[str, int]
    removed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Sample:
    """A puzzle that waits to be written."""

    puzzle: UploadedPuzzle
    answer: Answer


class Keeper:
    """Takes what is worth keeping, and writes it in a thread of its own.

    Args:
        keep: With a folder.

    Raises:
        SampleStoreError: the folder cannot be used.
    """

    def __init__(self, keep: Keep) -> None:
        self._below = keep.below_confidence
        self._set = KeptSet(keep)
        self._waiting: collections.deque[_Sample] = collections.deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._kept = 0
        self._dropped: collections.Counter[str] = collections.Counter()
        log.warning(
            "keeping",
            detail="Puzzles that are abstained from, or answered below this confidence, are "
            "stored with their pictures and words.",
            folder=str(keep.dir),
            below_confidence=keep.below_confidence,
            max_mb=keep.max_mb,
            max_age_days=keep.max_age_days,
        )
        self._thread = threading.Thread(target=self._write, name="keeping", daemon=True)
        self._thread.start()

    def offer(self, puzzle: UploadedPuzzle, answer: Answer) -> None:
        """Keep a puzzle if its answer is not one to be sure of; returns at once.

        Args:
            puzzle: As it was sent.
            answer: What the service says.
        """
        if answer.solved and answer.confidence >= self._below:
            return
        sample = _Sample(puzzle, answer)
        size = puzzle.size_bytes
        with self._changed:
            full = len(self._waiting) >= _WAITING
            if full or self._waiting_bytes + size > _WAITING_BYTES or self._closing:
                self._dropped["busy"] += 1
                return
            self._waiting.append(sample)
            self._waiting_bytes += size
            self._changed.notify()

    def now(self) -> Kept:
        """How it goes."""
        with self._changed:
            return Kept(
                puzzles=len(self._set),
                size_bytes=self._set.size_bytes,
                kept=self._kept,
                dropped={reason: self._dropped[reason] for reason in DROPS},
                removed=dict(self._set.removed),
            )

    def close(self) -> None:
        """Write what waits, and let go of the folder."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._set.close()

    def _write(self) -> None:
        self._guarded(self._set.mend)
        tidied = time.monotonic()
        while True:
            # By the clock: puzzles that keep coming must not keep old ones from going.
            if time.monotonic() - tidied >= _TIDY_S:
                self._guarded(self._set.tidy)
                tidied = time.monotonic()
            with self._changed:
                if not self._waiting and not self._closing:
                    self._changed.wait(_TIDY_S)
                if not self._waiting and self._closing:
                    return
                sample = self._waiting.popleft() if self._waiting else None
                if sample is not None:
                    self._waiting_bytes -= sample.puzzle.size_bytes
            if sample is not None:
                self._guarded(functools.partial(self._keep, sample))

    def _keep(self, sample: _Sample) -> None:
        outcome = self._set.add(_content(sample))
        with self._changed:
            if outcome == "kept":
                self._kept += 1
            else:
                self._dropped[outcome] += 1

    def _guarded(self, work: Callable[[], None]) -> None:
        """A full disk must end neither the thread nor, by way of it, the service."""
        try:
            work()
        except Exception as error:  # noqa: BLE001
            with self._changed:
                self._dropped["failed"] += 1
                first = self._dropped["failed"] == 1
            # By its type and number only: the message of an error may quote a word.
            log.log(
                logging.WARNING if first else logging.DEBUG,
                "keeping_failed",
                error=type(error).__qualname__,
                errno=getattr(error, "errno", None),
            )


def _content(sample: _Sample) -> Content:
    prompt, answer = sample.puzzle.prompt, sample.answer
    return Content(
        background=sample.puzzle.background.data(),
        icons=tuple(icon.data() for icon in prompt.icons or ()),
        image=None if prompt.image is None else prompt.image.data(),
        words=prompt.words,
        region=prompt.region,
        meta={
            "reason": answer.reason,
            "confidence": round(answer.confidence, 4),
            "models": dict(answer.models),
            "proposals": _proposals(answer),
        },
    )


def _proposals(answer: Answer) -> list[dict[str, object]]:
    """Every box that was seen, and what the answer makes of it.

    The confidence is 0 where an item of the prompt has no box. What comes after it would then be
    clicked too early, so no box has a place.
    """
    complete = answer.confidence > 0
    clicked = {click.box: (place, click) for place, click in enumerate(answer.clicks)}
    proposals: list[dict[str, object]] = []
    for seen in answer.boxes:
        place, click = clicked.pop(seen.box, (None, None))
        proposals.append(
            {
                "box": list(seen.box),
                "label": click.label if click else None,
                "place": place if complete else None,
                "confidence": round(seen.confidence, 4),
            }
        )
    return proposals
