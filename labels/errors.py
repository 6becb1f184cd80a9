"""Errors of labelled data; `str(error)` is one sentence for the person at the terminal.

LabelsError
├── LayoutError        a folder has no layout that is known, or a file of it cannot be read
├── AnnotationError    a box or a label cannot be what it says
├── PuzzleSetError     a puzzle, or a line of a puzzle set, is not what the format says
└── ReviewError        a picture cannot be reviewed as asked
    ├── UnknownPictureError   it is not one of the folder
    ├── ChangedLabelsError    its labels are others by now
    └── DoubtfulLabelsError   saving would lose what could not be read
"""

from modelfile.errors import ClickorderError


class LabelsError(ClickorderError):
    """Labelled pictures cannot be used as asked."""


class LayoutError(LabelsError):
    """A folder has no layout that is known, or the file that describes it cannot be read."""


class AnnotationError(LabelsError):
    """A box or a label cannot be what it says."""


class PuzzleSetError(LabelsError):
    """A puzzle set on disk, or a puzzle about to be written, does not fit the format."""

    exit_status = 2


class ReviewError(LabelsError):
    """A picture cannot be reviewed as asked."""


class UnknownPictureError(ReviewError):
    """The picture is not one of the folder."""


class ChangedLabelsError(ReviewError):
    """The labels on disk are not those that were edited."""


class DoubtfulLabelsError(ReviewError):
    """Saving would lose what could not be read."""
