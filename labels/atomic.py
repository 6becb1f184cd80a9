"""Writing a file whole or not at all."""

import os
import threading
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a kill in between, sees the old one or the new one.

    A kill may leave a hidden `.part` file beside it, which no reader looks at.

    Raises:
        OSError: it cannot be written; what was there is as before.
    """
    writer = f"{os.getpid()}-{threading.get_ident()}"
    torn = path.with_name(f".{path.name}.{writer}.part")
    try:
        torn.write_bytes(content)
        torn.replace(path)
    except BaseException:
        torn.unlink(missing_ok=True)
        raise
