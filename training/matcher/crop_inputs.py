"""Inputs of the networks, cut from views with the models' own preprocessing."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier.preprocess import cut as cut_for_classifier
from classifier.preprocess import own_frame
from siamese.preprocess import cut as cut_for_siamese
from siamese.preprocess import square
from training.core.view import View

U8 = NDArray[np.uint8]
Model = Literal["siamese", "classifier"]

SIDE_PX = 64
SIAMESE_MARGIN = 0.08
"""Share of a box's longer side added on every side; goes into the file as `crop_margin`."""
CLASSIFIER_MARGIN = 0.1
"""Share of a box's sides added on every side; goes into the file as `crop_margin`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One small puzzle: which of the scene's crops are the prompt's items?

    Attributes:
        kind: What it is made of; measures are told apart by it.
        prompt: `(T, 64, 64, 3)` uint8 RGB as the Siamese model sees them.
        scene: `(B, 64, 64, 3)` uint8 RGB; the i-th of the first T is the i-th prompt item.
        reading: `(B, 64, 64, 3)` uint8 RGB, the scene's crops as the classifier sees them.
        words: What each of the B crops shows, all different.
        labels: `(B,)` int64, index into the charset, -1 for what it does not have.
    """

    kind: str
    prompt: U8
    scene: U8
    reading: U8
    words: tuple[str, ...]
    labels: NDArray[np.int64]


def network_input(view: View, model: Model) -> U8:
    """A view's crop as a model sees it, before scaling.

    Returns:
        `(64, 64, 3)` uint8 RGB.
    """
    boxes = np.array([view.box], np.float32)
    if model == "siamese":
        return square(cut_for_siamese(view.picture, boxes, margin=SIAMESE_MARGIN)[0], SIDE_PX)
    crop = cut_for_classifier(view.picture, boxes, margin=CLASSIFIER_MARGIN)[0]
    return own_frame(crop, (SIDE_PX, SIDE_PX))
