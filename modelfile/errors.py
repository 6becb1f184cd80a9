"""Errors of model files; each message names the file and the fault.

ModelFileError
├── ModelMissingError     there is no such file, or the package it comes in is not installed
├── ModelCorruptError     the file is there, and ONNX Runtime cannot load it
├── ModelChecksumError    the file is not the one that was meant
├── ModelMetadataError    the metadata is absent, incomplete or contradicts itself
├── ModelShapeError       the inputs or outputs are not those of the kind of model it should be
└── ModelRunError         the network refused its input
"""


class ModelFileError(Exception):
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
