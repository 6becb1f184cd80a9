"""ONNX model files that explain themselves: sessions and the metadata they carry.

The one layer below `detector`, `classifier` and `siamese`, so that the three read the same
metadata in the same way without knowing of each other.
"""

from modelfile.checksum import MANIFEST, read_manifest, verify_manifest, verify_sha256
from modelfile.errors import (
    ModelChecksumError,
    ModelCorruptError,
    ModelFileError,
    ModelMetadataError,
    ModelMissingError,
    ModelRunError,
    ModelShapeError,
)
from modelfile.external import external_files
from modelfile.metadata import ModelMetadata, is_own
from modelfile.packaged import PackagedFile, packaged_file
from modelfile.session import ModelSession, OnnxSession, TensorSpec, existing_file
from modelfile.surgery import tensor_before_argmax, with_output

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
    "TensorSpec",
    "existing_file",
    "external_files",
    "is_own",
    "packaged_file",
    "read_manifest",
    "tensor_before_argmax",
    "verify_manifest",
    "verify_sha256",
    "with_output",
]
