"""What a matcher or a classifier is trained to do, and on what."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.matcher.crop_inputs import Trial
from training.matcher.imprinting import Imprinter
from training.matcher.joint_model import LossWeights
from training.matcher.mixed_blocks import MixedBlocks, mixed_kinds
from training.matcher.pairs import BlockSource
from training.matcher.picture_blocks import KIND, PictureBlocks, picture_trials, split_classes
from training.matcher.pictures import read_classes
from training.matcher.settings import Settings
from training.matcher.synthetic_blocks import PLAIN_PAIRS, SyntheticBlocks, draw_trials

Trainer = Literal["siamese", "classifier"]


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """What is learned from what.

    Attributes:
        trainer: Which command trains it, for the records.
        charset: Symbols that the network names; empty for none.
        weighting: Weights of the losses.
        metric: Validation metric by which the best weights are chosen.
        make: Makes the source of a worker.
        kinds: Number of blocks of each kind in a batch.
        trials: Makes the small puzzles to validate on.
        statement: Description of the training data.
        notes: What the user should know before training starts.
        imprinter: Sets the rows of symbols from their glyphs; None where they are learned.
        newest: Whether the last weights are taken instead of those with the best metric: where
            little can be held out, the metric says less than the end of the schedule.
        examples: `(N, 64, 64, 3)` uint8 RGB crops of the kind to train on, a hundred or more; None
            takes those of the trials.
    """

    trainer: Trainer
    charset: tuple[str, ...]
    weighting: LossWeights
    metric: str
    make: Callable[[int], BlockSource]
    kinds: Mapping[str, int]
    trials: Callable[[], list[Trial]]
    statement: str
    notes: tuple[str, ...] = ()
    imprinter: Imprinter | None = None
    newest: bool = False
    examples: Callable[[], NDArray[np.uint8]] | None = None


def synthetic_task(
    trainer: Trainer,
    charset: tuple[str, ...],
    settings: Settings,
    *,
    fresh: bool,
    mined: Path | None = None,
) -> TrainingTask:
    """Train on drawn crops, so that the trunk both matches items and names characters.

    A matcher sees three eighths characters, as many icons, and letters, digits and two-letter
    words for the rest; a classifier sees characters, and an eighth letters and digits.

    Args:
        trainer: Which command trains.
        charset: Symbols that the trunk learns to name.
        settings: For the size of batches and the number of trials.
        fresh: Whether the network is untrained, and needs plain crops at first.
        mined: Hard negatives that `training.matcher.mining` wrote; None for drawn ones alone.
    """
    blocks = settings.batch_blocks
    if trainer == "siamese":
        latin, icons = max(1, blocks // 4), max(1, 3 * blocks // 8)
        kinds = {"characters": max(1, blocks - icons - latin), "icons": icons, "latin": latin}
        sources = "free fonts, icon collections and photos"
    else:
        latin = max(1, blocks // 8)
        kinds = {"characters": max(1, blocks - latin), "latin": latin}
        sources = "free fonts and photos"
    return TrainingTask(
        trainer=trainer,
        charset=charset,
        weighting=LossWeights(pairs=1.0, symbols=1.0),
        metric="solved" if trainer == "siamese" else "top1",
        make=SyntheticBlocks(charset, plain_pairs=PLAIN_PAIRS if fresh else 0, mined=mined),
        kinds=kinds,
        trials=partial(draw_trials, settings.trials, charset),
        statement=(
            f"Crops drawn by clickorder's own generator from {sources} (training split); no "
            "CAPTCHA of any site."
        ),
        imprinter=Imprinter(charset),
    )


def picture_task(
    trainer: Trainer,
    data: Path,
    settings: Settings,
    notes: Sequence[str] = (),
    *,
    mix: bool = False,
    skip_faulty: bool = False,
) -> TrainingTask:
    """Train on the user's labelled pictures; a matcher also learns from classes of one picture.

    Args:
        trainer: Which command trains.
        data: Class folders, `label_hash.png` pictures or a puzzle set.
        settings: For the size of batches, the number of trials and the seed.
        notes: What the user should know before training starts.
        mix: Whether half of each batch is drawn.
        skip_faulty: Leave out unreadable pictures and classes with too few pictures.

    Raises:
        TrainingError: something is wrong with the data.
        PuzzleSetError: a puzzle set does not fit its format.
    """
    seed, matches = settings.schedule.seed, trainer == "siamese"
    classes = read_classes(data, skip_faulty=skip_faulty, single=matches)
    division = split_classes(classes, seed=seed, single=matches)
    charset = () if matches else classes.labels
    if matches:
        weighting = LossWeights(pairs=1.0, symbols=0.0)
    else:
        # Drawn crops teach by pairs: few of them have a label of the user's.
        weighting = LossWeights(pairs=0.5 if mix else 0.0, symbols=1.0)
    own = PictureBlocks(division.train, charset, trainer)

    def trials() -> list[Trial]:
        return picture_trials(division, charset, settings.trials, trainer, seed=seed)

    return TrainingTask(
        trainer=trainer,
        charset=charset,
        weighting=weighting,
        metric="match" if matches else "top1",
        make=MixedBlocks(own, SyntheticBlocks(charset)) if mix else own,
        kinds=mixed_kinds(settings.batch_blocks) if mix else {KIND: settings.batch_blocks},
        trials=trials,
        statement=f"{len(classes)} pictures of {len(classes.labels)} classes of the user's own.",
        notes=(*notes, *classes.skipped),
    )
