"""The base of the project's errors, those of model files, and those of pictures.

ClickorderError           what every package derives its own errors from
├── DeviceError               networks cannot run on the device that was asked for
└── ModelFileError            names the file and the fault
    ├── ModelMissingError     there is no such file, or the package it comes in is not installed
    ├── ModelCorruptError     the file is there, and ONNX Runtime cannot load it
    ├── ModelChecksumError    the file is not the one that was meant
    ├── ModelMetadataError    the metadata is absent, incomplete or contradicts itself
    ├── ModelShapeError       the inputs or outputs are not those of the kind of model it should be
    └── ModelRunError         the network refused its input

PictureError (a ValueError)   bytes that cannot be decoded as a picture
"""

from enum import StrEnum
from typing import ClassVar


class ClickorderError(Exception):
    """Something expected is wrong; `str(error)` is one sentence for whoever asked for it.

    Attributes:
        exit_status: Exit status of a command that ends so.
    """

    exit_status: ClassVar[int] = 1


class DeviceError(ClickorderError, ValueError):
    """Networks cannot run on the device that was asked for."""


class ModelFileError(ClickorderError):
    """A model file that cannot be used; `str(error)` is one sentence for the operator."""


class ModelMissingError(ModelFileError):
    """There is no such file, or the package it comes in is not installed."""


class ModelCorruptError(ModelFileError):
    """The file is there, and ONNX Runtime cannot load it."""


class ModelChecksumError(ModelFileError):
    """The file is not the one that was meant."""


class ModelMetadataError(ModelFileError):
    """The metadata is absent, incomplete or contradicts itself."""


class ModelShapeError(ModelFileError):
    """The inputs or outputs are not those of the kind of model it should be."""


class ModelRunError(ModelFileError):
    """The network refused its input."""


class PictureFault(StrEnum):
    """Why a picture cannot be decoded."""

    EMPTY = "empty"
    UNKNOWN = "unknown"
    DAMAGED = "damaged"
    SCANS = "scans"
    ANIMATED = "animated"
    TOO_LARGE = "too-large"
    TOO_SMALL = "too-small"


class PictureError(ValueError):
    """Bytes that cannot be decoded as a picture; `str(error)` is a clause, "it is empty".

    Attributes:
        fault: The kind of it.
        says: The same without its subject, so that the caller can name the file: "is empty".
    """

    def __init__(self, fault: PictureFault, says: str) -> None:
        super().__init__(f"it {says}")
        self.fault = fault
        self.says = says
