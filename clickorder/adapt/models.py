"""Folders of models that an adaptation starts from, tries and writes."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from clickorder.adapt.state import AdaptOptions
from clickorder.errors import CommandError
from clickorder.local import LocalSolver
from labels.atomic import replacing
from labels.puzzles import PuzzleSet
from service.models.backends import PROMPT_DETECTOR, model_files
from service.settings import Settings
from training.evaluation.evaluate import Outcome, evaluate

ROLES = ("detector", "siamese", "classifier")


def starting_models(models_dir: Path | None) -> dict[str, Path]:
    """The files to start from.

    Raises:
        CommandError: one of the three is not there, or is no file of ours.
    """
    files = model_files(models_dir)
    place = models_dir or "the shipped weights"
    for role in ROLES:
        if role not in files:
            raise CommandError(
                f"There is no {role}.onnx in {place}; all three of {', '.join(ROLES)} are needed "
                "to start from."
            )
    if "charsets" in files:
        raise CommandError(
            f"The classifier in {place} is an export of dddd_trainer; start from one of ours."
        )
    return files


def assembled(files: Mapping[str, Path], folder: Path) -> Path:
    """A folder of models that the service loads."""
    folder.mkdir(parents=True, exist_ok=True)
    for role in (*ROLES, PROMPT_DETECTOR, "calibration"):
        if role in files:
            name = "calibration.json" if role == "calibration" else f"{role}.onnx"
            with replacing(folder / name) as new:
                shutil.copyfile(files[role], new)
    return folder


def settings_of(models: Path, options: AdaptOptions) -> Settings:
    """Settings of the solver with the models of a folder."""
    threads = options.threads or os.cpu_count() or 1
    return Settings(backend="own", models_dir=models, threads=threads, workers=1)


def solve(
    models: Path, puzzles: PuzzleSet | None, options: AdaptOptions, console: Console
) -> list[Outcome]:
    """Put puzzles to the models of a folder.

    Args:
        models: The folder.
        puzzles: Puzzles with their truth; None gives no outcomes.
        options: For the number of threads.
        console: Where progress is shown.
    """
    if puzzles is None:
        return []
    return evaluate([puzzles], LocalSolver(settings_of(models, options)), console=console)
