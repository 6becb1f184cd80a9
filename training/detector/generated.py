"""Generated puzzles mixed with the user's own pictures, against forgetting."""

from dataclasses import replace
from pathlib import Path

from labels.puzzles import PUZZLES_FILE
from training.detector.data import read_detection_data
from training.detector.samples import DetectionData
from training.errors import DetectionDataError
from training.synthetic.families import FAMILIES
from training.synthetic.generate import run_generate

GENERATED = "generated"
"""Folder of a run for the generated puzzles."""


def mixed(
    data: DetectionData, count: int, folder: Path, *, seed: int, cache: Path | None = None
) -> DetectionData:
    """The data with generated puzzles of all families to learn from; validation stays as it is.

    Args:
        data: Data of a single class.
        count: Puzzles, in all, to the next multiple of the number of families.
        folder: Where they go; a set that is there already is taken as it is.
        seed: Random seed of what is drawn.
        cache: Folder of the ingredients; None for the usual place.

    Raises:
        DetectionDataError: the data have several classes, which generated items do not.
        IngredientsMissingError: there is nothing to draw with.
    """
    if len(data.classes) > 1:
        raise DetectionDataError(
            f"The data have {len(data.classes)} classes and generated puzzles only one, so they "
            "cannot be mixed; leave out --mix."
        )
    if not (folder / PUZZLES_FILE).is_file():
        each = -(-count // len(FAMILIES))
        run_generate("all", "train", each, seed, folder, jobs=1, cache=cache)
    drawn = read_detection_data([folder], verify=False)
    # Which of them were set aside does not matter: all are to learn from.
    learned = (*data.train, *drawn.train, *drawn.validation)
    return replace(data, train=learned, sources=(*data.sources, "generated puzzles"))
