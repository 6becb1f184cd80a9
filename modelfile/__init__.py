"""ONNX model files that explain themselves (sessions, metadata), and the decoder of pictures.

The one layer below `detector`, `classifier` and `siamese`, so that the three read the same
metadata in the same way without knowing of each other, and everything above sees the same pixels.
"""

import importlib
import os
from typing import TYPE_CHECKING

# Official builds of ONNX Runtime for Linux (from 1.29 on) report each process and each model to
# their maker, and keep a database of that in the home folder, unless this is set before they load.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from modelfile.checksum import MANIFEST, read_manifest, verify_manifest, verify_sha256
    from modelfile.errors import (
        ModelChecksumError,
        ModelCorruptError,
        ModelFileError,
        ModelMetadataError,
        ModelMissingError,
        ModelRunError,
        ModelShapeError,
        PictureError,
        PictureFault,
    )
    from modelfile.metadata import ModelMetadata, is_own
    from modelfile.packaged import PackagedFile, packaged_file
    from modelfile.picture import (
        decode_picture,
        displayed_size,
        picture_format,
    )
    from modelfile.session import ModelSession, OnnxSession, TensorSpec, existing_file
    from modelfile.surgery import external_files, tensor_before_argmax, with_output

__all__ = [
    "MANIFEST",
    "ModelChecksumError",
    "ModelCorruptError",
    "ModelFileError",
    "ModelMetadata",
    "ModelMetadataError",
    "ModelMissingError",
    "ModelRunError",
    "ModelSession",
    "ModelShapeError",
    "OnnxSession",
    "PackagedFile",
    "PictureError",
    "PictureFault",
    "TensorSpec",
    "decode_picture",
    "displayed_size",
    "existing_file",
    "external_files",
    "is_own",
    "packaged_file",
    "picture_format",
    "read_manifest",
    "tensor_before_argmax",
    "verify_manifest",
    "verify_sha256",
    "with_output",
]

_MODULES = ("errors", "metadata", "checksum", "packaged", "picture", "surgery", "session")


def __getattr__(name: str) -> object:
    """A public name, from the module that has it.

    Only when it is asked for: every error of the project derives from one in here, and a command
    that shows its help must wait neither for ONNX Runtime nor for NumPy.
    """
    if name in __all__:
        for module in _MODULES:
            home = vars(importlib.import_module(f"modelfile.{module}"))
            if name in home:
                globals()[name] = home[name]
                return home[name]
    raise AttributeError(f"module 'modelfile' has no attribute {name!r}")
