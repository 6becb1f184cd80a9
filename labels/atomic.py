"""Writing a file whole or not at all, and holding off other processes that write."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def write_atomically(path: Path, content: bytes, *, keep_access: bool = False) -> None:
    """Write a file so that a reader, or a kill in between, sees the old one or the new one.

    Args:
        path: Path of the file.
        content: All of it.
        keep_access: Whether the owner and the mode of the file that is replaced go on.

    Raises:
        OSError: it cannot be written; what was there is as before.
    """
    with replacing(path) as new:
        new.write_bytes(content)
        if keep_access and path.exists():
            _give_access_of(path, new)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a new file that takes the place of another one once it is complete.

    A kill may leave a hidden `.part` file beside it, which no reader looks at.

    Args:
        path: Path of the file to replace; it stays as it is where the block raises an error.
    """
    writer = f"{os.getpid()}-{threading.get_ident()}"
    new = path.with_name(f".{path.name}.{writer}.part")
    try:
        yield new
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Wait for, and hold off, other processes that lock the same folder.

    Some network folders and Windows have no such locks: nothing is held off there.

    Args:
        folder: An existing folder; nothing is written into it.

    Raises:
        OSError: it cannot be opened.
    """
    if sys.platform == "win32":
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _give_access_of(known: Path, new: Path) -> None:
    status = known.stat()
    if sys.platform != "win32":
        # Only root may give a file away; for anybody else the mode has to do.
        with contextlib.suppress(PermissionError):
            os.chown(new, status.st_uid, status.st_gid)
    new.chmod(status.st_mode & 0o7777)
