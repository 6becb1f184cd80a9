"""Errors of matchers.

SiameseError
├── CropShapeError     a crop, box table or picture has the wrong shape
├── PrototypesError    prototypes cannot be read, or are of another network or vocabulary
└── VocabularyError    a vocabulary cannot be read, or has no such thing

What is wrong with the file itself is a `modelfile.ModelFileError`.
"""

from modelfile.errors import ClickorderError


class SiameseError(ClickorderError):
    """Crops that cannot be compared; `str(error)` is one sentence for the caller."""


class CropShapeError(SiameseError):
    """A crop, box table or picture has the wrong shape."""


class VocabularyError(SiameseError):
    """A vocabulary that cannot be read, or a thing that it does not have."""


class PrototypesError(SiameseError):
    """Prototypes that cannot be read, or that are of another network or vocabulary."""
