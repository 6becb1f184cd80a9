"""Writing a file whole or not at all."""

import contextlib
import os
import sys
import threading
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, keep_access: bool = False) -> None:
    """Write a file so that a reader, or a kill in between, sees the old one or the new one.

    A kill may leave a hidden `.part` file beside it, which no reader looks at.

    Args:
        path: Path of the file.
        content: All of it.
        keep_access: Whether the owner and the mode of the file that is replaced go on.

    Raises:
        OSError: it cannot be written; what was there is as before.
    """
    writer = f"{os.getpid()}-{threading.get_ident()}"
    torn = path.with_name(f".{path.name}.{writer}.part")
    try:
        torn.write_bytes(content)
        if keep_access and path.exists():
            _give_access_of(path, torn)
        torn.replace(path)
    except BaseException:
        torn.unlink(missing_ok=True)
        raise


def _give_access_of(known: Path, new: Path) -> None:
    status = known.stat()
    if sys.platform != "win32":
        # Only root may give a file away; for anybody else the mode has to do.
        with contextlib.suppress(PermissionError):
            os.chown(new, status.st_uid, status.st_gid)
    new.chmod(status.st_mode & 0o7777)
