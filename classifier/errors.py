"""Errors of classifiers.

ClassifierError
├── UnknownWordError      a word has a character that the model does not know
├── MixedReadingsError    readings of two different models cannot be compared
├── CropShapeError        a crop, box table or picture has the wrong shape
├── CharacterSetError     a choice of characters cannot be used
├── UnknownColourError    a colour has no name that is known
└── ReadingError          a text cannot be read as asked, whatever the picture shows

modelfile.ModelFileError
└── CharsetError          the charset that belongs to a model file cannot be used
"""

from modelfile.errors import ClickorderError, ModelFileError


class ClassifierError(ClickorderError):
    """A question that cannot be answered; `str(error)` is one sentence for the caller."""


class UnknownWordError(ClassifierError):
    """A word has a character that the model does not know."""


class MixedReadingsError(ClassifierError):
    """Readings of two different models cannot be compared."""


class CropShapeError(ClassifierError):
    """A crop, box table or picture has the wrong shape."""


class CharacterSetError(ClassifierError):
    """A choice of characters cannot be used."""


class UnknownColourError(ClassifierError):
    """A colour has no name that is known."""


class ReadingError(ClassifierError):
    """A text cannot be read as asked, whatever the picture shows."""


class CharsetError(ModelFileError):
    """The charset that belongs to a model file cannot be used."""
