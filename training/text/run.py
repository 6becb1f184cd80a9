"""A whole run of the text reader's trainer: data, loop, export, curves, mistakes."""

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from classifier.text_network import Head, TextNetwork, Trunk, frames_of, needed_frames
from labels.console import say
from training.core.checkpoint import load_checkpoint
from training.core.device import default_device, use_threads
from training.core.loop import Schedule
from training.core.memory import keep_freed_memory
from training.core.run_folder import (
    MISTAKES_FILE,
    RunFolder,
    code_revision,
    how_to_serve,
    origin_of,
)
from training.errors import TextTrainingError
from training.evaluation.failures import Lettering
from training.text.blocks import (
    FileBlocks,
    MemoryFeed,
    TextBlock,
    TextFeed,
    read_block,
    reading_feed,
)
from training.text.data import TextSet, hold_out, labelled, read_records
from training.text.drawn_blocks import DrawnBlocks, drawing_feed, drawn_block
from training.text.export import TextModel, export_text, text_metadata
from training.text.loop import METRIC, Enough, TextTraining, Variation
from training.text.measures import Alphabet, answers_of, measures_of, to_input
from training.text.settings import HEADS, TRUNKS, TextSettings
from training.text.sheet import SheetReading, draw_text_sheet
from training.text.synthetic import HELD_OUT, DrawingPlan, TextDrawer

MODEL_FILE = "text.onnx"

_SHOWN = 100
_PANELS = {
    "loss": ("loss", "cost"),
    "right pictures": ("accuracy",),
    "right characters": ("character_accuracy",),
    "learning rate": ("learning_rate",),
    "pictures per second": ("pictures_per_s",),
}
_DRAWN_STEPS = 40_000
_READ_EPOCHS = 60
_LEAST_STEPS = 1500
_ENDLESS = 10_000_000
_DECAY_SHARE = 0.4
_MOST_HELD_OUT = 10_000
_COMPARED = 24

T = TypeVar("T")


class _Plan:
    """Everything of a run that is decided before its first step."""

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
        """Pictures to train on and to measure on, and the charset."""
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
        """The network, untrained."""
        settings, preprocess = self.settings, self.preprocess
        head: Head = next(head for head in HEADS if head == settings.head)
        trunk: Trunk = next(trunk for trunk in TRUNKS if trunk == settings.trunk)
        return TextNetwork(
            len(self.alphabet.symbols),
            preprocess.channels,
            preprocess.height,
            preprocess.width,
            head,
            self.alphabet.places,
            trunk=trunk,
            dropout=settings.dropout,
        )

    @property
    def drawing(self) -> DrawingPlan:
        """What is drawn."""
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
        """Pictures to measure on."""
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

    def feed(self, step: int) -> "AbstractContextManager[MemoryFeed | TextFeed]":
        """Where batches come from."""
        settings, preprocess = self.settings, self.preprocess
        if self.pictures is None:
            make = DrawnBlocks(self.drawing, preprocess, 1, settings.seed, step)
            return drawing_feed(
                make, settings.kinds, settings.batch, workers=settings.workers, uses=settings.uses
            )
        size = preprocess.channels * preprocess.height * preprocess.width * len(self.pictures)
        if size <= settings.memory_mb * 1e6:
            block = self._all(self.pictures, "Reading pictures")
            return MemoryFeed(block, settings.batch, settings.seed + step)
        files = FileBlocks(self.pictures, preprocess, 1, settings.seed, step)
        return reading_feed(files, settings.batch, workers=settings.workers)

    def _all(self, pictures: TextSet, told: str) -> TextBlock:
        shape = (self.preprocess.channels, self.preprocess.height, self.preprocess.width)
        inputs = np.empty((len(pictures), *shape), np.uint8)
        for at in through(told, range(len(pictures)), self.console):
            inputs[at] = read_block(pictures, [at], self.preprocess).inputs[0]
        return TextBlock(inputs, pictures.texts)

    @property
    def schedule(self) -> Schedule:
        """How long and how fast."""
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
        """How long the texts are that the model learns, and those that it is measured on."""
        learnt = self.settings.lengths or (4, 4) if self.pictures is None else ()
        read = () if self.pictures is None else map(len, self.pictures.texts)
        return {*learnt, *read, *map(len, held_out)}

    @property
    def statement(self) -> str:
        """What the weights were trained on."""
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


def run_text_training(
    settings: TextSettings,
    out: Path,
    *,
    data: Sequence[Path] = (),
    validation: Sequence[Path] = (),
    start: Path | None = None,
    resume: bool = False,
    finish: bool = False,
    console: Console | None = None,
) -> bool:
    """Train, then export the best weights and draw curves and mistakes.

    Args:
        settings: The user's choice.
        out: Folder of the run.
        data: Folders and packs of labelled pictures; empty where pictures are drawn.
        validation: The same, to measure on; empty holds some of `data` back.
        start: A run folder or checkpoint to start from; None for scratch.
        resume: Whether to go on with the run in `out`.
        finish: With `resume`: let the learning rate fall now.
        console: Where progress is shown.

    Returns:
        False where training was interrupted; what was best so far is exported nevertheless.

    Raises:
        TextTrainingError: the data or the settings cannot be used.
        RunError: `out` is not as `resume` says.
        CheckpointError: `start` cannot be used.
        DivergedError: the loss is no number any more.
        ExportError: the exported file differs from the network.
    """
    console = console or Console(stderr=True)
    keep_freed_memory()
    threads = use_threads(settings.threads)
    torch.manual_seed(settings.seed)
    plan = _Plan(settings, data, validation, console)
    schedule = plan.schedule
    device = default_device()
    network = plan.network()
    if start is not None and not resume:
        _take_over(network, plan.alphabet, start, console)
    facts = {"charset": plan.alphabet.symbols, "head": settings.head, "trunk": settings.trunk}
    if resume:
        _check_same(load_checkpoint(RunFolder(out).last), facts, out)
    revision = code_revision()
    config = {
        "trainer": "text",
        "code": revision,
        "device": device,
        "from": origin_of(out) if resume else (str(start) if start else None),
        "data": [os.fspath(path) for path in data],
        "validation": [os.fspath(path) for path in validation],
        "characters": plan.characters,
        "settings": asdict(settings),
    }
    run = RunFolder.start(out, config, resume=resume)
    held_out = plan.held_out()
    vary = Variation(settings.strength, plan.preprocess.colours, plan.preprocess.binarise)
    network = network.to(device).to(memory_format=torch.channels_last)
    training = TextTraining(
        network,
        run,
        schedule,
        plan.alphabet,
        held_out,
        vary,
        enough=Enough(settings.end_acc, settings.end_cost),
        facts=facts,
        console=console,
    )
    if resume:
        training.resume(finish=finish)
    say(console, _beginning(plan, held_out))
    say(console, f"Characters in use ({len(plan.characters)}): {plan.characters[:_SHOWN]}")
    say(console, f"Training on {device}, {threads} CPU thread(s).")
    with plan.feed(training.step) as feed:
        done = training.fit(feed)
    if run.best.is_file():
        _conclude(plan, run, held_out, revision)
    return done


def through(told: str, items: Sequence[T], console: Console) -> Iterable[T]:
    """Goes through items and shows how far it is."""
    return track(items, told, console=console, transient=True)


def _beginning(plan: _Plan, held_out: TextBlock) -> str:
    """What training begins with, in a sentence."""
    count = "drawn" if plan.pictures is None else str(len(plan.pictures))
    return (
        f"Training on {count} pictures of {len(plan.characters)} characters, measured on "
        f"{len(held_out.words)} others."
    )


def _take_over(network: TextNetwork, alphabet: Alphabet, start: Path, console: Console) -> None:
    """Start from other weights, as far as they fit; characters keep theirs."""
    file = RunFolder(start).best if start.is_dir() else start
    state = load_checkpoint(file)
    old = {symbol: at for at, symbol in enumerate(state.get("charset", ()))}
    weights: dict[str, torch.Tensor] = state["model"]
    new = network.state_dict()
    taken = 0
    for key, own in new.items():
        if key.startswith("head.answers.") and key in weights:
            if weights[key].shape[1:] != own.shape[1:]:
                continue
            for at, symbol in enumerate(alphabet.symbols):
                if symbol in old:
                    own[at] = weights[key][old[symbol]]
            taken += 1
        elif key in weights and weights[key].shape == own.shape:
            own.copy_(weights[key])
            taken += 1
    if not taken:
        raise TextTrainingError(f"{file} holds nothing that fits a text reader.")
    unknown = sum(symbol not in old for symbol in alphabet.symbols)
    say(
        console,
        f"{taken} of {len(new)} arrays of weights come from {file}, and {unknown} characters are "
        "new to it.",
    )


def _check_same(state: dict[str, Any], facts: dict[str, Any], out: Path) -> None:
    for key, value in facts.items():
        before = state.get(key)
        if (tuple(before) if isinstance(before, (list, tuple)) else before) != value:
            raise TextTrainingError(
                f"The run in {out} has another {key}; go on with the settings it had, or begin a "
                "new one with --from."
            )


def _conclude(plan: _Plan, run: RunFolder, held_out: TextBlock, revision: str) -> None:
    """Export what was best, and draw curves and mistakes."""
    settings = plan.settings
    state = load_checkpoint(run.best)
    network = plan.network()
    network.load_state_dict(state["model"])
    network.eval()
    answers = answers_of(network, plan.alphabet, held_out, "cpu")
    measures = measures_of(answers, held_out.words)
    figures = {f"held_out_{name}": round(value, 6) for name, value in measures.items()}
    model = TextModel(settings.name, settings.version, plan.statement, revision, figures)
    counts = plan.lengths_of(held_out.words)
    preprocess = replace(plan.preprocess, shortest=min(counts), longest=max(counts))
    metadata = text_metadata(model, plan.alphabet, preprocess)
    first = TextBlock(held_out.inputs[:_COMPARED], held_out.words[:_COMPARED])
    inputs = to_input(first, "cpu")
    if len(inputs) < 3:
        inputs = inputs.repeat(3, 1, 1, 1)
    file = run.path / MODEL_FILE
    off = export_text(network, metadata, file, inputs)
    run.draw_curves(_PANELS)
    readings = [
        SheetReading(held_out.words[at], text, answers.confidences[at], partial(held_out.seen, at))
        for at, text in enumerate(answers.texts)
    ]
    draw_text_sheet(readings, Lettering.find()).save(run.path / MISTAKES_FILE)
    wrong = sum(not reading.right for reading in readings)
    say(
        plan.console,
        f"Best {METRIC} {measures['accuracy']:.2%} of {len(held_out.words)} held-out pictures at "
        f"step {state['step']} (characters {measures['character_accuracy']:.3%}); wrote {file} "
        f"({file.stat().st_size / 1e6:.1f} MB, within {off:.3f} of the trained network), "
        f"curves.png and {MISTAKES_FILE} with the worst of {wrong} mistakes.",
    )
    say(plan.console, how_to_serve(run.path))
