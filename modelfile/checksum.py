"""The SHA-256 of model files, and the manifest that says what it should be.

A manifest is a file `SHA256SUMS` beside the models, as `sha256sum *.onnx > SHA256SUMS` writes it.
"""

import hashlib
import re
from os import PathLike
from pathlib import Path

from modelfile.errors import ModelChecksumError
from modelfile.session import existing_file
from modelfile.surgery import external_files

MANIFEST = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


def verify_sha256(path: str | PathLike[str], expected: str) -> None:
    """Make sure that a file is the one that was meant.

    Args:
        path: The file.
        expected: 64 hexadecimal digits, in either case.

    Raises:
        ModelMissingError: there is no such file.
        ModelChecksumError: it is another file.
    """
    file = existing_file(path)
    with file.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != expected.strip().lower():
        raise ModelChecksumError(
            f"{file} has the SHA-256 {actual} and not {expected.strip().lower()}; "
            "download it again."
        )


def read_manifest(folder: Path) -> dict[str, str]:
    """File name to SHA-256, from a folder's manifest; empty where it has none.

    Raises:
        ModelChecksumError: a line of it is something else.
    """
    try:
        text = (folder / MANIFEST).read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ModelChecksumError(f"{folder / MANIFEST} cannot be read ({error}).") from error
    sums = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ModelChecksumError(
                f"{folder / MANIFEST}, line {number}, is no SHA-256 and a file name; write it "
                "again with sha256sum."
            )
        sums[found[2]] = found[1].lower()
    return sums


def verify_manifest(path: Path) -> None:
    """Make sure that a file is the one that the manifest beside it names, if it names one.

    Files that hold weights of an ONNX file are part of it.

    Raises:
        ModelMissingError: there is no such file.
        ModelChecksumError: it is another file, or the manifest cannot be read.
        ModelCorruptError: it is no ONNX file in spite of its name, and the manifest has files of
            weights.
    """
    sums = read_manifest(path.parent)
    parts = [path.name]
    if path.suffix == ".onnx" and any(not name.endswith(".onnx") for name in sums):
        parts += external_files(existing_file(path).read_bytes())
    for name in parts:
        if name in sums:
            verify_sha256(path.parent / name, sums[name])
