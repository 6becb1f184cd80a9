"""Errors of classifiers.

ClassifierError
├── UnknownWordError      a word has a character that the model does not know
├── MixedReadingsError    readings of two different models cannot be compared
└── CropShapeError        a crop, box table or picture has the wrong shape

modelfile.ModelFileError
└── CharsetError          the charset that belongs to a model file cannot be used
"""

from modelfile import ModelFileError


class ClassifierError(Exception):
    """A question that cannot be answered; `str(error)` is one sentence for the caller."""


class UnknownWordError(ClassifierError):
    """A word has a character that the model does not know."""


class MixedReadingsError(ClassifierError):
    """Readings of two different models cannot be compared."""


class CropShapeError(ClassifierError):
    """A crop, box table or picture has the wrong shape."""


class CharsetError(ModelFileError):
    """The charset that belongs to a model file cannot be used."""
