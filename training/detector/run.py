"""A training run of a detector, from reading the data to the exported file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rich.console import Console

from labels.annotations import ITEM
from labels.console import say
from training.core.memory import keep_freed_memory
from training.core.run_folder import (
    RunFolder,
    code_revision,
    initial_weights_of,
)
from training.detector.batches import FrameSource
from training.detector.classes import AUTO
from training.detector.data import read_detection_data
from training.detector.epochs import run_epochs
from training.detector.generated import GENERATED, mixed
from training.detector.onnx_import import start_from_onnx
from training.detector.result import DetectorModel, DetectorResult, Inherited, conclude
from training.detector.samples import DetectionData, prompts_only
from training.detector.settings import DetectorSettings
from training.detector.trainer import DetectorTrainer
from training.errors import DetectionDataError
from training.ingredients import has_ingredients

_VALIDATION_PROMPTS = "validation-prompts"

_START_PICTURES = 32


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The folder and the settings of a training, and what it starts from.

    Attributes:
        out: The run folder.
        settings: Settings of the training.
        validation: Validation data; empty sets a tenth of the pictures aside.
        model: Metadata of the exported file; None for the usual name of such a detector.
        start: A checkpoint or an exported file with the initial weights; None for random ones.
        classes: Which classes are trained: `auto`, `keep`, `one`, or names separated by commas.
        resume: Whether to continue the run in `out`.
        newest: Take the last weights and not those that measured best, and keep thresholds and
            calibration of the file that was started from: for data of which little can be held
            back.
        console: Where progress goes.
    """

    out: Path
    settings: DetectorSettings
    validation: Sequence[Path] = ()
    model: DetectorModel | None = None
    start: Path | None = None
    classes: str = AUTO
    resume: bool = False
    newest: bool = False
    console: Console = field(default_factory=lambda: Console(stderr=True))


def run_detector_training(
    paths: Sequence[Path], plan: TrainingPlan, *, mix: int | None = 0
) -> DetectorResult:
    """Train, keep the best weights, and export them.

    Args:
        paths: Training data, see `read_detection_data`.
        plan: How to train.
        mix: How many generated puzzles to mix in; None for as many as there are pictures, where
            they can be drawn and the data have a single class.

    Raises:
        TrainingError: one sentence, or one a line where the data have several faults.
        PuzzleSetError: a puzzle set does not fit its format.
    """
    if plan.resume and plan.classes == AUTO:
        # What was decided on fewer pictures must not change under a network.
        plan = replace(plan, classes=str(RunFolder(plan.out).config().get("classes", AUTO)))
    data = read_detection_data(paths, plan.validation, classes=plan.classes)
    if mix is None:
        mix = len(data.train) if len(data.classes) == 1 and has_ingredients() else 0
    if mix:
        data = mixed(data, mix, plan.out / GENERATED, seed=plan.settings.seed)
    return train_on(data, plan)


def run_prompt_training(
    paths: Sequence[Path], plan: TrainingPlan, *, drawn: bool = True
) -> DetectorResult:
    """Train a detector of prompt pictures, keep the best weights, and export them.

    Args:
        paths: Puzzle sets, of which the prompt pictures count, or folders of labelled prompt
            pictures; may be empty where pictures are drawn.
        plan: How to train. Without validation data it is drawn pictures, or a tenth set aside.
        drawn: Whether to draw pictures from the ingredients all the time, beside those of `paths`.

    Raises:
        TrainingError: one sentence, or one a line where the data have several faults.
        PuzzleSetError: a puzzle set does not fit its format.
        IngredientsMissingError: there is nothing to draw with.
    """
    model = plan.model or DetectorModel("clickorder-prompt-detector", prompts=True)
    plan = replace(plan, classes=AUTO, model=model)
    own = prompts_only(read_detection_data(paths, plan.validation)) if paths else None
    if not drawn:
        if own is None:
            raise DetectionDataError(
                "There is nothing to train on; name puzzle sets or folders, or let it draw."
            )
        return train_on(own, plan)
    from training.detector.drawn_prompts import DrawnPrompts, validation_prompts

    source = DrawnPrompts(own=own.train if own else ())
    source.warm()
    if own is not None and plan.validation:
        held = own.validation
    else:
        folder = plan.out.parent / f"{plan.out.name}-{_VALIDATION_PROMPTS}"
        held = tuple(validation_prompts(folder))
        held += own.validation if own else ()
    learned = own.train if own else held[:1]
    data = DetectionData((ITEM,), learned, held, (*map(str, paths), "drawn prompt pictures"))
    return train_on(data, plan, source)


def train_on(
    data: DetectionData, plan: TrainingPlan, source: FrameSource | None = None
) -> DetectorResult:
    """Train on data that have been read, keep the best weights, and export them.

    Args:
        data: Training and validation pictures.
        plan: How to train; its validation data and classes are only recorded.
        source: Draws the frames to learn from, in place of `data.train`.

    Raises:
        TrainingError: one sentence, or one a line where the data have several faults.
    """
    out, console = plan.out, plan.console
    if data.note:
        say(console, data.note)
    say(console, _summary(data) if source is None else _drawn_summary(data, source))
    initial_weights = str(plan.start) if plan.start else None
    if plan.resume:
        initial_weights = initial_weights_of(out)
    config = asdict(plan.settings) | {
        "data": list(data.sources),
        "validation": [str(path) for path in plan.validation],
        "classes": plan.classes,
        "from": initial_weights,
        "code_revision": code_revision(),
    }
    keep_freed_memory()
    trainer = DetectorTrainer(data, plan.settings, source)
    run = RunFolder.start(out, config, resume=plan.resume)
    if plan.resume:
        trainer.restore(run.last)
        run.rewind(trainer.progress.step)
        done = trainer.progress
        say(console, f"Going on from step {done.step} in epoch {done.epoch + 1} of {out}.")
    elif plan.start is not None:
        _start(trainer, plan.start)
    half = ", in bfloat16" if trainer.half else ""
    say(console, f"Training on {trainer.device}{half}, {trainer.threads} CPU thread(s).")
    stopped = run_epochs(trainer, run, console)
    inherited = None
    if plan.newest and not stopped:
        trainer.save(run.best)
        inherited = Inherited.of(plan.start)
    model = plan.model or DetectorModel()
    return conclude(trainer, run, model, console, stopped=stopped, inherited=inherited)


def _start(trainer: DetectorTrainer, file: Path) -> None:
    if file.suffix.lower() == ".onnx":
        pictures = [s.load() for s in trainer.data.train[:_START_PICTURES]]
        start_from_onnx(trainer.network, file, pictures, trainer.settings.frame)
        trainer.average.load_state_dict(trainer.network.state_dict())
    else:
        trainer.start_from(file)


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
