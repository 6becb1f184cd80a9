"""Errors of matchers.

SiameseError
└── CropShapeError    a crop, box table or picture has the wrong shape

What is wrong with the file itself is a `modelfile.ModelFileError`.
"""

from modelfile.errors import ClickorderError


class SiameseError(ClickorderError):
    """Crops that cannot be compared; `str(error)` is one sentence for the caller."""


class CropShapeError(SiameseError):
    """A crop, box table or picture has the wrong shape."""
