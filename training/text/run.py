"""A training run of a text reader: data, loop, export, curves, mistakes."""

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from classifier.errors import ReadingError
from classifier.text_network import TextNetwork
from classifier.text_reader import SHIPPED as SHIPPED_READER
from classifier.text_reader import reader_file
from labels.console import say
from training.core.checkpoint import load_checkpoint
from training.core.device import default_device, use_threads
from training.core.distributed import is_first, own_seed, process_group, world_size
from training.core.initial_weights import SHIPPED
from training.core.memory import keep_freed_memory
from training.core.run_folder import (
    MISTAKES_FILE,
    RunFolder,
    code_revision,
    initial_weights_of,
    serve_command,
)
from training.errors import TextTrainingError
from training.evaluation.failures import Lettering
from training.text.blocks import TextBlock, read_block
from training.text.export import TextModel, export_text, text_metadata
from training.text.loop import METRIC, Augmentation, StoppingCriteria, TextTraining
from training.text.measures import Alphabet, metrics_of, predict, to_input
from training.text.onnx_import import state_of_onnx, unfold
from training.text.plan import TextPlan
from training.text.settings import TextSettings
from training.text.sheet import SheetReading, draw_text_sheet

MODEL_FILE = "text.onnx"

_SHOWN = 100
_PANELS = {
    "loss": ("loss", "cost"),
    "right pictures": ("accuracy",),
    "right characters": ("character_accuracy",),
    "learning rate": ("learning_rate",),
    "pictures per second": ("pictures_per_s",),
}
_COMPARED = 24

_SHAPED = ("stem.0.weight", "row.0.weight")
"""Weights whose shapes depend on the trunk, and on the channels and the height of the input."""

_UNFOLDED_ON = 256
"""Pictures from which the normalisations of an ONNX file get their statistics."""


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
        settings: Settings of the training.
        out: Folder of the run.
        data: Folders and packs of labelled pictures; empty where pictures are drawn.
        validation: Folders and packs to validate on; empty holds out some of `data`.
        start: Initial weights: a run folder, a checkpoint, an ONNX file of ours, `shipped` or the
            name of a shipped reader; None for random ones.
        resume: Whether to continue the run in `out`.
        finish: With `resume`: begin the final decay of the learning rate now.
        console: Where progress is shown.

    Returns:
        False where training was interrupted; what was best so far is exported nevertheless.

    Raises:
        TextTrainingError: the data or the settings cannot be used.
        RunError: `out` is not as `resume` says.
        CheckpointError: `start` cannot be used.
        ModelMetadataError: `start` is an ONNX file without metadata of ours.
        DivergedError: the loss is not a number any more.
        ExportError: the exported file differs from the network.
        ShareError: a batch has fewer pictures than there are processes.
    """
    with process_group():
        return _run(settings, out, data, validation, start, resume, finish, console)


def _run(
    settings: TextSettings,
    out: Path,
    data: Sequence[Path],
    validation: Sequence[Path],
    start: Path | None,
    resume: bool,
    finish: bool,
    console: Console | None,
) -> bool:
    """One process of a run; the arguments are those of `run_text_training`."""
    console = console or Console(stderr=True, quiet=not is_first())
    keep_freed_memory()
    threads = use_threads(settings.threads)
    torch.manual_seed(settings.seed)
    plan = TextPlan(settings, data, validation, console)
    schedule = plan.schedule
    device = default_device()
    network = plan.network()
    if start is not None and not resume:
        start = _weights_file(start)
        _take_over(network, plan.alphabet, start, console)
    facts = {"charset": plan.alphabet.symbols, "head": settings.head, "trunk": settings.trunk}
    if resume:
        _check_same(load_checkpoint(RunFolder(out).last), facts, out)
    revision = code_revision()
    config = {
        "trainer": "text",
        "code": revision,
        "device": device,
        "from": initial_weights_of(out) if resume else (str(start) if start else None),
        "data": [os.fspath(path) for path in data],
        "validation": [os.fspath(path) for path in validation],
        "characters": plan.characters,
        "settings": asdict(settings),
    }
    run = RunFolder.start(out, config, resume=resume)
    held_out = plan.held_out()
    if start is not None and not resume and start.suffix == ".onnx":
        unfold(network, _examples(plan, held_out))
    vary = Augmentation(settings.strength, plan.preprocess.colours, plan.preprocess.binarise)
    network = network.to(device).to(memory_format=torch.channels_last)
    training = TextTraining(
        network,
        run,
        schedule,
        plan.alphabet,
        held_out,
        vary,
        enough=StoppingCriteria(settings.end_acc, settings.end_cost),
        facts=facts,
        console=console,
    )
    if resume:
        training.resume(finish=finish)
    say(console, _beginning(plan, held_out))
    say(console, f"Characters in use ({len(plan.characters)}): {plan.characters[:_SHOWN]}")
    say(console, f"Training on {device}, {threads} CPU thread(s).")
    if world_size() > 1:
        torch.manual_seed(own_seed(settings.seed + training.step))  # For the augmentation.
    with plan.loader(training.step) as loader:
        done = training.fit(loader)
    if is_first() and run.best.is_file():
        _conclude(plan, run, held_out, revision)
    return done


def _beginning(plan: TextPlan, held_out: TextBlock) -> str:
    """Number of pictures and characters, in a sentence."""
    count = "drawn" if plan.pictures is None else str(len(plan.pictures))
    return (
        f"Training on {count} pictures of {len(plan.characters)} characters, measured on "
        f"{len(held_out.words)} others."
    )


def _weights_file(start: Path) -> Path:
    """The initial weights: as named, or those of a reader that is shipped."""
    try:
        file = SHIPPED_READER if str(start) == SHIPPED else reader_file(start)
    except ReadingError as error:
        raise TextTrainingError(f"{error} Or give {SHIPPED}, a run folder or a file.") from error
    if not file.exists():
        raise TextTrainingError(f"There is no {file}; give --from a run folder or a file.")
    return file


def _examples(plan: TextPlan, held_out: TextBlock) -> torch.Tensor:
    """Some of the pictures to train on or, where these are drawn, of those that are held out."""
    pictures = plan.pictures
    count = len(held_out.words) if pictures is None else len(pictures)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _UNFOLDED_ON)).astype(int))
    if pictures is not None:
        block = read_block(pictures, chosen.tolist(), plan.preprocess)
    else:
        # Of every kind: they lie kind by kind.
        block = TextBlock(
            held_out.inputs[chosen], tuple(held_out.words[at] for at in chosen.tolist())
        )
    return to_input(block, "cpu")


def _is_weight(key: str) -> bool:
    """Whether an entry of a state dictionary is more than a count of batches."""
    return not key.endswith("num_batches_tracked")


def _take_over(network: TextNetwork, alphabet: Alphabet, start: Path, console: Console) -> None:
    """Load initial weights as far as they fit; known characters keep theirs."""
    file = RunFolder(start).best if start.is_dir() else start
    state = state_of_onnx(file) if file.suffix == ".onnx" else load_checkpoint(file)
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
            taken += _is_weight(key)
    if not taken:
        raise TextTrainingError(f"{file} holds nothing that fits a text reader.")
    anew = [key for key in _SHAPED if key not in weights or weights[key].shape != new[key].shape]
    if anew:
        say(
            console,
            f"The first layers of {file} do not fit ({', '.join(anew)}) and begin anew, so that "
            "training takes about as long as from random weights; choose the height of --size, "
            "--grey or --colour, and --trunk as they were there.",
            "yellow",
        )
    unknown = sum(symbol not in old for symbol in alphabet.symbols)
    say(
        console,
        f"{taken} of {sum(map(_is_weight, new))} arrays of weights come from {file}, and {unknown} "
        "characters are new to it.",
    )


def _check_same(state: dict[str, Any], facts: dict[str, Any], out: Path) -> None:
    for key, value in facts.items():
        before = state.get(key)
        if (tuple(before) if isinstance(before, (list, tuple)) else before) != value:
            raise TextTrainingError(
                f"The run in {out} has another {key}; go on with the settings it had, or begin a "
                "new one with --from."
            )


def _conclude(plan: TextPlan, run: RunFolder, held_out: TextBlock, revision: str) -> None:
    """Export the best weights, and draw curves and mistakes."""
    settings = plan.settings
    state = load_checkpoint(run.best)
    network = plan.network()
    network.load_state_dict(state["model"])
    network.eval()
    answers = predict(network, plan.alphabet, held_out, "cpu")
    measures = metrics_of(answers, held_out.words)
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
    say(plan.console, serve_command(run.path))
