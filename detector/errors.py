"""Errors of detectors.

modelfile.ModelFileError
└── UnknownLayoutError    the output is none of the YOLO layouts that can be decoded

DetectorError
└── PictureShapeError     the picture is not an array of `(H, W, 3)` uint8
"""

from modelfile.errors import ClickorderError, ModelFileError


class UnknownLayoutError(ModelFileError):
    """The output is none of the YOLO layouts that can be decoded."""


class DetectorError(ClickorderError):
    """A picture that cannot be searched; `str(error)` is one sentence for the caller."""


class PictureShapeError(DetectorError):
    """The picture is not an array of `(H, W, 3)` uint8."""
