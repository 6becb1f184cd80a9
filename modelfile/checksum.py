"""The SHA-256 of a model file."""

import hashlib
from os import PathLike

from modelfile.errors import ModelChecksumError
from modelfile.session import existing_file


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
