"""Fine-tuning of our models on the user's own pictures.

Half of what a model sees is the user's own and half is drawn by the generator, so that it does not
forget what it knew. The rate is low, and the rows of the classifier's symbols stay as they are: few
pictures can move the trunk to where its symbols are found again, but not nine thousand rows. Words
that the classifier does not know get a row from the pictures that show them (imprinting).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from labels.annotations import ITEM
from labels.console import say
from modelfile import ModelMetadata, OnnxSession
from training.adapt.own_pictures import OwnPictures
from training.core.initial_weights import DETECTOR_RATE, MATCHER_RATE
from training.core.schedule import Schedule
from training.detector.result import DetectorModel, DetectorResult
from training.detector.run import TrainingPlan, train_on
from training.detector.samples import DetectionData, Sample
from training.detector.settings import DetectorSettings
from training.errors import TrainingError
from training.matcher.crop_inputs import network_input
from training.matcher.group_blocks import GroupBlocks, GroupSource, by_word, group_trials
from training.matcher.imprinting import Glyphs, Imprinter
from training.matcher.items import Group
from training.matcher.joint_model import JointModel, LossWeights, restore
from training.matcher.mixed_blocks import MixedBlocks
from training.matcher.onnx_import import charset_of_onnx, state_of_both
from training.matcher.picture_blocks import KIND, view_of
from training.matcher.rotation import measured_rotations
from training.matcher.run import run_task
from training.matcher.settings import Settings
from training.matcher.synthetic_blocks import SyntheticBlocks
from training.matcher.task import TrainingTask

_TURN_DEG, _FAR_TURN_DEG = 12.0, 40.0
"""Largest rotation of own items in degrees either way; the second where the site turns them far."""

_PROMPT_EPOCH = 800
"""Prompt pictures, drawn and of the user's own, between two validations."""

_MOST_STEPS = 20_000
_EXAMPLE_BLOCKS = 24
_FEWEST_FOR_A_ROW = 3
"""Pictures of a word that the classifier does not know, from which it gets a row."""


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """Options of a fine-tuning.

    Attributes:
        minutes: Time limit of one training in minutes, without validation and export.
        threads: Number of CPU threads; 0 leaves the choice to torch.
        seed: Random seed.
        mix: Whether to mix in generated pictures.
        cache: Folder of the generator's ingredients; None for the usual place.
        name: Prefix of the models' names.
        version: Version of the weights.
    """

    minutes: float
    threads: int = 0
    seed: int = 1
    mix: bool = True
    cache: Path | None = None
    name: str = "adapted"
    version: str = "1.0.0"


def tune_matcher(
    learned: OwnPictures,
    held_out: OwnPictures,
    start: tuple[Path, Path],
    out: Path,
    plan: TuningPlan,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> bool:
    """Fine-tune matcher and classifier together, and export both into a run folder.

    Args:
        learned: Training pictures.
        held_out: Validation pictures; where they have no small puzzle, `learned` is used.
        start: `siamese.onnx` and `classifier.onnx` of one training, with the initial weights.
        out: The run folder.
        plan: Options of the training.
        resume: Whether to continue the run in `out`.
        console: Console of the progress; None for the terminal's error stream.

    Returns:
        False where training was interrupted.

    Raises:
        TrainingError: there is nothing to tell apart, or the files are not ours.
    """
    known = charset_of_onnx(start[1])
    counts = learned.words
    new = tuple(w for w, n in counts.items() if w not in known and n >= _FEWEST_FOR_A_ROW)
    # Prompts that are pictures name their words only for the records.
    asked_by_picture = {
        i.word for group in learned.groups for i in group if i.prompt is not None and i.word
    }
    charset = (*known, *(word for word in new if word not in asked_by_picture))
    groups = _undrawn(learned.groups, frozenset(charset))
    trials = group_trials(groups, held_out.groups, charset) or group_trials(groups, groups, charset)
    if not trials:
        raise TrainingError(
            "No picture has two items that can be told apart; label at least two words, or two "
            "items in one picture."
        )
    turns = _turns(groups, start, plan)
    if turns and console is not None:
        say(console, "Items are turned far here; drawn ones are turned like them.")
    own = GroupBlocks(groups, charset, turn_deg=_FAR_TURN_DEG if turns else _TURN_DEG)
    kinds = _kinds(groups, frozenset(charset)) if plan.mix else {KIND: 8}
    task = TrainingTask(
        trainer="siamese",
        charset=charset,
        weighting=LossWeights(pairs=1.0, symbols=1.0),
        metric="solved",
        make=(
            MixedBlocks(own, SyntheticBlocks(charset, cache=plan.cache), turns) if plan.mix else own
        ),
        kinds=kinds,
        trials=lambda: trials,
        statement=(
            f"The user's own pictures ({len(groups)}) on top of {start[0].name}"
            f"{', mixed with generated crops' if plan.mix else ''}."
        ),
        imprinter=Imprinter(charset, glyphs=_pictured(groups, charset[len(known) :], len(known))),
        newest=True,
        examples=lambda: _examples(groups, charset, plan.seed),
    )
    schedule = Schedule(
        steps=_MOST_STEPS,
        decay_steps=_MOST_STEPS // 2,
        warmup_steps=20,
        rate=MATCHER_RATE,
        check_every=100,
        save_every_s=30.0,
        seed=plan.seed,
        minutes=plan.minutes,
    )
    settings = Settings(
        schedule,
        trials=max(10, len(trials)),
        threads=plan.threads,
        name=plan.name,
        version=plan.version,
    )
    return run_task(task, out, settings, start=start, resume=resume, console=console)


def tune_detector(
    data: DetectionData,
    start: Path,
    out: Path,
    plan: TuningPlan,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> DetectorResult:
    """Fine-tune a detector of one class, and export it into a run folder.

    Args:
        data: The user's own and generated pictures, of one class.
        start: `detector.onnx` with the initial weights.
        out: The run folder.
        plan: Options of the training.
        resume: Whether to continue the run in `out`.
        console: Console of the progress; None for the terminal's error stream.

    Raises:
        TrainingError: the data or the file cannot be used.
    """
    model = DetectorModel(f"{plan.name}-detector", plan.version)
    training = _detector_training(model, start, out, plan, resume=resume)
    return train_on(data, training if console is None else replace(training, console=console))


def tune_prompt_detector(
    own: tuple[Sample, ...],
    held_out: tuple[Sample, ...],
    start: Path,
    out: Path,
    plan: TuningPlan,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> DetectorResult:
    """Fine-tune the detector of prompt pictures, and export it into a run folder.

    Args:
        own: The user's prompt pictures with the boxes of their items.
        held_out: Prompt pictures to validate on; where there are none, `own` is used.
        start: `prompt_detector.onnx` with the initial weights.
        out: The run folder.
        plan: Options of the training.
        resume: Whether to continue the run in `out`.
        console: Console of the progress; None for the terminal's error stream.

    Raises:
        TrainingError: the data or the file cannot be used.
        IngredientsMissingError: pictures are to be mixed in, and there is nothing to draw with.
    """
    session = OnnxSession(start)
    metadata = ModelMetadata.from_properties(session.properties, source=session.source)
    model = DetectorModel(f"{plan.name}-prompt-detector", plan.version, prompts=True)
    training = _detector_training(model, start, out, plan, resume=resume, frame=metadata.input_size)
    if console is not None:
        training = replace(training, console=console)
    data = DetectionData((ITEM,), own, held_out or own, ("own prompt pictures",))
    if not plan.mix:
        return train_on(data, training)
    from training.detector.drawn_prompts import DrawnPrompts

    source = DrawnPrompts(cache=plan.cache, own=own, epoch_size=_PROMPT_EPOCH)
    source.warm()
    return train_on(data, training, source)


def _detector_training(
    model: DetectorModel,
    start: Path,
    out: Path,
    plan: TuningPlan,
    *,
    resume: bool,
    frame: tuple[int, int] | None = None,
) -> TrainingPlan:
    """How a detector is fine-tuned; `frame` is the width and height of its input in pixels."""
    settings = DetectorSettings(
        epochs=200,
        minutes=plan.minutes,
        rate=DETECTOR_RATE,
        warmup=20,
        patience=200,
        threads=plan.threads,
        seed=plan.seed,
    )
    if frame is not None:
        settings = replace(settings, width=frame[0], height=frame[1])
    return TrainingPlan(out, settings, model=model, start=start, resume=resume, newest=True)


def _turns(
    groups: tuple[Group, ...], start: tuple[Path, Path], plan: TuningPlan
) -> tuple[float, ...]:
    """Rotations of the items, measured with the initial models."""
    state = state_of_both(*start)
    model = JointModel(tuple(state["charset"]))
    restore(model, state)
    found: tuple[float, ...] = measured_rotations(
        model.eval(), groups, np.random.default_rng(plan.seed)
    )
    return found


def _undrawn(groups: tuple[Group, ...], symbols: frozenset[str]) -> tuple[Group, ...]:
    """The groups; a word that the classifier reads is not drawn for the matcher."""
    return tuple(
        tuple(replace(i, drawn=i.drawn and i.word not in symbols) for i in group)
        for group in groups
    )


def _kinds(groups: tuple[Group, ...], symbols: frozenset[str]) -> dict[str, int]:
    """Blocks of a batch: half are the user's own, the rest of the kind that they are."""
    words = [item.word for group in groups for item in group if item.word is not None]
    read = sum(word in symbols for word in words)
    if 2 * read >= len(words):
        return {KIND: 4, "characters": 2, "icons": 1, "latin": 1}
    return {KIND: 4, "characters": 1, "icons": 2, "latin": 1}


def _pictured(groups: tuple[Group, ...], words: tuple[str, ...], first: int) -> Glyphs:
    """Crops of new words; their rows follow those of the known symbols."""
    shown = by_word(groups)
    crops = [
        (network_input(view_of(item.scene), "classifier"), first + place)
        for place, word in enumerate(words)
        for item in shown[word]
    ]
    empty = np.zeros((0, 64, 64, 3), np.uint8)
    return Glyphs(
        np.stack([crop for crop, _ in crops]) if crops else empty,
        np.array([owner for _, owner in crops], np.int64),
    )


def _examples(groups: tuple[Group, ...], charset: tuple[str, ...], seed: int) -> NDArray[np.uint8]:
    """Crops as training will show them, some three hundred."""
    source = GroupSource(GroupBlocks(groups, charset), np.random.default_rng(seed))
    return np.concatenate([source.block(KIND).scene for _ in range(_EXAMPLE_BLOCKS)])
