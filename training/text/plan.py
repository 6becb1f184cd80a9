"""The plan of a text reader's training, made before its first step."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from classifier.text_network import TextNetwork, frames_of, needed_frames
from training.core.distributed import own_seed, own_share
from training.core.schedule import Schedule
from training.errors import TextTrainingError
from training.text.blocks import (
    FileBlocks,
    MemoryLoader,
    TextBlock,
    TextLoader,
    read_block,
    reading_loader,
)
from training.text.data import TextSet, hold_out, labelled, read_records
from training.text.drawn_blocks import DrawnBlocks, drawing_loader, drawn_block
from training.text.measures import Alphabet
from training.text.settings import TextSettings
from training.text.synthetic import HELD_OUT, DrawingPlan, TextDrawer

_DRAWN_STEPS = 40_000
_READ_EPOCHS = 60
_LEAST_STEPS = 1500
_ENDLESS = 10_000_000
_DECAY_SHARE = 0.4
_MOST_HELD_OUT = 10_000


class TextPlan:
    """Data, charset, network, schedule and batches of a training."""

    def __init__(
        self, settings: TextSettings, data: Sequence[Path], validation: Sequence[Path], out: Console
    ) -> None:
        self.settings = settings
        self.preprocess = settings.preprocess
        self.console = out
        if settings.synthetic:
            self.pictures = self.held_out_pictures = None
            self.characters = settings.characters()
            texts = [self.characters[:1] * (settings.lengths or (4, 4))[1]]
        else:
            self.pictures, self.held_out_pictures, self.characters = self._read(data, validation)
            texts = [*self.pictures.texts, *self.held_out_pictures.texts]
        longest = max(map(len, texts))
        places = max(longest, (settings.lengths or (0, 0))[1]) if settings.head == "fixed" else 0
        self.alphabet = Alphabet(self.characters, places)
        width, height = settings.sides
        frames = frames_of(height, width)[1]
        needed = max(map(needed_frames, texts))
        if not places and needed > frames:
            raise TextTrainingError(
                f"A text of {longest} characters needs up to {needed} frames, and a width of "
                f"{width} pixels gives {frames}; choose a --size that is wider."
            )

    def _read(
        self, data: Sequence[Path], validation: Sequence[Path]
    ) -> tuple[TextSet, TextSet, str]:
        """Training and validation pictures, and the charset."""
        settings = self.settings
        records = read_records(data, settings.pattern, skip_faulty=settings.skip_faulty)
        others = (
            read_records(validation, settings.pattern, skip_faulty=settings.skip_faulty)
            if validation
            else []
        )
        characters = settings.characters(record.label for record in [*records, *others])
        rule = self.preprocess.rule
        skip = settings.skip_faulty
        pictures = labelled(records, rule, characters, skip_faulty=skip)
        if others:
            return pictures, labelled(others, rule, characters, skip_faulty=skip), characters
        held = hold_out(pictures.records, settings.held_out)
        chosen = [at for at, out in enumerate(held) if out]
        rest = [at for at, out in enumerate(held) if not out]
        if not chosen or not rest:
            raise TextTrainingError(
                f"{len(pictures)} pictures cannot be divided into some to train on and some to "
                "measure on; give more, or a --validation folder."
            )
        return pictures.only(rest), pictures.only(chosen[:_MOST_HELD_OUT]), characters

    def network(self) -> TextNetwork:
        """A new, untrained network."""
        settings, preprocess = self.settings, self.preprocess
        return TextNetwork(
            len(self.alphabet.symbols),
            preprocess.channels,
            preprocess.height,
            preprocess.width,
            settings.head,
            self.alphabet.places,
            trunk=settings.trunk,
            dropout=settings.dropout,
        )

    @property
    def drawing(self) -> DrawingPlan:
        """What the workers draw."""
        settings = self.settings
        # Folding is for labels: pictures keep both cases.
        characters = TextSettings(
            charset=settings.charset, synthetic=settings.synthetic, exclude=settings.exclude,
            grey=settings.grey,
        ).characters()  # fmt: skip
        return DrawingPlan(
            characters, settings.lengths or (4, 4), settings.drawn_sides, settings.often
        )

    def held_out(self) -> TextBlock:
        """The validation pictures."""
        if self.held_out_pictures is not None:
            return self._all(self.held_out_pictures, "Reading held-out pictures")
        kinds = self.settings.kinds
        drawer = TextDrawer(replace(self.drawing, often=""), HELD_OUT, self.settings.seed)
        count = max(1, self.settings.trials // sum(kinds.values()))
        blocks = [
            drawn_block(drawer, kind, self.preprocess, count * share)
            for kind, share in kinds.items()
        ]
        return TextBlock(
            np.concatenate([block.inputs for block in blocks]),
            tuple(word for block in blocks for word in block.words),
        )

    def loader(self, step: int) -> "AbstractContextManager[MemoryLoader | TextLoader]":
        """A source of this process's batches, from a step on.

        Raises:
            ShareError: a batch has fewer pictures than there are processes.
        """
        settings, preprocess = self.settings, self.preprocess
        batch, seed = own_share(settings.batch, "pictures"), own_seed(settings.seed)
        if self.pictures is None:
            make = DrawnBlocks(self.drawing, preprocess, 1, seed, step)
            return drawing_loader(
                make, settings.kinds, batch, workers=settings.workers, uses=settings.uses
            )
        size = preprocess.channels * preprocess.height * preprocess.width * len(self.pictures)
        if size <= settings.memory_mb * 1e6:
            block = self._all(self.pictures, "Reading pictures")
            return nullcontext(MemoryLoader(block, batch, seed + step))
        files = FileBlocks(self.pictures, preprocess, 1, seed, step)
        return reading_loader(files, batch, workers=settings.workers)

    def _all(self, pictures: TextSet, told: str) -> TextBlock:
        shape = (self.preprocess.channels, self.preprocess.height, self.preprocess.width)
        inputs = np.empty((len(pictures), *shape), np.uint8)
        numbers = range(len(pictures))
        for at in track(numbers, told, console=self.console, transient=True):
            inputs[at] = read_block(pictures, [at], self.preprocess).inputs[0]
        return TextBlock(inputs, pictures.texts)

    @property
    def schedule(self) -> Schedule:
        """Length and learning rate of the training."""
        settings = self.settings
        epoch = None if self.pictures is None else -(-len(self.pictures) // settings.batch)
        if settings.steps:
            steps = settings.steps
        elif settings.epochs:
            if epoch is None:
                raise TextTrainingError(
                    "Drawn pictures have no end, and so no epochs; give --steps or --minutes."
                )
            steps = max(1, round(settings.epochs * epoch))
        elif settings.minutes:
            steps = _ENDLESS
        else:
            steps = max(_READ_EPOCHS * epoch, _LEAST_STEPS) if epoch else _DRAWN_STEPS
        decay = settings.decay_steps or max(1, round(_DECAY_SHARE * steps))
        usual = 500 if epoch is None else max(100, min(epoch, 1000))
        return Schedule(
            steps=steps,
            decay_steps=min(decay, steps),
            warmup_steps=min(settings.warmup, max(1, steps // 10)),
            rate=settings.rate,
            weight_decay=settings.weight_decay,
            check_every=settings.check_every or min(usual, max(1, steps // 4)),
            patience=settings.patience,
            seed=settings.seed,
            minutes=settings.minutes,
        )

    def lengths_of(self, held_out: Sequence[str]) -> set[int]:
        """Lengths of the training texts and of the validation texts."""
        learnt = self.settings.lengths or (4, 4) if self.pictures is None else ()
        read = () if self.pictures is None else map(len, self.pictures.texts)
        return {*learnt, *read, *map(len, held_out)}

    @property
    def statement(self) -> str:
        """Description of the training data."""
        settings = self.settings
        if settings.statement:
            return settings.statement
        if self.pictures is not None:
            return f"{len(self.pictures)} labelled pictures of text, none of them drawn."
        low, high = settings.lengths or (4, 4)
        length = str(low) if low == high else f"{low} to {high}"
        return (
            f"Drawn pictures ({', '.join(settings.kinds)}) of {length} characters out of "
            f"{len(self.characters)}; no picture of any site."
        )
