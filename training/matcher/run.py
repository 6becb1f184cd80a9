"""A whole run of a matching trainer: data, loop, export, curves, mistakes."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from labels.console import say
from modelfile import ModelMetadata
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
from training.matcher.crop_inputs import Trial
from training.matcher.export import (
    classifier_metadata,
    export_classifier,
    export_siamese,
    siamese_metadata,
)
from training.matcher.imprinting import IMPRINT_STEP, Imprinter
from training.matcher.joint_model import JointModel, Weighting, restore
from training.matcher.loop import Training
from training.matcher.match_metrics import match_outcomes, measures, read_outcomes
from training.matcher.mistakes import draw_mistakes
from training.matcher.onnx_import import state_of_both, state_of_onnx, unfold
from training.matcher.pairs import BlockSource, Feed

_PANELS = {
    "loss": ("loss_match", "loss_pair", "loss_none", "loss_symbol"),
    "trials solved": ("solved", "match", "words"),
    "by kind": ("match_characters", "match_icons", "match_latin", "match_pictures", "top1"),
    "learning rate": ("learning_rate",),
    "pairs per second": ("pairs_per_s",),
}
_UNFOLDED_CROPS = 256
_COMPARED_CROPS = 48


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may choose.

    Attributes:
        schedule: How long and how fast.
        batch_blocks: Blocks of twelve pairs in a batch.
        trials: Small puzzles to measure on.
        workers: Processes that make crops.
        threads: CPU threads; 0 for torch's choice.
        uses: How often a crop is used at most.
        name: Prefix of the models' names.
        version: Version of the weights.
        statement: What they were trained on; empty for a default.
    """

    schedule: Schedule
    batch_blocks: int = 8
    trials: int = 200
    workers: int = 1
    threads: int = 0
    uses: int = 4
    name: str = "clickorder"
    version: str = "1.0.0"
    statement: str = ""


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """What is learned from what.

    Attributes:
        trainer: `siamese` or `classifier`, for the records.
        charset: What the network names; empty for none.
        weighting: Weights of the losses.
        metric: Which measure decides what is best.
        make: Makes the source of a worker.
        kinds: Blocks of each kind in a batch.
        trials: Draws the small puzzles.
        statement: What the data are.
        notes: What the user should know before training starts.
        imprinter: Sets the rows of symbols from their glyphs; None where they are learned.
        newest: Whether the last weights are taken and not those that measured best: where little
            can be held back, the measure says less than the end of the schedule.
        examples: `(N, 64, 64, 3)` uint8 RGB crops of the kind to train on, a hundred or more; None
            takes those of the trials.
    """

    trainer: str
    charset: tuple[str, ...]
    weighting: Weighting
    metric: str
    make: Callable[[int], BlockSource]
    kinds: Mapping[str, int]
    trials: Callable[[], list[Trial]]
    statement: str
    notes: tuple[str, ...] = ()
    imprinter: Imprinter | None = None
    newest: bool = False
    examples: Callable[[], NDArray[np.uint8]] | None = None


def charset_of(run: Path) -> tuple[str, ...]:
    """The charset of a run's newest checkpoint, for resuming; empty where there is none yet."""
    newest = RunFolder(run).last
    return tuple(load_checkpoint(newest)["charset"]) if newest.is_file() else ()


def run_course(
    course: TrainingTask,
    out: Path,
    settings: Settings,
    *,
    start: Sequence[Path] = (),
    resume: bool = False,
    finish: bool = False,
    console: Console | None = None,
) -> bool:
    """Train, then export the best weights and draw curves and mistakes.

    Args:
        course: What is learned from what.
        out: Folder of the run.
        settings: The user's choice.
        start: A run folder, checkpoint or ONNX file of ours to start from, or `siamese.onnx` and
            `classifier.onnx` of one run; empty for scratch.
        resume: Whether to go on with the run in `out`.
        finish: With `resume`: let the learning rate fall now.
        console: Where progress is shown.

    Returns:
        False where training was interrupted; then nothing is exported.

    Raises:
        RunError: `out` is not as `resume` says.
        CheckpointError: `start` cannot be used.
        DivergedError: the loss is no number any more.
        ExportError: an exported file differs from the network.
    """
    console = console or Console(stderr=True)
    schedule = settings.schedule
    keep_freed_memory()
    threads = use_threads(settings.threads)
    torch.manual_seed(schedule.seed)
    revision = code_revision()
    config = {
        "trainer": course.trainer,
        "code": revision,
        "device": default_device(),
        "from": origin_of(out) if resume else ", ".join(map(str, start)) or None,
        "symbols": len(course.charset),
        "weighting": asdict(course.weighting),
        "kinds": dict(course.kinds),
        **asdict(settings),
    }
    run = RunFolder.start(out, config, resume=resume)
    console.print(f"Training on {default_device()}, {threads} CPU thread(s).", highlight=False)
    for note in course.notes:
        say(console, note, "yellow")
    model = JointModel(course.charset)
    if start and not resume:
        unknown = restore(model, _starting_state(start))
        if unknown:
            begin = (
                "start untrained" if course.imprinter is None else "get rows from their pictures"
            )
            say(console, f"{len(unknown)} symbols are new to {start[-1]} and {begin}.")
    if course.imprinter is not None:
        course.imprinter.prepare(model)
    trials = course.trials()
    if start and start[0].suffix == ".onnx" and not resume:
        crops = course.examples() if course.examples else _scenes(trials)
        unfold(model, crops[:_UNFOLDED_CROPS])
    training = Training(
        model,
        run,
        schedule,
        course.weighting,
        lambda trained, device: measures(trained, trials, device),
        course.metric,
        imprinter=course.imprinter,
        imprint_from=IMPRINT_STEP if config["from"] is None else 0,
        console=console,
    )
    if resume:
        training.resume(finish=finish)
    with Feed(
        course.make,
        course.kinds,
        # A resumed run must not draw the same crops again.
        seed=schedule.seed + training.step,
        workers=settings.workers,
        uses=settings.uses,
    ) as feed:
        if not training.fit(feed):
            return False
    if course.newest:
        shutil.copyfile(run.last, run.best)
    _conclude(course, run, settings, trials, revision, console)
    return True


def export_run(
    run: RunFolder, settings: Settings, trials: list[Trial], statement: str, revision: str
) -> tuple[Path, ...]:
    """Export the best weights of a run, also while it is still going on.

    Args:
        run: With a best checkpoint.
        settings: For names and version.
        trials: To compare on and to state the figures of.
        statement: What the weights were trained on.
        revision: Revision of the code.

    Returns:
        `siamese.onnx`, if that was trained, and, where there is a charset, `classifier.onnx`, in
        the run's folder.
    """
    state = load_checkpoint(run.best)
    model = JointModel(tuple(state["charset"]))
    restore(model, state)
    model.eval()
    figures = {f"validation_{k}": round(v, 4) for k, v in measures(model, trials, "cpu").items()}
    crops = _scenes(trials)[:_COMPARED_CROPS]
    trained = settings.statement or statement
    files: list[Path] = []

    def names(kind: str) -> tuple[str, str, str, str]:
        return f"{settings.name}-{kind}", settings.version, trained, revision

    if run.config()["trainer"] == "siamese":
        own = {k: v for k, v in figures.items() if "match" in k}
        metadata: ModelMetadata = siamese_metadata(*names("siamese"), own)
        files.append(run.path / "siamese.onnx")
        export_siamese(model, metadata, files[-1], crops)
    if model.charset:
        own = {k: v for k, v in figures.items() if k.endswith(("words", "top1"))}
        metadata = classifier_metadata(*names("classifier"), own, model.charset)
        files.append(run.path / "classifier.onnx")
        export_classifier(model, metadata, files[-1], crops)
    return tuple(files)


def _conclude(
    course: TrainingTask,
    run: RunFolder,
    settings: Settings,
    trials: list[Trial],
    revision: str,
    console: Console,
) -> None:
    files = export_run(run, settings, trials, course.statement, revision)
    run.draw_curves(_PANELS)
    state = load_checkpoint(run.best)
    model = JointModel(tuple(state["charset"]))
    restore(model, state)
    model.eval()
    matched = match_outcomes(model, trials, "cpu") if course.weighting.pairs else []
    read = read_outcomes(model, trials, "cpu") if course.weighting.symbols else []
    wrong = draw_mistakes(trials, matched, read, run.path / MISTAKES_FILE)
    sizes = ", ".join(f"{file} ({file.stat().st_size / 1e6:.1f} MB)" for file in files)
    say(
        console,
        f"Best {course.metric} {float(state['best']):.4f} at step {state['step']}; wrote {sizes}, "
        f"curves.png and {MISTAKES_FILE} with {wrong} mistakes.",
    )
    say(console, how_to_serve(run.path))


def _starting_state(start: Sequence[Path]) -> dict[str, Any]:
    if len(start) > 1:
        return state_of_both(*start)
    (file,) = start
    if file.suffix == ".onnx":
        return state_of_onnx(file)
    return load_checkpoint(RunFolder(file).best if file.is_dir() else file)


def _scenes(trials: Sequence[Trial]) -> NDArray[np.uint8]:
    return np.concatenate([trial.scene for trial in trials])
