"""The owner's generator as a plug-in: a function that draws a puzzle, and the knobs it has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray
from PIL import Image

from clickorder.audit.plugin import load_function
from clickorder.audit.properties import LEAST_STEP, item_mask, overlap
from clickorder.errors import CommandError, UsageError
from labels.errors import PuzzleSetError
from labels.puzzles import Box, PromptValue, Puzzle
from training.synthetic.legibility import outline_seen, readable, to_lab

Settings = Mapping[str, float]

_LEAST_STROKE_PX = 1.0
_FULL_STROKE_PX = 2.0
_MOST_OVERLAP = 0.34
"""Share of an item's box that may be covered; beyond a third people begin to guess."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a knob may be set to.

    Attributes:
        low: Least value.
        high: Greatest.
        integer: Whether only whole numbers are meant; they still come as floats.
    """

    low: float
    high: float
    integer: bool = False

    def at(self, share: float) -> float:
        """The value at a share of the range, 0..1."""
        value = self.low + share * (self.high - self.low)
        return float(round(value)) if self.integer else value


@dataclass(frozen=True, slots=True)
class Parts:
    """One drawn puzzle.

    Attributes:
        background: The picture to click on.
        words: What to click, in order.
        targets: `x1, y1, x2, y2` of each, pixels of the background, ends exclusive.
        distractors: Boxes of the other items.
        prompt: None where the words are told, a picture of the whole prompt, or one of each item.
        masks: The shape of each target, mode `L` of its box's size, to measure legibility by; where
            none are given, what differs from the ground in the box is taken.
    """

    background: Image.Image
    words: tuple[str, ...]
    targets: tuple[Box, ...]
    distractors: tuple[Box, ...] = ()
    prompt: Image.Image | tuple[Image.Image, ...] | None = None
    masks: tuple[Image.Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Generator:
    """A plug-in.

    Attributes:
        name: As it was given.
        function: Draws for settings and a source of chance.
        knobs: Name to range.
    """

    name: str
    function: Callable[[dict[str, float], Random], Parts]
    knobs: Mapping[str, Range]

    @classmethod
    def load(cls, name: str) -> "Generator":
        """The plug-in `module:function`, whose module has `SETTINGS`.

        Raises:
            UsageError: there is none, or its settings are no ranges.
            CommandError: the module fails when it is imported.
        """
        module, function = load_function(name)
        knobs = getattr(module, "SETTINGS", None)
        if not isinstance(knobs, Mapping) or not knobs:
            raise UsageError(
                f"The module of {name} has no SETTINGS; give it a dictionary of knobs, name to "
                "clickorder.audit.generator.Range."
            )
        for knob, value in knobs.items():
            if not isinstance(value, Range) or not value.low < value.high:
                raise UsageError(
                    f"The setting {knob!r} of {name} is {value!r}; it must be a "
                    "clickorder.audit.generator.Range with low < high."
                )
        return cls(name, function, dict(knobs))

    def settings(self, shares: NDArray[np.float64]) -> dict[str, float]:
        """The settings at shares of the ranges, `(K,)` of 0..1 in the order of the knobs."""
        return {
            name: knob.at(float(share))
            for (name, knob), share in zip(self.knobs.items(), shares, strict=True)
        }

    def draw(self, settings: dict[str, float], rng: Random) -> Parts:
        """One puzzle.

        Raises:
            CommandError: the function raises, or gives something else.
        """
        told = ", ".join(f"{name} {value:.3g}" for name, value in settings.items())
        try:
            parts = self.function(dict(settings), rng)
        except Exception as error:
            raise CommandError(
                f"{self.name} raised {type(error).__name__} ({error}) for {told}; make it draw "
                "for every setting within SETTINGS."
            ) from error
        if not isinstance(parts, Parts):
            raise CommandError(
                f"{self.name} gave {type(parts).__name__} for {told}; it must give "
                "clickorder.audit.generator.Parts."
            )
        return parts


def write_parts(parts: Parts, puzzle_id: str, folder: Path) -> Puzzle:
    """Write the pictures of a drawn puzzle.

    Args:
        parts: As drawn.
        puzzle_id: Its file names begin with it.
        folder: Is there.

    Raises:
        CommandError: boxes, words or prompt do not fit each other.
        OSError: a picture cannot be written.
    """
    background = f"{puzzle_id}.png"
    parts.background.convert("RGB").save(folder / background)
    prompt: dict[str, PromptValue] = {"words": parts.words}
    pictures = parts.prompt if isinstance(parts.prompt, tuple) else (parts.prompt,)
    names = [f"{puzzle_id}.prompt{number}.png" for number in range(len(pictures))]
    if parts.prompt is not None:
        for name, picture in zip(names, pictures, strict=True):
            if picture is not None:
                picture.convert("RGB").save(folder / name)
        prompt = {"icons": tuple(names)} if isinstance(parts.prompt, tuple) else {"image": names[0]}
    try:
        return Puzzle(puzzle_id, background, prompt, parts.words, parts.targets, parts.distractors)
    except PuzzleSetError as error:
        raise CommandError(f"The generator drew what is no puzzle: {error}") from error


def legibility(parts: Parts) -> tuple[float, bool]:
    """How well people can read a drawn puzzle, measured in the finished picture.

    Returns:
        0..1, the mean over the targets of the outline that is seen, less what is covered and too
        thin; and whether every target can be read.
    """
    picture = parts.background.convert("RGB")
    lab = to_lab(np.asarray(picture))
    boxes = [*parts.targets, *parts.distractors]
    scores, legible = [], []
    for index, box in enumerate(parts.targets):
        others = [other for other in boxes if other is not box]
        mask = parts.masks[index] if parts.masks else item_mask(lab, box, others)[0]
        step = LEAST_STEP * max(1.0, 40 / max(mask.size))
        stroke = _stroke(mask)
        covered = max((overlap(box, other) for other in others), default=0.0)
        seen = outline_seen(picture, mask, box[:2], step)
        scores.append(seen * min(1.0, stroke / _FULL_STROKE_PX) * (1 - covered))
        legible.append(
            readable(picture, mask, box[:2])
            and stroke >= _LEAST_STROKE_PX
            and covered <= _MOST_OVERLAP
        )
    return float(np.mean(scores)), all(legible)


def _stroke(mask: Image.Image) -> float:
    """Mean width of strokes in pixels: area by half the outline; of diagonal ones 0.7 of it."""
    ink = np.pad(np.asarray(mask) >= 100, 1)
    outline = sum(int((one[1:] != one[:-1]).sum()) for one in (ink, ink.T))
    return 2 * int(ink.sum()) / outline if outline else 0.0
