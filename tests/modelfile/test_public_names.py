import subprocess
import sys

import pytest

import modelfile


def test_all_is_sorted_and_pinned():
    assert modelfile.__all__ == sorted(modelfile.__all__)
    assert modelfile.__all__ == [
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
    assert all(hasattr(modelfile, name) for name in modelfile.__all__)


@pytest.mark.parametrize("package", ["modelfile", "detector", "classifier", "siamese"])
def test_imports_neither_trainers_nor_each_other(package):
    """In a fresh interpreter, since this one has imported everything."""
    others = {"detector", "classifier", "siamese", "service", "training"} - {package}
    heavy = others | {"torch", "ultralytics", "fastapi", "pydantic", "onnx", "ddddocr", "cv2"}
    code = (
        f"import sys, {package}\n"
        f"print(*sorted({{name.partition('.')[0] for name in sys.modules}} & {heavy!r}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
