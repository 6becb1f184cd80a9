"""Checkpoint files of a training run."""

from pathlib import Path
from typing import Any

import torch

from labels.atomic import replacing
from training.errors import TrainingError


class CheckpointError(TrainingError):
    """A checkpoint cannot be used."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; a kill in between leaves the old one."""
    with replacing(path) as new:
        torch.save(state, new)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever its unpickler does.
        raise CheckpointError(
            f"{path} is no checkpoint of this project; give a run folder or a .pt file of one."
        ) from error
    return state
