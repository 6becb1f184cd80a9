"""Gives memory back that replaced models have left."""

import ctypes
import gc
from collections.abc import Callable


def release() -> None:
    """Return what is free to the system.

    The C library keeps what was freed for later use; after a few swaps of models that is more than
    the models themselves. Where it is another library than glibc, it is asked nothing.
    """
    gc.collect()
    trim = _trim()
    if trim is not None:
        trim(0)


def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    return found
