"""Blocks and trials from the user's own labelled pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from training.core.view import View
from training.matcher.crop_inputs import Model, Trial, network_input
from training.matcher.pairs import BLOCK_PAIRS, Block
from training.matcher.pictures import Classes, PicturesError, Sample, content_box, load_picture

U8 = NDArray[np.uint8]

KIND = "pictures"
_MOST_TARGETS, _MOST_BOXES = 4, 7
_HELD_OUT = 0.15
_HELD_OUT_FROM = 4
_TURN_DEG = 12.0
_MEASURED_TURN_DEG = 25.0


@dataclass(frozen=True, slots=True)
class ClassSplit:
    """Labelled pictures divided into training and held-out ones.

    Attributes:
        train: Samples by label.
        held_out: Samples by label, for the labels that have some.
        augmented: Whether these are learnt from as well, and augmented to be measured on.
    """

    train: Mapping[str, tuple[Sample, ...]]
    held_out: Mapping[str, tuple[Sample, ...]]
    augmented: bool = False


def split_classes(classes: Classes, *, seed: int, single: bool = False) -> ClassSplit:
    """Hold out some pictures of every class that has at least four.

    Args:
        classes: All there is.
        seed: Random seed of the choice.
        single: Whether variations of all pictures are measured on where too few can be held back.

    Raises:
        PicturesError: fewer than two classes have four pictures, so that nothing can be measured.
    """
    rng = np.random.default_rng(seed)
    train: dict[str, tuple[Sample, ...]] = {}
    held: dict[str, tuple[Sample, ...]] = {}
    for label, samples in classes.samples.items():
        if len(samples) < _HELD_OUT_FROM:
            train[label] = samples
            continue
        count = max(1, round(_HELD_OUT * len(samples)))
        order = [int(i) for i in rng.permutation(len(samples))]
        held[label] = tuple(samples[i] for i in order[:count])
        train[label] = tuple(samples[i] for i in order[count:])
    if len(held) < 2 and single:
        return ClassSplit(dict(classes.samples), dict(classes.samples), augmented=True)
    if len(held) < 2:
        raise PicturesError(
            f"{classes.source} has {len(held)} classes of at least {_HELD_OUT_FROM} pictures; two "
            "are needed to measure progress on pictures that were held back."
        )
    return ClassSplit(train, held)


@dataclass(frozen=True, slots=True)
class PictureBlocks:
    """Makes a worker's `PictureSource`; can be sent to another process.

    Attributes:
        samples: To learn from, by label.
        charset: Labels that the network names, in order; empty for none.
        model: Whose preprocessing cuts the crops.
    """

    samples: Mapping[str, tuple[Sample, ...]] = field(repr=False)
    charset: tuple[str, ...]
    model: Model

    def __call__(self, seed: int) -> "PictureSource":
        """The source of one worker."""
        return PictureSource(self, np.random.default_rng(seed))


class PictureSource:
    """Blocks of pairs of one class's pictures; implements `BlockSource`."""

    def __init__(self, plan: PictureBlocks, rng: Generator) -> None:
        self._plan = plan
        self._rng = rng
        self._labels = tuple(plan.samples)
        self._index = {label: at for at, label in enumerate(plan.charset)}

    def block(self, kind: str) -> Block:
        """Twelve pairs of different classes, as far as there are so many; there is one kind."""
        if kind != KIND:
            raise ValueError(f"There are no blocks of {kind}, only of {KIND}")
        rng = self._rng
        spread = len(self._labels) >= BLOCK_PAIRS
        chosen = rng.choice(len(self._labels), BLOCK_PAIRS, replace=not spread)
        labels = [self._labels[int(i)] for i in chosen]
        pairs = [self._pair(self._plan.samples[label]) for label in labels]
        model = self._plan.model
        return Block(
            np.stack([network_input(augmented(view_of(first), rng), model) for first, _ in pairs]),
            np.stack(
                [network_input(augmented(view_of(second), rng), model) for _, second in pairs]
            ),
            tuple(labels),
            np.array([self._index.get(label, -1) for label in labels], np.int64),
        )

    def _pair(self, samples: Sequence[Sample]) -> tuple[Sample, Sample]:
        """Two pictures, a prompt's before a scene's; one twice where there is only one."""
        first, second = (
            samples[int(i)] for i in self._rng.choice(len(samples), 2, replace=len(samples) < 2)
        )
        return (second, first) if second.prompt and not first.prompt else (first, second)


def picture_trials(
    division: ClassSplit, charset: tuple[str, ...], count: int, model: Model, *, seed: int
) -> list[Trial]:
    """Small puzzles: the prompt is a training picture, the scene shows held-out ones.

    Args:
        division: What was held back.
        charset: As the network has it; empty for none.
        count: How many.
        model: Whose preprocessing cuts the crops.
        seed: Random seed of the choice.
    """
    rng = np.random.default_rng(seed)
    labels = tuple(division.held_out)
    boxes, targets = min(_MOST_BOXES, len(labels)), min(_MOST_TARGETS, len(labels))
    index = {label: at for at, label in enumerate(charset)}
    trials = []
    for _ in range(count):
        words = [labels[int(i)] for i in rng.choice(len(labels), boxes, replace=False)]
        prompts = [_any(division.train[word], rng) for word in words[:targets]]
        scenes = [view_of(_any(division.held_out[word], rng)) for word in words]
        if division.augmented:
            scenes = [augmented(view, rng, _MEASURED_TURN_DEG) for view in scenes]
        scene = np.stack([network_input(view, model) for view in scenes])
        trials.append(
            Trial(
                KIND,
                np.stack([network_input(view_of(sample), model) for sample in prompts]),
                scene,
                scene,
                tuple(words),
                np.array([index.get(word, -1) for word in words], np.int64),
            )
        )
    return trials


def _any(samples: Sequence[Sample], rng: Generator) -> Sample:
    return samples[int(rng.integers(len(samples)))]


def view_of(sample: Sample) -> View:
    """The view of a sample: its own box, or the box of its content."""
    picture = load_picture(sample.path)
    return View(picture, sample.box or content_box(picture))


def augmented(view: View, rng: Generator, turn_deg: float = _TURN_DEG) -> View:
    """Augment a view: rotation, brightness, contrast, and jitter of the box."""
    x1, y1, x2, y2 = view.box
    size = max(x2 - x1, y2 - y1)
    # A ring around the item is kept, so that turning does not bring in the picture's corners.
    ring = int(0.35 * size) + 2
    height, width = view.picture.shape[:2]
    left, top = max(0, int(x1) - ring), max(0, int(y1) - ring)
    right, bottom = min(width, int(x2) + ring), min(height, int(y2) + ring)
    part = view.picture[top:bottom, left:right]
    padded = np.pad(part, ((ring, ring), (ring, ring), (0, 0)), mode="edge")
    centre = ((x1 + x2) / 2 - left + ring, (y1 + y2) / 2 - top + ring)
    image = Image.fromarray(padded).rotate(
        float(rng.uniform(-turn_deg, turn_deg)), Image.Resampling.BILINEAR, center=centre
    )
    gain, shift = rng.uniform(0.75, 1.25), rng.uniform(-25, 25)
    image = image.point(lambda v: v * gain + shift)
    half_width, half_height = (x2 - x1) / 2, (y2 - y1) / 2
    off = np.clip(rng.normal(0.01, 0.045, 4), -0.1, 0.14) * 2
    box = (
        centre[0] - half_width * (1 + off[0]),
        centre[1] - half_height * (1 + off[1]),
        centre[0] + half_width * (1 + off[2]),
        centre[1] + half_height * (1 + off[3]),
    )
    return View(np.asarray(image), box)
