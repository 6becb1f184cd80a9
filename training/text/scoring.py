"""How well a text model reads labelled pictures: accuracies, confusions, time."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.charsets import LabelRule
from classifier.text_reader import TextReading
from labels.pictures import UNREADABLE, load_rgb
from labels.texts import TextPicture
from training.errors import TrainingError
from training.evaluation.statistics import wilson_interval
from training.text.sheet import SheetReading

Pair = tuple[str, str]
"""What was there and what was read in its place; `""` for nothing."""


class Reader(Protocol):
    """What reads: `classifier.text_reader.TextReader`, or a double of it."""

    @property
    def rule(self) -> LabelRule:
        """What is done to labels before they are compared."""
        ...

    def read(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        *,
        charset: str | None = None,
        length: int | None = None,
        colour: str | None = None,
    ) -> list[TextReading]:
        """Read pictures, `(H, W, 3)` uint8 RGB."""
        ...


@dataclass(frozen=True, slots=True)
class TextOutcome:
    """One picture that was read.

    Attributes:
        path: Path of the picture.
        truth: What it says, folded as the model's labels were.
        reading: What was read.
        milliseconds: From the decoded picture to the reading.
    """

    path: Path
    truth: str
    reading: TextReading
    milliseconds: float

    @property
    def right(self) -> bool:
        """Whether all of it was read."""
        return self.reading.text == self.truth

    @property
    def on_sheet(self) -> SheetReading:
        """The same, to be drawn."""
        return SheetReading(
            self.truth,
            self.reading.text,
            self.reading.confidence,
            lambda: Image.fromarray(load_rgb(self.path)),
        )


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion with its Wilson 95 % interval, 0..1.

    Attributes:
        right: How many.
        total: How many there are in all.
        share: `right / total`; 0 of none.
        low: Lower end of the interval.
        high: Upper end.
    """

    right: int
    total: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, right: int, total: int) -> "Share":
        """The proportion of two counts."""
        return cls(right, total, right / total if total else 0.0, *wilson_interval(right, total))

    def __str__(self) -> str:
        return (
            f"{self.share:.2%} ({self.right} of {self.total}; 95 %: {self.low:.2%} to "
            f"{self.high:.2%})"
        )


@dataclass(frozen=True, slots=True)
class TextScore:
    """All numbers of a test.

    Attributes:
        pictures: Whole pictures that were read right.
        characters: Characters less those to insert, take out or replace (Levenshtein distance).
        confusions: How often each pair was taken for the other, most frequent first.
        median_ms: Time for one picture, one at a time.
        p95_ms: The same, of the slowest twentieth the fastest.
    """

    pictures: Share
    characters: Share
    confusions: Mapping[Pair, int]
    median_ms: float
    p95_ms: float


def read_all(
    pictures: Sequence[TextPicture],
    reader: Reader,
    *,
    charset: str | None = None,
    length: int | None = None,
    colour: str | None = None,
    track: Callable[[Sequence[TextPicture]], Iterable[TextPicture]] | None = None,
) -> list[TextOutcome]:
    """Read pictures one at a time, as a service would get them.

    Args:
        pictures: With what they say.
        reader: Asked for all of them.
        charset: Characters that may occur.
        length: How many characters there are.
        colour: Only the characters of this colour.
        track: Told about each picture, for a progress bar.

    Raises:
        TrainingError: a picture cannot be opened.
    """
    outcomes = []
    for picture in track(pictures) if track else pictures:
        try:
            rgb = load_rgb(picture.path)
        except UNREADABLE as error:
            raise TrainingError(
                f"{picture.path} cannot be read as a picture ({error}); see `clickorder text "
                "check`."
            ) from error
        start = time.perf_counter()
        (reading,) = reader.read([rgb], charset=charset, length=length, colour=colour)
        spent = 1e3 * (time.perf_counter() - start)
        truth = reader.rule.apply(picture.label)
        outcomes.append(TextOutcome(picture.path, truth, reading, spent))
    return outcomes


def score_texts(outcomes: Sequence[TextOutcome]) -> TextScore:
    """Sum outcomes up.

    Args:
        outcomes: At least one.
    """
    confusions: Counter[Pair] = Counter()
    wrong = 0
    for outcome in outcomes:
        differences = differing(outcome.truth, outcome.reading.text)
        wrong += len(differences)
        confusions.update(differences)
    total = sum(len(outcome.truth) for outcome in outcomes)
    times = [outcome.milliseconds for outcome in outcomes]
    return TextScore(
        pictures=Share.of(sum(outcome.right for outcome in outcomes), len(outcomes)),
        characters=Share.of(max(0, total - wrong), total),
        # Ties by their characters, so that two runs say the same.
        confusions=dict(sorted(confusions.items(), key=lambda item: (-item[1], item[0]))),
        median_ms=median(times),
        p95_ms=float(np.percentile(times, 95)),
    )


def differing(truth: str, text: str) -> list[Pair]:
    """The shortest edit script from the label to the prediction (Levenshtein 1966).

    Returns:
        Pairs from left to right: `("0", "O")` was misread, `("0", "")` missed, `("", "0")` added.
        Among ways that are as short, the one with most misreadings.
    """
    rows = np.zeros((len(truth) + 1, len(text) + 1), np.int64)
    rows[:, 0], rows[0] = np.arange(len(truth) + 1), np.arange(len(text) + 1)
    for i, there in enumerate(truth, start=1):
        for j, read in enumerate(text, start=1):
            rows[i, j] = min(
                rows[i - 1, j - 1] + (there != read), rows[i - 1, j] + 1, rows[i, j - 1] + 1
            )
    found: list[Pair] = []
    i, j = len(truth), len(text)
    while i or j:
        if i and j and rows[i, j] == rows[i - 1, j - 1] + (truth[i - 1] != text[j - 1]):
            i, j = i - 1, j - 1
            if truth[i] != text[j]:
                found.append((truth[i], text[j]))
        elif i and rows[i, j] == rows[i - 1, j] + 1:
            i -= 1
            found.append((truth[i], ""))
        else:
            j -= 1
            found.append(("", text[j]))
    return found[::-1]


def score_json(score: TextScore, outcomes: Iterable[TextOutcome]) -> dict[str, object]:
    """All of it, for scripts."""
    return {
        "pictures": asdict(score.pictures),
        "characters": asdict(score.characters),
        "confusions": [
            {"truth": there, "read": read, "count": count}
            for (there, read), count in score.confusions.items()
        ],
        "milliseconds": {"median": score.median_ms, "p95": score.p95_ms},
        "readings": [
            {
                "file": str(outcome.path),
                "truth": outcome.truth,
                "text": outcome.reading.text,
                "confidence": outcome.reading.confidence,
                "milliseconds": outcome.milliseconds,
            }
            for outcome in outcomes
        ],
    }
