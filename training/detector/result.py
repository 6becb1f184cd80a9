"""Results of a detector's training: curves, mistakes and the exported file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from detector import Detections
from labels.console import say
from modelfile import ModelMetadata, OnnxSession
from training.core.run_folder import MISTAKES_FILE, RunFolder, code_revision, serve_command
from training.detector.export import LICENCE, describe, export_detector
from training.detector.metrics import (
    DetectionScores,
    Thresholds,
    best_thresholds,
    item_calibration,
    score,
)
from training.detector.samples import DetectionData
from training.detector.sheet import draw_mistakes
from training.detector.trainer import DetectorTrainer

MODEL_FILE = "detector.onnx"
PROMPT_MODEL_FILE = "prompt_detector.onnx"

_PROMPT_SCORE = 0.05
"""Boxes of a prompt picture are candidates from this score on; the solver weighs them."""

_PANELS = {
    "loss": ("loss_box", "loss_class", "loss_distance"),
    "validation": ("ap50", "ap75", "scenes_found", "strips_right"),
    "learning rate": ("rate",),
}
_PARITY_PICTURES = 8


@dataclass(frozen=True, slots=True)
class DetectorModel:
    """Metadata of the exported file.

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
    """Results of a training.

    Attributes:
        model: The exported file; None where there was nothing to export yet.
        scores: Scores of the best weights on the validation pictures.
        thresholds: Scores from which boxes count.
        stopped: Whether it was interrupted.
    """

    model: Path | None
    scores: DetectionScores | None
    thresholds: Thresholds
    stopped: bool


@dataclass(frozen=True, slots=True)
class Inherited:
    """What an exported file keeps of the one that its training started from.

    Attributes:
        thresholds: Scores from which boxes count.
        items: Slope and bias that make the logit of a score the logit of the probability that the
            box is an item of a prompt picture; None where the file does not say.
    """

    thresholds: Thresholds
    items: tuple[float, float] | None = None

    @classmethod
    def of(cls, file: Path | None) -> "Inherited | None":
        """What an exported file says; None for a checkpoint or no file."""
        if file is None or file.suffix.lower() != ".onnx":
            return None
        metadata = ModelMetadata.from_properties(OnnxSession(file).properties, source=str(file))
        told = metadata.calibration
        strip = told.get("strip_threshold", Thresholds().strip)
        known = "item_slope" in told and "item_bias" in told
        items = (told["item_slope"], told["item_bias"]) if known else None
        return cls(Thresholds(metadata.confidence_threshold, strip), items)


def conclude(
    trainer: DetectorTrainer,
    run: RunFolder,
    model: DetectorModel,
    console: Console,
    *,
    stopped: bool,
    inherited: Inherited | None,
) -> DetectorResult:
    """Draw curves and mistakes of the best weights, and export them.

    Args:
        trainer: Trained.
        run: Its run folder.
        model: Metadata of the exported file.
        console: Where progress is shown.
        stopped: Whether somebody stopped the training.
        inherited: Thresholds and calibration to export; None fits them to the validation pictures.

    Raises:
        DetectorTrainingError: the exported file differs from the network.
    """
    data = trainer.data
    if stopped:
        say(console, f"Stopped; go on with --resume --out {run.path}.")
    if not run.best.is_file():
        say(console, "No epoch was finished, so there is nothing to export yet.")
        return DetectorResult(None, None, Thresholds(), stopped)
    trainer.start_from(run.best)
    _, found = trainer.validate()
    thresholds = inherited.thresholds if inherited else best_thresholds(data.validation, found)
    if model.prompts and inherited is None:
        thresholds = Thresholds(_PROMPT_SCORE, thresholds.strip)
    scores = score(data.validation, found, thresholds)
    run.draw_curves(_PANELS)
    count = draw_mistakes(data.validation, found, thresholds, run.path / MISTAKES_FILE)
    sheet = f"the {count} worst mistakes are in {run.path / MISTAKES_FILE}"
    say(
        console,
        f"Boxes count from a score of {thresholds.scene} ({thresholds.strip} in prompt "
        f"pictures): {scores.summary}; {sheet}.",
    )
    file = run.path / (PROMPT_MODEL_FILE if model.prompts else MODEL_FILE)
    metadata = describe(_metadata(trainer, model), thresholds, scores)
    if model.prompts:
        fitted = inherited.items if inherited else None
        slope, bias = fitted or item_calibration(data.validation, found, _PROMPT_SCORE)
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
    say(console, serve_command(run.path))
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
    """Number of training pictures, in words."""
    if not trainer.draws:
        return f"{len(trainer.data.train)} pictures"
    return f"{trainer.progress.step * trainer.settings.batch} pictures"
