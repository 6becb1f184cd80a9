"""One training of a detector from the first look at the data to the exported file."""

import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from detector import Detections
from labels.annotations import ITEM
from labels.console import say
from modelfile import ModelMetadata, OnnxSession
from training.core.memory import keep_freed_memory
from training.core.run_folder import (
    MISTAKES_FILE,
    RunFolder,
    code_revision,
    how_to_serve,
    origin_of,
)
from training.detector.batches import FrameSource
from training.detector.classes import AUTO
from training.detector.data import DetectionData, prompts_only, read_detection_data
from training.detector.export import LICENCE, describe, export_detector
from training.detector.generated import GENERATED, mixed
from training.detector.metrics import (
    DetectionScores,
    Thresholds,
    best_thresholds,
    item_calibration,
    score,
)
from training.detector.onnx_import import start_from_onnx
from training.detector.settings import DetectorSettings, Tick
from training.detector.sheet import draw_mistakes
from training.detector.trainer import DetectorTrainer
from training.errors import DetectionDataError
from training.ingredients import has_ingredients

MODEL_FILE = "detector.onnx"
PROMPT_MODEL_FILE = "prompt_detector.onnx"
_VALIDATION_PROMPTS = "validation-prompts"

_PROMPT_SCORE = 0.05
"""Boxes of a prompt picture are candidates from this score on; the solver weighs them."""

_PANELS = {
    "loss": ("loss_box", "loss_class", "loss_distance"),
    "validation": ("ap50", "ap75", "scenes_found", "strips_right"),
    "learning rate": ("rate",),
}
_PARITY_PICTURES = 8
_START_PICTURES = 32


@dataclass(frozen=True, slots=True)
class DetectorModel:
    """What the exported file says of itself.

    Attributes:
        name: Without the version.
        version: Version of the weights.
        training_data: What they were trained on; empty writes one from the data's own names.
        prompts: Whether it reads prompt pictures, and nothing else.
    """

    name: str = "clickorder-detector"
    version: str = "1.0.0"
    training_data: str = ""
    prompts: bool = False


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """What a training left.

    Attributes:
        model: The exported file; None where there was nothing to export yet.
        scores: Scores of the best weights on the validation pictures.
        thresholds: Scores from which boxes count.
        stopped: Whether somebody stopped it before its end.
    """

    model: Path | None
    scores: DetectionScores | None
    thresholds: Thresholds
    stopped: bool


def run_detector_training(
    paths: Sequence[Path],
    out: Path,
    settings: DetectorSettings,
    *,
    validation: Sequence[Path] = (),
    model: DetectorModel | None = None,
    start: Path | None = None,
    mix: int | None = 0,
    classes: str = AUTO,
    resume: bool = False,
    console: Console | None = None,
) -> DetectorResult:
    """Train, keep the best weights, and export them.

    Args:
        paths: What to learn from, see `read_detection_data`.
        out: The run folder.
        settings: How to train.
        validation: What to check against; empty sets a tenth of the pictures aside.
        model: What the exported file says of itself.
        start: A checkpoint or an exported file to start from; None for random weights.
        mix: How many generated puzzles to mix in; None for as many as there are pictures, where
            they can be drawn and the data have a single class.
        classes: Which classes are learnt: `auto`, `keep`, `one`, or names separated by commas.
        resume: Whether to go on with the run in `out`.
        console: Where progress goes; None for the terminal's error stream.

    Raises:
        TrainingError: one sentence, or one a line where the data have several faults.
        PuzzleSetError: a puzzle set does not fit its format.
    """
    console = console or Console(stderr=True)
    if resume and classes == AUTO:
        # What was decided on fewer pictures must not change under a network.
        classes = str(RunFolder(out).config().get("classes", AUTO))
    data = read_detection_data(paths, validation, classes=classes)
    if mix is None:
        mix = len(data.train) if len(data.classes) == 1 and has_ingredients() else 0
    if mix:
        data = mixed(data, mix, out / GENERATED, seed=settings.seed)
    return train_on(
        data,
        out,
        settings,
        validation=validation,
        model=model,
        start=start,
        classes=classes,
        resume=resume,
        console=console,
    )


def run_prompt_training(
    paths: Sequence[Path],
    out: Path,
    settings: DetectorSettings,
    *,
    validation: Sequence[Path] = (),
    model: DetectorModel | None = None,
    start: Path | None = None,
    drawn: bool = True,
    resume: bool = False,
    console: Console | None = None,
) -> DetectorResult:
    """Train a detector of prompt pictures, keep the best weights, and export them.

    Args:
        paths: Puzzle sets, of which the prompt pictures count, or folders of labelled prompt
            pictures; may be empty where pictures are drawn.
        out: The run folder.
        settings: How to train.
        validation: What to check against; empty takes drawn pictures, or sets a tenth aside.
        model: What the exported file says of itself.
        start: A checkpoint or an exported file to start from; None for random weights.
        drawn: Whether to draw pictures from the ingredients all the time, beside those of `paths`.
        resume: Whether to go on with the run in `out`.
        console: Where progress goes; None for the terminal's error stream.

    Raises:
        TrainingError: one sentence, or one a line where the data have several faults.
        PuzzleSetError: a puzzle set does not fit its format.
        IngredientsMissingError: there is nothing to draw with.
    """
    console = console or Console(stderr=True)
    model = model or DetectorModel("clickorder-prompt-detector", prompts=True)
    own = prompts_only(read_detection_data(paths, validation)) if paths else None
    if not drawn:
        if own is None:
            raise DetectionDataError(
                "There is nothing to train on; name puzzle sets or folders, or let it draw."
            )
        return train_on(
            own, out, settings, validation=validation, model=model, start=start, resume=resume,
            console=console,
        )  # fmt: skip
    from training.detector.drawn_prompts import DrawnPrompts, validation_prompts

    source = DrawnPrompts(own=own.train if own else ())
    source.warm()
    if own is not None and validation:
        held = own.validation
    else:
        held = tuple(validation_prompts(out.parent / f"{out.name}-{_VALIDATION_PROMPTS}"))
        held += own.validation if own else ()
    learned = own.train if own else held[:1]
    data = DetectionData((ITEM,), learned, held, (*map(str, paths), "drawn prompt pictures"))
    return train_on(
        data, out, settings, validation=validation, model=model, start=start, resume=resume,
        source=source, console=console,
    )  # fmt: skip


def train_on(
    data: DetectionData,
    out: Path,
    settings: DetectorSettings,
    *,
    validation: Sequence[Path] = (),
    model: DetectorModel | None = None,
    start: Path | None = None,
    classes: str = AUTO,
    resume: bool = False,
    newest: bool = False,
    source: FrameSource | None = None,
    console: Console | None = None,
) -> DetectorResult:
    """Train on data that have been read, keep the best weights, and export them.

    Args:
        data: What to learn from and to check against.
        out: The run folder.
        settings: How to train.
        validation: Where the latter came from, for the records.
        model: What the exported file says of itself.
        start: A checkpoint or an exported file to start from; None for random weights.
        classes: How the classes were chosen, for the records.
        resume: Whether to go on with the run in `out`.
        newest: Take the last weights and not those that measured best, and keep the thresholds of
            the file that was started from: for data of which little can be held back.
        source: Draws the frames to learn from, in place of `data.train`.
        console: Where progress goes; None for the terminal's error stream.

    Raises:
        TrainingError: one sentence, or one a line where the data have several faults.
    """
    console = console or Console(stderr=True)
    if data.note:
        say(console, data.note)
    say(console, _summary(data) if source is None else _drawn_summary(data, source))
    config = asdict(settings) | {
        "data": list(data.sources),
        "validation": [str(path) for path in validation],
        "classes": classes,
        "from": origin_of(out) if resume else str(start) if start else None,
        "code_revision": code_revision(),
    }
    keep_freed_memory()
    trainer = DetectorTrainer(data, settings, source)
    run = RunFolder.start(out, config, resume=resume)
    if resume:
        trainer.restore(run.last)
        run.rewind(trainer.progress.step)
        done = trainer.progress
        say(console, f"Going on from step {done.step} in epoch {done.epoch + 1} of {out}.")
    elif start is not None:
        _start(trainer, start)
    half = ", in bfloat16" if trainer.half else ""
    say(console, f"Training on {trainer.device}{half}, {trainer.threads} CPU thread(s).")
    stopped = _train(trainer, run, console)
    given = None
    if newest and not stopped:
        trainer.save(run.best)
        given = _thresholds_of(start)
    return _finish(trainer, run, model or DetectorModel(), console, stopped=stopped, given=given)


def _thresholds_of(file: Path | None) -> Thresholds | None:
    """Those of an exported file; None where there is none."""
    if file is None or file.suffix.lower() != ".onnx":
        return None
    metadata = ModelMetadata.from_properties(OnnxSession(file).properties, source=str(file))
    strip = metadata.calibration.get("strip_threshold", Thresholds().strip)
    return Thresholds(metadata.confidence_threshold, strip)


def _start(trainer: DetectorTrainer, file: Path) -> None:
    if file.suffix.lower() == ".onnx":
        pictures = [s.load() for s in trainer.data.train[:_START_PICTURES]]
        start_from_onnx(trainer.network, file, pictures, trainer.settings.frame)
        trainer.average.load_state_dict(trainer.network.state_dict())
    else:
        trainer.start_from(file)


def _train(trainer: DetectorTrainer, run: RunFolder, console: Console) -> bool:
    """Epochs until the last, the time limit, the patience or a signal; whether it was a signal."""
    settings, done = trainer.settings, trainer.progress
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with (
        _interruptible() as stopped,
        Progress(*columns, console=console, speed_estimate_period=300) as bars,
    ):
        bar = bars.add_task("Training", total=1.0)
        metric = ""

        def report(tick: Tick) -> None:
            text = (
                f"epoch {done.epoch + 1}/{settings.epochs}, {done.batch}/{tick.batches}, "
                f"loss {sum(tick.losses):.2f}, {tick.frames_per_s:.0f} frames/s{metric}"
            )
            bars.update(bar, completed=tick.share, description=text)

        def checkpoint() -> None:
            trainer.save(run.last)

        while done.epoch < settings.epochs and not trainer.out_of_time and not stopped():
            if done.epoch - done.best_epoch >= settings.patience:
                say(bars.console, f"No better epoch in {settings.patience}: stopping early.")
                break
            losses = trainer.train_epoch(report, checkpoint, stopped)
            if losses is None:
                break
            scores, _ = trainer.validate()
            if scores.fitness > done.best:
                done.best, done.best_epoch = scores.fitness, done.epoch
                trainer.save(run.best)
            run.log(
                done.step,
                epoch=done.epoch,
                elapsed_s=round(done.elapsed_s, 1),
                **losses,
                **asdict(scores),
                fitness=scores.fitness,
            )
            checkpoint()
            metric = f", AP50 {scores.ap50:.3f}"
            say(bars.console, f"Epoch {done.epoch}: {_figures(scores)}.")
        checkpoint()
        return stopped()


def _finish(
    trainer: DetectorTrainer,
    run: RunFolder,
    model: DetectorModel,
    console: Console,
    *,
    stopped: bool,
    given: Thresholds | None,
) -> DetectorResult:
    """Curves, the sheet of mistakes and the exported file, from the best weights."""
    data = trainer.data
    if stopped:
        say(console, f"Stopped; go on with --resume --out {run.path}.")
    if not run.best.is_file():
        say(console, "No epoch was finished, so there is nothing to export yet.")
        return DetectorResult(None, None, Thresholds(), stopped)
    trainer.start_from(run.best)
    _, found = trainer.validate()
    thresholds = given or best_thresholds(data.validation, found)
    if model.prompts and given is None:
        thresholds = Thresholds(_PROMPT_SCORE, thresholds.strip)
    scores = score(data.validation, found, thresholds)
    run.draw_curves(_PANELS)
    count = draw_mistakes(data.validation, found, thresholds, run.path / MISTAKES_FILE)
    sheet = f"the {count} worst mistakes are in {run.path / MISTAKES_FILE}"
    say(
        console,
        f"Boxes count from a score of {thresholds.scene} ({thresholds.strip} in prompt "
        f"pictures): {_figures(scores)}; {sheet}.",
    )
    file = run.path / (PROMPT_MODEL_FILE if model.prompts else MODEL_FILE)
    metadata = describe(_metadata(trainer, model), thresholds, scores)
    if model.prompts:
        slope, bias = item_calibration(data.validation, found, _PROMPT_SCORE)
        told = {"item_slope": round(slope, 4), "item_bias": round(bias, 4)}
        metadata = replace(metadata, calibration={**metadata.calibration, **told})
    pictures = _varied(data, found)
    difference = export_detector(trainer.average, metadata, file, pictures)
    size_mb = file.stat().st_size / 1e6
    say(
        console,
        f"{file}: {size_mb:.1f} MB, within {difference:.2f} px of the trained network on "
        f"{len(pictures)} pictures.",
    )
    say(console, how_to_serve(run.path))
    return DetectorResult(file, scores, thresholds, stopped)


def _varied(data: DetectionData, found: Sequence[Detections]) -> list[NDArray[np.uint8]]:
    """Validation pictures spread over the set, those with boxes first: parity needs some."""
    order = sorted(range(len(found)), key=lambda i: (len(found[i]) == 0, i))
    step = max(1, len(order) // _PARITY_PICTURES)
    return [data.validation[i].load() for i in order[::step][:_PARITY_PICTURES]]


def _metadata(trainer: DetectorTrainer, model: DetectorModel) -> ModelMetadata:
    data = trainer.data
    sources = ", ".join(Path(source).name for source in data.sources)
    return ModelMetadata(
        kind="detector",
        name=model.name,
        version=model.version,
        input_size=trainer.settings.frame,
        colour="RGB",
        scale=1 / 255,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        training_data=model.training_data or f"{_seen(trainer)} of {sources}",
        code_revision=code_revision(),
        licence=LICENCE,
        classes=data.classes,
    )


def _seen(trainer: DetectorTrainer) -> str:
    """How many pictures a network has learnt from."""
    if not trainer.draws:
        return f"{len(trainer.data.train)} pictures"
    return f"{trainer.progress.step * trainer.settings.batch} pictures"


def _summary(data: DetectionData) -> str:
    strips = sum(sample.strip for sample in data.train)
    boxes = sum(len(sample.boxes) for sample in data.train)
    return (
        f"{len(data.train)} pictures to learn from ({strips} of them prompt pictures) with {boxes} "
        f"boxes, {len(data.validation)} to check against; classes: {', '.join(data.classes[:12])}"
        f"{' ...' if len(data.classes) > 12 else ''}."
    )


def _drawn_summary(data: DetectionData, source: FrameSource) -> str:
    return (
        f"Prompt pictures are drawn all the time, {source.epoch_size} an epoch; "
        f"{len(data.validation)} to check against."
    )


def _figures(scores: DetectionScores) -> str:
    text = f"AP50 {scores.ap50:.3f}, AP75 {scores.ap75:.3f}"
    if math.isfinite(scores.scenes_found):
        text += f", every item found in {scores.scenes_found:.1%} of the pictures"
    if math.isfinite(scores.strips_right):
        text += f", {scores.strips_right:.1%} of the prompt pictures right"
    return text


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and termination end the training after the step that is under way.

    A second signal ends it at once.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
