"""Errors of training and evaluation; `str(error)` is one sentence for the person at the terminal.

TrainingError
├── EvaluationError      puzzles cannot be put to the solver or the service at all
├── DetectionDataError   labelled pictures cannot be trained on as they are
├── DetectorTrainingError  a training of the detector cannot go on
└── TextTrainingError    a text reader cannot be trained as asked
"""

from modelfile.errors import ClickorderError


class TrainingError(ClickorderError):
    """Training data or an evaluation cannot be used as asked."""


class EvaluationError(TrainingError):
    """The evaluation cannot run: no service answers, or nothing is left to measure."""


class DetectionDataError(TrainingError):
    """Labelled pictures cannot be trained on as they are; a sentence a line."""


class DetectorTrainingError(TrainingError):
    """A training of the detector cannot go on, or not from this checkpoint."""


class TextTrainingError(TrainingError):
    """A text reader cannot be trained as asked, or on these pictures."""
