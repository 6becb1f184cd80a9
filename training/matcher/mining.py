"""Hard negatives: what the shipped detector takes for items, though nothing is there.

Drawn negatives are pieces of ground chosen by chance. A matcher in service is asked about others:
those pieces that look like items to the detector. They are cut out of puzzle sets once, before a
training, and lie in a file that worker processes map into memory.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from detector.boxes import F32, area
from detector.closer import detect_closely
from detector.detections import Detector
from labels.console import say
from labels.pictures import load_rgb
from labels.puzzles import Box, Puzzle, prompt_boxes, read_puzzles
from training.core.view import View
from training.errors import TrainingError
from training.matcher.crop_inputs import SIDE_PX, Model, network_input

HARD_NEGATIVES_FILE = "hard_negatives.npy"
"""In the folder of a run."""

MODELS: tuple[Model, ...] = ("siamese", "classifier")
"""For which each crop is cut, in the order of the file's second axis."""

_MOST_BOXES = 60
"""Boxes kept of one picture, as the service keeps them."""

_MOST_OF_A_SCENE = 8
_MOST_SHARED = 0.3
"""Share of a box, or of an item, from which on the box shows something of the item."""

_FEWEST = 8


def mine(sets: Sequence[Path], detector: Detector, file: Path, console: Console) -> int:
    """Cut the detector's false alarms out of puzzle sets.

    Args:
        sets: Puzzle sets with all items of their pictures, decoys too.
        detector: Finds items in scenes.
        file: The `.npy` to write: `(N, 2, 64, 64, 3)` uint8 RGB, every crop as the matcher and as
            the classifier sees it.
        console: Where progress is shown.

    Returns:
        N.

    Raises:
        TrainingError: there are too few false alarms to learn from.
        PuzzleSetError: one of the sets does not fit its format.
    """
    puzzles = [
        (found.folder, puzzle) for found in map(read_puzzles, sets) for puzzle in found.puzzles
    ]
    crops = [
        [network_input(view, model) for model in MODELS]
        for folder, puzzle in track(
            puzzles, description="Mining hard negatives", console=console, transient=True
        )
        for view in false_alarms(folder, puzzle, detector)
    ]
    if len(crops) < _FEWEST:
        raise TrainingError(
            f"The detector has {len(crops)} false alarms on {', '.join(map(str, sets))}; give sets "
            "with more puzzles for --hard-negatives, or leave it out."
        )
    np.save(file, np.array(crops, np.uint8))
    say(console, f"{len(crops)} hard negatives, mined from {len(puzzles)} puzzles.")
    return len(crops)


def open_mined(file: Path) -> NDArray[np.uint8]:
    """What `mine` wrote, mapped into memory.

    Raises:
        TrainingError: the file is missing or another one.
    """
    try:
        mined = np.load(file, mmap_mode="r")
    except (OSError, EOFError, ValueError) as error:
        raise TrainingError(
            f"{file} cannot be read ({error}); start the training anew with --hard-negatives."
        ) from error
    if mined.dtype != np.uint8 or mined.shape[1:] != (len(MODELS), SIDE_PX, SIDE_PX, 3):
        raise TrainingError(
            f"{file} does not hold mined crops; start the training anew with --hard-negatives."
        )
    return np.asarray(mined)


def false_alarms(folder: Path, puzzle: Puzzle, detector: Detector) -> Iterator[View]:
    """The detector's best boxes of a scene that show nothing of any item, at a closer look.

    Args:
        folder: The folder of the puzzle's set.
        puzzle: With all its items.
        detector: Finds items in scenes.

    Yields:
        Views of the scene, best box first.
    """
    picture = load_rgb(folder / puzzle.background)
    items: list[Box] = [*puzzle.targets, *puzzle.distractors]
    if puzzle.kind == "region":
        items += [puzzle.region, *prompt_boxes(puzzle)]
    found = detect_closely(detector, picture, _MOST_BOXES).boxes
    free = ~_shows_any(found, np.array(items, np.float32).reshape(-1, 4))
    for box in found[free][:_MOST_OF_A_SCENE].tolist():
        yield View(picture, tuple(box))


def _shows_any(boxes: F32, items: F32) -> NDArray[np.bool_]:
    """`(N,)`: whether a box and one of the items share much of either."""
    corner = np.maximum(boxes[:, None, :2], items[None, :, :2])
    end = np.minimum(boxes[:, None, 2:], items[None, :, 2:])
    shared = np.clip(end - corner, 0, None).prod(axis=2)
    smaller = np.minimum(area(boxes)[:, None], area(items)[None])
    showing: NDArray[np.bool_] = (shared > _MOST_SHARED * smaller).any(axis=1)
    return showing
