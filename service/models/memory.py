"""Gives memory back that replaced models and large bodies have left."""

import ctypes
import gc
from collections.abc import Callable


def release() -> None:
    """Collect what only refers to itself, as replaced models do, and return it to the system.

    Everything that lives is looked at, and nothing else runs meanwhile: some 20 ms.
    """
    gc.collect()
    trim()


def trim() -> None:
    """Return what is free to the system.

    The C library keeps what was freed for later use; after a few swaps of models that is more than
    the models themselves. Where it is another library than glibc, it is asked nothing.
    """
    malloc_trim = _malloc_trim()
    if malloc_trim is not None:
        malloc_trim(0)


def _malloc_trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    return found
