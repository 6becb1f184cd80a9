"""A training run of matcher or classifier: data, loop, export, curves, mistakes."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from detector.yolo import YoloDetector
from labels.console import say
from modelfile import ModelMetadata
from training.core.checkpoint import load_checkpoint
from training.core.device import default_device, use_threads
from training.core.distributed import from_first, is_first, own_blocks, own_seed, process_group
from training.core.initial_weights import shipped_file
from training.core.memory import keep_freed_memory
from training.core.run_folder import (
    MISTAKES_FILE,
    RunFolder,
    code_revision,
    initial_weights_of,
    serve_command,
)
from training.matcher.crop_inputs import Trial
from training.matcher.export import (
    classifier_metadata,
    export_classifier,
    export_siamese,
    siamese_metadata,
)
from training.matcher.imprinting import IMPRINT_STEP
from training.matcher.joint_model import JointModel, restore
from training.matcher.loop import Training
from training.matcher.match_metrics import match_outcomes, measures, read_outcomes
from training.matcher.mining import HARD_NEGATIVES_FILE, mine
from training.matcher.mistakes import draw_mistakes
from training.matcher.onnx_import import state_of_both, state_of_onnx, unfold
from training.matcher.pairs import PairLoader
from training.matcher.settings import Settings
from training.matcher.task import Trainer, TrainingTask, picture_task, synthetic_task
from training.synthetic.crops.source import CHARSET

_PANELS = {
    "loss": ("loss_match", "loss_pair", "loss_none", "loss_symbol"),
    "trials solved": ("solved", "match", "words"),
    "by kind": ("match_characters", "match_icons", "match_latin", "match_pictures", "top1"),
    "learning rate": ("learning_rate",),
    "pairs per second": ("pairs_per_s",),
}
_UNFOLDED_CROPS = 256
_COMPARED_CROPS = 48


def run_training(
    trainer: Trainer,
    data: Path | None,
    out: Path,
    settings: Settings,
    *,
    start: Sequence[Path] = (),
    mix: bool = False,
    notes: Sequence[str] = (),
    resume: bool = False,
    finish: bool = False,
    skip_faulty: bool = False,
    hard_negatives: Sequence[Path] = (),
) -> bool:
    """Train a matcher or a classifier and export it into the run's folder.

    On drawn crops both learn the same trunk, which tells look-alikes apart by naming characters; a
    matcher's run then gives `classifier.onnx` as well.

    Args:
        trainer: Which of the two.
        data: Class folders, `label_hash.png` pictures or a puzzle set; None for drawn crops.
        out: Folder of the run.
        settings: Settings of the training.
        start: Initial weights, see `run_task`; empty for random ones. Symbols that they know keep
            their weights.
        mix: Whether half of each batch is drawn, beside the user's own pictures.
        notes: What the user should know, once the data are read.
        resume: Whether to continue the run in `out`.
        finish: With `resume`: begin the final decay of the learning rate now.
        skip_faulty: Leave out unreadable pictures and classes with too few pictures.
        hard_negatives: Puzzle sets to mine, see `training.matcher.mining`; for drawn crops. A run
            that is resumed keeps those that it has.

    Returns:
        False where training was interrupted.

    Raises:
        TrainingError: something is wrong with the data, the folder or the weights.
        PuzzleSetError: a puzzle set does not fit its format.
    """
    with process_group():
        task = _task(
            trainer, data, out, settings, start, mix, notes, resume, skip_faulty, hard_negatives
        )
        return run_task(task, out, settings, start=start, resume=resume, finish=finish)


def _task(
    trainer: Trainer,
    data: Path | None,
    out: Path,
    settings: Settings,
    start: Sequence[Path],
    mix: bool,
    notes: Sequence[str],
    resume: bool,
    skip_faulty: bool,
    hard_negatives: Sequence[Path],
) -> TrainingTask:
    """What is learned from what; the arguments are those of `run_training`."""
    if data is None:
        charset = (_charset_of(out) if resume else ()) or tuple(CHARSET)
        mined = out / HARD_NEGATIVES_FILE
        if not resume and is_first():
            mined.unlink(missing_ok=True)
            if hard_negatives:
                _mine(hard_negatives, mined)
        from_first(None)  # The others wait until it is there.
        return synthetic_task(
            trainer,
            charset,
            settings,
            fresh=not start and not resume,
            mined=mined if mined.is_file() else None,
        )
    return picture_task(trainer, data, settings, notes, mix=mix, skip_faulty=skip_faulty)


def _mine(sets: Sequence[Path], file: Path) -> None:
    """Mine with the detector that is shipped, whatever the run's own network is for."""
    file.parent.mkdir(parents=True, exist_ok=True)
    detector = YoloDetector.load(shipped_file("detector"))
    mine(sets, detector, file, Console(stderr=True))


def _charset_of(run: Path) -> tuple[str, ...]:
    """The charset of a run's newest checkpoint, for resuming; empty where there is none yet."""
    newest = RunFolder(run).last
    return tuple(load_checkpoint(newest)["charset"]) if newest.is_file() else ()


def run_task(
    task: TrainingTask,
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
        task: What is learned from what.
        out: Folder of the run.
        settings: Settings of the training.
        start: A run folder, checkpoint or ONNX file of ours to start from, or `siamese.onnx` and
            `classifier.onnx` of one run; empty for scratch.
        resume: Whether to continue the run in `out`.
        finish: With `resume`: begin the final decay of the learning rate now.
        console: Where progress is shown.

    Returns:
        False where training was interrupted; then nothing is exported.

    Raises:
        RunError: `out` is not as `resume` says.
        CheckpointError: `start` cannot be used.
        DivergedError: the loss is not a number any more.
        ExportError: an exported file differs from the network.
        ShareError: a batch has fewer blocks than there are processes.
    """
    console = console or Console(stderr=True, quiet=not is_first())
    schedule = settings.schedule
    keep_freed_memory()
    threads = use_threads(settings.threads)
    torch.manual_seed(schedule.seed)
    revision = code_revision()
    config = {
        "trainer": task.trainer,
        "code": revision,
        "device": default_device(),
        "from": initial_weights_of(out) if resume else ", ".join(map(str, start)) or None,
        "symbols": len(task.charset),
        "weighting": asdict(task.weighting),
        "kinds": dict(task.kinds),
        **asdict(settings),
    }
    run = RunFolder.start(out, config, resume=resume)
    console.print(f"Training on {default_device()}, {threads} CPU thread(s).", highlight=False)
    for note in task.notes:
        say(console, note, "yellow")
    model = JointModel(task.charset)
    if start and not resume:
        unknown = restore(model, _starting_state(start))
        if unknown:
            begin = "start untrained" if task.imprinter is None else "get rows from their pictures"
            say(console, f"{len(unknown)} symbols are new to {start[-1]} and {begin}.")
    if task.imprinter is not None:
        task.imprinter.prepare(model)
    trials = task.trials()
    if start and start[0].suffix == ".onnx" and not resume:
        crops = task.examples() if task.examples else _scenes(trials)
        unfold(model, crops[:_UNFOLDED_CROPS])
    training = Training(
        model,
        run,
        schedule,
        task.weighting,
        lambda trained, device: measures(trained, trials, device),
        task.metric,
        imprinter=task.imprinter,
        imprint_from=IMPRINT_STEP if config["from"] is None else 0,
        console=console,
    )
    if resume:
        training.resume(finish=finish)
    with PairLoader(
        task.make,
        own_blocks(task.kinds),
        # A resumed run must not draw the same crops again, nor two processes the same.
        seed=own_seed(schedule.seed) + training.step,
        workers=settings.workers,
        uses=settings.uses,
    ) as loader:
        if not training.fit(loader):
            return False
    if not is_first():
        return True
    if task.newest:
        shutil.copyfile(run.last, run.best)
    _conclude(task, run, settings, trials, revision, console)
    return True


def export_run(
    run: RunFolder, settings: Settings, trials: list[Trial], statement: str, revision: str
) -> tuple[Path, ...]:
    """Export the best weights of a run, which may still be in progress.

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
    task: TrainingTask,
    run: RunFolder,
    settings: Settings,
    trials: list[Trial],
    revision: str,
    console: Console,
) -> None:
    files = export_run(run, settings, trials, task.statement, revision)
    run.draw_curves(_PANELS)
    state = load_checkpoint(run.best)
    model = JointModel(tuple(state["charset"]))
    restore(model, state)
    model.eval()
    matched = match_outcomes(model, trials, "cpu") if task.weighting.pairs else []
    read = read_outcomes(model, trials, "cpu") if task.weighting.symbols else []
    wrong = draw_mistakes(trials, matched, read, run.path / MISTAKES_FILE)
    sizes = ", ".join(f"{file} ({file.stat().st_size / 1e6:.1f} MB)" for file in files)
    say(
        console,
        f"Best {task.metric} {float(state['best']):.4f} at step {state['step']}; wrote {sizes}, "
        f"curves.png and {MISTAKES_FILE} with {wrong} mistakes.",
    )
    say(console, serve_command(run.path))


def _starting_state(start: Sequence[Path]) -> dict[str, Any]:
    if len(start) > 1:
        return state_of_both(*start)
    (file,) = start
    if file.suffix == ".onnx":
        return state_of_onnx(file)
    return load_checkpoint(RunFolder(file).best if file.is_dir() else file)


def _scenes(trials: Sequence[Trial]) -> NDArray[np.uint8]:
    return np.concatenate([trial.scene for trial in trials])
