"""Initial weights of a training: those that come with the project, a file, or random ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import classifier
import detector
import siamese
from training.errors import TrainingError

SHIPPED = "shipped"
SCRATCH = "scratch"

MATCHER_RATE = 4e-4
"""Learning rate for fine-tuning matcher and classifier. At 1.5e-3, the rate from scratch, training
on 50 pictures of a site with unusual icons reached 85 %, and at this rate 90 %."""

DETECTOR_RATE = 5e-4
"""Learning rate for fine-tuning the detector."""

Role = Literal["detector", "prompt_detector", "siamese", "classifier"]

_PACKAGES = {
    "detector": detector,
    "prompt_detector": detector,
    "siamese": siamese,
    "classifier": classifier,
}


def shipped_file(role: Role) -> Path:
    """The weights of a role that come with the project."""
    return Path(str(_PACKAGES[role].__file__)).parent / "weights" / f"{role}.onnx"


def starting_files(role: Role, start: str, *, drawn: bool = False) -> Sequence[Path]:
    """Resolve the option `--from`.

    Args:
        role: Which model is trained.
        start: `shipped`, `scratch`, or a path.
        drawn: Whether it is trained on drawn crops, where matcher and classifier are one network
            and both files are needed.

    Returns:
        A file, or `siamese.onnx` and `classifier.onnx`; nothing for `scratch`.

    Raises:
        TrainingError: there is no such file.
    """
    if start == SCRATCH:
        return ()
    if start != SHIPPED:
        files = [Path(start)]
    elif drawn and role in ("siamese", "classifier"):
        files = [shipped_file("siamese"), shipped_file("classifier")]
    else:
        files = [shipped_file(role)]
    for file in files:
        if not file.exists():
            raise TrainingError(
                f"There is no {file} to start from; give --from a run folder, a checkpoint (.pt), "
                f"an .onnx file of ours, {SHIPPED} or {SCRATCH}."
            )
    return tuple(files)
