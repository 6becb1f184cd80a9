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
from service.models.backends import (
    GALLERY,
    NAMES,
    PROMPT_DETECTOR,
    PROTOTYPES,
    VOCABULARY,
    model_files,
)
from service.settings import Settings
from training.evaluation.evaluate import Outcome, evaluate

ROLES = ("detector", "siamese", "classifier")
_NAMING = (NAMES, PROTOTYPES, VOCABULARY)
_FILES = {role: f"{role}.onnx" for role in (*ROLES, PROMPT_DETECTOR, NAMES)} | {
    PROTOTYPES: "names.npz",
    VOCABULARY: "vocabulary.jsonl",
    "calibration": "calibration.json",
}


def starting_models(models_dir: Path | None) -> dict[str, Path]:
    """The files to start from, and the folder of a gallery.

    The shipped names are left out: they are everywhere.

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
    shipped = model_files(None)
    if all(files.get(role) == shipped.get(role) for role in _NAMING):
        files = {role: file for role, file in files.items() if role not in _NAMING}
    if models_dir is not None and (models_dir / GALLERY).is_dir():
        files[GALLERY] = models_dir / GALLERY
    return files


def assembled(files: Mapping[str, Path], folder: Path) -> Path:
    """A folder of models that the service loads.

    Args:
        files: As `starting_models` gives them.
        folder: Where they go; what an interrupted run left there is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for role, name in _FILES.items():
        if role in files:
            with replacing(folder / name) as new:
                shutil.copyfile(files[role], new)
    if GALLERY in files:
        shutil.copytree(files[GALLERY], folder / GALLERY, dirs_exist_ok=True)
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
