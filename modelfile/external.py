"""Weights that an ONNX file keeps in other files, as torch's exporter does with large ones."""

import re
from os import PathLike
from pathlib import Path

from modelfile.session import existing_file

# A `StringStringEntryProto` with the key `location`, as protobuf writes it: tag and length of key
# and value, the value's length in one byte or two (onnx.proto, `TensorProto.external_data`).
_LOCATION = re.compile(rb"\n\x08location\x12(?:([\x01-\x7f])|([\x80-\xff])([\x01-\x7f]))")


def external_files(path: str | PathLike[str]) -> tuple[str, ...]:
    """Names of the files beside an ONNX file that hold its weights.

    Args:
        path: Of the ONNX file.

    Returns:
        Paths relative to its folder, as the file has them, sorted; empty for most files.

    Raises:
        ModelMissingError: there is no such file.
        OSError: it cannot be read.
    """
    content = Path(existing_file(path)).read_bytes()
    found = set()
    for match in _LOCATION.finditer(content):
        short, low, high = match.groups()
        size = short[0] if short else (low[0] & 0x7F) | high[0] << 7
        name = content[match.end() : match.end() + size]
        try:
            found.add(name.decode("utf-8"))
        except UnicodeDecodeError:
            continue  # no name, but weights that happen to look like one
    return tuple(sorted(found))
